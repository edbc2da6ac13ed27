"""Methods with a soft policy, and other targets."""

from jaxac.algos.off_policy.records.words import HAARNOJA, TRUNCATION, UNITS
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="sac",
        summary="soft actor-critic with a learned temperature",
        make="jaxac.algos.off_policy.sac:make",
        defaults="jaxac.algos.off_policy.sac:sac",
        paper=Paper(
            "Soft Actor-Critic Algorithms and Applications", 2018, "arXiv:1812.05905", HAARNOJA
        ),
        actions=("Box",),
        row="S019",
        deviations=(TRUNCATION, UNITS),
    ),
)
