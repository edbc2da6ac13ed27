"""DQN: targets against numpy, weights, masks, n-step returns, the clip of the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import registry
from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.data.laws import Prioritised
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.errors import EnvError
from jaxac.heads.returns import Value
from jaxac.ops.bootstrap import Double, Max, Munchausen
from jaxac.ops.value_loss import Squared

from .few import ACTIONS, ENV, NUM, batch, begin, linear, outputs, small, steps, target
from .short import assert_close, assert_equal


def name(x):
    return type(x).__name__


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def worth(bootstrap, q, slow_q, taken, action):
    """What is added to the reward and what the next observation is worth, of one transition."""
    if isinstance(bootstrap, Max):
        return 0.0, slow_q.max()
    if isinstance(bootstrap, Double):
        return 0.0, slow_q[q.argmax()]
    prob, before = softmax(slow_q / 0.4), softmax(taken / 0.4)
    bonus = 0.9 * np.clip(0.4 * np.log(before[action]), -1.0, 0.0)
    return bonus, (prob * (slow_q - 0.4 * np.log(prob))).sum()


@pytest.mark.parametrize("bootstrap", [Max(), Double(), Munchausen(0.4)], ids=name)
def test_the_target_is_that_of_the_paper(bootstrap):
    """r + d v of each transition, the slow copy being another network than the one learned."""
    hp = small(dqn.DQN(bootstrap=bootstrap), **{"learning_rate": 0.05})
    (learner, _), data = steps(hp), batch()
    rows = [np.asarray(x) for x in outputs(hp, learner, data)]
    got = target(hp, learner, data)
    for i in range(NUM):
        bonus, value = worth(bootstrap, *(x[i, :, 0] for x in rows), int(data.action[i]))
        want = float(data.reward[i]) + bonus + float(data.discount[i]) * value
        np.testing.assert_allclose(got[i], [want], rtol=1e-4, atol=1e-5)
    assert max(abs(rows[0] - rows[1]).ravel()) > 0.01, "the slow copy is another network"


def test_the_slow_copy_is_that_of_the_last_multiple():
    hp = small(dqn.DQN())
    learned = [steps(hp, n)[0] for n in (6, 8)]
    assert_equal(learned[0].slow, learned[0].params)
    assert_equal(learned[1].slow, learned[0].params)
    with pytest.raises(AssertionError):
        assert_equal(learned[1].params, learned[0].params)


def test_one_step_moves_the_values_of_taken_actions_by_the_weighted_errors():
    """A table and plain descent on half the squared error: the weighted mean error of each entry,

    once by its own weight and once by the bias that all states share.
    """
    hp = linear(dqn.DQN(returns=Value(Squared())), learning_rate=0.1, max_grad_norm=1e9)
    data, learner = batch(), begin(hp)
    after, (metrics, error) = steps(hp, 1)
    net = dqn.parts(ENV, hp).net
    q = np.asarray(net.apply(learner.params, None, data.obs))[..., 0]
    goal = np.asarray(target(hp, learner, data))[:, 0]
    gap = goal - q[np.arange(NUM), data.action]
    move = np.zeros((len(data.obs[0]), ACTIONS))
    for obs, a, w, x in zip(data.obs, data.action, data.weight, gap, strict=True):
        move[np.argmax(obs), a] += 0.1 * w * x / NUM
    kernels, biases = ([jax.tree.leaves(x.params)[i] for x in (learner, after)] for i in (1, 0))
    np.testing.assert_allclose(kernels[1] - kernels[0], move, atol=1e-6)
    np.testing.assert_allclose(biases[1] - biases[0], move.sum(0), atol=1e-6)
    np.testing.assert_allclose(error[0], np.abs(gap), rtol=1e-4, atol=1e-6)
    want = (np.asarray(data.weight) * 0.5 * gap**2).mean()
    np.testing.assert_allclose(metrics["loss"][0], want, rtol=1e-4)


@pytest.fixture(scope="module")
def run():
    """A run of one environment, so that its buffer is one line, and its hyper-parameters."""
    hp = small(dqn.DQN(), **{"num_envs": 1, "num_steps": 4, "replay.num_steps": 3})
    hp = replace(hp, replay=replace(hp.replay, law=Prioritised(alpha=1.0, beta=1.0)))
    algorithm = dqn.make(ENV)
    return hp, jax.jit(lambda hp: algorithm.chunk(algorithm.init(jax.random.key(0), hp))[0])(hp)


def test_what_replay_draws_weighs_less_the_likelier_it_is(run):
    """At full correction the weight is the smallest priority drawn over the transition's own."""
    hp, state = run
    drawn = hp.replay.sample(jax.random.key(1), state.replay, 64, hp.gamma)
    priority = np.asarray(state.replay.memory[0][0]).ravel()[np.asarray(drawn.place)]
    np.testing.assert_allclose(drawn.weight, priority.min() / priority, rtol=1e-4)
    assert priority.min() < 0.9 * priority.max(), "errors have been told to the law"


def test_the_gradients_norm_is_clipped():
    hp = linear(dqn.DQN(), learning_rate=1.0, max_grad_norm=1e9)
    moves = [
        jax.tree.map(
            jnp.subtract, steps(replace(hp, max_grad_norm=c), 1)[0].params, begin(hp).params
        )
        for c in (1e9, 0.01)
    ]
    norms = [float(jnp.sqrt(sum(jnp.square(x).sum() for x in jax.tree.leaves(m)))) for m in moves]
    assert norms[0] > 0.02
    np.testing.assert_allclose(norms[1], 0.01, rtol=1e-3)
    assert_close(moves[1], jax.tree.map(lambda x: x * 0.01 / norms[0], moves[0]), rtol=1e-2)


def test_three_step_targets_are_sums_of_what_followed(run):
    """Rewards, discounts and bootstraps of the line, by hand."""
    hp, state = run
    every, first = jnp.arange(32), jnp.arange(28)
    plain = replace(hp.replay, num_steps=1).batch(state.replay, every, jnp.ones(32), hp.gamma)
    data = hp.replay.batch(state.replay, first, jnp.ones(28), hp.gamma)
    slow_q = np.asarray(outputs(hp, state.learner, plain)[1])[..., 0]
    want = []
    for i in range(28):
        total, discount = 0.0, 1.0
        for k in range(3):
            total += discount * float(plain.reward[i + k])
            discount *= float(plain.discount[i + k])
        want.append(total + discount * slow_q[i + 2].max())
    np.testing.assert_allclose(target(hp, state.learner, data)[:, 0], want, rtol=1e-4, atol=1e-5)


def masked_env():
    """Two states in turn, in each of which the action of its number is forbidden."""

    def see(phase):
        return {"policy": phase[None] * 1.0, "action_mask": jnp.arange(3) != phase}

    def reset(key, params):
        phase = jax.random.randint(key, (), 0, 2)
        return phase, see(phase)

    def step(key, phase, action, params):
        no = jnp.zeros((), bool)
        return 1 - phase, TimeStep(see(1 - phase), jnp.ones(()), no, no)

    space = {"policy": Box((1,), 0.0, 1.0), "action_mask": Box((3,), 0, 1, "bool")}
    return Env("masked", reset, step, (), space, Discrete(3), lambda params: 20)


@pytest.mark.parametrize("bootstrap", [Max(), Double(), Munchausen(0.01)], ids=name)
def test_forbidden_actions_are_neither_tried_nor_bootstrapped_from(bootstrap):
    """The forbidden action is valued 50 and the others 0: what follows is worth nothing, but for

    what Munchausen pays for a uniform policy over two actions.
    """
    env, phase = masked_env(), jnp.array([0, 1, 0, 1])
    hp = small(dqn.DQN(bootstrap=bootstrap), **{"choice.epsilon": 0.5, "net.trunk.hidden": ()})
    obs = {"policy": phase[:, None] * 1.0, "action_mask": jnp.arange(3) != phase[:, None]}
    method, built, zero = dqn.method(env), dqn.parts(env, hp), jnp.zeros(4)
    data = replace(batch(4), obs=obs, final_obs=obs, reward=zero, discount=zero + 0.9)
    data = replace(data, action=jnp.full(4, 2))

    @jax.jit
    def play(keys):
        learner = method.init(keys[0], hp, obs)
        biases, kernels = jnp.array([50.0, 0.0, 0.0]), jnp.array([[-50.0, 50.0, 0.0]])
        params = jax.tree.unflatten(jax.tree.structure(learner.params), [biases, kernels])
        learner = replace(learner, params=params, slow=params)
        explored = jax.vmap(lambda key: method.explore(key, learner, hp, (), obs)[0])(keys)
        random = jax.vmap(lambda key: method.random(key, replace(hp, num_envs=4), obs))(keys)
        q = built.net.apply(params, None, obs)[..., 0]
        goal = dqn.target_of(built, hp, keys[0], learner, data)[:, 0]
        return q, explored, random, method.mode(learner, hp, obs), goal

    q, explored, random, mode, goal = play(jax.random.split(jax.random.key(0), 40))
    np.testing.assert_array_equal(q[jnp.arange(4), phase], 50.0)
    for action in (explored, random, mode):
        assert (action != phase).all()
    assert all(len(np.unique(x)) == 3 for x in (explored, random))
    two = jnp.zeros((1, 2))
    want = bootstrap.bonus(two, jnp.array([0])) + 0.9 * bootstrap.entropy(two)
    np.testing.assert_allclose(goal, np.full(4, want[0]), atol=1e-5)


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(EnvError, match="DiscretiseAction"):
        dqn.make(registry.make_env("Pendulum-v1"))
