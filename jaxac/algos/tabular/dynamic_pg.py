"""Dynamic policy gradient: the softmax policies of a finite horizon are trained last stage first.

Source: Klein, Weissmann & Doering 2024, "Beyond Stationarity: Convergence Analysis of Stochastic
Softmax Policy Gradient Methods", arXiv:2310.02671, Algorithms 1 (simultaneous) and 2 (dynamic).

    simultaneous:  logits <- logits + step * grad V_0(start)             all stages at once
    dynamic:       for h = H - 1, ..., 0, with the later stages as they were left:
                   logits_h <- logits_h + step_h * grad_h sum_s V_h(s) / S

With gradients exact, each stage is one softmax bandit a state, whose gap falls as 1 / n; a sum of
stage gaps bounds the gap of the whole. The paper's bound on the number of steps grows as H^3, that
of simultaneous training as H^5. `pytest tests/algos/tabular/test_dynamic_pg.py` shows both the
stage bound and the growing lead.

Departs from it: gradients are exact, the sampled setting is left out; a stage ends once its gap is
small enough, where the paper fixes the number of its steps; stages weigh all states alike. The two
bounds on curvature are checked by a test, not derived here.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.tabular.exact import lookahead
from jaxac.algos.tabular.horizon import optimal_return, stage_return
from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Int, Scalar

Logits = Float[Array, "..."]


def simultaneous_smoothness(horizon: int, num_actions: int, largest: Scalar) -> Scalar:
    """Bound on the curvature of V_0(start) in all logits, of rewards in [0, `largest`].

    One over it is the step that the bound on the number of steps is for.
    """
    return horizon**2 * largest * (2.0 - 1.0 / num_actions)


def stage_smoothness(horizon: int, largest: Scalar) -> Float[Array, " H"]:
    """Bound on the curvature of each stage's mean V_h in its logits; one over it is the step."""
    return 2.0 * largest * (horizon - jnp.arange(horizon))


def simultaneous(
    mdp: MDP, horizon: int, step: Scalar, tolerance: Scalar, max_steps: int
) -> tuple[Float[Array, "H S A"], Int]:
    """Logits of all stages and the number of steps until the return lacks at most `tolerance`."""
    require_within("tolerance", tolerance, "[0, inf)")
    best = optimal_return(mdp, horizon)

    def value(logits):
        return stage_return(mdp, jax.nn.softmax(logits))

    def gap(logits):
        return best - value(logits)

    start = jnp.zeros((horizon, *mdp.reward.shape))
    return _climb(value, gap, start, step, tolerance, max_steps)


def dynamic(
    mdp: MDP, horizon: int, step: Float[Array, " H"], tolerance: Scalar, max_steps: int
) -> tuple[Float[Array, "H S A"], Array]:
    """Logits, and the number of steps [H] of each stage until it lacks `tolerance / H` at most.

    A stage's gap is the largest over states; with later stages fixed nothing is estimated of it.
    `max_steps` bounds each stage. So the return lacks at most `tolerance`, from every state.
    """
    require_within("tolerance", tolerance, "[0, inf)")

    def train_stage(later, step):
        q = lookahead(mdp, later, 1.0)
        logits, count = train_bandit(q, step / mdp.num_states, tolerance / horizon, max_steps)
        return (jax.nn.softmax(logits) * q).sum(-1), (logits, count)

    return jax.lax.scan(train_stage, jnp.zeros_like(mdp.start), step, reverse=True)[1]


def train_bandit(
    q: Float[Array, "S A"], step: Scalar, tolerance: Scalar, max_steps: int
) -> tuple[Float[Array, "S A"], Int]:
    """Softmax policy gradient on S bandits of known means, from uniform, to a gap or step count.

    With step 2 / (5 B), B the range of q, the gap is at most 5 B A^2 / n after n steps.
    Source: Mei et al. 2020, "On the global convergence rates of softmax policy gradient methods",
    arXiv:2005.06392, theorem 2 and proposition 2.
    """

    def value(logits):
        return (jax.nn.softmax(logits) * q).sum()

    def gap(logits):
        return (q.max(-1) - (jax.nn.softmax(logits) * q).sum(-1)).max()

    return _climb(value, gap, jnp.zeros_like(q), step, tolerance, max_steps)


def _climb(
    value: Callable[[Logits], Float[Array, ""]],
    gap: Callable[[Logits], Float[Array, ""]],
    logits: Logits,
    step: Scalar,
    tolerance: Scalar,
    max_steps: int,
) -> tuple[Logits, Int]:
    """Gradient ascent until `gap` is at most `tolerance`, and how many steps that took."""

    def unfinished(carry):
        logits, count = carry
        return (gap(logits) > tolerance) & (count < max_steps)

    def ascend(carry):
        logits, count = carry
        return logits + step * jax.grad(value)(logits), count + 1

    return jax.lax.while_loop(unfinished, ascend, (logits, jnp.int32(0)))
