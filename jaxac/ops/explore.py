"""Exploration: from a policy's output to the action that is tried, with a memory if it has one."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Key, Scalar, field, frozen
from jaxac.heads.reparameterised import Reparameterised


@runtime_checkable
class Explore(Protocol):
    """How actions in [-1, 1] are tried while training."""

    def init(self, num_envs: int, size: int) -> Any:
        """The memory before an episode: zeros [N, ...], which the loop goes back to at an end."""
        ...

    def __call__(
        self, key: Key, memory: Any, head: Reparameterised, out: Array
    ) -> tuple[Array, Any]:
        """Actions [N, size] and the memory after them."""
        ...


@frozen
class Sampled:
    """Actions of the policy itself, which explores by its own spread."""

    def init(self, num_envs, size):
        return ()

    def __call__(self, key, memory, head, out):
        return head.sample(key, out)[0], memory


@frozen
class Gaussian:
    """The policy's mode with independent Gaussian noise, clipped to the range.

    Source: Fujimoto et al. 2018, arXiv:1802.09477, Algorithm 1.
    """

    std: Scalar = field(0.1, "of the noise; the range of an action is 2", within="[0, inf)")

    def init(self, num_envs, size):
        return ()

    def __call__(self, key, memory, head, out):
        action = head.mode(out)
        noise = self.std * jax.random.normal(key, action.shape)
        return jnp.clip(action + noise, -1.0, 1.0), memory


@frozen
class GaussianOfEach:
    """`Gaussian` whose width is drawn for each environment, anew in every episode.

    Source: Seo et al. 2025, arXiv:2505.22642 (FastTD3), section 3: widths are even in a range. A
    memory of 0 is an episode without a width yet, so `low` 0 draws again where it drew 0 itself.
    """

    low: Scalar = field(0.001, "least width; the range of an action is 2", within="[0, inf)")
    high: Scalar = field(0.4, "greatest width", within="[0, inf)")

    def init(self, num_envs, size):
        return jnp.zeros((num_envs, 1))

    def __call__(self, key, memory, head, out):
        key_noise, key_width = jax.random.split(key)
        action = head.mode(out)
        share = jax.random.uniform(key_width, memory.shape)
        width = jnp.where(memory == 0.0, self.low + (self.high - self.low) * share, memory)
        noise = width * jax.random.normal(key_noise, action.shape)
        return jnp.clip(action + noise, -1.0, 1.0), width


@frozen
class OrnsteinUhlenbeck:
    """The policy's mode with noise that drifts back to 0; it begins at 0 in every episode.

    Source: Lillicrap et al. 2016, arXiv:1509.02971, section 3 and supplementary 7 (theta 0.15,
    sigma 0.2).
    """

    theta: Scalar = field(0.15, "share of the noise lost per step", within="[0, 1]")
    sigma: Scalar = field(0.2, "standard deviation of what is added per step", within="[0, inf)")

    def init(self, num_envs, size):
        return jnp.zeros((num_envs, size))

    def __call__(self, key, memory, head, out):
        action = head.mode(out)
        noise = (1.0 - self.theta) * memory + self.sigma * jax.random.normal(key, action.shape)
        return jnp.clip(action + noise, -1.0, 1.0), noise
