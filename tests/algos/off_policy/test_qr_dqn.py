"""QR-DQN: targets by hand, quantiles that are known, and DQN at one quantile."""

import jax.numpy as jnp
import numpy as np

from jaxac.algos.off_policy import dqn, qr_dqn
from jaxac.core import replace
from jaxac.heads.returns import Quantiles, Value
from jaxac.ops.value_loss import Huber

from .few import NUM, batch, linear, outputs, small, steps, target
from .short import assert_close


def test_the_target_is_that_of_the_paper():
    """All quantiles of the action with the best mean by the slow copy, moved."""
    hp = small(qr_dqn.qr_dqn(learning_rate=0.05), **{"returns.num": 5})
    (learner, _), data = steps(hp), batch()
    slow = np.asarray(outputs(hp, learner, data)[1])
    got = target(hp, learner, data)
    for i in range(NUM):
        best = slow[i, slow[i].mean(-1).argmax()]
        want = float(data.reward[i]) + float(data.discount[i]) * best
        np.testing.assert_allclose(got[i], want, rtol=1e-4, atol=1e-5)


def test_one_quantile_is_dqn_with_half_a_huber():
    one = small(qr_dqn.qr_dqn(learning_rate=0.01, returns=Quantiles(1, 0.5)))
    plain = small(dqn.DQN(learning_rate=0.01, returns=Value(Huber(0.5))))
    assert_close(steps(one)[0].params, steps(plain)[0].params, rtol=1e-3, atol=1e-5)


def test_it_finds_the_quantiles_of_the_rewards():
    """One state and action with rewards 0 to 9: the middles of five equal shares."""
    data = batch(10)
    data = replace(
        data, obs=jnp.ones_like(data.obs) * data.obs[:1], action=jnp.zeros(10, int),
        reward=jnp.arange(10.0), discount=jnp.zeros(10), weight=jnp.ones(10),
    )  # fmt: skip
    hp = linear(qr_dqn.qr_dqn(), **{"returns.num": 5, "returns.kappa": 1e-3})
    learner, _ = steps(replace(hp, learning_rate=0.03, max_grad_norm=1e9), 2_000, data)
    out = np.asarray(outputs(hp, learner, replace(data, final_obs=data.obs))[0])[0, 0]
    np.testing.assert_allclose(out, [0.5, 2.5, 4.5, 6.5, 8.5], atol=0.6)


def test_it_is_dqn_but_for_the_distribution():
    assert qr_dqn.qr_dqn(returns=Value(Huber())) == dqn.DQN()
    assert qr_dqn.qr_dqn().returns == Quantiles(200, 1.0)
