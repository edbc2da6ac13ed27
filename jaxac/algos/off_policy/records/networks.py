"""Methods that differ by their networks and ensembles."""

from jaxac.record import Record

RECORDS: tuple[Record, ...] = ()
