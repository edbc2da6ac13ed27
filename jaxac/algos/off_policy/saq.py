"""SAQ: continuous actions as a few learned codes of each state, and discrete Q-learning on them.

Source: Luo et al. 2023, arXiv:2310.11731, section 4, and Kumar et al. 2020, arXiv:2006.04779 (CQL).
A codec (`jaxac.ops.codec`) gives the buffer's actions codes; `dqn` values every code, with the
penalty of CQL, whose sum over codes is exact; a greedy code is decoded into an action. On codes
that do not move it is `dqn` (`pytest tests/algos/off_policy/test_saq.py`).
Departs from the paper: the codec is learned along with the values, on what the run has lived
through, where the paper learns it first, from logged data, and keeps it; no prior of codes.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxac.algos.off_policy import dqn
from jaxac.core import Algorithm, Key, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Discrete, Env
from jaxac.heads.range import bounded
from jaxac.nets.activation import ReLU
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Lecun
from jaxac.nets.mlp import MLP
from jaxac.ops.codec import VQVAE, Codec
from jaxac.ops.conservative import Conservative
from jaxac.ops.slow import Hard
from jaxac.runners import off_policy, on_policy


@frozen
class SAQ(dqn.DQN):
    """Hyper-parameters of SAQ."""

    codec: Codec = field(VQVAE(), "the codes of actions")


def saq(**changes: Any) -> SAQ:
    """The settings of SAQ with CQL as a `SAQ`; `changes` override fields by name."""
    net = Plain(MLP((512, 512), ReLU(), Lecun()))
    base = SAQ(net=net, penalty=Conservative(), slow=Hard(200), num_steps=1)
    return replace(base, **changes)


class Learner(NamedTuple):
    """What is trained."""

    values: dqn.Learner
    codec: Any


def make(env: Env) -> Algorithm:
    """SAQ on `env`. Raises `EnvError` for actions that are no bounded Box."""
    return off_policy.make(env, method(env))


def method(env: Env) -> off_policy.Method:
    """What `make` makes."""
    actions = bounded(env.action_space)
    size = actions.size

    def on_codes(hp: SAQ) -> off_policy.Method:
        return dqn.method(dataclasses.replace(env, action_space=Discrete(hp.codec.num(size))))

    def random(key, hp, obs):
        return actions.uniform(key, on_policy.num_rows(obs))

    def init(key: Key, hp: SAQ, obs: Any) -> Learner:
        key_values, key_codec, key_action = jax.random.split(key, 3)
        codec = hp.codec.init(key_codec, obs, random(key_action, hp, obs))
        return Learner(on_codes(hp).init(key_values, hp, obs), codec)

    def explore(key, learner, hp, memory, obs):
        code, memory = on_codes(hp).explore(key, learner.values, hp, memory, obs)
        return hp.codec.decode(learner.codec, obs, code, size), memory

    def mode(learner, hp, obs):
        code = on_codes(hp).mode(learner.values, hp, obs)
        return hp.codec.decode(learner.codec, obs, code, size)

    def learn(key: Key, learner: Learner, hp: SAQ, batches: Batch):
        def improve(memory, batch):
            return hp.codec.learn(memory, batch.obs, batch.action, batch.weight)

        codec, more = jax.lax.scan(improve, learner.codec, batches)
        code = jax.vmap(hp.codec.encode, (None, 0, 0))(codec, batches.obs, batches.action)
        values, metrics, errors = on_codes(hp).learn(
            key, learner.values, hp, replace(batches, action=code)
        )
        return Learner(values, codec), {**metrics, **jax.tree.map(jnp.mean, more)}, errors

    def value(learner, hp, obs):
        return on_codes(hp).value(learner.values, hp, obs)

    return off_policy.Method(
        init, explore, mode, random, learn, value, lambda hp, action: actions.decode(action)
    )
