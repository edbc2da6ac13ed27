"""Each suite through its own API alone, without a line of jaxac."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Original:
    """A suite's environment: un-reset for comparing, with the suite's own reset for timing."""

    reset: Callable[[Any], tuple[Any, Any]]  # key -> state, obs
    step: Callable[[Any, Any, Any], tuple[Any, Any, Any, Any]]
    """key, state, action -> state, obs, reward, whether the task ended (no time limit)"""
    start: Callable[[Any], Any]  # keys [N] -> states
    advance: Callable[[Any, Any, Any], tuple[Any, Any]]
    """keys [N], states, actions [N] -> states, rewards [N], reset as the suite does"""


def original(name: str) -> Original:
    """The original of `suite/Name`."""
    suite, _, rest = name.partition("/")
    return SUITES[suite](rest)


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
        return jax.vmap(env.reset, (0, None))(keys, params)[1]

    def advance(keys, states, actions):
        _, states, reward, *_ = jax.vmap(env.step, (0, 0, 0, None))(keys, states, actions, params)
        return states, reward

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
        return jax.vmap(own.reset, (0, None))(keys, params)[1]

    def advance(keys, states, actions):
        _, states, reward, *_ = jax.vmap(own.step, (0, 0, 0, None))(keys, states, actions, params)
        return states, reward

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
        return jax.vmap(own.reset)(keys)[0]

    def advance(keys, states, actions):
        del keys
        states, timestep = jax.vmap(own.step)(states, actions)
        return states, timestep.reward

    return Original(reset, step, start, advance)


def _pgx(name: str) -> Original:
    """Games for one; those for several have no counterpart with an opponent in pgx."""
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


SUITES: dict[str, Callable[[str], Original]] = {
    "brax": _brax,
    "craftax": _craftax,
    "gymnax": _gymnax,
    "jumanji": _jumanji,
    "navix": _navix,
    "pgx": _pgx,
    "playground": _playground,
    "xminigrid": _xminigrid,
}
