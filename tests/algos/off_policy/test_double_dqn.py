"""Double DQN: its target is that of the paper (test_dqn.py); here, where it is DQN."""

import pytest

from jaxac.algos.off_policy import double_dqn, dqn
from jaxac.core import replace
from jaxac.ops.bootstrap import Max
from jaxac.ops.slow import Online

from .few import small, steps
from .short import assert_equal


def test_without_a_slow_copy_it_is_dqn():
    """Who chooses and who values are then the same; with one they are not."""
    hps = [
        small(x) for x in (double_dqn.double_dqn(learning_rate=0.05), dqn.DQN(learning_rate=0.05))
    ]
    online = [replace(x, slow=Online()) for x in hps]
    assert_equal(steps(online[0])[0].params, steps(online[1])[0].params)
    with pytest.raises(AssertionError):
        assert_equal(steps(hps[0])[0].params, steps(hps[1])[0].params)


def test_it_is_dqn_but_for_the_bootstrap():
    assert double_dqn.double_dqn(bootstrap=Max()) == dqn.DQN()
    assert double_dqn.make is dqn.make
