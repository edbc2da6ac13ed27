"""Rounds of actor-critics on transitions made by hand: small programs, which tests share."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxac import config, registry
from jaxac.core import scheduled
from jaxac.data.replay import Batch
from jaxac.runners import actor_critic

ENV = registry.make_env("Pendulum-v1")
NUM = 16  # transitions in a batch
TINY = {
    "num_envs": 3,
    "num_updates": 8,
    "warm_up": 12,
    "batch_size": NUM,
    "replay.capacity": 256,
    "eval_episodes": 2,
}
LAST = ("hidden", "width")


def tiny(hp, **changes):
    """Hyper-parameters with narrow networks, and `changes` by dotted name after that."""
    paths = [f.path for f in config.fields(hp)]
    narrow = {p: (8,) if p.endswith("hidden") else 8 for p in paths if p.endswith(LAST)}
    return config.configure(hp, {**TINY, **narrow, **changes})


def batch(num=NUM, seed=0):
    """Random transitions of 3 numbers and an action of 1, every third of them the last."""
    rng = np.random.default_rng(seed)
    obs, final_obs = rng.normal(size=(2, num, 3)).astype(np.float32)
    weight = rng.uniform(0.2, 1.0, num)
    return jax.tree.map(
        jnp.asarray,
        Batch(
            obs=obs,
            action=rng.uniform(-1.0, 1.0, (num, 1)).astype(np.float32),
            reward=rng.normal(size=num).astype(np.float32),
            discount=np.where(np.arange(num) % 3, 0.9, 0.0).astype(np.float32),
            final_obs=final_obs,
            weight=(weight / weight.max()).astype(np.float32),
            place=np.arange(num),
        ),
    )


def parts(hp):
    """Head and networks."""
    return actor_critic.parts(ENV, hp)


@functools.cache
def program(learn):
    """A learner after `num` rounds of `learn`, compiled once for each structure of its input."""

    def run(hp, num, data, learner):
        now = scheduled(hp, jnp.zeros(()))
        built = parts(now)
        if learner is None:
            learner = actor_critic.begin(built, jax.random.key(0), now, data.obs)
        batches = jax.tree.map(lambda x: jnp.broadcast_to(x, (hp.critic_steps, *x.shape)), data)

        def one(i, learner):
            key = jax.random.fold_in(jax.random.key(1), i)
            return learn(built, key, learner, now, batches)[0]

        return jax.lax.fori_loop(0, num, one, learner)

    return jax.jit(run)


def learned(hp, learn=actor_critic.one_round, num=4, data=None, learner=None):
    """The learner after `num` rounds on one batch, from the beginning if none is given."""
    return program(learn)(hp, num, batch() if data is None else data, learner)


def drawn(hp, learn=actor_critic.one_round):
    """Parts, a learner after some rounds, and a batch that it has not seen."""
    return parts(hp), learned(hp, learn), batch(seed=1)


class Target(NamedTuple):
    """What a batch is trained towards, and what a test needs to find it by itself."""

    target: Any
    action: Any  # [B, A], of the policy after each transition
    log_prob: Any  # [B]
    out: Any  # [E, B, K], of the slow critics at these
    alpha: Any


@jax.jit
def target_of(hp, learner, data, key):
    """The backup's target, its action being drawn with the first of three keys."""
    built = parts(hp)
    nets = actor_critic.functions(built, hp, learner)
    action, log_prob = nets.proposal(jax.random.split(key, 3)[0], data.final_obs)
    slow = hp.critic.slow.read(learner.slow["critic"], learner.params["critic"])
    out = built.critics.apply(slow, None, data.final_obs, action)
    return Target(hp.backup(key, learner.backup, nets, data), action, log_prob, out, nets.alpha)


def member(params, i):
    """One member of an ensemble, as an ensemble of one."""
    return jax.tree.map(lambda x: x[i : i + 1], params)


def applied(module, variables, *inputs, **more) -> Any:
    """A flax module as a function, whatever it gives."""
    return module.apply(variables, *inputs, **more)


def assert_equal(a, b):
    """Two pytrees of one structure, bit for bit."""
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a, b, rtol=1e-4, atol=1e-6):
    """Two pytrees of one structure, but for rounding."""
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=atol), a, b)
