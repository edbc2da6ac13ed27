"""Iterated Q-network (i-QN) on DQN: a chain of value functions, each the target of the next.

Source: Vincent et al. 2024, arXiv:2403.02107, section 4 and Algorithm 1 (i-DQN). With b_k a slow
copy of Q_k and B the Bellman operator,

    Q_k  towards  B b_{k-1},   k = 1 ... K,

`chain` copies Q_k to b_k for k = 1 ... K - 1, so that a function learns from the latest of the one
before, and `slow` shifts the window: b_0 becomes Q_1 and each Q_k the next. Who acts is drawn anew
for every environment and step.
Against `dqn`: every part of a learner has a leading axis [K], b_{k-1} being the slow copy of Q_k.
`num=1` is `dqn` but for rounding (`pytest tests/algos/off_policy/test_iterated_qn.py`).
Departs from the paper: the functions share no layers, where its Atari runs share convolutions; each
gradient's norm is clipped, and the loss is Huber's, not squared; Q_K, the furthest along, says what
is best and what it is worth; counts are those of `dqn`, the period of the shift too. `chain` copies
every 8 gradient steps: the paper's 30 environment steps, at four to a gradient step.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.algos.off_policy import dqn
from jaxac.core import Algorithm, Key, Static, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.ops.slow import Hard, Slow
from jaxac.runners import off_policy

WHO = 2**31 - 2  # folded into a key: which function acts, drawn from where no action is


@frozen
class IteratedDQN(dqn.DQN):
    """Hyper-parameters of DQN, and of the chain."""

    chain: Slow = field(Hard(8), "the copies that functions hand on within the window")
    num: Static[int] = field(
        5, "value functions learned at once", within="[1, inf)", search=(1, 2, 5)
    )


def make(env: Env) -> Algorithm:
    """i-QN on `env`. Raises `EnvError` for actions that are not Discrete.

    `init` raises `ConfigError` for a `slow` that keeps no copy.
    """
    base = dqn.method(env, step)

    def init(key: Key, hp: IteratedDQN, obs: Any) -> dqn.Learner:
        learner = jax.vmap(lambda key: base.init(key, hp, obs))(jax.random.split(key, hp.num))
        if not jax.tree.leaves(learner.slow):
            raise ConfigError("slow", "a chain needs copies to learn from; use Hard")
        first = jax.tree.map(lambda x: jnp.concatenate([x[:1], x[:-1]]), learner.params)
        return replace(learner, slow=first)

    def explore(key, learner, hp, memory, obs):
        action = jax.vmap(lambda one: base.explore(key, one, hp, memory, obs)[0])(learner)
        num = action.shape[1]
        who = jax.random.randint(jax.random.fold_in(key, WHO), (num,), 0, hp.num)
        return action[who, jnp.arange(num)], memory

    method = base._replace(
        init=init,
        explore=explore,
        mode=lambda learner, hp, obs: base.mode(last(learner), hp, obs),
        value=lambda learner, hp, obs: base.value(last(learner), hp, obs),
    )
    return off_policy.make(env, method)


def step(built: dqn.Parts, hp: IteratedDQN, key: Key, learner: dqn.Learner, batch: Batch):
    """A gradient step of every function on one batch, and then the window moves if it is time."""
    learner, metrics, errors = jax.vmap(lambda one: dqn.regress(built, hp, key, one, batch))(
        learner
    )
    return moved(hp, learner), jax.tree.map(jnp.mean, metrics), errors.mean(0)


def moved(hp: IteratedDQN, learner: dqn.Learner) -> dqn.Learner:
    """The learner after the shift of the window and the copies within it, each where it is due."""
    count, tree = learner.step[0], jax.tree.map

    def joined(one, other):
        return tree(lambda a, b: jnp.concatenate([a, b]), one, other)

    head, tail = (tree(lambda x, s=s: x[s], learner.params) for s in (slice(-1), slice(1, None)))
    params = joined(hp.slow.update(head, tail, count), tree(lambda x: x[-1:], learner.params))
    slow = hp.slow.update(learner.slow, learner.params, count)
    later, before = tree(lambda x: x[1:], slow), tree(lambda x: x[:-1], params)
    handed = hp.chain.read(hp.chain.update(later, before, count), before)
    slow = joined(tree(lambda x: x[:1], slow), handed)
    return replace(learner, params=params, slow=slow)


def last(learner: dqn.Learner) -> dqn.Learner:
    """The learner of Q_K alone."""
    return jax.tree.map(lambda x: x[-1], learner)
