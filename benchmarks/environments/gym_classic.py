"""Classic control against gymnasium's: equal states, equal actions."""

import dataclasses
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from jaxac.envs import Box, Env

STEPS = 1000


def differences(env: Env, name: str, num_steps: int = STEPS) -> dict[str, float]:
    """Largest differences over `num_steps` transitions from states that gymnasium went through.

    The first fields of a state of `env`, but for its clock, are gymnasium's state, in its order.
    """
    before, actions, rows = transitions(name, num_steps)
    blank, _ = env.reset(jax.random.key(0), env.params)
    names = [f.name for f in dataclasses.fields(blank) if f.name != "time"][: before.shape[1]]

    def one(before, action):
        kept = {x: jnp.asarray(getattr(blank, x)) for x in vars(blank)}
        new = {x: v.astype(kept[x].dtype) for x, v in zip(names, before, strict=True)}
        state = dataclasses.replace(blank, **{**kept, **new})
        return env.step(jax.random.key(0), state, action, env.params)[1]

    dtype = jnp.float32 if isinstance(env.action_space, Box) else jnp.int32
    ours = jax.device_get(jax.jit(jax.vmap(one))(jnp.float32(before), jnp.asarray(actions, dtype)))
    return {
        "transitions": num_steps,
        "terminations": int(rows["terminated"].sum()),
        "obs": float(np.abs(ours.obs - rows["obs"]).max()),
        "reward": float(np.abs(ours.reward - rows["reward"]).max()),
        "flags": int((ours.terminated != rows["terminated"]).sum()),
    }


def transitions(name: str, num_steps: int, seed: int = 0) -> tuple[Any, Any, dict[str, Any]]:
    """States before a step [T, ...], actions [T, ...], and rows of what the step gave.

    Each action is held for 20 steps, so that a car reaches both ends of its track.
    """
    env: Any = gymnasium.make(name).unwrapped
    env.action_space.seed(seed)
    env.reset(seed=seed)
    before, actions, rows = [], [], []
    action = env.action_space.sample()
    for t in range(num_steps):
        action = env.action_space.sample() if t % 20 == 0 else action
        before.append(np.array(env.state, np.float64))
        actions.append(action)
        obs, reward, terminated, _, _ = env.step(action)
        rows.append({"obs": obs, "reward": reward, "terminated": terminated})
        if terminated:
            env.reset(seed=seed + t + 1)
    return np.array(before), np.array(actions), {k: np.array([r[k] for r in rows]) for k in rows[0]}
