"""FastTD3: TD3 with many environments, large batches and distributional critics.

Source: Seo et al. 2025, arXiv:2505.22642, section 3, and the authors' code
(github.com/younggyoseo/FastTD3), whose base settings these are.
Against `td3`: categorical critics; the policy climbs the least of both; exploration of a width of
its own in each environment and episode; observations standardised; no slow policy, and slow critics
that follow fast; weights decay. One step of 128 environments, then two critic steps and a policy
step.
Departs from the code: a batch's target is the distribution with the smaller mean before it is
projected, not after; a million transitions kept, not 51,200 of each environment; tried actions are
clipped; the first ten steps of each environment are random, not the policy's; statistics of
observations leave drawn batches out, and clip at ten deviations; float32 alone.
The grid's ends depend on the task (-10 and 10 on MuJoCo Playground, with 1,024 environments).
"""

from typing import Any

from jaxac.algos.off_policy import td3
from jaxac.core import replace
from jaxac.data.replay import Replay
from jaxac.heads.reparameterised import Deterministic
from jaxac.heads.returns import Categorical
from jaxac.nets.activation import ReLU
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Lecun
from jaxac.nets.layer import Dense
from jaxac.nets.mlp import MLP
from jaxac.ops.explore import GaussianOfEach
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import AdamW
from jaxac.ops.proposal import Smoothed
from jaxac.ops.reduce import Min
from jaxac.ops.slow import Online, Polyak
from jaxac.runners.actor_critic import ActorCritic
from jaxac.runners.on_policy import Norm

make = td3.make
ENVS = 128


def fast_td3(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = td3.td3()
    actor = replace(
        base.actor,
        net=Plain(MLP((512, 256, 128), ReLU(), Lecun())),
        actions=Deterministic(Dense(Lecun(0.01 * 128**0.5))),
        reduce=Min(),
        explore=GaussianOfEach(),
        proposal=Smoothed(std=0.001),
        slow=Online(),
        optimiser=AdamW(decay=0.1),
    )
    critic = replace(
        base.critic,
        net=Plain(MLP((1_024, 512, 256), ReLU(), Lecun())),
        returns=Categorical(-250.0, 250.0, 101),
        slow=Polyak(0.1),
        optimiser=AdamW(decay=0.1),
    )
    base = replace(
        base,
        actor=actor,
        critic=critic,
        replay=Replay(capacity=1_000_000),
        norm=Norm(obs=Standard()),
        num_envs=ENVS,
        num_steps=1,
        batch_size=32_768,
        warm_up=ENVS * 10,
    )
    return replace(base, **changes)
