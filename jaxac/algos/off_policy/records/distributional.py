"""Methods whose critics say distributions."""

from jaxac.record import Record

RECORDS: tuple[Record, ...] = ()
