"""Reward scaling: what the learner sees in place of the environment's reward; stateful plans."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Scalar, field, frozen
from jaxac.ops.normalise import Moments, add_moments, no_moments

Steps = Float[Array, "T N"]


@runtime_checkable
class RewardScale(Protocol):
    """Rewards of the environment to rewards that are learned from."""

    def init(self, num_envs: int) -> Any:
        """Statistics before any data."""
        ...

    def update(self, stats: Any, reward: Steps, done: Bool[Array, "T N"], gamma: Scalar) -> Any:
        """Statistics with a rollout's rewards added."""
        ...

    def __call__(self, stats: Any, reward: Float[Array, "..."]) -> Float[Array, "..."]:
        """Scaled rewards."""
        ...


@frozen
class Raw:
    """The environment's reward."""

    def init(self, num_envs):
        return ()

    def update(self, stats, reward, done, gamma):
        return stats

    def __call__(self, stats, reward):
        return reward


@frozen
class Constant:
    """The environment's reward times a constant."""

    scale: Scalar = field(1.0, "factor of every reward", within="(0, inf)")

    def init(self, num_envs):
        return ()

    def update(self, stats, reward, done, gamma):
        return stats

    def __call__(self, stats, reward):
        return self.scale * reward


@frozen
class Sign:
    """The sign of the reward. Source: Mnih et al. 2015 (Atari reward clipping)."""

    def init(self, num_envs):
        return ()

    def update(self, stats, reward, done, gamma):
        return stats

    def __call__(self, stats, reward):
        return jnp.sign(reward)


@frozen
class ByReturn:
    """Rewards over the running standard deviation of their discounted sum, then clipped.

    Source: the `VecNormalize` of OpenAI Baselines; Engstrom et al. 2020, arXiv:2005.12729, section
    3. The sum restarts with each episode; rewards are not centred.
    """

    clip: Scalar = field(10.0, "largest magnitude of a scaled reward", within="(0, inf]")
    eps: Scalar = field(1e-8, "added to the variance", within="[0, inf)")

    def init(self, num_envs):
        return jnp.zeros(num_envs), no_moments(())

    def update(self, stats, reward, done, gamma):
        running, moments = stats
        running, sums = discounted_sums(running, reward, done, gamma)
        return running, add_moments(moments, sums)

    def __call__(self, stats, reward):
        moments: Moments = stats[1]
        return jnp.clip(reward / jnp.sqrt(moments.var + self.eps), -self.clip, self.clip)


@frozen
class Bounded:
    """Rewards over the spread of their discounted sum, or over more, so that sums keep a bound.

    The divisor is the larger of the sum's running standard deviation and its largest magnitude so
    far over `bound`. The sum restarts with each episode. Source: Lee et al. 2025, arXiv:2502.15280
    (SimbaV2), section 4.3. Without a bound it is `ByReturn` without its clip.
    """

    bound: Scalar = field(5.0, "largest magnitude of a scaled discounted sum", within="(0, inf]")
    eps: Scalar = field(1e-8, "added to the variance", within="[0, inf)")

    def init(self, num_envs):
        return {"sum": jnp.zeros(num_envs), "moments": no_moments(()), "largest": jnp.zeros(())}

    def update(self, stats, reward, done, gamma):
        last, sums = discounted_sums(stats["sum"], reward, done, gamma)
        return {
            "sum": last,
            "moments": add_moments(stats["moments"], sums),
            "largest": jnp.maximum(stats["largest"], jnp.abs(sums).max()),
        }

    def __call__(self, stats, reward):
        moments: Moments = stats["moments"]
        return reward / jnp.maximum(jnp.sqrt(moments.var + self.eps), stats["largest"] / self.bound)


def discounted_sums(
    running: Float[Array, " N"], reward: Steps, done: Bool[Array, "T N"], gamma: Scalar
) -> tuple[Float[Array, " N"], Steps]:
    """The sum to go on with, 0 after an end, and the sum up to each step."""

    def forward(running, step):
        reward, done = step
        total = gamma * running + reward
        return jnp.where(done, 0.0, total), total

    return jax.lax.scan(forward, running, (reward, done))
