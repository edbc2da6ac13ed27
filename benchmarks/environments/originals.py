"""Each suite through its own API alone, without a line of jaxac."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

CONTACTS = {"Humanoid-v5": 16, "HumanoidStandup-v5": 16}
"""As many as our own tasks keep; MJX alone would work out every pair of geoms."""
ALONE = ("2048", "minatar-breakout", "minatar-space_invaders")
"""Games of pgx for one; those for several have no counterpart with an opponent in pgx."""


@dataclasses.dataclass(frozen=True)
class Original:
    """A suite's environment: un-reset for comparing, with the suite's own reset for timing."""

    reset: Callable[[Any], tuple[Any, Any]] | None  # key -> state, obs
    step: Callable[[Any, Any, Any], tuple[Any, Any, Any, Any]] | None
    """key, state, action -> state, obs, reward, whether the task ended (no time limit)"""
    start: Callable[[Any], Any]  # keys [N] -> states and observations
    advance: Callable[[Any, Any, Any], tuple[Any, Any]]
    """keys [N], states and observations, actions [N] -> the next ones, rewards [N]

    Reset as the suite does. Observations are handed on, as to a policy: else XLA leaves them out.
    """


def original(name: str) -> Original | None:
    """The original of `suite/Name`; None if nobody else has it."""
    suite, _, rest = name.partition("/")
    if suite == "pgx" and rest not in ALONE:
        return None
    return SUITES[suite](rest) if suite in SUITES else None


def _gymnax(name: str) -> Original:
    import gymnax

    env, params = gymnax.make(name)
    space = env.observation_space(params)

    def shown(obs):
        return jax.nn.one_hot(obs, space.n) if hasattr(space, "n") else obs

    def reset(key):
        obs, state = env.reset_env(key, params)
        return state, shown(obs)

    def step(key, state, action):
        obs, state, reward, done, _ = env.step_env(key, state, action, params)
        return state, shown(obs), reward, done

    def start(keys):
        return jax.vmap(env.reset, (0, None))(keys, params)[::-1]

    def advance(keys, seen, actions):
        step = jax.vmap(env.step, (0, 0, 0, None))
        obs, states, reward, *_ = step(keys, seen[0], actions, params)
        return (states, obs), reward

    return Original(reset, step, start, advance)


def _robot(env: Any, wrapped: Any) -> Original:
    """Brax and Playground: a State that holds everything, raw keys, wrappers that reset."""

    def reset(key):
        state = env.reset(jax.random.key_data(key))
        return state, state.obs

    def step(key, state, action):
        del key
        after = env.step(jax.tree.map(lambda x: x, state), action)
        return after, after.obs, after.reward, jnp.asarray(after.done) > 0

    def start(keys):
        return wrapped.reset(jax.random.key_data(keys))

    def advance(keys, states, actions):
        del keys
        after = wrapped.step(jax.tree.map(lambda x: x, states), actions)
        after = jax.tree.map(lambda x, y: jnp.asarray(x, y.dtype), after, states)
        return after, after.reward

    return Original(reset, step, start, advance)


def _brax(name: str) -> Original:
    from brax import envs
    from brax.envs.wrappers import training

    task, _, backend = name.partition("-")
    env = envs.get_environment(task, backend=backend or "generalized")
    return _robot(env, training.wrap(env, episode_length=1000))


def _playground(name: str) -> Original:
    suite = importlib.import_module("mujoco_playground._src.dm_control_suite")
    wrapper = importlib.import_module("mujoco_playground._src.wrapper")
    config = suite.get_default_config(name)
    config.impl = "jax"
    env = suite.load(name, config=config)
    return _robot(env, wrapper.wrap_for_brax_training(env, config.episode_length))


def _navix(name: str) -> Original:
    import navix

    env = navix.make(name)

    def reset(key):
        timestep = env.reset(key)
        return timestep, timestep.observation

    def step(key, timestep, action):
        del key
        after = env._step(timestep, action)
        return after, after.observation, after.reward, after.is_termination()

    def advance(keys, timesteps, actions):
        del keys
        after = jax.vmap(env.step)(timesteps, actions)
        return after, after.reward

    return Original(reset, step, jax.vmap(env.reset), advance)


def _xminigrid(name: str) -> Original:
    import xminigrid
    from xminigrid.wrappers import DirectionObservationWrapper, GymAutoResetWrapper

    plain, params = xminigrid.make(name)
    env = DirectionObservationWrapper(plain)  # our obs hold the direction too
    own = GymAutoResetWrapper(plain)

    def shown(timestep):
        image, direction = timestep.observation["img"], timestep.observation["direction"]
        layer = jnp.full_like(image[..., :1], direction.argmax(-1))
        return jnp.concatenate([image, layer], -1)

    def reset(key):
        timestep = env.reset(params, key)
        return timestep.replace(observation=None), shown(timestep)

    def step(key, timestep, action):
        del key
        after = env.step(params, timestep, action)
        return after.replace(observation=None), shown(after), after.reward, after.discount == 0

    def start(keys):
        return jax.vmap(own.reset, (None, 0))(params, keys)

    def advance(keys, timesteps, actions):
        del keys
        after = jax.vmap(own.step, (None, 0, 0))(params, timesteps, actions)
        return after, after.reward

    return Original(reset, step, start, advance)


def _craftax(name: str) -> Original:
    from craftax.craftax_env import make_craftax_env_from_name

    env, own = (make_craftax_env_from_name(name, auto_reset=x) for x in (False, True))
    params = env.default_params

    def reset(key):
        obs, state = env.reset_env(key, params)
        return state, obs

    def step(key, state, action):
        obs, state, reward, done, _ = env.step_env(key, state, action, params)
        return state, obs, reward, done

    def start(keys):
        return jax.vmap(own.reset, (0, None))(keys, params)[::-1]

    def advance(keys, seen, actions):
        step = jax.vmap(own.step, (0, 0, 0, None))
        obs, states, reward, *_ = step(keys, seen[0], actions, params)
        return (states, obs), reward

    return Original(reset, step, start, advance)


def _jumanji(name: str) -> Original:
    import jumanji
    from jumanji.wrappers import AutoResetWrapper

    env = jumanji.make(name)
    own = AutoResetWrapper(env)

    def shown(observation):
        parts = observation._asdict()
        parts.pop("step_count", None)
        mask = parts.pop("action_mask", ())
        return {"action_mask": mask, "policy": tuple(parts.values())}  # in the order of ours

    def reset(key):
        state, timestep = env.reset(key)
        return state, shown(timestep.observation)

    def step(key, state, action):
        del key
        state, timestep = env.step(state, action)
        return state, shown(timestep.observation), timestep.reward, timestep.last()

    def start(keys):
        states, timestep = jax.vmap(own.reset)(keys)
        return states, timestep.observation

    def advance(keys, seen, actions):
        del keys
        states, timestep = jax.vmap(own.step)(seen[0], actions)
        return (states, timestep.observation), timestep.reward

    return Original(reset, step, start, advance)


def _pgx(name: str) -> Original:
    import pgx
    from pgx.experimental.wrappers import auto_reset

    env = pgx.make(name)
    own = auto_reset(env.step, env.init)

    def shown(state):
        return {"action_mask": state.legal_action_mask, "policy": state.observation}

    def reset(key):
        state = env.init(jax.random.split(key, 3)[0])
        return state, shown(state)

    def step(key, state, action):
        state = env.step(state, action, jax.random.split(key)[0])
        return state, shown(state), state.rewards[0], state.terminated

    def advance(keys, states, actions):
        states = jax.vmap(own)(states, actions, keys)
        return states, states.rewards[:, 0]

    return Original(reset, step, jax.vmap(env.init), advance)


def _jaxmarl(name: str) -> Original:
    import jaxmarl

    # its clock is part of its "done"; in MPE it would strike within an episode of `compare`
    env = jaxmarl.make(name, **({"max_steps": 1000} if name.startswith("MPE") else {}))
    own = jaxmarl.make(name)

    def stacked(x):
        rows = [jnp.ravel(x[a]) for a in env.agents] if isinstance(x, dict) else list(x)
        size = max(row.size for row in rows)
        return jnp.stack([jnp.pad(row, (0, size - row.size)) for row in rows])

    def as_dict(action):
        return {a: action[i] for i, a in enumerate(env.agents)}

    def reset(key):
        obs, state = env.reset(key)
        return state, stacked(obs)

    def step(key, state, action):
        obs, state, reward, done, _ = env.step_env(key, state, as_dict(action))
        return state, stacked(obs), stacked(reward)[:, 0], done["__all__"]

    def start(keys):
        return jax.vmap(own.reset)(keys)[::-1]

    def advance(keys, seen, actions):
        obs, states, reward, *_ = jax.vmap(own.step)(keys, seen[0], jax.vmap(as_dict)(actions))
        return (states, obs), jax.vmap(stacked)(reward)

    return Original(reset, step, start, advance)


def _mjx(name: str) -> Original:
    """MJX alone, for timing: gymnasium's model under our solver's settings, a cheap reward.

    After 1,000 steps every environment goes back to its first state, as under Brax's wrappers.
    """
    import gymnasium
    import mujoco
    from mujoco import mjx

    task: Any = gymnasium.make(name).unwrapped
    spec = mujoco.MjSpec.from_file(task.fullpath)
    if name in CONTACTS:
        spec.add_numeric(name="max_contact_points", size=1, data=[CONTACTS[name]])
    compiled = spec.compile()
    options = compiled.opt
    options.solver = mujoco.mjtSolver.mjSOL_NEWTON
    options.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE
    options.ls_iterations = 4
    model, blank = mjx.put_model(compiled), mjx.make_data(compiled)

    def first(key):
        qpos = jnp.asarray(task.init_qpos) + 0.01 * jax.random.normal(key, task.init_qpos.shape)
        return mjx.forward(model, blank.replace(qpos=qpos))

    def one(data, action):
        def frame(data, _):
            return mjx.step(model, data), None

        after, _ = jax.lax.scan(frame, data.replace(ctrl=action), length=task.frame_skip)
        obs = jnp.concatenate([after.qpos, after.qvel])
        return after, obs, after.qvel[0] - 0.1 * jnp.square(action).sum()

    def start(keys):
        data = jax.vmap(first)(keys)
        obs = jnp.concatenate([data.qpos, data.qvel], -1)
        return data, obs, data, obs, jnp.zeros(len(keys), jnp.int32)

    def advance(keys, states, actions):
        del keys
        data, obs, *first, time = states
        after, seen, reward = jax.vmap(one)(data, actions)
        time = (time + 1) % 1000

        def chosen(x, old, begin):
            over = (time == 0).reshape(-1, *(1,) * (begin.ndim - 1))
            return jnp.where(over, begin, x).astype(old.dtype)

        data, obs = jax.tree.map(chosen, (after, seen), (data, obs), tuple(first))
        return (data, obs, *first, time), reward

    return Original(None, None, start, advance)


SUITES: dict[str, Callable[[str], Original]] = {
    "brax": _brax,
    "craftax": _craftax,
    "gymnax": _gymnax,
    "jaxmarl": _jaxmarl,
    "jumanji": _jumanji,
    "mjx": _mjx,
    "navix": _navix,
    "pgx": _pgx,
    "playground": _playground,
    "xminigrid": _xminigrid,
}
