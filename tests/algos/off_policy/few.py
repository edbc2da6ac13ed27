"""Gradient steps of methods that value a few actions, on transitions made by hand."""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxac import config, registry
from jaxac.algos.off_policy import dqn
from jaxac.core import frozen, replace, scheduled
from jaxac.data.replay import Batch
from jaxac.heads.returns import Value
from jaxac.ops.value_loss import Squared

from .short import tiny

STATES, ACTIONS, NUM, GAMMA = 6, 3, 16, 0.9
ENV = registry.make_env(f"tabular/Garnet-{STATES}x{ACTIONS}x2")


def small(hp, **changes):
    """Narrow networks, a slow copy of every third step, and `changes` by dotted name."""
    return scheduled(tiny(hp, **{"slow.every": 3, **changes}), jnp.zeros(()))


def linear(hp, **changes):
    """A table: no hidden layers on one-hot observations."""
    return small(hp, **{"net.trunk.hidden": (), "optimiser": "SGD", **changes})


@frozen
class Table:
    """A number for each observation and action, 0 at first."""

    def values(self, space, num_actions, returns):
        return nn.Sequential(
            [
                nn.Dense(num_actions, use_bias=False, kernel_init=nn.initializers.zeros),
                lambda x: x[..., None],
            ]
        )


def every():
    """Each state and action with each state that may follow, weighed by its probability: a step

    of plain descent at rate STATES * ACTIONS takes a table to its expected targets.
    """
    process = ENV.params.mdp
    state, action, following = np.nonzero(np.asarray(process.transition))
    eye = np.eye(STATES, dtype=np.float32)
    share = np.asarray(process.transition)[state, action, following] * len(state)
    return jax.tree.map(
        jnp.asarray,
        Batch(
            obs=eye[state],
            action=action,
            reward=np.asarray(process.reward)[state, action],
            discount=np.full(len(state), GAMMA, np.float32)
            * ~np.asarray(process.terminal)[following],
            final_obs=eye[following],
            weight=(share / (STATES * ACTIONS)).astype(np.float32),
            place=np.arange(len(state)),
        ),
    )


def tabular(hp, **changes):
    """A table whose step of descent on `every` is a sweep of value iteration."""
    exact = {"optimiser": "SGD", "learning_rate": STATES * ACTIONS, "max_grad_norm": math.inf}
    returns = {"returns": Value(Squared()), "gamma": GAMMA}
    table = replace(hp, net=Table())
    return scheduled(config.configure(table, {**returns, **exact, **changes}), jnp.zeros(()))


def batch(num=NUM, seed=0):
    """Random transitions between one-hot states, every third of them the last."""
    rng = np.random.default_rng(seed)
    eye = np.eye(STATES, dtype=np.float32)
    weight = rng.uniform(0.2, 1.0, num)
    return jax.tree.map(
        jnp.asarray,
        Batch(
            obs=eye[rng.integers(STATES, size=num)],
            action=rng.integers(ACTIONS, size=num),
            reward=rng.normal(size=num).astype(np.float32),
            discount=np.where(np.arange(num) % 3, 0.9, 0.0).astype(np.float32),
            final_obs=eye[rng.integers(STATES, size=num)],
            weight=(weight / weight.max()).astype(np.float32),
            place=np.arange(num),
        ),
    )


@jax.jit
def begin(hp):
    """A learner that has learned nothing."""
    return dqn.method(ENV).init(jax.random.key(0), hp, batch().obs)


@functools.cache
def program(num):
    """`num` gradient steps, compiled once for each structure of hyper-parameters."""

    def run(hp, learner, data):
        built = dqn.parts(ENV, hp)

        def one(learner, key):
            learner, *more = dqn.one_step(built, hp, key, learner, data)
            return learner, more

        return jax.lax.scan(one, learner, jax.random.split(jax.random.key(1), num))

    return jax.jit(run)


def steps(hp, num=8, data=None, learner=None):
    """The learner after `num` gradient steps on one batch, and the metrics and errors of each."""
    learner = begin(hp) if learner is None else learner
    return program(num)(hp, learner, batch() if data is None else data)


@jax.jit
def outputs(hp, learner, data):
    """Of a batch's next observations, [B, A, K]: online and slow; and slow of its observations."""
    net = dqn.parts(ENV, hp).net
    pairs = (
        (learner.params, data.final_obs),
        (learner.slow, data.final_obs),
        (learner.slow, data.obs),
    )
    return [net.apply(params, None, obs) for params, obs in pairs]


@jax.jit
def target(hp, learner, data):
    """What the batch is trained towards."""
    return dqn.target_of(dqn.parts(ENV, hp), hp, jax.random.key(3), learner, data)
