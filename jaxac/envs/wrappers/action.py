"""Wrappers that change which actions there are, and what becomes of one."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxac.core import Scalar, Static, field, frozen, replace, strong
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.wrappers.role import Held
from jaxac.errors import EnvError

MOST_ACTIONS = 10_000


@frozen
class RescaleAction:
    """The agent acts in [-1, 1], which is mapped to the bounds of the environment's Box.

    Raises `EnvError` for other spaces, and for infinite bounds.
    """

    def __call__(self, env):
        space = _bounded(self, env)
        low, high = space.bounds
        return _acted(
            env,
            lambda action: low + 0.5 * (action + 1.0) * (high - low),
            dataclasses.replace(space, low=-1.0, high=1.0),
        )


@frozen
class ClipAction:
    """Actions outside the bounds of their Box are brought to the nearest one inside.

    Raises `EnvError` for other spaces, and if there is no bound.
    """

    def __call__(self, env):
        space = _box(self, env)
        low, high = space.bounds
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            raise EnvError(
                f"ClipAction has no bounds to clip to: {env.name} takes {space}; drop it"
            )
        return _acted(env, lambda action: jnp.clip(action, low, high), space)


@frozen
class DiscretiseAction:
    """A Box as Discrete(bins ** dimensions): `bins` even steps from bound to bound in each.

    The last dimension is the fastest. Raises `EnvError` for other spaces, for infinite bounds, and
    for more than 10,000 actions.
    """

    bins: Static[int] = field(3, "actions of each dimension", within="[2, inf)")

    def __call__(self, env):
        space = _bounded(self, env)
        count = self.bins**space.size
        if count > MOST_ACTIONS:
            raise EnvError(
                f"DiscretiseAction(bins={self.bins}) makes {count:,} actions of {space} of "
                f"{env.name}, more than {MOST_ACTIONS:,}; use fewer bins or another algorithm"
            )
        low, high = (x.ravel() for x in space.bounds)
        weights = self.bins ** np.arange(space.size)[::-1]

        def continuous(action):
            digits = jnp.asarray(action)[..., None] // weights % self.bins
            flat = jnp.asarray(low + (high - low) * digits / (self.bins - 1), space.dtype)
            return flat.reshape((*jnp.shape(action), *space.shape))

        return _acted(env, continuous, Discrete(count))


@frozen
class ActionNoise:
    """Independent Gaussian noise on every element of a Box action, clipped to the bounds.

    Raises `EnvError` for other spaces.
    """

    std: Scalar = field(0.1, "standard deviation, in units of the action", within="[0, inf)")

    def __call__(self, env):
        low, high = _box(self, env).bounds

        def step(key, state, action, params):
            key_env, key_noise = jax.random.split(key)
            noise = self.std * jax.random.normal(key_noise, jnp.shape(action))
            return env.step(key_env, state, jnp.clip(action + noise, low, high), params)

        return dataclasses.replace(env, step=step)


@frozen
class StickyActions:
    """With probability `prob` the action executed last is executed again, whatever the agent does.

    Source: Machado et al. 2018, arXiv:1709.06009. As in the ALE, what is repeated is
    what was executed, not what was chosen, and the first step, which has nothing before it, repeats
    action 0 (of a Box zeros, brought within its bounds). Each agent sticks on its own. Before an
    `ActionRepeat` it draws at each repetition, as the ALE does; after it, once for all of them.
    Raises `EnvError` where actions have a mask, which a repeated action may break.
    """

    prob: Scalar = field(0.25, "probability of repeating", within="[0, 1]")

    def __call__(self, env):
        _unmasked(self, env)
        space = env.action_space
        agents = () if env.num_agents is None else (env.num_agents,)
        if isinstance(space, Discrete):
            nothing, axes = jnp.zeros(agents, jnp.int32), 0
        else:
            rest = np.clip(np.zeros(space.shape), *space.bounds)
            nothing, axes = jnp.full((*agents, *space.shape), rest, space.dtype), len(space.shape)

        def reset(key, params):
            state, obs = env.reset(key, params)
            return Held(state, nothing), obs

        def step(key, state, action, params):
            key_env, key_stick = jax.random.split(key)
            stick = jax.random.bernoulli(key_stick, self.prob, agents)
            stick = stick.reshape(agents + (1,) * axes)
            action = jnp.where(stick, state.memory, action).astype(nothing.dtype)
            inner, s = env.step(key_env, state.env, action, params)
            return Held(inner, action), s

        return dataclasses.replace(env, reset=reset, step=step)


@frozen
class ActionRepeat:
    """Each action is executed `num` times in a row, and its rewards and costs are summed.

    The repetition stops where the episode ends, be it by the environment or its time limit, and
    the observation is that of the last step executed. A step of the agent being several of the
    environment, the time limit becomes ceil(limit / num). Source: Mnih et al. 2015 (every 4th
    frame). Raises `EnvError` where actions have a mask, which a repeated action may break.
    """

    num: Static[int] = field(4, "steps of the environment per action", within="[1, inf)")

    def __call__(self, env):
        _unmasked(self, env)

        def reset(key, params):
            state, obs = env.reset(key, params)
            return Held(state, jnp.int32(0)), obs

        def step(key, state, action, params):
            limit = env.time_limit(params)

            def once(key, state):
                inner, s = env.step(key, state.env, action, params)
                return Held(inner, state.memory + 1), s

            def again(carried, key):
                state, s = carried
                over = s.terminated | s.truncated | (state.memory >= limit)
                after, more = once(key, state)
                more = replace(more, reward=s.reward + more.reward, cost=s.cost + more.cost)
                return jax.tree.map(lambda a, b: _pick(over, a, b), carried, (after, more)), None

            keys = jax.random.split(key, self.num)
            return jax.lax.scan(again, _typed(once(keys[0], state)), keys[1:])[0]

        def time_limit(params):
            return (env.time_limit(params) + self.num - 1) // self.num

        return dataclasses.replace(env, reset=reset, step=step, time_limit=time_limit)


def _typed(stepped: tuple[Any, TimeStep]) -> tuple[Any, TimeStep]:
    """A state and a time step whose dtypes are those of the contract, none of them weak."""
    state, s = stepped
    reward, cost = (jnp.asarray(x, jnp.float32) for x in (s.reward, s.cost))
    terminated, truncated = (jnp.asarray(x, bool) for x in (s.terminated, s.truncated))
    s = replace(s, reward=reward, cost=cost, terminated=terminated, truncated=truncated)
    return jax.tree.map(strong, (state, s))


def _pick(condition: Array, yes: Array, no: Any) -> Array:
    return jnp.where(condition, yes, jax.lax.convert_element_type(no, yes.dtype))


def _acted(env: Env, execute: Callable[[Any], Array], space: Box | Discrete) -> Env:
    """`env` with each action replaced by what `execute` makes of it."""

    def step(key, state, action, params):
        return env.step(key, state, execute(action), params)

    return dataclasses.replace(env, step=step, action_space=space)


def _box(wrapper: Any, env: Env) -> Box:
    if not isinstance(env.action_space, Box):
        raise EnvError(
            f"{type(wrapper).__name__} needs a Box of actions, but {env.name} takes "
            f"{env.action_space}; drop it"
        )
    return env.action_space


def _bounded(wrapper: Any, env: Env) -> Box:
    space = _box(wrapper, env)
    if not all(np.isfinite(x).all() for x in space.bounds):
        raise EnvError(
            f"{type(wrapper).__name__} needs finite bounds, but {env.name} takes {space}; drop it"
        )
    return space


def _unmasked(wrapper: Any, env: Env) -> None:
    if isinstance(env.observation_space, dict) and "action_mask" in env.observation_space:
        raise EnvError(
            f"{type(wrapper).__name__} repeats actions, which the action_mask of {env.name} may "
            "have made illegal by then; drop it"
        )
