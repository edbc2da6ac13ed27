"""Credit: how the rewards of a trajectory become advantages and value targets.

Arrays are [T, N], time first. `discount` is gamma where the task goes on and 0 where it terminated;
`next_value` is the value of the true next observation (`final_obs`), so truncation bootstraps and
termination does not; `done` marks the last step of an episode, past which no credit flows back.
The recursion starts from `next_value` at the end of the arrays.
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Scalar, Static, field, frozen

Steps = Float[Array, "T N"]


@runtime_checkable
class Credit(Protocol):
    """Rewards to advantages and value targets."""

    def __call__(
        self,
        reward: Steps,
        discount: Steps,
        value: Steps,
        next_value: Steps,
        done: Bool[Array, "T N"],
        log_ratio: Steps,
    ) -> tuple[Steps, Steps]:
        """Advantage and value target; `log_ratio` is log pi - log mu of the actions, in nats."""
        ...


@frozen
class GAE:
    """Generalised advantage estimation; its target is the lambda return.

    Source: Schulman et al. 2016, arXiv:1506.02438, eq. 16. lam = 0 is the one-step error, lam = 1
    the Monte-Carlo return (bootstrapped at the end of the arrays) minus the value.
    """

    lam: Scalar = field(
        0.95,
        "decay of credit with time, per step: 0 trusts the critic, 1 the rewards",
        within="[0, 1]",
        search=(0.8, 0.9, 0.95, 0.98, 1.0),
    )

    def __call__(self, reward, discount, value, next_value, done, log_ratio):
        del log_ratio
        delta = reward + discount * next_value - value
        advantage = discounted_sum(delta, discount * self.lam * ~done)
        return advantage, advantage + value


@frozen
class NStep:
    """The n-step return minus the value, shorter where an episode or the array ends.

    Source: Sutton & Barto 2018, eq. 7.1; A3C, arXiv:1602.01783, Algorithm S3, uses the longest
    return that fits the array, which is n >= T here.
    """

    n: Static[int] = field(5, "rewards in a return before the critic takes over", within="[1, inf)")

    def __call__(self, reward, discount, value, next_value, done, log_ratio):
        del log_ratio
        target = reward + discount * next_value
        last = jnp.zeros_like(done).at[-1].set(True) | done

        def longer(target, _):
            later = jnp.where(last, next_value, jnp.roll(target, -1, axis=0))
            return reward + discount * later, None

        steps = min(self.n, reward.shape[0]) - 1
        target, _ = jax.lax.scan(longer, target, length=steps)
        return target - value, target


@frozen
class VTrace:
    """Off-policy corrected targets with clipped importance weights.

    Source: Espeholt et al. 2018, arXiv:1802.01561, eq. 1 (targets), section 4.2 (the policy's
    advantage, here with the weight rho applied) and remark 2 (lam). On policy (log_ratio = 0) and
    with both clips at least 1 the target is GAE's.
    """

    rho_clip: Scalar = field(
        1.0, "largest weight of an error; sets the fixed point", within="(0, inf)"
    )
    c_clip: Scalar = field(1.0, "largest weight of a trace; sets the speed", within="(0, inf)")
    lam: Scalar = field(1.0, "decay of the trace, per step", within="[0, 1]")

    def __call__(self, reward, discount, value, next_value, done, log_ratio):
        ratio = jnp.exp(log_ratio)
        rho = jnp.minimum(ratio, self.rho_clip)
        trace = self.lam * jnp.minimum(ratio, self.c_clip)
        delta = rho * (reward + discount * next_value - value)
        target = value + discounted_sum(delta, discount * trace * ~done)
        last = jnp.zeros_like(done).at[-1].set(True) | done
        later = jnp.where(last, next_value, jnp.roll(target, -1, axis=0))
        return rho * (reward + discount * later - value), target


def discounted_sum(x: Steps, decay: Steps) -> Steps:
    """The sums y[t] = x[t] + decay[t] * y[t + 1], with y = 0 past the end."""

    def backward(later, step):
        now = step[0] + step[1] * later
        return now, now

    return jax.lax.scan(backward, jnp.zeros_like(x[0]), (x, decay), reverse=True)[1]


def lambda_return(
    reward: Steps, discount: Steps, next_value: Steps, done: Bool[Array, "T N"], lam: Scalar
) -> Steps:
    """G[t] = r + discount * ((1 - lam) * v' + lam * G[t + 1]), with G[t + 1] = v' at an end.

    Source: Sutton & Barto 2018, eq. 12.2 in recursive form. It needs no value of obs itself.
    """
    ends = done.at[-1].set(True)
    mix = jnp.where(ends, 0.0, lam)
    return discounted_sum(reward + discount * (1.0 - mix) * next_value, discount * mix)
