"""Rainbow: its combined target by hand, and each of its parts in its place."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.off_policy import dqn, rainbow
from jaxac.core import scheduled
from jaxac.heads.returns import Value
from jaxac.nets.critic import Plain
from jaxac.ops.bootstrap import Max
from jaxac.ops.choice import EpsilonGreedy
from jaxac.ops.value_loss import Huber

from .few import ENV, NUM, batch, begin, small
from .test_c51 import GRID, HIGH, LOW, K, projected, shares

HP = small(rainbow.rainbow(learning_rate=0.05), **GRID)


def test_the_target_joins_double_dqn_and_c51():
    """The noisy values now choose, the noisy slow copy's shares are moved; each draws its noise."""
    data, key, method = batch(), jax.random.key(3), dqn.method(ENV)
    slow, built = method.init(jax.random.key(9), HP, data.obs).params, dqn.parts(ENV, HP)
    learner = begin(HP).__class__(begin(HP).params, (), slow, jnp.int32(0))
    got = dqn.target_of(built, HP, key, learner, data)
    key_now, _, key_next, _ = jax.random.split(key, 4)
    q = shares(built.net.apply(learner.params, key_now, data.final_obs)) @ np.linspace(LOW, HIGH, K)
    next_share = shares(built.net.apply(slow, key_next, data.final_obs))
    chosen = q.argmax(-1)
    assert (chosen != (next_share @ np.linspace(LOW, HIGH, K)).argmax(-1)).any()
    for i in range(NUM):
        share = next_share[i, chosen[i]]
        want = projected(float(data.reward[i]), float(data.discount[i]), share)
        np.testing.assert_allclose(got[i], want, atol=1e-4)


def test_it_explores_by_its_noise_alone():
    learner, method, data = begin(HP), dqn.method(ENV), batch()
    keys = jax.random.split(jax.random.key(1), 64)
    actions = jax.jit(jax.vmap(lambda k: method.explore(k, learner, HP, (), data.obs)[0]))(keys)
    assert ((actions != actions[0]).any(0)).any(), "noise changes what is best"
    mode = method.mode(learner, HP, data.obs)
    np.testing.assert_array_equal(mode, method.mode(learner, HP, data.obs))
    counts = jax.vmap(lambda x: jnp.bincount(x, length=3), 1)(actions)
    assert (counts.argmax(-1) == mode).mean() > 0.6


def test_its_weights_correct_in_full_at_the_end():
    law = rainbow.rainbow().replay.law
    beta = [float(scheduled(law, jnp.float32(x)).beta) for x in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(beta, [0.4, 0.7, 1.0], rtol=1e-6)
    assert law.alpha == 0.5 and rainbow.rainbow().replay.num_steps == 3


def test_it_is_dqn_but_for_its_six_changes():
    undone = rainbow.rainbow(
        net=Plain(),
        returns=Value(Huber()),
        bootstrap=Max(),
        choice=EpsilonGreedy(),
        replay=dqn.DQN().replay,
    )
    assert undone == dqn.DQN()
