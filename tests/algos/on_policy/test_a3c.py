"""A3C: gradients of old parameters, applied to present ones."""

import jax
import numpy as np

from jaxac.algos.on_policy import a2c, a3c
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.optimiser import SGD
from jaxac.runners import advantage

ENV = as_env(mdp.random_walk(5), "walk", time_limit=20)
COMMON = dict(net=ActorCritic(hidden=(8,)), num_envs=4, num_steps=5, num_updates=1)


def after(algorithm, hp, updates):
    """Parameters after each update."""
    chunk = jax.jit(algorithm.chunk)
    state, found = jax.jit(algorithm.init)(jax.random.key(0), hp), []
    for _ in range(updates):
        state, _ = chunk(state)
        found.append(state)
    return found


def numbers(params):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(params)])


def test_settings_are_those_of_the_synchronous_method():
    want = vars(a2c.a2c())
    assert {k: v for k, v in vars(a3c.a3c()).items() if k != "staleness"} == want


def test_without_staleness_it_is_the_synchronous_method():
    want = after(a2c.make(ENV), a2c.a2c(**COMMON), 6)[-1]
    got = after(a3c.make(ENV), a3c.a3c(**COMMON, staleness=0), 6)[-1]
    np.testing.assert_allclose(numbers(got.learner.params), numbers(want.learner.params), atol=1e-6)
    np.testing.assert_allclose(got.loop.envs.obs, want.loop.envs.obs)


def test_an_update_is_that_of_the_parameters_so_many_updates_before():
    """Without memory in the optimiser, each update is what A2C would do to the old parameters."""
    common = COMMON | dict(optimiser=SGD(), learning_rate=0.3)
    lag, sync = 3, a2c.make(ENV)
    states = after(a3c.make(ENV), a3c.a3c(**common, staleness=lag), 8)
    plain = jax.jit(sync.init)(jax.random.key(0), a2c.a2c(**common))
    chunk = jax.jit(sync.chunk)
    for i in range(4, 8):
        old = states[i - lag - 1].learner.params
        before = states[i - 1]
        alone = type(plain)(
            plain.hp, plain.env_params, before.key, before.step,
            type(plain.learner)(old, plain.learner.opt_state, plain.learner.memory),
            before.loop, before.stats,
        )  # fmt: skip
        want = numbers(chunk(alone)[0].learner.params) - numbers(old)
        got = numbers(states[i].learner.params) - numbers(before.learner.params)
        np.testing.assert_allclose(got, want, atol=1e-5)
        assert np.abs(want).max() > 1e-3
        assert np.abs(numbers(old) - numbers(before.learner.params)).max() > 1e-3


def test_old_parameters_act_and_present_ones_are_evaluated():
    hp = a3c.a3c(**COMMON | dict(learning_rate=0.1), staleness=2)
    algorithm, built = a3c.make(ENV), advantage.parts(ENV, hp)
    state, obs = after(algorithm, hp, 5)[-1], jax.numpy.eye(7)
    obs = jax.numpy.repeat(obs, 8, axis=0)
    old, now = a3c.oldest(state.learner), state.learner.params
    outs = [built.net.step(x, (), obs)[0] for x in (old, now)]
    key = jax.random.key(4)
    want = [built.head.sample(key, out) for out in outs]
    np.testing.assert_array_equal(algorithm.act(state, obs, key=key)[0], want[0])
    assert (np.asarray(want[0]) != np.asarray(want[1])).any()
    np.testing.assert_array_equal(algorithm.act(state, obs)[0], built.head.mode(outs[1]))
    newest = jax.tree.map(lambda x: x[-1], state.learner.memory["copies"])
    np.testing.assert_array_equal(numbers(newest), numbers(now))
