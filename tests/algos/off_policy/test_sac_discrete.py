"""SAC for discrete actions: soft value iteration as its limit, masks, exact gradients."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.algos.off_policy import sac_discrete
from jaxac.algos.off_policy.sac_discrete import SACDiscrete, soft_value
from jaxac.algos.tabular import exact, mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.envs.contract import Box
from jaxac.errors import EnvError
from jaxac.heads.categorical import ILLEGAL, Categorical
from jaxac.nets import critic as nets
from jaxac.ops.schedule import Linear
from jaxac.ops.temperature import Learned

ALPHA, GAMMA = 0.4, 0.8
TINY = {
    "gamma": GAMMA,
    "actor.net.trunk.hidden": (16,),
    "critic.net.trunk.hidden": (16,),
    "num_envs": 8,
    "num_steps": 2,
    "warm_up": 128,
    "batch_size": 64,
    "replay.capacity": 2_048,
    "eval_episodes": 2,
    "critic.slow.tau": 0.1,
    "num_updates": 50,
    "total_steps": 24_000,
}


@functools.cache
def finite():
    """A process of 3 states whose third action pays most, and the part of it that is legal."""
    whole = mdp.garnet(jax.random.key(3), 3, 3, 2)
    whole = replace(whole, reward=whole.reward.at[:, 2].set(10.0))
    legal = replace(whole, transition=whole.transition[:, :2], reward=whole.reward[:, :2])
    return whole, legal


@functools.cache
def masked():
    """The process as an environment that forbids the third action."""
    env = as_env(finite()[0], "masked", time_limit=20)
    mask = jnp.array([True, True, False])

    def reset(key, params):
        state, obs = env.reset(key, params)
        return state, {"policy": obs, "action_mask": mask}

    def step(key, state, action, params):
        state, s = env.step(key, state, action, params)
        return state, replace(s, obs={"policy": s.obs, "action_mask": mask})

    space = {"policy": env.observation_space, "action_mask": Box((3,), 0.0, 1.0, "bool")}
    return dataclasses.replace(env, reset=reset, step=step, observation_space=space)


@functools.cache
def programs():
    """Beginning and chunk on the masked environment, compiled once."""
    algorithm = sac_discrete.make(masked())
    return algorithm, jax.jit(algorithm.init), jax.jit(algorithm.chunk)


def run(num_chunks, rate, temperature):
    """Hyper-parameters, the state after some chunks, and the metrics of the last."""
    algorithm, start, chunk = programs()
    rates = dict.fromkeys(("actor.learning_rate", "critic.learning_rate"), Linear(rate, 0.0))
    hp = config.configure(SACDiscrete(), {**TINY, **rates, "temperature": temperature})
    state, metrics = chunk(start(jax.random.key(0), hp))
    for _ in range(1, num_chunks):
        state, metrics = chunk(state)
    return algorithm, hp, state, metrics


def test_the_value_is_the_enumerated_expectation():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    q = np.random.default_rng(1).normal(size=(5, 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    want = [sum(p[i, a] * (q[i, a] - ALPHA * np.log(p[i, a])) for a in range(3)) for i in range(5)]
    got = soft_value(jax.nn.log_softmax(jnp.asarray(logits)), jnp.asarray(q), ALPHA)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_the_gradient_is_the_closed_form_and_an_illegal_action_has_none():
    """d V / d logit a = pi(a) (Q(a) - alpha log pi(a) - V)."""
    logits, q = jnp.array([[0.3, -1.0, ILLEGAL]]), jnp.array([[1.0, 2.0, 1e3]])

    def value(x):
        return soft_value(jax.nn.log_softmax(jnp.where(logits > -1e8, x, ILLEGAL)), q, ALPHA)[0]

    log_prob = jax.nn.log_softmax(logits)
    want = jnp.exp(log_prob) * (q - ALPHA * log_prob - value(logits))
    got = jax.grad(value)(logits)
    np.testing.assert_allclose(got, want.at[0, 2].set(0.0), rtol=1e-5, atol=1e-6)
    assert got[0, 2] == 0.0 and abs(float(got.sum())) < 1e-6


def test_a_cold_soft_policy_is_worth_the_greedy_action():
    """alpha -> 0 at pi = softmax(Q / alpha): the target of Q-learning."""
    q = jnp.array([[0.5, 2.0, -1.0], [3.0, 0.0, 2.5]])
    gaps = []
    for alpha in (1.0, 0.3, 0.1, 0.03):
        gaps.append(soft_value(jax.nn.log_softmax(q / alpha), q, alpha) - q.max(1))
    assert all((a > b).all() for a, b in itertools.pairwise(np.abs(gaps)))
    np.testing.assert_allclose(gaps[-1], 0.0, atol=1e-3)


def test_it_finds_the_soft_optimum_of_a_finite_process_and_keeps_to_legal_actions():
    """Values and probabilities of soft policy iteration with the legal actions alone."""
    legal = finite()[1]
    temperature = Learned(start=ALPHA, learning_rate=0.0)
    algorithm, hp, state, metrics = run(30, 1e-2, temperature)
    obs = {"policy": jnp.eye(3), "action_mask": jnp.ones((3, 3), bool).at[:, 2].set(False)}
    net = nets.policy(hp.actor.net, masked().observation_space, Categorical(3))
    logits = net.apply(state.learner.params["actor"], None, obs)
    soft = exact.soft_optimal_value(legal, GAMMA, ALPHA)
    q = exact.lookahead(legal, soft, GAMMA)
    np.testing.assert_allclose(jax.nn.softmax(logits[:, :2]), jax.nn.softmax(q / ALPHA), atol=0.05)
    np.testing.assert_allclose(algorithm.value(state, obs), q.max(1), atol=0.1)
    acted = state.replay.ring.rows.action
    assert metrics["finite"] == 1.0 and set(np.unique(acted.action)) == {0, 1}
    assert acted.entropy.min() > 0.0 and acted.entropy.max() < np.log(2.0) + 1e-6


def test_the_entropy_aimed_at_is_a_share_of_the_legal_actions():
    """The first policy is uniform: above 0.9 log 2, so alpha falls, and below 0.9 log 3."""
    metrics = run(2, 0.0, Learned(target=0.9, learning_rate=1e-2))[-1]
    assert 0.68 < metrics["entropy"] < 0.7 and metrics["temperature"] < 0.9


def test_box_actions_are_refused():
    with pytest.raises(EnvError, match="sac"):
        registry.make_algorithm("sac_discrete", registry.make_env("Pendulum-v1"))
