"""On-policy methods: act, collect, learn, discard."""

from jaxac.algos.on_policy.records import constrained, memory, regions, surrogates

RECORDS = (*regions.RECORDS, *surrogates.RECORDS, *constrained.RECORDS, *memory.RECORDS)
