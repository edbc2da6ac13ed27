"""Rainbow: six changes of DQN at once.

Source: Hessel et al. 2018, arXiv:1710.02298, section "The Integrated Agent" and table 1.
Against `dqn`: Double DQN's bootstrap, dueling networks, prioritised replay, three-step returns,
noisy layers in place of random actions, and C51's distributions. Each is a slot, so leaving one out
is a change of one field.
Departs from the paper: the trunk below the two streams is not noisy, as convolutions are not there;
priorities are cross-entropies, which exceed the paper's divergences by the target's entropy; step
size, batch and counts are those of `dqn`.
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.data.laws import Prioritised
from jaxac.data.replay import Replay
from jaxac.heads.returns import Categorical
from jaxac.nets.critic import Dueling
from jaxac.nets.layer import Noisy
from jaxac.ops.bootstrap import Double
from jaxac.ops.choice import Greedy
from jaxac.ops.schedule import Linear

make = dqn.make


def rainbow(**changes: Any) -> dqn.DQN:
    """The published settings as a `DQN`; `changes` override fields by name."""
    noisy = Noisy(0.5)
    beta: Any = Linear(0.4, 1.0)  # of training; pyright sees no schedule in a number
    base = dqn.DQN(
        net=Dueling(layer=noisy),
        returns=Categorical(-10.0, 10.0, 51, last=noisy),
        bootstrap=Double(),
        choice=Greedy(),
        replay=Replay(num_steps=3, law=Prioritised(alpha=0.5, beta=beta)),
    )
    return replace(base, **changes)
