"""What an algorithm's `act` reads of a run's state, found by tracing it; and acting on that alone.

No algorithm says which of its leaves are its policy. What acting leaves unread (critics,
optimisers, replay buffers, environments) is `None` in a state that only acts.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from jaxac.core import Algorithm
from jaxac.envs.contract import Env

Decide = Callable[[Any, Any, Any, Any], tuple[Any, Any]]
"""`decide(state, obs, carry, key) -> action, carry`, as `Algorithm.act` of a state that only acts;
compiled."""


def shapes(tree: Any) -> Any:
    """A pytree's shapes and dtypes."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def only_read(algorithm: Algorithm, env: Env, state: Any) -> tuple[Any, Any]:
    """`state`, or its shapes and dtypes, with `None` for every leaf that acting leaves unread.

    And likewise the shapes of an observation [1, ...]. Acting is a first and a later step of an
    episode, of the mode and of a sample.
    """

    def acts(state, obs, key):
        out = []
        for k in (None, key):
            action, carry = algorithm.act(state, obs, None, k)
            out += [action, algorithm.act(state, obs, carry, k)]
        return out

    key = jax.eval_shape(lambda: jax.random.key(0))
    _, obs = jax.eval_shape(env.reset, key, shapes(state).env_params)
    obs = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), obs)
    jaxpr = jax.make_jaxpr(acts)(shapes(state), obs, key).jaxpr
    _, used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    leaves, structure = jax.tree.flatten((state, obs))
    of_both = zip(leaves, used[: len(leaves)], strict=True)
    return structure.unflatten(x if is_used else None for x, is_used in of_both)


def decider(algorithm: Algorithm, like: Any) -> Decide:
    """Acting with a state of which `only_read` left what is read; `like` is the whole's shapes.

    What is absent is zeros under `jit`, which the compiler removes as nothing depends on them.
    """

    @jax.jit
    def decide(state, obs, carry, key):
        whole = jax.tree.map(
            lambda x, like: _zeros(like) if x is None else x, state, like, is_leaf=_is_none
        )
        return algorithm.act(whole, obs, carry, key)

    return decide


def _is_none(x: Any) -> bool:
    return x is None


def _zeros(like: Any) -> Any:
    if like is None:
        return None
    is_key = jnp.issubdtype(like.dtype, jax.dtypes.prng_key)
    zero = jax.random.key(0) if is_key else jnp.zeros((), like.dtype)
    return jnp.broadcast_to(zero, like.shape)
