"""DoMo-AC: an off-policy actor-critic with several steps in both evaluation and improvement.

Source: Tang et al. 2023, arXiv:2305.18501 (abstract; the estimator is derived here). With mu the
policy that acted, rho and c clipped ratios pi / mu and v the targets of V-trace, the policy climbs

    sum over k < n of  gamma^k c_t ... c_{t+k-1} rho_{t+k} (r_{t+k} + gamma v_{t+k+1} - V(s_{t+k}))

from every step t of a stretch, where each rho moves with the policy: a step's V-trace gradient
counts once for itself and, with the traces in between, for each of the n - 1 steps before it.
`lookahead` n = 1 is the gradient of V-trace. On policy and unclipped it is the gradient of the
return of n steps and the value after them (`pytest tests/algos/off_policy/test_domo_ac.py`).
Departs from the paper: stretches of replayed experience in place of the queues of IMPALA; Adam in
place of RMSProp; dense layers.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Algorithm, Metrics, Scalar, Static, field, frozen
from jaxac.data.replay import Sequence
from jaxac.envs.contract import Env
from jaxac.ops.credit import Credit, VTrace
from jaxac.runners import stretches
from jaxac.runners.stretches import Seen, Stretches


@frozen
class DoMoAC(Stretches):
    """Hyper-parameters of DoMo-AC."""

    value_coef: Scalar = field(0.5, "weight of the value's loss", within="[0, inf)")
    entropy_coef: Scalar = field(0.01, "weight of the entropy", within="[0, inf)")
    trace_clip: Scalar = field(1.0, "largest trace of the improvement", within="(0, inf)")
    credit: Credit = field(VTrace(), "how values and advantages are told")
    lookahead: Static[int] = field(
        5, "n: steps that the policy looks ahead", within="[1, inf)", search=(1, 2, 5, 10)
    )


def make(env: Env) -> Algorithm:
    """DoMo-AC on `env`. Raises `EnvError` for actions that are not Discrete."""
    return stretches.make(env, loss)


def loss(
    hp: DoMoAC, seen: Seen, drawn: Sequence
) -> tuple[Float[Array, ""], tuple[Metrics, Float[Array, " B"]]]:
    """The loss of a batch of stretches, with metrics and each one's mean absolute error."""
    row, held = drawn.transition, drawn.held
    fixed = jax.lax.stop_gradient(seen)
    log_ratio = fixed.log_prob - row.action.log_prob
    ends = row.done | ~jnp.concatenate([held[1:], held[-1:]])
    advantage, target = hp.credit(
        row.reward,
        hp.gamma * ~row.terminated,
        fixed.value,
        fixed.next_value,
        ends,
        log_ratio,
    )
    trace = hp.gamma * jnp.minimum(jnp.exp(log_ratio), hp.trace_clip)
    gain = reach(trace, ends, hp.lookahead) * advantage * seen.log_prob
    share = drawn.weight * held / held.sum()
    policy_loss = -(share * gain).sum()
    value_loss = 0.5 * (share * jnp.square(seen.value - target)).sum()
    entropy = (share * seen.entropy).sum()
    total = policy_loss + hp.value_coef * value_loss - hp.entropy_coef * entropy
    metrics = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
    return total, (metrics, (held * jnp.abs(fixed.value - target)).sum(0) / held.sum(0))


def reach(
    trace: Float[Array, "L B"], ends: Bool[Array, "L B"], lookahead: int
) -> Float[Array, "L B"]:
    """How much the gradient of each step counts: 1 for itself, and for each of the `lookahead` - 1

    steps before it, as far as the episode goes back, the product of the traces from that step on.
    """
    decay = jnp.concatenate([jnp.zeros_like(trace[:1]), jnp.where(ends, 0.0, trace)[:-1]])

    def longer(weight, _):
        return 1.0 + decay * jnp.roll(weight, 1, axis=0), None

    return jax.lax.scan(longer, jnp.ones_like(trace), length=lookahead - 1)[0]
