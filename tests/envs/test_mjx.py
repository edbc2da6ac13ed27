"""MJX tasks against gymnasium's own on MuJoCo, and environments from MJCF files."""

import functools
import inspect
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mujoco import mjx as simulator

from benchmarks.environments_mjx import replayed, transitions
from jaxac import registry
from jaxac.core import Scalar, field, frozen, replace
from jaxac.envs import Box, loop, mjx
from jaxac.envs.mjx import from_mjcf, simulation
from jaxac.envs.physics import Physics, with_physics
from jaxac.errors import EnvError, RegistryError

gymnasium = pytest.importorskip("gymnasium")

BALL = """<mujoco>
  <option integrator="{integrator}" timestep="0.01"/>
  <worldbody>
    <geom type="plane" size="5 5 .1"/>
    <body name="ball" pos="0 0 1">
      <freejoint/>
      <geom size=".1" mass="1"/>
      <body pos=".3 0 0">
        <joint name="arm" axis="0 1 0" damping=".1"/>
        <geom type="capsule" fromto="0 0 0 .2 0 0" size=".02" contype="0" conaffinity="0"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <general joint="arm" dyntype="filter" dynprm=".1" gainprm="2" ctrllimited="true"
      ctrlrange="-1 1" forcerange="-1 1" forcelimited="true"/>
  </actuator>
  <keyframe><key name="high" qpos="0 0 3 1 0 0 0 .5"/></keyframe>
</mujoco>"""
SLIDER = """<mujoco>
  <option integrator="{integrator}" timestep="0.01"/>
  <worldbody>
    <body><joint name="z" type="slide" axis="0 0 1"/><geom size=".1" mass="1"/></body>
  </worldbody>
  <actuator><motor joint="z"/></actuator>
</mujoco>"""
KEY = jax.random.key(0)


@frozen
class Lift(mjx.Robot):
    """Params of a task of the user's own."""

    pay: Scalar = field(2.0, "reward of a height of 1 m", within="[0, inf)")


def height(before, data, action, params):
    return params.pay * data.qpos[0]


def slider(**changes):
    chosen = {"params": Lift, "max_steps": 7, **changes}
    return from_mjcf(SLIDER.format(integrator="Euler"), height, **chosen)


def make_slider():
    return slider(terminated=lambda data, params: data.qpos[0] < -1.0)


@functools.cache
def task(name):
    return mjx.make(name)


@functools.cache
def versus(name, num_steps):
    rows = transitions(name, num_steps)
    return SimpleNamespace(**rows), SimpleNamespace(**replayed(task(name), rows))


@functools.cache
def firsts(name):
    """Many first states with their observations [N, ...], and the program's text."""
    env, keys = task(name), jax.random.split(KEY, 400)
    program = jax.jit(jax.vmap(env.reset, (0, None))).lower(keys, env.params).compile()
    return program.as_text(), *program(keys, env.params)


def test_the_ids_are_all_v5_tasks_that_gymnasium_registers():
    specs = gymnasium.registry.values()
    registered = [x.id for x in specs if str(x.entry_point).startswith("gymnasium.envs.mujoco")]
    assert sorted(mjx.ids()) == sorted(x for x in registered if x.endswith("-v5"))
    with pytest.raises(RegistryError, match="no environment 'Ant-v4'; did you mean .*Ant-v5"):
        mjx.make("Ant-v4")


@pytest.mark.parametrize("name", mjx.ids())
def test_numbers_are_gymnasiums_defaults(name):
    """Every number of its constructor is a param here, but for what its reward never reads."""
    facts, theirs = mjx.TASKS[name], gymnasium.make(name)
    defaults = inspect.signature(type(theirs.unwrapped).__init__).parameters
    ours = {k: v for k, v in vars(facts.params).items() if k not in vars(Physics())}
    for key, value in ours.items():
        stem, _, end = key.rpartition("_")
        if end in ("min", "max") and f"{stem}_range" in defaults:
            low, high = defaults[f"{stem}_range"].default
            assert value == (low if end == "min" else high), key
        elif key in defaults:
            assert value == defaults[key].default, key
        else:  # Hopper's height has no upper bound; Reacher and Pusher name their noise nowhere
            assert key == "reset_noise_scale" and name in ("Reacher-v5", "Pusher-v5")
    numbers = {k for k, v in defaults.items() if isinstance(v.default, float)}
    assert numbers <= set(ours) | {"uph_cost_weight"}
    inner = theirs.unwrapped
    assert facts.file == inner.fullpath.rpartition("/")[2]
    assert facts.frame_skip == inner.frame_skip
    assert facts.params.gravity == inner.model.opt.gravity[2]
    assert facts.params.max_steps == theirs.spec.max_episode_steps


@pytest.mark.parametrize("name", ["Hopper-v5", "Ant-v5"])
def test_spaces_are_gymnasiums(name):
    env, theirs = task(name), gymnasium.make(name)
    assert env.observation_space == Box(theirs.observation_space.shape)
    low, high = env.action_space.bounds
    np.testing.assert_array_equal(low, theirs.action_space.low)
    np.testing.assert_array_equal(high, theirs.action_space.high)
    assert env.time_limit(env.params) == 1000


def test_every_hopper_step_is_that_of_gymnasium():
    theirs, ours = versus("Hopper-v5", 200)
    np.testing.assert_allclose(ours.qpos, theirs.qpos, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.qvel, theirs.qvel, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.obs, theirs.obs, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.reward, theirs.reward, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(ours.terminated, theirs.terminated)
    assert theirs.terminated.sum() >= 3 and not ours.truncated.any()
    assert (theirs.contacts > 0).sum() > 50


def test_every_ant_step_is_that_of_gymnasium_but_for_the_frames_of_steep_contacts():
    """MJX turns the friction pyramid of a steep capsule otherwise than MuJoCo does."""
    theirs, ours = versus("Ant-v5", 200)
    same = ~theirs.steep
    assert same.sum() > 60 and (same & (np.abs(theirs.obs[:, 27:]).max(1) > 0)).sum() > 5
    np.testing.assert_allclose(ours.qpos[same], theirs.qpos[same], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ours.qvel[same], theirs.qvel[same], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(ours.obs[same], theirs.obs[same], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(ours.reward[same], theirs.reward[same], rtol=2e-3, atol=2e-3)
    for key in ("qpos", "qvel", "obs"):
        apart = np.abs(getattr(ours, key) - getattr(theirs, key))[same]
        assert np.median(apart.max(1)) < 1e-4, key
    np.testing.assert_array_equal(ours.terminated, theirs.terminated)
    assert theirs.terminated.any() and not ours.truncated.any()


@pytest.mark.parametrize(("name", "normal"), [("Hopper-v5", False), ("Ant-v5", True)])
def test_first_states_have_gymnasiums_noise_and_observation(name, normal):
    env, theirs = task(name), gymnasium.make(name).unwrapped
    _, state, obs = firsts(name)
    scale = env.params.reset_noise_scale
    noise = np.asarray(state.qpos - theirs.init_qpos) / scale
    assert np.abs(noise).max() < 1.0 + 1e-4 and np.abs(noise).max(0).min() > 0.95
    np.testing.assert_allclose(noise.std(0), 1 / np.sqrt(3), atol=0.06)
    noise = np.asarray(state.qvel) / scale
    np.testing.assert_allclose(noise.std(0), 1.0 if normal else 1 / np.sqrt(3), atol=0.15)
    assert (np.abs(noise).max() > 2.0) == normal
    theirs.reset()
    theirs.set_state(np.asarray(state.qpos[0]), np.asarray(state.qvel[0]))
    np.testing.assert_allclose(obs[0], theirs._get_obs(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state.xpos[0], theirs.data.xpos, rtol=1e-5, atol=1e-6)


def test_a_first_state_needs_no_lapack():
    assert "lapack" not in firsts("Ant-v5")[0]
