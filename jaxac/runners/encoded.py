"""Actor-critics on a shared encoder: what methods that learn from pixels have in common.

The critics' loss trains the encoder; the policy sees its features and leaves it alone, and targets
are of the slow critics on a slow copy of it. Source: Yarats et al. 2021, arXiv:1910.01741, section
5 and appendix B. An encoder without parameters gives `actor_critic`, bit for bit.
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from jaxac.core import Key, Metrics, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env
from jaxac.nets import critic as nets
from jaxac.nets import encoder as encoders
from jaxac.nets.encoder import PixelEncoder
from jaxac.nets.trunk import Trunk
from jaxac.runners import actor_critic, off_policy
from jaxac.runners.actor_critic import ActorCritic, Learner, Parts


@frozen
class Encoded(ActorCritic):
    """Hyper-parameters of actor-critics on a shared encoder."""

    encoder: Trunk = field(PixelEncoder(), "what policy and critics see of an observation")


def parts(env: Env, hp: Encoded) -> Parts:
    """Head and networks. Raises `EnvError` if they do not fit the environment."""
    head, returns = hp.actor.actions(env.action_space), hp.critic.returns
    module = encoders.encoder(hp.encoder, env.observation_space)
    seen = encoders.features(module, env.observation_space)
    critic = nets.net(hp.critic.net.critic(seen, head.range.size, returns), "critic")
    policy = encoders.encoded_policy(module, nets.policy(hp.actor.net, seen, head))
    return Parts(head, policy, encoders.encoded_critics(module, critic, hp.critic.num))


def tied(learner: Learner) -> Learner:
    """The learner with the critics' encoder below its policy."""
    return replace(learner, params=encoders.tied(learner.params))


def critic_step(
    built: Parts, hp: ActorCritic, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """A gradient step of the critics and the encoder on a batch [B, ...]."""
    learner, metrics, error = actor_critic.critic_step(built, hp, key, learner, batch)
    return tied(learner), metrics, error


def actor_step(
    built: Parts, hp: ActorCritic, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics]:
    """A gradient step of the policy on a batch [B, ...], and of the temperature."""
    learner, metrics = actor_critic.actor_step(built, hp, key, learner, batch)
    return tied(learner), metrics


def method(env: Env, learn: Callable[..., Any]) -> off_policy.Method:
    """Such a method; `learn` is a round, made of the steps above."""
    base = actor_critic.method(env, learn, parts)
    return base._replace(init=lambda key, hp, obs: tied(base.init(key, hp, obs)))
