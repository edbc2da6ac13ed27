"""DrQ: SAC from pixels, regularised by random shifts of the images.

Source: Kostrikov, Yarats & Fergus 2020, arXiv:2004.13649, Algorithm 1, eq. 1 to 3, appendix.
Against `sac`: policy and critics see an encoder's features, which the critics' loss alone trains;
targets are averaged over `num_targets` shifted copies of the next observation (K of the paper), and
the critics' loss over `num_copies` shifted copies of the current one (M). Without shifts it is SAC
from pixels, and on vectors, which the encoder leaves as they are, SAC
(`pytest tests/algos/off_policy/test_drq.py`).
Departs from the paper: the policy sees the critics' features, where the authors' code gives it the
encoder's last layer anew; two environment steps, then two critic steps and a policy step, in place
of turns. With `FrameStack(num=3)`, `replay.storage=Frames(num=3)` keeps each frame once.
"""

import functools
from typing import Any

import jax
from jaxtyping import Array, Float

from jaxac.core import Algorithm, Key, Metrics, Static, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env
from jaxac.heads.reparameterised import Between, Stochastic
from jaxac.nets.activation import ReLU
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Orthogonal
from jaxac.nets.mlp import MLP
from jaxac.ops.augment import Augment, Shift, copies, repeated
from jaxac.ops.backup import Backup
from jaxac.ops.normalise import Bytes
from jaxac.ops.slow import Polyak
from jaxac.ops.temperature import Learned
from jaxac.runners import actor_critic, encoded, off_policy, on_policy
from jaxac.runners.actor_critic import Actor, Critic, Learner, Parts

DELAY = 2  # critic steps to a policy step


@frozen
class DrQ(encoded.Encoded):
    """Hyper-parameters of DrQ."""

    augment: Augment = field(Shift(), "what is done to observations that are learned from")
    num_targets: Static[int] = field(
        2, "copies of the next observation that a target is averaged over", within="[1, inf)"
    )
    num_copies: Static[int] = field(
        2, "copies of the observation that the critics' loss is averaged over", within="[1, inf)"
    )


@frozen
class Averaged:
    """Targets of `of`, averaged over copies `final_obs` [K B, ...] of the next observations.

    For batches of `num_copies` times the same B transitions. Source: arXiv:2004.13649, eq. 1.
    """

    of: Backup
    final_obs: Any
    num_targets: Static[int]
    num_copies: Static[int]

    def init(self, key, obs, action, num):
        return self.of.init(key, obs, action, num)

    def __call__(self, key, memory, nets, batch):
        num = batch.reward.shape[0] // self.num_copies
        each = repeated(jax.tree.map(lambda x: x[:num], batch), self.num_targets)
        target = self.of(key, memory, nets, replace(each, final_obs=self.final_obs))
        mean = jax.tree.map(lambda x: x.reshape(-1, num, *x.shape[1:]).mean(0), target)
        return repeated(mean, self.num_copies)

    def learn(self, key, memory, nets, batch):
        return self.of.learn(key, memory, nets, batch)


def drq(**changes: Any) -> DrQ:
    """The published settings as a `DrQ`; `changes` override fields by name."""
    net = Plain(MLP((1024, 1024), ReLU(), Orthogonal(1.0)))
    base = DrQ(
        actor=Actor(learning_rate=1e-3, net=net, actions=Stochastic(Between(-10.0, 2.0))),
        critic=Critic(learning_rate=1e-3, net=net, slow=Polyak(0.01, every=DELAY)),
        temperature=Learned(start=0.1, learning_rate=1e-3),
        norm=on_policy.Norm(obs=Bytes()),
        batch_size=512,
        num_steps=DELAY,
        critic_steps=DELAY,
    )
    return replace(base, **changes)


def critic_step(
    built: Parts, hp: DrQ, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """A gradient step of critics and encoder on augmented copies of a batch [B, ...]."""
    key_obs, key_final_obs, key_step = jax.random.split(key, 3)
    num, again = hp.num_copies, repeated(batch, hp.num_copies)
    again = replace(again, obs=copies(key_obs, hp.augment, batch.obs, num))
    final_obs = copies(key_final_obs, hp.augment, batch.final_obs, hp.num_targets)
    towards = replace(hp, backup=Averaged(hp.backup, final_obs, hp.num_targets, num))
    learner, metrics, error = encoded.critic_step(built, towards, key_step, learner, again)
    return learner, metrics, error.reshape(num, -1).mean(0)


def actor_step(
    built: Parts, hp: DrQ, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics]:
    """A gradient step of the policy on an augmented copy of a batch, and of the temperature."""
    key_obs, key_step = jax.random.split(key)
    seen = replace(batch, obs=copies(key_obs, hp.augment, batch.obs, 1))
    return encoded.actor_step(built, hp, key_step, learner, seen)


def make(env: Env) -> Algorithm:
    """DrQ on `env`. Raises `EnvError` for actions that are no bounded Box."""
    steps = {"critic_step": critic_step, "actor_step": actor_step}
    return off_policy.make(
        env, encoded.method(env, functools.partial(actor_critic.one_round, **steps))
    )
