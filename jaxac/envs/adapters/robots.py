"""What the Brax and Playground adapters share: a task that keeps a model and steps a `State`."""

import copy
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import strong
from jaxac.envs.contract import Box, Env, Space, TimeStep
from jaxac.envs.physics import Physics, time_limit
from jaxac.envs.resets import WhenNeeded


def adapt(
    name: str,
    original: Any,
    model: str,
    with_physics: Callable[[Any, Physics], Any],
    params: Physics,
    action_space: Space,
    render: Callable[[Any, Any], np.ndarray] | None,
) -> Env:
    """An un-reset environment with `reset(key) -> State` and `step(State, action) -> State`.

    `model` names the attribute that holds its physics, and `with_physics` changes that. `done` is
    the end of the task: both suites leave time limits to wrappers, which are not used here. A
    simulation that diverges ends its episode with reward 0 instead of NaN, so that one lane's
    physics never poisons its learner.
    """

    def under(physics: Physics) -> Any:
        changed = copy.copy(original)
        setattr(changed, model, with_physics(getattr(original, model), physics))
        return changed

    def reset(key, params):
        # typed keys break what these suites do with theirs
        state = jax.tree.map(strong, under(params).reset(jax.random.key_data(key)))
        return state, state.obs

    def step(key, state, action, params):
        del key
        state = jax.tree.map(lambda x: x, state)  # they write into the dicts of the old state
        state = jax.tree.map(strong, under(params).step(state, action))
        obs, reward = state.obs, jnp.asarray(state.reward, jnp.float32)
        finite = [jnp.isfinite(x).all() for x in jax.tree.leaves((obs, reward))]
        diverged = ~jnp.stack(finite).all()
        obs = jax.tree.map(jnp.nan_to_num, obs)
        reward = jnp.where(diverged, 0.0, reward)
        terminated = (jnp.asarray(state.done) > 0) | diverged
        return state, TimeStep(obs, reward, terminated, jnp.zeros((), bool))

    obs = jax.eval_shape(original.reset, jax.random.key_data(jax.random.key(0))).obs
    if isinstance(obs, dict):
        raise TypeError(f"{name} has several observations: {', '.join(obs)}")
    space = Box(obs.shape, dtype=obs.dtype.name)
    return Env(
        name, reset, step, params, space, action_space, time_limit, WhenNeeded(), render=render
    )
