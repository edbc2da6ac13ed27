"""Munchausen DQN: its target is that of the paper (test_dqn.py); here, where it is DQN."""

import pytest

from jaxac.algos.off_policy import dqn, munchausen_dqn
from jaxac.heads.returns import Value
from jaxac.ops.bootstrap import Max, Munchausen
from jaxac.ops.value_loss import Huber, Squared

from .few import small, steps
from .short import assert_close

RATE = 0.01


def test_a_cold_policy_without_bonus_is_dqn():
    plain = small(dqn.DQN(returns=Value(Squared()), learning_rate=RATE))
    soft = munchausen_dqn.munchausen_dqn(learning_rate=RATE)
    cold = munchausen_dqn.munchausen_dqn(learning_rate=RATE, bootstrap=Munchausen(1e-5, 0.0))
    want = steps(plain)[0].params
    assert_close(steps(small(cold))[0].params, want, rtol=1e-3, atol=1e-5)
    with pytest.raises(AssertionError):
        assert_close(steps(small(soft))[0].params, want, rtol=1e-3, atol=1e-5)


def test_it_is_dqn_but_for_the_bootstrap_and_the_loss():
    undone = munchausen_dqn.munchausen_dqn(bootstrap=Max(), returns=Value(Huber()))
    assert undone == dqn.DQN()
    assert munchausen_dqn.munchausen_dqn().bootstrap == Munchausen(tau=0.03, alpha=0.9, low=-1.0)
