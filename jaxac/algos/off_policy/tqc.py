"""Truncated quantile critics (TQC).

Source: Kuznetsov et al. 2020, arXiv:2005.04269, eq. 10 to 14, Algorithm 1 and appendix B.
Against `sac`: five critics that say 25 quantiles each, targets of the pooled quantiles without the
largest two of each critic, and a policy that climbs the mean of all quantiles.
Departs from the paper: the loss is the sum over a critic's quantiles, not their mean, which Adam
makes the same but for its `eps`; two quantiles of each critic are dropped for every task; 1,000
random steps, where the authors' PyTorch code (github.com/SamsungLabs/tqc_pytorch) learns after 256
of the policy's own.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.returns import Quantiles
from jaxac.nets.activation import ReLU
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Lecun
from jaxac.nets.mlp import MLP
from jaxac.ops.reduce import Mean, Truncated
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make


def tqc(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    net = Plain(MLP((512, 512, 512), ReLU(), Lecun()))
    base = sac.sac(
        actor=Actor(reduce=Mean()),
        critic=Critic(num=5, net=net, returns=Quantiles(25), reduce=Truncated(2)),
    )
    return replace(base, **changes)
