"""The program that a check runs: many steps of several lanes, and what is noted of each step."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import frozen
from jaxac.envs.check.trees import is_key, leaves, numbers
from jaxac.envs.contract import Box, Env
from jaxac.envs.loop import where

LANES = 16
PLAIN = LANES // 2  # these draw actions anywhere, the others at the bounds of the action space
MARGIN = 0.5  # of the range of first states, added on both sides
SPREAD = 3.0  # the bounds that actions are drawn in where the space has none


@frozen
class Record:
    """Every step [T, N] of a run; dicts are by leaf."""

    reward: Any
    terminated: Any
    truncated: Any
    elapsed: Any  # steps of the episode, this one included
    finite: dict[str, Any]  # whether an observation is all finite numbers
    legal: Any  # whether an action was legal where one was taken
    key_matters: Any  # whether another key leads to another observation
    both_over: Any  # whether the episode ended under either key
    like_reset: Any  # whether state and observation could be those of a reset
    clocks: dict[str, tuple[Any, Any]]  # integers in the state, before and after
    changed: dict[str, Any]  # whether a leaf of the state changed in any lane, [T]


@frozen
class Extremes:
    """The least and greatest value of each element of each observation."""

    low: dict[str, Any]
    high: dict[str, Any]


def over_lanes(fn: Callable, in_turn: bool) -> Callable:
    """`fn(*rows, params)` for many rows, at once or one after another.

    In turn because batched LAPACK calls can hang on a CPU (docs/install.md).
    """

    def of_all(*args):
        *rows, params = args

        def of_one(row):
            return fn(*row, params)

        return jax.lax.map(of_one, tuple(rows)) if in_turn else jax.vmap(of_one)(tuple(rows))

    return of_all


def steps(env: Env, in_turn: bool) -> Callable[[Any, Any, Any], tuple[Extremes, Record]]:
    """`program(chance, first, params)`: lanes that go on from one of `first` when they are over.

    Every step is taken twice, with different keys; the first of the two counts.
    """
    step = over_lanes(env.step, in_turn)

    def program(chance, first, params):
        ranges = [_range(x) for x in jax.tree.leaves(first)]
        limit = env.time_limit(params)

        def one(carried, x):
            (state, obs, elapsed, seen), (t, keys, share) = carried, x
            action = act(env, share, obs)
            start, acted = jax.tree.map(lambda x: jnp.concatenate([x, x]), (state, action))
            (after, s), (_, other) = _halves(step(keys, start, acted, params))
            after, led_to = _cast_like((after, s.obs), (state, obs))
            elapsed, over = elapsed + 1, s.terminated | s.truncated
            row = Record(
                reward=s.reward,
                terminated=s.terminated,
                truncated=s.truncated,
                elapsed=elapsed,
                finite={name: _each(jnp.isfinite(x)) for name, x in leaves(led_to, "")},
                legal=_legal(obs),
                key_matters=~_same(led_to, other.obs),
                both_over=over & (other.terminated | other.truncated),
                like_reset=_within(jax.tree.leaves((after, led_to)), ranges),
                clocks=_clocks(state, after),
                changed=_changes(state, after),
            )
            done = over | (elapsed >= limit)
            fresh = jax.tree.map(lambda x: x[(jnp.arange(LANES) + t) % LANES], first)
            state, obs = where(done, fresh, (after, led_to))
            return (state, obs, jnp.where(done, 0, elapsed), _widened(seen, led_to)), row

        begin = first[0], first[1], jnp.zeros(LANES, jnp.int32), _extremes(first[1])
        num_steps = len(chance[0])
        (*_, seen), record = jax.lax.scan(one, begin, (jnp.arange(num_steps), *chance))
        return seen, record

    return program


def chance(key: Any, env: Env, num_steps: int) -> tuple[Any, Any]:
    """Keys [T, 2 N] and numbers in [0, 1) [T, N, ...] for every draw of a run.

    They are made beforehand, for a program with fewer generators in it compiles faster.
    """
    key_keys, key_actions = jax.random.split(key)
    keys = jax.random.split(key_keys, (num_steps, 2 * LANES))
    shape = env.action_space.shape if isinstance(env.action_space, Box) else ()
    return keys, jax.random.uniform(key_actions, (num_steps, *_lead(env), *shape))


def act(env: Env, share: Any, obs: Any) -> Any:
    """One action for each of `LANES` rows: the first half anywhere, the rest at the bounds."""
    space, lane = env.action_space, _rows(jnp.arange(LANES), share.shape)
    if isinstance(space, Box):
        low, high = space.bounds
        low = np.where(np.isfinite(low), low, np.minimum(-SPREAD, high - SPREAD))
        high = np.where(np.isfinite(high), high, np.maximum(SPREAD, low + SPREAD))
        up = ((share > 0.5) | (lane == PLAIN)) & (lane != PLAIN + 1)
        share = jnp.where(lane < PLAIN, share, up)
        return (low * (1 - share) + high * share).astype(jnp.float32)
    masked = isinstance(obs, dict) and "action_mask" in obs
    legal = obs["action_mask"] if masked else jnp.ones((*share.shape, space.n), bool)
    rank = jnp.floor(share * legal.sum(-1))  # of the action among the legal ones
    anything = jnp.argmax(jnp.cumsum(legal, -1) > rank[..., None], -1)
    always = jnp.broadcast_to((lane - PLAIN) % space.n, share.shape)
    is_legal = jnp.take_along_axis(legal, always[..., None], -1)[..., 0]
    return jnp.where(is_legal & (lane >= PLAIN), always, anything).astype(jnp.int32)


def _lead(env: Env) -> tuple[int, ...]:
    return (LANES, *(() if env.num_agents is None else (env.num_agents,)))


def _rows(x: Any, shape: tuple[int, ...]) -> Any:
    return x.reshape(-1, *(1,) * (len(shape) - 1))


def _halves(tree: Any) -> tuple[Any, Any]:
    return jax.tree.map(lambda x: x[:LANES], tree), jax.tree.map(lambda x: x[LANES:], tree)


def _cast_like(tree: Any, like: Any) -> Any:
    return jax.tree.map(lambda x, y: jax.lax.convert_element_type(x, y.dtype), tree, like)


def _each(x: Any) -> Any:
    """Whether all of each row is true, [N]."""
    return x.reshape(LANES, math.prod(x.shape[1:])).all(1)


def _same(one: Any, two: Any) -> Any:
    """Whether the rows of two trees are equal, NaN to NaN, [N]."""
    each = zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True)
    return jnp.stack([_each((x == y) | ((x != x) & (y != y))) for x, y in each]).all(0)


def _legal(obs: Any) -> Any:
    if not isinstance(obs, dict) or "action_mask" not in obs:
        return jnp.ones(LANES, bool)
    return _each(obs["action_mask"].any(-1))


def _range(x: Any) -> Any:
    """Least and greatest of `LANES` first values, with a margin; None for a key."""
    if is_key(x):
        return None
    x = x.astype(jnp.float32)
    margin = MARGIN * (x.max(0) - x.min(0))
    return x.min(0) - margin, x.max(0) + margin


def _within(values: list[Any], ranges: list[Any]) -> Any:
    inside = [
        _each(~(x.astype(jnp.float32) < span[0]) & ~(x.astype(jnp.float32) > span[1]))
        for x, span in zip(values, ranges, strict=True)
        if span is not None
    ]
    return jnp.stack(inside).all(0)


def _clocks(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    each = zip(leaves(before, "state"), leaves(after, "state"), strict=True)
    return {
        path: (x, y)
        for (path, x), (_, y) in each
        if x.ndim == 1 and jnp.issubdtype(x.dtype, jnp.integer)
    }


def _changes(before: Any, after: Any) -> dict[str, Any]:
    each = zip(leaves(before, "state"), leaves(after, "state"), strict=True)
    return {path: (numbers(x) != numbers(y)).any() for (path, x), (_, y) in each}


def _extremes(obs: Any) -> Extremes:
    each = {name: x.astype(jnp.float32) for name, x in leaves(obs, "")}
    low = {name: jnp.nanmin(x, 0) for name, x in each.items()}
    return Extremes(low, {name: jnp.nanmax(x, 0) for name, x in each.items()})


def _widened(seen: Extremes, obs: Any) -> Extremes:
    more = _extremes(obs)
    low = jax.tree.map(jnp.fmin, seen.low, more.low)
    return Extremes(low, jax.tree.map(jnp.fmax, seen.high, more.high))
