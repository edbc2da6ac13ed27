"""Methods that learn from stretches of replayed time steps."""

from jaxac.algos.off_policy.records.words import TRUNCATION
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="domo_ac",
        summary="off-policy actor-critic, several steps in both evaluation and improvement",
        make="jaxac.algos.off_policy.domo_ac:make",
        defaults="jaxac.algos.off_policy.domo_ac:DoMoAC",
        paper=Paper(
            "DoMo-AC: Doubly Multi-step Off-policy Actor-Critic Algorithm",
            2023,
            "arXiv:2305.18501",
            "Tang, Kozuno, Rowland, Harutyunyan, Munos, Pires, Valko",
        ),
        actions=("Discrete",),
        row="S229",
        deviations=(
            TRUNCATION,
            "the estimator is derived from the objective that the abstract states: the paper's own "
            "formulas were not at hand",
            "stretches of replayed experience in place of the queues of IMPALA; counts are ours",
            "Adam in place of RMSProp; dense layers, without memory",
            "five steps of lookahead, a choice of ours",
        ),
    ),
)
