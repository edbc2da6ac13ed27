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
    Record(
        key="essa",
        summary="evolution of the singular values of a trained policy's matrices",
        make="jaxac.algos.evolution.essa:make",
        defaults="jaxac.algos.evolution.essa:essa",
        paper=Paper(
            "ESSA: Evolutionary Strategies for Scalable Alignment",
            2025,
            "arXiv:2507.04453",
            "Korotyshova, Shaposhnikov, Malakhov, Khokhulin, Surnachev, Ovcharenko, Bredis, "
            "Gorbatovski, Sinii, Gavrilov",
        ),
        actions=("Discrete", "Box"),
        row="S046",
        deviations=(
            "singular values of the matrices themselves, not of low-rank adapters beside them",
            "the strategy has a width to each value, without covariances (sep-CMA-ES of evosax)",
            "without `es.begin` it begins with a random policy",
            "policies are deterministic, and observations are not normalised",
        ),
    ),
)
