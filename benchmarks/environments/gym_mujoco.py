"""The tasks of `mjx/...` against gymnasium's own, on MuJoCo: equal states, equal actions."""

import dataclasses
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from jaxac.envs import Env
from jaxac.envs import mjx as suite

STEPS = 1000
AT_ONCE = 20  # states; MuJoCo's solver goes on until the last of them has converged
Rows = dict[str, np.ndarray]


def transitions(name: str, like: Any, num_steps: int, seed: int = 0) -> Rows:
    """Random transitions of gymnasium's environment; a new episode follows each end.

    Each field of a state `like` those of the adapter is a row `before.<field>` [T, ...], read from
    the `MjData` before the step.
    """
    env: Any = gymnasium.make(name).unwrapped
    rng = np.random.default_rng(seed)
    low, high = env.action_space.low, env.action_space.high
    names = kept(like)
    rows = []
    env.reset(seed=seed)
    for t in range(num_steps):
        row = {f"before.{x}": np.array(getattr(env.data, x)) for x in names}
        action = rng.uniform(low, high).astype(np.float32)
        obs, reward, terminated, truncated, _ = env.step(action)
        assert not truncated
        data = env.data
        row |= {"action": action, "obs": obs, "reward": reward, "terminated": terminated}
        row |= {"qpos": np.array(data.qpos), "qvel": np.array(data.qvel), "contacts": data.ncon}
        rows.append(row)
        if terminated:
            env.reset(seed=seed + t + 1)
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def kept(state: Any) -> list[str]:
    """The fields of a state, which are those of `mjx.Data`."""
    return [f.name for f in dataclasses.fields(state) if getattr(state, f.name) is not None]


def shapes(env: Env) -> Any:
    """A state as shapes and dtypes."""
    return jax.eval_shape(env.reset, jax.random.key(0), env.params)[0]


def replayed(env: Env, rows: Rows) -> Rows:
    """The same transitions by `env`, each from gymnasium's state before it."""
    like = shapes(env)

    def stacked(x, name):
        values = jnp.asarray(rows[f"before.{name}"], x.dtype)
        return values.reshape(len(values), *x.shape)

    before = {x: stacked(getattr(like, x), x) for x in kept(like)}

    def one(row):
        before, action = row
        state, s = env.step(jax.random.key(0), like.replace(**before), action, env.params)
        return {
            **{"obs": s.obs, "reward": s.reward, "terminated": s.terminated},
            **{"truncated": s.truncated, "qpos": state.qpos, "qvel": state.qvel},
        }

    parts = jax.jit(lambda rows: jax.lax.map(one, rows, batch_size=AT_ONCE))
    return jax.device_get(parts((before, rows["action"])))


def differences(name: str) -> dict[str, float]:
    """Largest differences |a - b| / (1 + |b|) over random transitions, and their medians."""
    env = suite.make(name)
    rows = transitions(name, shapes(env), STEPS)
    ours = replayed(env, rows)
    found: dict[str, float] = {
        "transitions": STEPS,
        "with_contact": int((rows["contacts"] > 0).sum()),
        "terminations": int(rows["terminated"].sum()),
        "flags": int((ours["terminated"] != rows["terminated"]).sum()),
    }
    for key in ("qpos", "qvel", "obs", "reward"):
        apart = np.abs(ours[key] - rows[key]) / (1.0 + np.abs(rows[key]))
        worst = apart.reshape(STEPS, -1).max(1)
        found[f"{key}_median"] = float(np.median(worst))
        found[key] = float(worst.max())
    return found
