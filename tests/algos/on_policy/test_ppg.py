"""PPG: PPO, and a phase in which the policy's trunk learns the value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import ppg, ppo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.errors import ConfigError
from jaxac.nets.actor_critic import ActorCritic
from jaxac.nets.phasic import Phasic
from jaxac.ops.optimiser import SGD
from jaxac.runners import advantage
from jaxac.runners.advantage import Batch, Learner

ENV = as_env(mdp.random_walk(5), "walk", time_limit=20)
COMMON = dict(num_envs=4, num_steps=6, num_epochs=1, num_minibatches=2, learning_rate=1e-2)
HP = ppg.ppg(**COMMON, net=Phasic(hidden=(8,)), num_rollouts=3, num_updates=1)


def state_after(algorithm, hp):
    state = jax.jit(algorithm.init)(jax.random.key(0), hp)
    return jax.jit(algorithm.chunk)(state)


def test_without_passes_in_its_second_phase_it_is_ppo():
    got, told = state_after(ppg.make(ENV), replace(HP, num_aux_epochs=0, num_updates=2))
    same = {x: getattr(HP, x) for x in vars(ppo.PPO()) if x != "num_updates"}
    want, also = state_after(ppo.make(ENV), ppo.PPO(**same, num_updates=6))
    jax.tree.map(np.testing.assert_array_equal, got.learner, want.learner)
    assert ppg.make(ENV).env_steps(HP) == 3 * 4 * 6
    for name in ("episode_return", "policy_loss"):  # a mean of means, or of all events
        np.testing.assert_allclose(told[name], also[name], rtol=1e-5)


def kept(seed=0):
    """What two rollouts of three steps of four environments left: memories and batches."""
    rng = np.random.default_rng(seed)
    obs = jax.nn.one_hot(rng.integers(0, 5, (2, 3, 4)), 5)
    number = rng.normal(size=(2, 3, 4)).astype(np.float32)
    return (), Batch(obs, None, None, number, number, number, jnp.asarray(number + 1.0))


def reviewed(hp, count=1):
    built = advantage.parts(ENV, hp)
    params = built.net.init(jax.random.key(0), jnp.eye(5))
    params = jax.tree.map(lambda x: x + 0.3 * jax.random.normal(jax.random.key(1), x.shape), params)
    learner = Learner(params, built.optimiser.init(params))
    after = learner
    for i in range(count):
        key = jax.random.key(i)
        after, told = ppg.review(built, hp, key, after, lambda obs: obs, *kept())
    return built, params, after.params, told


def test_its_second_phase_descends_the_joint_loss():
    hp = replace(
        HP, num_rollouts=2, num_minibatches=1, num_aux_epochs=1, optimiser=SGD(),
        max_grad_norm=1e9, learning_rate=0.1, clone=0.7,
    )  # fmt: skip
    hp = replace(hp, num_rollouts=1)  # one minibatch of all
    built, before, after, told = reviewed(hp)
    batch = kept()[1]

    def loss(params):
        out, value, _ = built.net.scan(params, (), batch.obs, None)
        old, _, _ = built.net.scan(before, (), batch.obs, None)
        aside = built.net.aside(params, (), batch.obs, None)
        p, q = (jax.nn.softmax(x) for x in (old, out))
        kl = (p * (jnp.log(p) - jnp.log(q))).sum(-1).mean()
        squares = (aside - batch.target) ** 2 + (value - batch.target) ** 2
        return 0.5 * squares.mean() + 0.7 * kl

    want = jax.tree.map(lambda x, g: x - 0.1 * g, before, jax.grad(loss)(before))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), after, want)
    assert told["aux_kl"] == 0.0  # of the first step


def test_the_policy_stays_while_its_trunk_learns_the_value():
    hp = replace(HP, num_rollouts=1, num_minibatches=1, num_aux_epochs=200)
    moved = {}
    for clone in (0.0, 10.0):
        built, before, after, _ = reviewed(replace(hp, clone=clone))
        batch = kept()[1]
        old, new = (built.net.scan(x, (), batch.obs, None)[0] for x in (before, after))
        aside = [built.net.aside(x, (), batch.obs, None) for x in (before, after)]
        error = [float(((x - batch.target) ** 2).mean()) for x in aside]
        best = float(((by_state(batch) - batch.target) ** 2).mean())
        assert error[1] - best < 0.2 * (error[0] - best)
        moved[clone] = float(built.head.kl(old, new).mean())
    assert moved[10.0] < 0.05 * moved[0.0]


def by_state(batch):
    """The mean target of each observation, which is the best that any value can say."""
    state = np.asarray(batch.obs.argmax(-1))
    return np.stack([np.asarray(batch.target)[state == i].mean() for i in range(5)])[state]


def test_a_trunk_that_says_no_value_is_refused():
    with pytest.raises(ConfigError, match="use Phasic"):
        ppg.make(ENV).init(jax.random.key(0), replace(HP, net=ActorCritic()))
