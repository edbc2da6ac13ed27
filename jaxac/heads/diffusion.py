"""Policies that can only be drawn from: a network turns noise into actions, step by step.

`net(action, time)` is the network at the observations at hand, [B, A] and [B] -> [B, A]; times are
in [0, 1], 0 next to the actions and 1 at the noise.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Scalar, Static, field, frozen

Actions = Float[Array, "B A"]
Drift = Callable[[Actions, Float[Array, " B"]], Actions]


@runtime_checkable
class Generative(Protocol):
    """How a network makes actions in [-1, 1], and what it is trained for. It has no densities."""

    def loss(self, key: Key, net: Drift, action: Actions) -> Float[Array, " B"]:
        """What is small where the network makes actions like these."""
        ...

    def sample(self, key: Key, net: Drift, num: int, size: int) -> Actions:
        """Actions [num, size], a row for each of the observations."""
        ...


@frozen
class Diffusion:
    """Denoising in a few steps; the network says what noise is in an action.

    Source: Ho et al. 2020, arXiv:2006.11239, Algorithms 1 and 2 (variance beta), with the schedule
    of Song et al. 2021, arXiv:2011.13456, and actions cut to [-1, 1] after every step, as in the
    code of Hansen-Estruch et al. 2023, arXiv:2304.10573 (IDQL).
    """

    low: Scalar = field(0.1, "rate of noise at time 0", within="(0, inf)")
    high: Scalar = field(10.0, "rate of noise at time 1", within="(0, inf)")
    num_steps: Static[int] = field(5, "steps from noise to action", within="[1, inf)")

    def kept(self) -> Float[Array, " T"]:
        """Share of an action's variance that each step keeps, alpha of the paper."""
        t, num = jnp.arange(1, self.num_steps + 1), self.num_steps
        return jnp.exp(-self.low / num - (self.high - self.low) * (t - 0.5) / num**2)

    def loss(self, key, net, action):
        key_time, key_noise = jax.random.split(key)
        step = jax.random.randint(key_time, action.shape[:1], 0, self.num_steps)
        noise = jax.random.normal(key_noise, action.shape)
        left = jnp.cumprod(self.kept())[step][:, None]
        mixed = jnp.sqrt(left) * action + jnp.sqrt(1.0 - left) * noise
        return jnp.square(net(mixed, self._time(step)) - noise).sum(-1)

    def sample(self, key, net, num, size):
        key_start, key_steps = jax.random.split(key)
        kept = self.kept()
        steps = jnp.arange(self.num_steps)
        rows = steps, kept, jnp.cumprod(kept), jax.random.split(key_steps, self.num_steps)

        def less_noise(action, row):
            step, kept, left, key = row
            noise = net(action, jnp.broadcast_to(self._time(step), (num,)))
            mean = (action - (1.0 - kept) / jnp.sqrt(1.0 - left) * noise) / jnp.sqrt(kept)
            fresh = jnp.sqrt(1.0 - kept) * jax.random.normal(key, action.shape)
            return jnp.clip(mean + jnp.where(step > 0, fresh, 0.0), -1.0, 1.0), ()

        start = jax.random.normal(key_start, (num, size))
        return jax.lax.scan(less_noise, start, rows, reverse=True)[0]

    def _time(self, step):
        return (step + 1.0) / self.num_steps
