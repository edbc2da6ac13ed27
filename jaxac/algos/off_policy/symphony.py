"""Symphony: a deterministic actor-critic for robots, with weak noise and restrained actions.

Source: Ishuov et al. 2025, arXiv:2512.10477; its authors' code for all formulas. The policy climbs

    |A| tanh(A / 2),   A = (Q'(s', pi(s')) - m) / |m|,   m = k m_before + (1 - k) Q'

where Q' is the slow critics' value, without a gradient in m, whose mean over the batch is the next
m_before (temporal advantage); swaddling, a penalty on the strength of actions, is added.
Against `ddpg`: this objective, at the next observation; noise as part of the policy, in targets
too; three critics of many guesses, the least weighed most; replay that fades with age. With
`temporal` and `swaddle` 0 and `Climb` the policy's gradient is that of DDPG
(`pytest tests/algos/off_policy/test_symphony.py`).
Departs from the paper: the policy steps after the critics; ReLU layers with normalisation in place
of rectified sine waves; no reward scale by random actions; Adam corrects its first moments.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Algorithm, Key, Metrics, Scalar, field, frozen, replace
from jaxac.data.laws import Fading
from jaxac.data.replay import Batch, Replay
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.heads.reparameterised import Swaddled, Swaddling
from jaxac.heads.returns import Value
from jaxac.nets.critic import Plain
from jaxac.nets.normed import NormedMLP
from jaxac.ops.backup import OneStep
from jaxac.ops.objective import Rectified
from jaxac.ops.optimiser import AdamW, descend_part
from jaxac.ops.reduce import Faded
from jaxac.ops.temperature import Fixed
from jaxac.ops.value_loss import RectifiedHuber
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic, Learner, Parts

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
LEAST = 1e-3  # least size of a running value, by which advantages are divided


@frozen
class Remembered:
    """The one-step target; beside it stands the running value, which the policy's step writes."""

    def init(self, key, obs, action, num):
        return jnp.zeros(())

    def __call__(self, key, memory, nets, batch):
        return OneStep()(key, (), nets, batch)

    def learn(self, key, memory, nets, batch):
        return memory, {}


@frozen
class Symphony(ActorCritic):
    """Hyper-parameters of actor-critics, and of Symphony's policy."""

    past: Scalar = field(GOLDEN, "k: share of the running value that is kept", within="[0, 1]")
    temporal: Scalar = field(
        1.0, "share of the running value that is taken off, and divided by", within="[0, 1]"
    )
    swaddle: Scalar = field(1.0, "weight of the penalty", within="[0, inf)")


def actor_step(
    built: Parts, hp: Symphony, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics]:
    """A gradient step on a batch [B, ...]. Raises `ConfigError` for actions not `Swaddling`."""
    key_net, key_sample, key_out = jax.random.split(key, 3)
    slow = hp.critic.slow.read(learner.slow["critic"], learner.params["critic"])
    head, returns, obs = built.head, hp.critic.returns, batch.final_obs
    if not isinstance(head, Swaddled):
        raise ConfigError("actor.actions", "Symphony's policy has a strength; use Swaddling")

    def loss(params):
        out = built.policy.apply(params, key_net, obs)
        action, _ = head.sample(key_sample, out)
        q = returns.mean(hp.critic.reduce(returns, built.critics.apply(slow, key_out, obs, action)))
        value = hp.past * learner.backup + (1.0 - hp.past) * jax.lax.stop_gradient(q)
        size = jnp.maximum(jnp.abs(value), LEAST)
        advantage = (q - hp.temporal * value) / (1.0 + hp.temporal * (size - 1.0))
        penalty = hp.swaddle * head.penalty(out)
        total = hp.actor.objective(advantage, penalty, action, batch.action).mean()
        metrics = {"actor_loss": total, "strength": jnp.abs(action).mean()}
        return total, (metrics, value.mean())

    optimiser = hp.actor.optimiser(hp.actor.learning_rate)
    learner, (metrics, value) = descend_part(learner, "actor", optimiser, loss)
    return replace(learner, backup=value), metrics


def make(env: Env) -> Algorithm:
    """Symphony on `env`. Raises `EnvError` for actions that are no bounded Box."""
    return actor_critic.make(env, functools.partial(actor_critic.one_round, actor_step=actor_step))


def symphony(**changes: Any) -> Symphony:
    """The published settings; `changes` override fields by name."""
    net, optimiser = Plain(NormedMLP()), AdamW(GOLDEN, 0.995)
    returns = Value(RectifiedHuber(), num=64)
    critic = Critic(net=net, returns=returns, reduce=Faded(), optimiser=optimiser, num=3)
    base = Symphony(
        actor=Actor(net=net, actions=Swaddling(), objective=Rectified(), optimiser=optimiser),
        critic=critic,
        backup=Remembered(),
        temperature=Fixed(0.0),
        replay=Replay(law=Fading()),
        batch_size=192,
    )
    return replace(base, **changes)
