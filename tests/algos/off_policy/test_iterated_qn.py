"""i-QN: exact value iteration by a table, the window by hand, and DQN at one function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import dqn
from jaxac.algos.off_policy import iterated_qn as iterated
from jaxac.algos.tabular import exact
from jaxac.core import replace
from jaxac.errors import ConfigError
from jaxac.ops.slow import Hard, Online

from .few import ACTIONS, ENV, GAMMA, STATES, every, small, tabular
from .short import assert_close, assert_equal, tiny

NEVER = 10**6


def with_one(learner):
    """A learner of DQN as a chain of one."""
    return jax.tree.map(lambda x: x[None], learner)


def test_a_chain_of_one_is_dqn():
    """The same run from the same parameters: the same transitions, weights but for rounding."""
    plain = tiny(dqn.DQN(), **{"slow.every": 3})
    chain = tiny(iterated.IteratedDQN(), num=1, **{"slow.every": 3})
    base, other = dqn.make(ENV), iterated.make(ENV)

    @jax.jit
    def both(key):
        one, many = base.init(key, plain), other.init(key, chain)
        many = replace(many, learner=with_one(one.learner))
        return base.chunk(one), other.chunk(many)

    (one, one_metrics), (many, many_metrics) = both(jax.random.key(0))
    assert int(one.learner.step) == 7, "two copies, and a step after"
    assert_close(many.learner, with_one(one.learner), rtol=1e-5, atol=1e-8)
    assert_equal((many.replay, many.loop), (one.replay, one.loop))
    assert_close(many_metrics, one_metrics, rtol=1e-5)


def backed_up(times):
    """Q after `times` applications of the Bellman operator to zeros; Q* for many."""
    q = jnp.zeros((STATES, ACTIONS))
    for _ in range(times):
        q = exact.lookahead(ENV.params.mdp, q.max(-1), GAMMA)
    return np.asarray(q)


def tables(num, period, count):
    """The [K, S, A] tables after `count` exact regressions, each copied on at once."""
    hp = tabular(iterated.IteratedDQN(chain=Hard(1), slow=Hard(period), num=num))
    built, data = dqn.parts(ENV, hp), every()
    keys = jax.random.split(jax.random.key(1), count)

    @jax.jit
    def run(key):
        start = jax.vmap(lambda key: dqn.method(ENV).init(key, hp, data.obs))
        learner = start(jax.random.split(key, num))
        return jax.lax.scan(one, learner, keys)[0].params

    def one(learner, key):
        return iterated.step(built, hp, key, learner, data)[0], ()

    return np.asarray(jax.tree.leaves(run(jax.random.key(0)))[0])


def test_a_sweep_along_the_chain_applies_the_bellman_operator_k_times():
    got = tables(4, NEVER, 4)
    for k in range(4):
        np.testing.assert_allclose(got[k], backed_up(k + 1), rtol=1e-4, atol=1e-5)
    again = tables(4, NEVER, 9)
    np.testing.assert_allclose(again, got, rtol=1e-4, atol=1e-5, err_msg="the window stands")


def test_longer_chains_are_nearer_the_optimum_after_as_many_shifts():
    """Before the n-th shift Q_K is that of n - 1 + K applications."""
    shifts, period, best = 4, 5, backed_up(400)
    errors = []
    for num in (1, 2, 4):
        got = tables(num, period, shifts * period - 1)[-1]
        np.testing.assert_allclose(got, backed_up(shifts - 1 + num), rtol=1e-4, atol=1e-5)
        errors.append(np.abs(got - best).max())
    assert errors[0] > errors[1] > errors[2] > 0


def test_the_window_moves_by_hand():
    """Q_1, Q_2, Q_3 of 1, 2, 3 and slow copies of -1, -2, -3 of the functions before each."""
    hp = iterated.IteratedDQN(chain=Hard(2), slow=Hard(6), num=3)
    params, slow = ({"w": jnp.array([1.0, 2.0, 3.0]) * sign} for sign in (1, -1))

    def after(count):
        learner = dqn.Learner(params, (), slow, jnp.full(3, count))
        got = iterated.moved(hp, learner)
        return got.params["w"].tolist(), got.slow["w"].tolist()

    assert after(5) == ([1, 2, 3], [-1, -2, -3])
    assert after(4) == ([1, 2, 3], [-1, 1, 2]), "within the window"
    assert after(6) == ([2, 3, 3], [1, 2, 3]), "the window"
    live = replace(hp, chain=Online())
    learner = dqn.Learner(params, (), slow, jnp.full(3, 5))
    assert iterated.moved(live, learner).slow["w"].tolist() == [-1, 1, 2]


def test_every_function_acts_as_often():
    """Three functions that each prefer another action, and no random ones."""
    hp = small(iterated.IteratedDQN(), num=3, **{"choice.epsilon": 0.0, "net.trunk.hidden": ()})
    algorithm = iterated.make(ENV)

    @jax.jit
    def play(key):
        state = algorithm.init(key, hp)
        learner = state.learner
        _, kernel = jax.tree.leaves(learner.params)
        params = jax.tree.unflatten(jax.tree.structure(learner.params), [10 * jnp.eye(3), kernel])
        state = replace(state, learner=replace(learner, params=params))
        action, _ = algorithm.act(state, jnp.zeros((9_000, STATES)), None, key)
        return action, algorithm.act(state, jnp.zeros((5, STATES)))[0]

    action, best = play(jax.random.key(0))
    np.testing.assert_allclose(np.bincount(action) / 9_000, 1 / 3, atol=0.02)
    np.testing.assert_array_equal(best, 2)


def test_a_chain_without_copies_is_refused():
    algorithm, hp = iterated.make(ENV), tiny(iterated.IteratedDQN(slow=Online()))
    with pytest.raises(ConfigError, match="Hard"):
        jax.eval_shape(lambda: algorithm.init(jax.random.key(0), hp))
