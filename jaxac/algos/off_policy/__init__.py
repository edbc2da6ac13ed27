"""Off-policy methods: act, remember, draw, learn."""

from jaxac.algos.off_policy.records import (
    deterministic,
    distributional,
    networks,
    slots,
    soft,
    stretches,
    values,
)

RECORDS = (
    *values.RECORDS,
    *deterministic.RECORDS,
    *soft.RECORDS,
    *networks.RECORDS,
    *distributional.RECORDS,
    *slots.RECORDS,
    *stretches.RECORDS,
)
