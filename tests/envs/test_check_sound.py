"""Environments that keep the contract have no findings, however they keep it."""

import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxac
from jaxac.core import frozen, replace
from jaxac.envs import Box, TimeStep, probes
from jaxac.envs.check import check_env
from tests.envs.points import OFF, ending_at, observing, of_two, reset, step, task

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "jaxac_example"
STEPS = 96


@frozen
class Stack:
    """A state that remembers observations beside the environment's own."""

    inner: Any
    memory: Any


def stacked():
    """The last three observations of the task, and a key that is split at every step."""

    def reset_(key, params):
        key, key_reset = jax.random.split(key)
        state, obs = reset(key_reset, params)
        frames = jnp.zeros((3, 2)).at[-1].set(obs)
        return Stack({"env": state, "key": key, "none": None}, frames), frames

    def step_(key, state, action, params):
        own, key_noise = jax.random.split(state.inner["key"])
        inner, s = step(key, state.inner["env"], action, params)
        noisy = s.obs + 0.01 * jax.random.normal(key_noise, (2,))
        frames = jnp.roll(state.memory, -1, 0).at[-1].set(noisy)
        inner = {"env": inner, "key": own, "none": None}
        return Stack(inner, frames), replace(s, obs=frames)

    return task(reset=reset_, step=step_, observation_space=Box((3, 2)))


def with_views():
    """What the policy sees, what the critic sees, and which actions are legal."""
    space = {
        "policy": Box((1,), -2.0, 2.0),
        "critic": Box((2,)),
        "action_mask": Box((2,), 0.0, 1.0, "bool"),
    }

    def view(obs):
        legal = jnp.stack([obs[0] > -0.5, obs[0] < 0.5])
        return {"policy": obs[:1], "critic": obs, "action_mask": legal}

    return observing(view, observation_space=space)


def bandit():
    """One step, and a state without content: an end and a reset look the same."""

    def step_(key, state, action, params):
        return state, TimeStep(jnp.ones(1), jnp.float32(action), ~OFF, OFF)

    space = Box((1,), 0.0, 1.0)
    return task(reset=lambda key, p: ((), jnp.ones(1)), step=step_, observation_space=space)


def drawn_as_a_picture():
    return task(render=lambda state, params: np.zeros((8, 8, 3), np.uint8))


def point_mass():
    sys.path.insert(0, str(EXAMPLE))
    try:
        from jaxac_example import point_mass
    finally:
        sys.path.remove(str(EXAMPLE))
    return point_mass.make()


SOUND = {f.__name__: f for f in (task, stacked, with_views, of_two, bandit, drawn_as_a_picture)}
SOUND["two with box actions"] = lambda: of_two(action_space=Box((3,), -1.0))
SOUND["two and what both share"] = lambda: of_two(critic=True)
SOUND["point_mass"] = point_mass
SOUND["ends with its horizon"] = lambda: ending_at(lambda params: 7)
SOUND["step is jitted"] = lambda: task(step=jax.jit(step))
NAMED = (
    *(f"probe/{name}" for name in probes.ids()),
    "tabular/Chain-10",
    "tabular/RandomWalk-5",
    "gymnax/CartPole-v1",
    "gymnax/Acrobot-v1",
    "gymnax/Catch-bsuite",
    "gymnax/FrozenLake-misc",
)


@pytest.mark.parametrize("name", [*SOUND, *NAMED])
def test_a_sound_environment_has_no_findings(name):
    report = check_env(SOUND[name] if name in SOUND else jaxac.make_env(name), num_steps=STEPS)
    assert not report.findings and report.ok, str(report)
    assert not report.skipped and "nothing is wrong" in str(report)
    report.raise_errors()


@pytest.mark.parametrize("name", ["Pendulum-v1", "MemoryChain-bsuite"])
def test_what_gymnax_leaves_weak_or_bounds_wrongly_is_mended_by_its_adapter(name):
    report = check_env(jaxac.make_env(f"gymnax/{name}"), num_steps=STEPS)
    assert not report.findings, str(report)
