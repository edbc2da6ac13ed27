"""Closed forms against the enumeration of every policy of (-1 or 0, 1), played to the end."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import replace
from jaxac.envs import Discrete, probes
from jaxac.errors import RegistryError

GAMMA, HORIZON = 0.6, 60  # 0.6^60 is 5e-14: the rest of an endless task does not matter
NAMES = tuple(probes.PROBES)


def policies(space):
    """Actions for obs <= 0 and for obs > 0: all pairs, on a grid for a Box. [P, 2, ...]"""
    each = np.arange(space.n) if isinstance(space, Discrete) else np.linspace(-1, 1, 9)[:, None]
    return np.array(list(itertools.product(each, each)))


@functools.cache
def play(name):
    """Every policy from every start: obs, reward, terminated [P, starts, HORIZON], final obs."""
    env = probes.PROBES[name]().env

    def episode(policy, key):
        def one(carried, _):
            state, obs = carried
            action = jnp.where(obs[0] > 0, policy[1], policy[0])
            state, s = env.step(key, state, action, env.params)
            return (state, s.obs), (obs[0], s.reward, s.terminated, s.obs[0])

        return jax.lax.scan(one, env.reset(key, env.params), length=HORIZON)[1]

    keys = jax.random.split(jax.random.key(0), 100)
    rows = jax.vmap(jax.vmap(episode, (None, 0)), (0, None))
    out = [np.asarray(x) for x in jax.jit(rows)(policies(env.action_space), keys)]
    _, index, counts = np.unique(out[0][0, :, 0], return_index=True, return_counts=True)
    assert counts.min() > 0.3 * counts.sum() / len(counts) * 2 or len(counts) == 1
    return [x[:, index] for x in out]


def best(probe):
    """Index of the policy that the probe calls optimal; the first if actions do not matter."""
    table = policies(probe.env.action_space).reshape(-1, 2)
    if probe.best_action is None:
        return 0
    want = [probe.best_action(min(probe.observations)), probe.best_action(max(probe.observations))]
    return int(np.argmin(abs(table - want).sum(1) + (len(probe.observations) == 1) * 0.0))


def discounted(reward, terminated):
    """Sums from each step on, up to termination."""
    values = np.zeros((*reward.shape[:-1], HORIZON + 1))
    for t in reversed(range(HORIZON)):
        values[..., t] = reward[..., t] + GAMMA * values[..., t + 1] * ~terminated[..., t]
    return values[..., :-1]


def lived(terminated):
    """Steps up to and with the first termination, [P, starts, HORIZON]."""
    return np.cumsum(terminated, -1) - terminated == 0


@pytest.mark.parametrize("name", NAMES)
def test_value_is_that_of_the_best_of_all_policies_in_every_state(name):
    probe = probes.PROBES[name]()
    obs, reward, terminated, _ = play(name)
    values = discounted(reward, terminated)
    here = lived(terminated)[best(probe)]
    here[:, HORIZON // 2 :] = False  # too near the horizon
    seen = obs[best(probe)][here]
    assert set(seen.tolist()) == set(probe.observations)
    want = [probe.value(float(o), GAMMA) for o in seen]
    np.testing.assert_allclose(values[best(probe)][here], want, atol=1e-5)
    for start, o in enumerate(obs[0, :, 0]):
        assert values[:, start, 0].max() <= probe.value(float(o), GAMMA) + 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_best_return_is_the_mean_over_starts_of_the_best_policy_within_the_time_limit(name):
    probe = probes.PROBES[name]()
    _, reward, terminated, _ = play(name)
    limit = probe.env.time_limit(probe.env.params)
    returns = (reward * lived(terminated))[..., :limit].sum(-1).mean(1)
    assert returns[best(probe)] == returns.max() == pytest.approx(probe.best_return, abs=1e-6)
    matters = np.unique(returns.round(6)).size > 1
    assert matters == (probe.best_action is not None)


@pytest.mark.parametrize("name", NAMES)
def test_observations_lie_in_the_space_and_the_time_limit_cuts_only_endless_tasks(name):
    probe = probes.PROBES[name]()
    obs, _, terminated, final = play(name)
    low, high = probe.env.observation_space.bounds
    here = lived(terminated)
    for x in (obs[here], final[here]):
        assert (x >= low).all() and (x <= high).all()
    limit = probe.env.time_limit(probe.env.params)
    ends = here.sum(-1)
    assert (ends < limit).all() if terminated.any() else (ends == HORIZON).all()


def test_rewards_are_multiplied_by_the_scale_in_the_params():
    env = probes.make("ObservedAction")
    state, obs = env.reset(jax.random.key(0), env.params)
    action = jnp.int32(obs[0] > 0)
    step = jax.jit(lambda params: env.step(jax.random.key(0), state, action, params)[1].reward)
    for scale in (1.0, 3.0):
        assert step(replace(env.params, reward_scale=scale)) == scale


def test_probes_are_made_by_name():
    env = probes.make("Truncation")
    assert env.name == "probe/Truncation" and env.time_limit(env.params) == 4
    with pytest.raises(RegistryError, match="no probe 'Truncated'; did you mean Truncation"):
        probes.make("Truncated")


def test_nobody_recalls_without_a_memory():
    """Every way to act on the observation alone, after either first one: 0 on average."""
    probe = probes.recall(4)
    env = probe.env

    @jax.jit
    def play(table, cue):
        def one(state, _):
            action = table[jnp.where(state.time == 0, 1 + state.cue.astype(jnp.int32), 1)]
            state, s = env.step(jax.random.key(0), state, action, env.params)
            return state, (s.obs[0], s.reward, s.terminated)

        begin = probes.ProbeState(cue, jnp.int32(0))
        return jax.lax.scan(one, begin, length=4)[1]

    tables = jnp.asarray(list(itertools.product((0, 1), repeat=3)))
    rows = jax.vmap(jax.vmap(play, (None, 0)), (0, None))(tables, jnp.array([-1.0, 1.0]))
    obs, reward, terminated = (np.asarray(x) for x in rows)
    np.testing.assert_array_equal(obs, 0.0)  # so the last action is the same after either
    np.testing.assert_array_equal(terminated[..., :3], False)
    np.testing.assert_array_equal(terminated[..., 3], True)
    np.testing.assert_array_equal(reward[..., :3], 0.0)
    np.testing.assert_array_equal(reward.sum((1, 2)), 0.0)
    np.testing.assert_array_equal(reward.sum(2).max(0), probe.best_return)
    assert probe.value(1.0, GAMMA) == pytest.approx(GAMMA**3)
