"""Bonuses: rewards for what has seldom been seen, from a memory that grows with what is seen.

Observations are as the policy's network sees them, one array [T, N, ...]; a bonus is that of the
step which led there.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Key, Params, Scalar, Static, field, frozen
from jaxac.nets.initialise import Orthogonal
from jaxac.ops.normalise import Normaliser, Standard
from jaxac.ops.optimiser import descend

Steps = Float[Array, "T N"]
TINY = 1e-12  # least mean square of errors


@runtime_checkable
class Bonus(Protocol):
    """A plan of a bonus; its memory stands beside it."""

    def init(self, key: Key, obs: Any) -> Any:
        """The memory before anything was seen, for observations [N, ...]."""
        ...

    def __call__(self, memory: Any, obs: Any) -> Steps:
        """The bonus of each step, in units of reward."""
        ...

    def update(self, key: Key, memory: Any, obs: Any) -> Any:
        """The memory after these observations."""
        ...


@frozen
class Unmoved:
    """None."""

    def init(self, key, obs):
        return ()

    def __call__(self, memory, obs):
        return jnp.zeros(obs.shape[:2])

    def update(self, key, memory, obs):
        return memory


@frozen
class Counted:
    """`weight` over the square root of how often an observation was seen, at least once.

    Observations must be one-hot, or those with the same largest element count as one.
    Source: Strehl & Littman 2008, "An analysis of model-based interval estimation for Markov
    decision processes", eq. 6 (MBIE-EB).
    """

    weight: Scalar = field(0.1, "bonus of what was seen once", within="[0, inf)")

    def init(self, key, obs):
        return jnp.zeros(obs.shape[-1])

    def __call__(self, memory, obs):
        seen = jnp.maximum(memory[obs.argmax(-1)], 1.0)
        return self.weight / jnp.sqrt(seen)

    def update(self, key, memory, obs):
        return memory + jax.nn.one_hot(obs.argmax(-1), memory.size).sum((0, 1))


class Hashes(NamedTuple):
    """What `Hashed` remembers."""

    directions: Array  # [F, bits]
    counts: Array  # [2 ** bits]


@frozen
class Hashed:
    """`Counted`, of observations that fall to the same sides of random planes.

    Source: Tang et al. 2017, arXiv:1611.04717, section 2.2 (SimHash).
    """

    weight: Scalar = field(0.1, "bonus of what was seen once", within="[0, inf)")
    bits: Static[int] = field(12, "planes; counts are kept of 2 ** bits cells", within="[1, 24]")

    def init(self, key, obs):
        size = obs[0].size
        return Hashes(jax.random.normal(key, (size, self.bits)), jnp.zeros(2**self.bits))

    def cells(self, memory: Hashes, obs: Array) -> Array:
        """The number of each observation's cell."""
        sides = obs.reshape(*obs.shape[:2], -1) @ memory.directions > 0.0
        return (sides * 2 ** jnp.arange(self.bits)).sum(-1)

    def __call__(self, memory, obs):
        seen = jnp.maximum(memory.counts[self.cells(memory, obs)], 1.0)
        return self.weight / jnp.sqrt(seen)

    def update(self, key, memory, obs):
        cells = self.cells(memory, obs).ravel()
        return memory._replace(counts=memory.counts.at[cells].add(1.0))


class Distillation(NamedTuple):
    """What `Distilled` remembers."""

    target: Params
    predictor: Params
    opt_state: optax.OptState
    moments: Any  # of what was seen, by element
    scale: Array  # mean square of the errors
    seen: Array  # rollouts


class _Net(nn.Module):
    hidden: tuple[int, ...]
    size: int

    @nn.compact
    def __call__(self, x):
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, kernel_init=Orthogonal(2.0**0.5))(x))
        return nn.Dense(self.size, kernel_init=Orthogonal())(x)


@frozen
class Distilled:
    """How badly a network predicts what a random one says of the observation (RND).

    Source: Burda et al. 2018, arXiv:1810.12894, sections 2.2 to 2.4: observations are standardised
    by all that was seen and cut off at 5; errors are over the root of their running mean square.
    Departs: rewards and bonuses have one critic and one discount; running means are of rollouts,
    not of discounted sums.
    """

    weight: Scalar = field(0.5, "of an error of the usual size, in reward", within="[0, inf)")
    learning_rate: Scalar = field(1e-4, "of the network that predicts", within="[0, inf)")
    share: Scalar = field(0.25, "of the observations that it learns from", within="(0, 1]")
    norm: Normaliser = field(Standard(clip=5.0), "how observations are scaled for both")
    hidden: Static[tuple[int, ...]] = field((64, 64), "widths of both", within="[1, inf)")
    size: Static[int] = field(32, "numbers that are predicted", within="[1, inf)")

    def _net(self) -> nn.Module:
        return _Net(self.hidden, self.size)

    def errors(self, memory: Distillation, predictor: Params, obs: Array) -> Array:
        """The mean squared error of the prediction at each observation [T, N, ...]."""
        seen = self.norm(memory.moments, _rows(obs))
        want, got = (self._net().apply(x, seen) for x in (memory.target, predictor))
        return jnp.square(jnp.asarray(got) - jnp.asarray(want)).mean(-1)

    def init(self, key, obs):
        rows = _rows(obs[None])[0]
        target, predictor = (self._net().init(k, rows) for k in jax.random.split(key))
        opt_state = optax.adam(self.learning_rate).init(predictor)
        moments, one = self.norm.init(rows[0]), jnp.ones(())
        return Distillation(target, predictor, opt_state, moments, one, 0.0 * one)

    def __call__(self, memory, obs):
        errors = self.errors(memory, memory.predictor, obs)
        usual = jnp.sqrt(jnp.maximum(memory.scale, TINY))  # where nothing varies, no error is left
        return self.weight * jax.lax.stop_gradient(errors) / usual

    def update(self, key, memory, obs):
        share = 1.0 / (memory.seen + 1.0)
        keep = jax.random.bernoulli(key, self.share, obs.shape[:2])
        # First, or the first errors would be of other units.
        memory = memory._replace(moments=self.norm.update(memory.moments, _rows(obs)))

        def loss(predictor):
            errors = self.errors(memory, predictor, obs)
            return (errors * keep).sum() / jnp.maximum(keep.sum(), 1.0), errors

        predictor, opt_state, errors = descend(
            loss, optax.adam(self.learning_rate), memory.predictor, memory.opt_state
        )
        return memory._replace(
            predictor=predictor,
            opt_state=opt_state,
            scale=memory.scale + share * ((errors**2).mean() - memory.scale),
            seen=memory.seen + 1.0,
        )


def _rows(obs: Array) -> Array:
    """[T, N, ...] of any dtype -> float32 [T, N, F]."""
    return obs.reshape(*obs.shape[:2], -1).astype(jnp.float32)
