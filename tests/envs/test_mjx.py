"""MJX tasks against gymnasium's own on MuJoCo, and environments from MJCF files."""

import functools
import inspect
from types import SimpleNamespace

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.environments.gym_mujoco import replayed, shapes, transitions
from jaxac import registry
from jaxac.core import Scalar, field, frozen, replace
from jaxac.envs import Box, loop, mjx
from jaxac.envs.adapters import extras
from jaxac.envs.mjx import from_mjcf, simulation
from jaxac.envs.physics import Physics, with_physics
from jaxac.errors import EnvError, RegistryError

BALL = """<mujoco>
  <option integrator="implicitfast" timestep="0.01"/>
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
FLYING = BALL.replace("implicitfast", "RK4").replace('<geom type="plane" size="5 5 .1"/>', "")
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
    rows = transitions(name, shapes(task(name)), num_steps)
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
    with pytest.raises(RegistryError, match=r"no environment 'Ant-v4'; did you mean .*Ant-v5"):
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


@pytest.mark.parametrize(("name", "num_steps"), [("Hopper-v5", 200), ("Ant-v5", 120)])
def test_every_step_is_that_of_gymnasium(name, num_steps):
    """From its states, by its actions: float32 against float64, no more than that."""
    theirs, ours = versus(name, num_steps)
    for key in ("qpos", "qvel", "obs", "reward"):
        apart = np.abs(getattr(ours, key) - getattr(theirs, key)).reshape(num_steps, -1)
        scale = 1.0 + np.abs(getattr(theirs, key)).reshape(num_steps, -1)
        worst = (apart / scale).max(1)
        assert np.median(worst) < 1e-5 and worst.max() < 5e-3, key
    np.testing.assert_array_equal(ours.terminated, theirs.terminated)
    assert theirs.terminated.sum() >= 1 and not ours.truncated.any()
    assert (theirs.contacts > 0).sum() > 30
    assert name != "Ant-v5" or np.abs(theirs.obs[:, 27:]).max() == 1.0  # clipped contact forces


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


def test_newtons_factorisations_are_the_only_ones_so_that_none_runs_beside_another():
    """Two in the body of one loop, or one beside a loop, could hang; see docs/install.md."""
    env = task("Hopper-v5")
    text = jax.jit(env.step).lower(KEY, shapes(env), jnp.zeros(3), env.params).as_text()
    assert text.count("lapack_spotrf") == 2  # before Newton's loop, and in it


def test_a_healthy_range_is_traced():
    """A state that is healthy by default is not if the params ask for more."""
    env = task("Hopper-v5")
    healthy, terminated = mjx.locomotion._hops, mjx.TASKS["Hopper-v5"].terminated
    data = SimpleNamespace(qpos=jnp.array([0.0, 1.2, 0.1, 0, 0, 0]), qvel=jnp.zeros(6))
    heights = jnp.array([0.7, 1.19, 1.2, 1.3])
    ended = jax.vmap(lambda z: terminated(data, replace(env.params, healthy_z_min=z)))(heights)
    assert ended.tolist() == [False, False, True, True] and bool(healthy(data, env.params))
    for key, bad in (("qpos", 2), ("qvel", 5)):
        value = getattr(data, key).at[bad].set(101.0)
        assert not healthy(SimpleNamespace(**{**vars(data), key: value}), env.params)


def walk(env, params, num_steps, action=0.0):
    """Observations and rewards [T, ...] of one episode from the resting state."""
    state, _ = env.reset(KEY, replace(params, reset_noise_scale=0.0))
    actions = jnp.full((num_steps, *env.action_space.shape), action)

    def one(state, action):
        state, s = env.step(KEY, state, action, params)
        return state, (s.obs, s.reward)

    return jax.lax.scan(one, state, actions)[1]


def test_gravity_masses_and_gains_are_lanes_of_one_program():
    env = slider(max_steps=100, reset_noise=0.0)
    changes = ({}, {"gravity": 0.0}, {"gravity": -1.0}, {"mass": 2.0}, {"gain": 3.0}, {"pay": 0.0})
    each = [replace(env.params, **x) for x in changes]
    lanes = jax.tree.map(lambda *x: jnp.array(x, jnp.float32), *each)
    obs, reward = jax.jit(jax.vmap(lambda p: walk(env, p, 10, 1.0)))(lanes)
    t = 0.01 * np.arange(1, 11)
    fall = 0.5 * t * (t + 0.01)  # of semi-implicit Euler at acceleration 1
    for i, rate in enumerate((-8.81, 1.0, 0.0, -9.31, -6.81, -8.81)):
        np.testing.assert_allclose(obs[i, :, 0], rate * fall, atol=1e-5)
    np.testing.assert_allclose(reward[0], 2.0 * obs[0, :, 0], rtol=1e-6)
    assert not reward[5].any()
    alone = jax.jit(lambda p: walk(env, p, 10, 1.0))
    for i, params in enumerate(each):
        np.testing.assert_allclose(alone(params)[0], obs[i], atol=1e-6)
    assert alone._cache_size() == 1


def test_the_loop_ends_episodes_and_max_steps_is_traced():
    env = make_slider()

    def lengths(max_steps):
        params = replace(env.params, max_steps=max_steps)
        first = loop.start(KEY, env, params, 2)

        def one(envs, key):
            return loop.step(key, env, params, envs, jnp.zeros((2, 1)))

        return jax.lax.scan(one, first, jax.random.split(KEY, 60))[1]

    out = jax.jit(jax.vmap(lengths))(jnp.array([7, 1000]))
    assert out.truncated[0, 6].all() and out.truncated[0].sum() == 2 * 8
    assert not out.terminated[0].any() and not out.truncated[1].any()
    ended = np.argmax(out.terminated[1], 0)  # 1 m below the start, after 0.45 s of fall
    assert ((ended >= 43) & (ended <= 46)).all()
    np.testing.assert_array_equal(out.episode_length[1, ended, [0, 1]], ended + 1)
    assert (out.final_obs[1, ended, [0, 1], 0] < -1.0).all()


@pytest.mark.parametrize("text", [BALL, FLYING], ids=["implicitfast", "RK4"])
def test_a_frame_is_that_of_mujoco(text):
    """A ball that spins, and hits the floor if there is one, with a filtered actuator."""
    model, frames = simulation.load(text), 60
    env = from_mjcf(text, lambda *_: 0.0)
    data = extras.load("mjx", "mujoco").MjData(model)
    data.qpos[2], data.qvel[:] = 0.2, [1, 0, -2, 3, -2, 5, 1]
    qpos, qvel = jnp.asarray(data.qpos, jnp.float32), jnp.asarray(data.qvel, jnp.float32)

    def run(qpos, qvel):
        state = env.reset(KEY, env.params)[0].replace(qpos=qpos, qvel=qvel)

        def one(state, _):
            state, _ = env.step(KEY, state, jnp.ones(1), env.params)
            return state, (state.qpos, state.qvel, state.act)

        return jax.lax.scan(one, state, length=frames)[1]

    rows = jax.jit(run)(qpos, qvel)
    data.ctrl[:] = 1.0
    touched = 0
    for t in range(frames):
        extras.load("mjx", "mujoco").mj_step(model, data)
        touched += data.ncon > 0
        for ours, theirs in zip(rows, (data.qpos, data.qvel, data.act), strict=True):
            np.testing.assert_allclose(ours[t], theirs, rtol=2e-3, atol=2e-3)
    assert touched < frames and (touched > 0) == (text is BALL)


def test_a_simulation_that_diverges_ends_with_reward_0_and_no_nan():
    env = make_slider()

    def poisoned(key):
        state, _ = env.reset(key, env.params)
        state = state.replace(qvel=jnp.full(1, jnp.nan))
        return env.step(key, state, jnp.zeros(1), env.params)[1]

    after = jax.jit(poisoned)(KEY)
    assert bool(after.terminated) and after.reward == 0 and np.isfinite(after.obs).all()


def test_factors_scale_what_they_name():
    simulator = extras.load("mjx", "mujoco.mjx")
    model = simulator.put_model(simulation.load(BALL))
    twice = with_physics(model, Physics(mass=2.0, friction=3.0, gain=4.0, gravity=-1.0))
    for name, factor in {
        "body_mass": 2.0,
        "body_inertia": 2.0,
        "body_subtreemass": 2.0,
        "geom_friction": 3.0,
        "actuator_gainprm": 4.0,
        "actuator_forcerange": 4.0,
    }.items():
        want = factor * np.asarray(getattr(model, name))
        np.testing.assert_allclose(getattr(twice, name), want, rtol=1e-6)
    np.testing.assert_allclose(twice.opt.gravity, [0, 0, -1.0])
    muscle = model.replace(actuator_gaintype=np.array([simulator.GainType.MUSCLE]))
    stronger = with_physics(muscle, Physics(gain=4.0)).actuator_gainprm / 1.0
    want = np.asarray(model.actuator_gainprm) * np.where(np.isin(np.arange(10), (2, 3)), 4.0, 1.0)
    np.testing.assert_allclose(stronger, want)


def test_an_episode_may_start_from_a_keyframe_and_names_itself():
    env = from_mjcf(BALL, height_of_ball, keyframe="high", name="Ball")
    state, _ = jax.jit(env.reset)(KEY, replace(env.params, reset_noise_scale=0.0))
    np.testing.assert_allclose(state.qpos, [0, 0, 3, 1, 0, 0, 0, 0.5])
    assert env.name == "Ball" and env.action_space == Box((1,), -1.0, 1.0)
    with pytest.raises(EnvError, match="no keyframe 'hihg'; did you mean high"):
        from_mjcf(BALL, height_of_ball, keyframe="hihg")


def height_of_ball(before, data, action, params):
    return data.qpos[2]


def test_a_named_function_is_an_environment():
    env = registry.make_env(f"{__name__}:make_slider")
    assert env.params == Lift(max_steps=7) and str(env.action_space) == "Box(1, [-inf, inf])"


def test_several_observations_are_named():
    env = slider(observe=lambda data, p: {"policy": data.qpos, "critic": data.qvel})
    assert env.observation_space == {"policy": Box((1,)), "critic": Box((1,))}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/robot.xml", "no MJCF file no/such/robot.xml"),
        ("<mujoco><worldbody><wheel/></worldbody></mujoco>", "(?s)cannot compile the MJCF .*wheel"),
        ("<mujoco><worldbody/></mujoco>", "the MJCF text has no <actuator>"),
        (SLIDER.format(integrator="implicit"), "MJX cannot simulate this model: .*IMPLICIT"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_the_reason(source, message):
    with pytest.raises(EnvError, match=message):
        from_mjcf(source, height)


def test_a_reward_or_an_end_that_is_not_one_number_is_refused():
    with pytest.raises(EnvError, match=r"reward must be one number, but its shape is \(1,\)"):
        from_mjcf(SLIDER.format(integrator="Euler"), lambda before, data, action, p: data.qpos)
    with pytest.raises(EnvError, match="terminated must be one number"):
        slider(terminated=lambda data, p: data.qpos > 0)


def test_a_picture_shows_where_the_robot_is():
    env = slider()
    state, _ = jax.jit(env.reset)(KEY, env.params)
    try:
        low = env.render(state, env.params)
    except EnvError as error:
        pytest.skip(str(error))
    high = env.render(state.replace(qpos=state.qpos + 0.1), env.params)
    assert low.dtype == np.uint8 and low.ndim == 3 and low.shape[2] == 3 and (low != high).any()
