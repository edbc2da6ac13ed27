"""Implicit distributional actor-critic (IDAC).

Source: Yue et al. 2020, arXiv:2007.06159, Algorithm 1 and section 3; the authors' PyTorch code
(github.com/zhougroup/IDAC) for entropy in the targets and the normalised layers.
Against `sac`: critics are generators, which turn noise into returns, sorted and trained by quantile
regression to the least of both critics' sorted returns; the policy is semi-implicit, a Gaussian
whose mean and deviation depend on noise too, so that its density is a mixture without end, which a
few more draws of the noise stand for. A slow policy acts in targets. No noise in the policy gives
the Gaussian policy of SAC (`pytest tests/algos/off_policy/test_idac.py`).
Departs from the paper: one action for each observation of the policy's step, where it averages 51;
densities are clipped nowhere, as they are in the code.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.reparameterised import Mixed
from jaxac.heads.returns import Quantiles
from jaxac.nets.implicit import Generator, SemiImplicit
from jaxac.ops.reduce import SortedMin
from jaxac.ops.slow import Polyak
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make


def idac(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = sac.sac(
        actor=Actor(net=SemiImplicit(), actions=Mixed(), slow=Polyak()),
        critic=Critic(net=Generator(), returns=Quantiles(51), reduce=SortedMin()),
    )
    return replace(base, **changes)
