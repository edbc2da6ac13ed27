"""IDQL: implicit Q-learning, and a diffusion policy whose draws are chosen by what it implies.

Source: Hansen-Estruch et al. 2023, arXiv:2304.10573, Algorithms 1 to 3 and the authors' code.
Values are of the buffer's actions alone (`runners.in_sample`); a policy that can only be drawn from
clones them (`runners.generative`); acting takes one of its draws by |f'(Q - V)| / |Q - V| or value.
Departs from the paper: it learns from what the run itself has lived through, as the paper's online
part does, random steps first and no logged data; one batch for values and policy, constant rates.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Algorithm, Key, Static, field, frozen
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env
from jaxac.heads.range import bounded
from jaxac.ops.pick import Best, ByWeight, Pick, implicit_weights
from jaxac.runners import generative, in_sample, off_policy, on_policy
from jaxac.runners.actor_critic import Critic
from jaxac.runners.generative import Behaviour
from jaxac.runners.in_sample import Plans, StateValue


@frozen
class IDQL(off_policy.Settings):
    """Hyper-parameters of IDQL."""

    behaviour: Behaviour = field(Behaviour(), "the policy that clones the buffer's actions")
    value: StateValue = field(StateValue(), "the value of a state")
    critic: Critic = field(Critic(), "the critics")
    explore: Pick = field(ByWeight(), "which of the drawn actions is tried")
    exploit: Pick = field(Best(), "which of them the deterministic policy takes")
    num_actions: Static[int] = field(64, "actions drawn to act once", within="[1, inf)")


class Learner(NamedTuple):
    """What is trained."""

    behaviour: generative.Learner
    values: in_sample.Learner


def make(env: Env) -> Algorithm:
    """IDQL on `env`. Raises `EnvError` for actions that are no bounded Box."""
    return off_policy.make(env, method(env))


def method(env: Env) -> off_policy.Method:
    """What `make` makes."""
    actions = bounded(env.action_space)

    def policy(hp: IDQL) -> generative.Parts:
        return generative.parts(env, hp.behaviour)

    def plans(hp: IDQL) -> Plans:
        return Plans(hp.value, hp.critic)

    def values(hp: IDQL) -> in_sample.Parts:
        return in_sample.parts(env, actions.size, plans(hp))

    def random(key, hp, obs):
        return actions.uniform(key, on_policy.num_rows(obs))

    def init(key: Key, hp: IDQL, obs: Any) -> Learner:
        key_policy, key_values, key_action = jax.random.split(key, 3)
        action = random(key_action, hp, obs)
        behaviour = generative.begin(policy(hp), key_policy, hp.behaviour, obs)
        return Learner(behaviour, in_sample.begin(values(hp), key_values, plans(hp), obs, action))

    def chosen(key: Key, keys: Array, pick: Pick, learner: Learner, hp: IDQL, obs: Any) -> Array:
        key_q, key_pick = jax.random.split(key)
        num, built = hp.num_actions, values(hp)
        drawn = generative.draw(policy(hp), hp.behaviour, keys, learner.behaviour, obs, num)
        flat = drawn.reshape(-1, drawn.shape[-1])
        each = jax.tree.map(lambda x: jnp.repeat(x, num, axis=0), obs)
        q = in_sample.slow_q(built, plans(hp), key_q, learner.values, each, flat)
        q, value = q.reshape(-1, num), in_sample.value_of(built, None, learner.values, obs)
        weight = implicit_weights(hp.value.value_loss, q, value[:, None])
        index = pick(key_pick, q, weight)
        return jnp.take_along_axis(drawn, index[:, None, None], 1)[:, 0]

    def explore(key, learner, hp, memory, obs):
        key_pick, key_draw = jax.random.split(key)
        keys = jax.random.split(key_draw, on_policy.num_rows(obs))
        return chosen(key_pick, keys, hp.explore, learner, hp, obs), memory

    def mode(learner: Learner, hp: IDQL, obs: Any) -> Array:
        same = jax.random.key(0)  # a row's action does not depend on its neighbours
        keys = jnp.broadcast_to(same, on_policy.num_rows(obs))
        return chosen(same, keys, hp.exploit, learner, hp, obs)

    def value(learner, hp, obs):
        action = mode(learner, hp, obs)
        out = values(hp).critics.apply(learner.values.params["critic"], None, obs, action)
        return hp.critic.returns.mean(out).mean(0)

    def learn(key: Key, learner: Learner, hp: IDQL, batches: Batch):
        def one(learner, x):
            key_values, key_policy = jax.random.split(x[0])
            valued, metrics, error = in_sample.step(
                values(hp), plans(hp), key_values, learner.values, x[1]
            )
            behaviour, more = generative.clone(
                policy(hp), hp.behaviour, key_policy, learner.behaviour, x[1]
            )
            return Learner(behaviour, valued), ({**metrics, **more}, error)

        keys = jax.random.split(key, hp.critic_steps)
        learner, (metrics, errors) = jax.lax.scan(one, learner, (keys, batches))
        return learner, jax.tree.map(jnp.mean, metrics), errors

    return off_policy.Method(
        init, explore, mode, random, learn, value, lambda hp, action: actions.decode(action)
    )
