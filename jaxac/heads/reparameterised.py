"""Heads whose actions are differentiable functions of their outputs, in [-1, 1]."""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Scalar, field, frozen
from jaxac.envs.contract import Space
from jaxac.heads import normal
from jaxac.heads.range import Range, bounded
from jaxac.nets.layer import Dense, Layer

LAST = field(Dense(), "the last layer")
STD = field(math.exp(-1.0), "of the noise, before the squashing", within="[0, inf)")
BOUND = field(math.e, "largest noise, in standard deviations", within="[0, inf)")
GAUSSIAN = normal.TanhNormal()  # samples and densities are the same in every range
EDGE = 1e-3  # strengths are this far from 0 and 1 where they are penalised


@runtime_checkable
class Reparameterised(Protocol):
    """A policy that a critic's gradient can reach; its actions are [..., A] in [-1, 1]."""

    @property
    def range(self) -> Range:
        """The environment's actions."""
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

    range: Range = field(Range(), "the environment's actions")
    spread: Spread = field(Clipped(), "the standard deviation before the squashing")
    last: Layer = LAST

    @property
    def num_outputs(self):
        return 2 * self.range.size

    def layer(self):
        return self.last(self.num_outputs)

    def before(self, out: Array) -> Float[Array, "..."]:
        """Mean and log standard deviation before the squashing, [..., 2 A]."""
        mean, raw = jnp.split(out, 2, axis=-1)
        return jnp.concatenate([mean, self.spread(raw)], axis=-1)

    def sample(self, key, out):
        out = self.before(out)
        u = GAUSSIAN.sample(key, out)
        return jnp.tanh(u), GAUSSIAN.log_prob(out, u)

    def sample_each(self, key: Key, out: Array) -> tuple[Array, Array]:
        """As `sample`, with a log-probability for each dimension, [..., A]."""
        out = self.before(out)
        u = GAUSSIAN.sample(key, out)
        return jnp.tanh(u), GAUSSIAN.log_prob(jnp.stack(jnp.split(out, 2, -1), -1), u[..., None])

    def mode(self, out):
        return jnp.tanh(jnp.split(out, 2, axis=-1)[0])

    def kl(self, out: Array, other: Array) -> Float[Array, "..."]:
        """KL(out || other) in nats, which the squashing does not change."""
        return GAUSSIAN.kl(self.before(out), self.before(other))


@frozen
class Tanh:
    """One action, the tanh of the output: a deterministic policy."""

    range: Range = field(Range(), "the environment's actions")
    last: Layer = LAST

    @property
    def num_outputs(self):
        return self.range.size

    def layer(self):
        return self.last(self.range.size)

    def sample(self, key, out):
        del key
        return self.mode(out), jnp.zeros(out.shape[:-1])

    def mode(self, out):
        return jnp.tanh(out)


@frozen
class Swaddled:
    """tanh(s a + bounded noise), whose strength s is learned for each observation and dimension.

    Source: Ishuov et al. 2025, arXiv:2512.10477 (Symphony), and its authors' code: a, s and b are
    tanh(x / 2) of the outputs, s and b without their signs.
    """

    range: Range = field(Range(), "the environment's actions")
    std: Scalar = STD
    bound: Scalar = BOUND
    last: Layer = LAST

    @property
    def num_outputs(self):
        return 3 * self.range.size

    def layer(self):
        return self.last(self.num_outputs)

    def sample(self, key, out):
        a, s, _ = jnp.split(jnp.tanh(0.5 * out), 3, axis=-1)
        noise = jnp.clip(jax.random.normal(key, a.shape), -self.bound, self.bound)
        return jnp.tanh(jnp.abs(s) * a + self.std * noise), jnp.zeros(out.shape[:-1])

    def mode(self, out):
        a, s, _ = jnp.split(jnp.tanh(0.5 * out), 3, axis=-1)
        return jnp.tanh(jnp.abs(s) * a)

    def penalty(self, out: Array) -> Float[Array, "..."]:
        """Swaddling: W(s^(1 / b)) + b s log s + W(b^2), W(x) = log((1 + x) / (1 - x)), on average.

        It has no gradient in the b of its first term. Source: the authors' code.
        """
        _, s, b = jnp.split(jnp.tanh(0.5 * out), 3, axis=-1)
        s, b = (jnp.clip(jnp.abs(x), EDGE, 1.0 - EDGE) for x in (s, b))
        first = 2.0 * jnp.arctanh(s ** (1.0 / jax.lax.stop_gradient(b)))
        return (first + b * s * jnp.log(s) + 2.0 * jnp.arctanh(jnp.square(b))).mean(-1)


@frozen
class Mixture:
    """Actions of the first of several squashed Gaussians, with the density of their mixture.

    Source: arXiv:2007.06159, section 3: minus the mean of the log-probability is at most the
    entropy of the mixture over all noise, and comes to it as draws grow.
    """

    one: TanhNormal = field(TanhNormal(), "the Gaussian of a draw of the noise")

    @property
    def range(self):
        return self.one.range

    @property
    def num_outputs(self):
        return self.one.num_outputs

    def layer(self):
        return self.one.layer()

    def sample(self, key, out):
        out = self.one.before(out)  # [..., L, 2A]
        u = GAUSSIAN.sample(key, out[..., 0, :])
        each = GAUSSIAN.log_prob(out, u[..., None, :])
        return jnp.tanh(u), jax.nn.logsumexp(each, axis=-1) - jnp.log(each.shape[-1])

    def mode(self, out):
        return self.one.mode(out[..., 0, :])


class Weighed(NamedTuple):
    """A squashed Gaussian whose log-probabilities count by dimension, as entropy is to be worth.

    Source: Ji et al. 2024, arXiv:2402.14528 (ACE). Weights of 1 give the Gaussian itself.
    """

    one: TanhNormal
    weight: Float[Array, " A"]

    @property
    def range(self):
        return self.one.range

    @property
    def num_outputs(self):
        return self.one.num_outputs

    def layer(self):
        return self.one.layer()

    def sample(self, key, out):
        action, each = self.one.sample_each(key, out)
        return action, (self.weight * each).sum(-1)

    def mode(self, out):
        return self.one.mode(out)


@frozen
class Stochastic:
    """A tanh-squashed Gaussian for a bounded Box."""

    spread: Spread = field(Clipped(), "the standard deviation before the squashing")
    last: Layer = LAST

    def __call__(self, space):
        return TanhNormal(bounded(space), self.spread, self.last)


@frozen
class Mixed:
    """`Mixture` for a bounded Box."""

    one: Stochastic = field(Stochastic(), "the Gaussian of a draw of the noise")

    def __call__(self, space):
        return Mixture(self.one(space))


@frozen
class Deterministic:
    """The tanh of the network's output, for a bounded Box."""

    last: Layer = LAST

    def __call__(self, space):
        return Tanh(bounded(space), self.last)


@frozen
class Swaddling:
    """`Swaddled` for a bounded Box."""

    std: Scalar = STD
    bound: Scalar = BOUND
    last: Layer = LAST

    def __call__(self, space):
        return Swaddled(bounded(space), self.std, self.bound, self.last)
