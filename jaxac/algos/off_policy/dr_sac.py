"""Distributionally robust soft actor-critic (DR-SAC).

Source: Cui et al. 2025, arXiv:2506.12622, Algorithm 1, and the authors' code for settings.
Against `sac`: targets hold for the worst transition model in a ball around a nominal one,

    r + d max over b > 0 of  -b log E[exp(-V(s') / b)] - b radius,   s' from the nominal model,

with V(s') = Q'(s', a') - alpha log pi(a'|s'). A network of the observation and the action gives b,
and a variational autoencoder the nominal model; both learn along. A ball of radius 0 around the
transition itself, `Replayed`, gives `sac` (`pytest tests/algos/off_policy/test_dr_sac.py`).
Departs from the paper: V is by its definition, not a network; 20 draws from the model, not 200; b
is kept between e^-10 and e^10; the buffer may be filled while learning, not a fixed dataset.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.ops.backup import Robust
from jaxac.runners.actor_critic import ActorCritic

make = sac.make


def dr_sac(**changes: Any) -> ActorCritic:
    """The settings as an `ActorCritic`; `changes` override fields by name."""
    return replace(sac.sac(backup=Robust()), **changes)
