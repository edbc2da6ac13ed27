"""Methods that take no gradient of what they maximise."""

from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="es",
        summary="evolution strategies: a distribution of policies moved by what they earn",
        make="jaxac.algos.evolution.es:make",
        defaults="jaxac.algos.evolution.es:ES",
        paper=Paper(
            "Evolution Strategies as a Scalable Alternative to Reinforcement Learning",
            2017,
            "arXiv:1703.03864",
            "Salimans, Ho, Chen, Sidor, Sutskever",
        ),
        actions=("Discrete", "Box"),
        deviations=(
            "the strategies are those of evosax (extra `evolution`)",
            "policies are deterministic, and observations are not normalised",
            "every policy acts for as many steps; those after an episode's end are counted",
        ),
    ),
)
