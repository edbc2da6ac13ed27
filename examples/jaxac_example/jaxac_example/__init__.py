"""An algorithm and an environment for jaxac, registered from a package of their own.

`jaxac algorithms` imports this module, so it holds the record alone and imports no jax.
"""

from jaxac.record import Paper, Record

RECORD = Record(
    key="simple_po",
    summary="simple policy optimisation: PPO with a quadratic penalty in place of the clip",
    make="jaxac_example.simple_po:make",
    defaults="jaxac_example.simple_po:simple_po",
    paper=Paper(
        "Simple Policy Optimization",
        2025,
        "arXiv:2401.16025",
        "Xie, Zhang, Yang, Hutter, Xu",
    ),
    actions=("Discrete", "Box"),
    deviations=(
        "every setting but the surrogate is the default of jaxac's ppo, not the paper's",
        "the paper's own results have not been reproduced with it",
    ),
)
