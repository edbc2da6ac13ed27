"""A2C with a memory.

Source: Mnih et al. 2016, arXiv:1602.01783, section 5 and Algorithm S3 with an LSTM.
Against `a2c`: policy and value are on one LSTM, and rollouts are of 20 steps, since they are as far
as gradients reach into the past.
Departs from the paper as `a2c` does, and in the length of rollouts, which is 5 there.
"""

from typing import Any

from jaxac.algos.on_policy import a2c
from jaxac.core import replace
from jaxac.nets.memory import LSTM
from jaxac.nets.recurrent import Recurrent
from jaxac.ops.minibatch import ShuffleEnvironments

make = a2c.make


def recurrent_a2c(**changes: Any) -> Any:
    """The settings as an `a2c.a2c`; `changes` override fields by name."""
    net = Recurrent(core=LSTM())
    base = a2c.a2c(net=net, minibatches=ShuffleEnvironments(), num_steps=20)
    return replace(base, **changes)
