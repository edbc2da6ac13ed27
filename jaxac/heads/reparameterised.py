"""Heads whose actions are differentiable functions of their outputs, in [-1, 1]."""

import math
from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Scalar, Static, field, frozen
from jaxac.envs.contract import Box, Space
from jaxac.errors import EnvError
from jaxac.heads import normal
from jaxac.nets.layer import Dense, Layer

LAST = field(Dense(), "the last layer")


@runtime_checkable
class Reparameterised(Protocol):
    """A policy that a critic's gradient can reach; its actions are [..., size] in [-1, 1]."""

    @property
    def size(self) -> int:
        """Dimensions of an action."""
        ...

    @property
    def num_outputs(self) -> int:
        """Size of `out`."""
        ...

    def layer(self) -> nn.Module:
        """The last layer: features [..., F] -> out [..., num_outputs]."""
        ...

    def sample(self, key: Key, out: Array) -> tuple[Array, Float[Array, "..."]]:
        """Actions and their log-probabilities (densities) in nats; 0 where there is no chance."""
        ...

    def mode(self, out: Array) -> Array:
        """The deterministic action."""
        ...

    def decode(self, action: Array) -> Array:
        """The environment's action."""
        ...


@runtime_checkable
class Actions(Protocol):
    """Action space to such a head."""

    def __call__(self, space: Space) -> Reparameterised:
        """The head of `space`. Raises `EnvError` for a space that it cannot serve."""
        ...


@runtime_checkable
class Spread(Protocol):
    """Any number to a log standard deviation."""

    def __call__(self, raw: Array) -> Array:
        """The log standard deviations, in nats."""
        ...


LOW = field(-5.0, "smallest log standard deviation, in nats", within="[-50, 0]")
HIGH = field(2.0, "largest log standard deviation, in nats", within="[-20, 20]")


@frozen
class Clipped:
    """Cut off. Source: the code of Haarnoja et al. 2018, arXiv:1801.01290."""

    low: Scalar = field(-20.0, "smallest log standard deviation, in nats", within="[-50, 0]")
    high: Scalar = HIGH

    def __call__(self, raw):
        return jnp.clip(raw, self.low, self.high)


@frozen
class Between:
    """Squashed by tanh. Source: the code of Yarats et al. 2021, arXiv:2107.09645 (DrQ-v2)."""

    low: Scalar = LOW
    high: Scalar = HIGH

    def __call__(self, raw):
        return self.low + 0.5 * (self.high - self.low) * (jnp.tanh(raw) + 1.0)


@frozen
class TanhNormal:
    """A Gaussian squashed by tanh. Source: Haarnoja et al. 2018, arXiv:1801.01290, appendix C."""

    low: Static[tuple[float, ...]] = field((-1.0,), "lower bound per dimension, finite")
    high: Static[tuple[float, ...]] = field((1.0,), "upper bound per dimension, finite")
    shape: Static[tuple[int, ...]] = field((1,), "shape of an action")
    spread: Spread = field(Clipped(), "the standard deviation before the squashing")
    last: Layer = LAST

    @property
    def size(self):
        return len(self.low)

    @property
    def num_outputs(self):
        return 2 * self.size

    def layer(self):
        return self.last(self.num_outputs)

    def sample(self, key, out):
        mean, raw = jnp.split(out, 2, axis=-1)
        out = jnp.concatenate([mean, self.spread(raw)], axis=-1)
        before = normal.TanhNormal(self.low, self.high, self.shape)
        u = before.sample(key, out)
        return jnp.tanh(u), before.log_prob(out, u)

    def mode(self, out):
        return jnp.tanh(jnp.split(out, 2, axis=-1)[0])

    def decode(self, action):
        return normal.to_range(action, self.low, self.high, self.shape)


@frozen
class Tanh:
    """One action, the tanh of the output: a deterministic policy."""

    low: Static[tuple[float, ...]] = field((-1.0,), "lower bound per dimension, finite")
    high: Static[tuple[float, ...]] = field((1.0,), "upper bound per dimension, finite")
    shape: Static[tuple[int, ...]] = field((1,), "shape of an action")
    last: Layer = LAST

    @property
    def size(self):
        return len(self.low)

    @property
    def num_outputs(self):
        return self.size

    def layer(self):
        return self.last(self.size)

    def sample(self, key, out):
        del key
        return self.mode(out), jnp.zeros(out.shape[:-1])

    def mode(self, out):
        return jnp.tanh(out)

    def decode(self, action):
        return normal.to_range(action, self.low, self.high, self.shape)


@frozen
class Stochastic:
    """A tanh-squashed Gaussian for a bounded Box."""

    spread: Spread = field(Clipped(), "the standard deviation before the squashing")
    last: Layer = LAST

    def __call__(self, space):
        return TanhNormal(*bounded(space), self.spread, self.last)


@frozen
class Deterministic:
    """The tanh of the network's output, for a bounded Box."""

    last: Layer = LAST

    def __call__(self, space):
        return Tanh(*bounded(space), self.last)


def bounded(
    space: Space,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...]]:
    """Bounds and shape of a Box. Raises `EnvError` for another space, or one without bounds."""
    if isinstance(space, Box):
        low, high = (tuple(map(float, x.ravel())) for x in space.bounds)
        if all(map(math.isfinite, (*low, *high))):
            return low, high, space.shape
    raise EnvError(
        f"the policy's actions live in [-1, 1], so the space must be a bounded Box, but it is "
        f"{space}; wrap the environment in ClipAction with finite bounds"
    )


def uniform(key: Key, head: Reparameterised, num: int) -> Float[Array, "num size"]:
    """Actions spread evenly over the whole range: what is tried before anything is learned."""
    return jax.random.uniform(key, (num, head.size), minval=-1.0, maxval=1.0)
