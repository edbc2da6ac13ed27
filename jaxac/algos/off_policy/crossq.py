"""CrossQ: SAC without slow copies, by batch normalisation in the critics.

Source: Bhatt et al. 2024, arXiv:1902.05605v4, section 3, Algorithm 1 and table 2.
Against `sac`: critics see (s, a) and (s', a') in one batch, so that both are normalised by the
statistics of their mixture; no slow copies; wide critics; a policy step to three critic steps.
Policies climb the critics normalised by running statistics, which stand beside the critics'
parameters and have no gradient. With a trunk that normalises nothing it is SAC without slow copies
(`pytest tests/algos/off_policy/test_crossq.py`).
Departs from the paper: batch normalisation, where the authors' code (github.com/adityab/CrossQ)
turns to renormalisation after 100,000 steps; no batch normalisation in the policy; three
environment steps, then three critic steps and a policy step.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.off_policy import sac
from jaxac.core import Algorithm, Key, Metrics, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box, Env, view
from jaxac.nets.batch_norm import STATISTICS, BatchNormMLP
from jaxac.nets.critic import Plain
from jaxac.ops.optimiser import Adam, descend_part
from jaxac.ops.slow import Online
from jaxac.ops.temperature import Learned
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic, Learner, Parts

DELAY = 3  # critic steps to a policy step


def crossq(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    adam = Adam(b1=0.5, eps=1e-8)
    base = sac.sac(
        actor=Actor(learning_rate=1e-3, optimiser=adam),
        critic=Critic(learning_rate=1e-3, net=Plain(BatchNormMLP()), slow=Online(), optimiser=adam),
        temperature=Learned(learning_rate=1e-3),
        num_steps=DELAY,
        critic_steps=DELAY,
        warm_up=5_000,
    )
    return replace(base, **changes)


def make(env: Env) -> Algorithm:
    """The algorithm on `env`. Raises `EnvError` for actions that are no bounded Box."""
    step = functools.partial(critic_step, view(env.observation_space, "critic"))
    return actor_critic.make(env, functools.partial(actor_critic.one_round, critic_step=step))


def critic_step(
    space: Box, built: Parts, hp: ActorCritic, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """A gradient step of critics that see `space`, on both halves of a batch [B, ...] at once."""
    key_action, _, key_backup = jax.random.split(jax.random.split(key, 4)[0], 3)
    returns, num = hp.critic.returns, batch.reward.shape[0]
    nets = actor_critic.functions(built, hp, learner)
    action, log_prob = nets.proposal(key_action, batch.final_obs)
    shift = batch.reward - batch.discount * nets.alpha * log_prob
    obs = jax.tree.map(lambda *x: jnp.concatenate(x), batch.obs, batch.final_obs)
    both = view(obs, "critic"), jnp.concatenate([batch.action, action])
    module = hp.critic.net.critic(space, built.head.range.size, returns)

    def loss(params):
        out, moved = jax.vmap(lambda p: module.apply(p, *both, mutable=[STATISTICS]))(params)
        out, after = out[:, :num], jax.lax.stop_gradient(out[:, num:])  # [E, B, K]
        reduced = hp.critic.reduce(returns, after)
        target = returns.backup(key_backup, reduced, shift, batch.discount)
        each = returns.loss(out, after, jax.lax.stop_gradient(target))
        total = (batch.weight * each).mean(-1).sum()
        metrics = {"critic_loss": total, "q": returns.mean(out).mean()}
        return total, (metrics, returns.error(out, target).mean(0), moved)

    optimiser = hp.critic.optimiser(hp.critic.learning_rate)
    learner, (metrics, error, moved) = descend_part(learner, "critic", optimiser, loss)
    params = {**learner.params, "critic": {**learner.params["critic"], **moved}}
    return replace(learner, params=params, step=learner.step + 1), metrics, error
