"""ACE: SAC that pays more for entropy where an action's dimension has an effect on the reward.

Source: Ji et al. 2024, arXiv:2402.14528; the authors' code for weights and resets. With beta_i the
effect of dimension i on the reward, the state and other dimensions given, and A dimensions,

    w = A softmax(|beta|),    log pi  becomes  sum over i of w_i log pi_i

in targets, the policy's loss and the temperature's. Networks move to fresh ones by the share of the
policy's neurons that are dormant (`ops.after.DormantReset`).
Against `sac`: these two. With `backup.sharpness` 0 and `after.most` 0 it is SAC but for rounding
(`pytest tests/algos/off_policy/test_ace.py`).
Departs from the paper: effects are those of a linear regression on running moments, by conjugate
gradients at every critic step, in place of DirectLiNGAM on 10,000 transitions every 10,000 steps,
which also finds the causal order; the code's softmax is of beta with its sign; networks and counts
are those of `sac`.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import Algorithm, replace
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.heads.reparameterised import TanhNormal, Weighed
from jaxac.ops.after import DormantReset
from jaxac.ops.backup import Causal
from jaxac.ops.optimiser import Remembering
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, ActorCritic


def learn(built, key, learner, hp, batches):
    """A round of SAC whose log-probabilities are weighed as was known before it.

    Raises `ConfigError` for a policy that is no squashed Gaussian.
    """
    if not isinstance(built.head, TanhNormal):
        raise ConfigError("actor.actions", "dimensions are weighed of `Stochastic` actions alone")
    head = Weighed(built.head, learner.backup.weight)
    return actor_critic.one_round(built._replace(head=head), key, learner, hp, batches)


def make(env: Env) -> Algorithm:
    """ACE on `env`. Raises `EnvError` for actions that are no bounded Box."""
    return actor_critic.make(env, learn)


def ace(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    actor = Actor(optimiser=Remembering())
    base = sac.sac(actor=actor, backup=Causal(), after=DormantReset(), batch_size=512)
    return replace(base, **changes)
