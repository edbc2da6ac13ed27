"""Where the first state of the next episode comes from; a slot of every environment.

`start(key, reset, params, num_envs) -> kept, states` is asked once a run; `plan(key, kept, reset,
params, done, states)` gives `states` [N, ...] with the rows of ended episodes replaced.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxac.core import Key, Static, field, frozen

Reset = Callable[[Key, Any], Any]


@runtime_checkable
class Resets(Protocol):
    """A way to start new episodes."""

    def start(self, key: Key, reset: Reset, params: Any, num_envs: int) -> tuple[Any, Any]:
        """What is kept through a run, and the states [N, ...] that it starts from."""
        ...

    def __call__(
        self, key: Key, kept: Any, reset: Reset, params: Any, done: Bool[Array, " N"], states: Any
    ) -> Any:
        """`states` [N, ...], those that are `done` replaced by first states of new episodes."""
        ...


@frozen
class EveryStep:
    """Reset all N at every step and keep what is needed: an accelerator need not stop and ask."""

    def start(self, key, reset, params, num_envs):
        return (), fresh(key, reset, params, num_envs)

    def __call__(self, key, kept, reset, params, done, states):
        return where(done, fresh(key, reset, params, done.shape[0]), states)


@frozen
class WhenNeeded:
    """Reset only in steps where an episode ends, in any lane: for resets that cost many steps.

    Draws the same first states as `EveryStep`. Episodes that end together (a time limit and no
    termination) make it nearly free.
    """

    def start(self, key, reset, params, num_envs):
        return (), fresh(key, reset, params, num_envs)

    def __call__(self, key, kept, reset, params, done, states):
        def renewed(done, states, key, params):
            return where(done, fresh(key, reset, params, done.shape[0]), states)

        return _if_any(renewed)(done, states, key, params)


@frozen
class ByPlatform:
    """`WhenNeeded` on a CPU, `EveryStep` elsewhere: for resets about as cheap as a step.

    A condition costs a CPU nothing, and keeps XLA from working out `done` anew for each element of
    what is chosen by it; an accelerator would stop at it. Both draw the same first states.
    """

    def start(self, key, reset, params, num_envs):
        return (), fresh(key, reset, params, num_envs)

    def __call__(self, key, kept, reset, params, done, states):
        plan = WhenNeeded() if jax.default_backend() == "cpu" else EveryStep()
        return plan(key, kept, reset, params, done, states)


BY_PLATFORM = ByPlatform()


@frozen
class Pool:
    """Draw from `size` first states that are made once a run: for resets that cost many steps.

    A run then sees no more than `size` different first states; its evaluations are not limited so.
    """

    size: Static[int] = field(256, "first states kept, each as large as a state", within="[1, inf)")

    def start(self, key, reset, params, num_envs):
        key_made, key_drawn = jax.random.split(key)
        kept = fresh(key_made, reset, params, self.size)
        return kept, self._drawn(key_drawn, kept, num_envs)

    def __call__(self, key, kept, reset, params, done, states):
        return where(done, self._drawn(key, kept, done.shape[0]), states)

    def _drawn(self, key, kept, num_envs):
        rows = jax.random.randint(key, (num_envs,), 0, self.size)
        return jax.tree.map(lambda x: x[rows], kept)


def fresh(key: Key, reset: Reset, params: Any, num_envs: int) -> Any:
    """First states [N, ...], each from a key of its own."""
    return jax.vmap(reset, (0, None))(jax.random.split(key, num_envs), params)


def where(condition: Bool[Array, " N"], yes: Any, no: Any) -> Any:
    """Choose between two pytrees of [N, ...] leaves, row by row."""

    def pick(a, b):
        return jnp.where(condition.reshape(condition.shape + (1,) * (jnp.ndim(a) - 1)), a, b)

    return jax.tree.map(pick, yes, no)


def _if_any(renewed: Callable) -> Callable:
    """`renewed(done, states, ...)`, but only if anything is done.

    `vmap` would turn a plain `cond` into a `select` that computes both sides for every lane; here
    the lanes ask together.
    """

    @jax.custom_batching.custom_vmap
    def asked(done, states, *args):
        return jax.lax.cond(done.any(), renewed, lambda _, kept, *__: kept, done, states, *args)

    @asked.def_vmap
    def _(axis_size, in_batched, *args):
        def spread(x, batched):
            return x if batched else jnp.broadcast_to(x, (axis_size, *jnp.shape(x)))

        out = _if_any(jax.vmap(renewed))(*jax.tree.map(spread, args, tuple(in_batched)))
        return out, jax.tree.map(lambda _: True, out)

    return asked
