"""Actor-critics find the closed-form optimum of every probe.

All discrete probes train in one program per algorithm: which probe a lane has is a traced param of
its environment.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.algos.on_policy import ppo
from jaxac.envs import probes

from .cases import one_of

GAMMA = 0.9
CONTINUOUS = "ContinuousAction"
DISCRETE = [name for name in probes.PROBES if name != CONTINUOUS]
SETTINGS = {
    "ppo": {"learning_rate": {"op": "Linear", "start": 1e-2, "end": 0.0}, "num_updates": 150},
    "a2c": {"learning_rate": {"op": "Linear", "start": 1e-2, "end": 0.0}, "num_updates": 1500},
}
COMMON = {
    "gamma": GAMMA,
    "num_envs": 16,
    "num_steps": 8,
    "net.hidden": (16,),
    "entropy_coef": 0.0,
    "optimiser": "Adam",
    "eval_episodes": 64,
}


def train(key, env, env_params):
    """Final lanes and their evaluations; lane i has the i-th of `env_params`."""
    hp = config.configure(registry.defaults(key), {**COMMON, **SETTINGS[key]})
    steps = hp.num_updates * hp.num_steps * hp.num_envs
    hp = config.configure(hp, {"total_steps": steps})
    algorithm = registry.make_algorithm(key, env)

    @jax.jit
    @jax.vmap
    def run(env_params):
        state, metrics = algorithm.chunk(algorithm.init(jax.random.key(1), hp, env_params))
        return state, {**metrics, **algorithm.evaluate(state)}

    return algorithm, *run(env_params)


@pytest.fixture(params=sorted(SETTINGS), scope="module")
def trained(request):
    env = one_of([probes.PROBES[name]().env for name in DISCRETE])
    params = dataclasses.replace(env.params, which=jnp.arange(len(DISCRETE)))
    return env, *train(request.param, env, params)


@pytest.mark.parametrize("name", DISCRETE)
def test_probe_value_is_the_closed_form(trained, name):
    env, _, states, metrics = trained
    probe = probes.PROBES[name]()
    i = DISCRETE.index(name)
    state = jax.tree.map(lambda x: x[i], states)
    obs = jnp.asarray(probe.observations)[:, None]
    found = ppo.values(state, env, obs)
    want = [probe.value(o, GAMMA) for o in probe.observations]
    assert metrics["finite"][i] == 1
    np.testing.assert_allclose(found, want, rtol=0.03, atol=0.03)


@pytest.mark.parametrize("name", DISCRETE)
def test_probe_policy_is_optimal(trained, name):
    _, algorithm, states, metrics = trained
    probe = probes.PROBES[name]()
    i = DISCRETE.index(name)
    if probe.best_action is not None:
        state = jax.tree.map(lambda x: x[i], states)
        obs = jnp.asarray(probe.observations)[:, None]
        action, _ = algorithm.act(state, obs)
        np.testing.assert_array_equal(action, [probe.best_action(o) for o in probe.observations])
        np.testing.assert_allclose(metrics["eval_return"][i], probe.best_return, atol=1e-6)
        assert metrics["episode_return"][i] < probe.best_return  # it had to be learned


@pytest.mark.parametrize("key", sorted(SETTINGS))
def test_continuous_probe_is_solved(key):
    probe = probes.PROBES[CONTINUOUS]()
    params = jax.tree.map(lambda x: jnp.asarray(x)[None], probe.env.params)
    algorithm, states, metrics = train(key, probe.env, params)
    state = jax.tree.map(lambda x: x[0], states)
    obs = jnp.asarray(probe.observations)[:, None]
    action, _ = algorithm.act(state, obs)
    np.testing.assert_allclose(
        action[:, 0], [probe.best_action(o) for o in probe.observations], atol=0.1
    )
    assert metrics["eval_return"][0] > 0.98


def test_treating_truncation_as_termination_would_be_seen():
    """The probe can fail: the value of four steps is far from that of a task that never ends."""
    probe = probes.truncation()
    assert sum(GAMMA**k for k in range(4)) < 0.4 * probe.value(0.0, GAMMA)
