"""Soft actor-critic for discrete actions.

Source: Christodoulou 2019, arXiv:1910.07207, Algorithm 1, eq. 10 to 12.
Critics value all actions at once and the policy gives their probabilities, so that expectations
over actions are sums. With alpha the temperature, d the discount (0 where the task ended) and

    V(s) = sum over a of pi(a|s) (Q(s, a) - alpha log pi(a|s)),

    critics:  Q(s, a)  towards  r + d V'(s'),         V' of the least of the slow critics
    policy:   least mean of  -V(s),                   V of the least of the critics
    alpha:    grows while the entropy is below `temperature.target` times the uniform policy's

Departs from the paper: slow critics move a little at every step, as in its Algorithm 1, where its
Atari runs copy them every 8,000 steps; dense layers unless networks for images stand in the slots.
"""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxac.algos.off_policy import dqn
from jaxac.core import Algorithm, Key, Params, Scalar, Static, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env
from jaxac.heads.categorical import Categorical
from jaxac.heads.returns import Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import Net, Plain, PolicyNet, ValuesNet
from jaxac.ops.choice import any_legal
from jaxac.ops.entropy_penalty import EntropyPenalty, Free
from jaxac.ops.optimiser import OPTIMISER, RATE, Optimiser, descend_part
from jaxac.ops.reduce import Min, Reduce
from jaxac.ops.slow import Polyak, Slow
from jaxac.ops.temperature import Learned, Temperature
from jaxac.ops.value_loss import Squared, ValueLoss
from jaxac.runners import off_policy
from jaxac.runners.actor_critic import Learner


@frozen
class Actor:
    """The policy."""

    learning_rate: Scalar = RATE
    net: PolicyNet = field(Plain(), "the network")
    reduce: Reduce = field(Min(), "the critic that it climbs, of the ensemble")
    penalty: EntropyPenalty = field(Free(), "what is added to its loss")
    optimiser: Optimiser = OPTIMISER


@frozen
class Critic:
    """The ensemble of critics of all actions."""

    learning_rate: Scalar = RATE
    net: ValuesNet = field(Plain(), "the network")
    value_loss: ValueLoss = field(Squared(), "the loss of a value")
    reduce: Reduce = field(Min(), "the critic that targets are of, of the ensemble")
    slow: Slow = field(Polyak(), "the copy that targets are of")
    optimiser: Optimiser = OPTIMISER
    num: Static[int] = field(2, "critics in the ensemble", within="[1, inf)")


@frozen
class SACDiscrete(off_policy.Settings):
    """Hyper-parameters of SAC for discrete actions; a round to four environment steps."""

    actor: Actor = field(Actor(), "the policy")
    critic: Critic = field(Critic(), "the critics")
    temperature: Temperature = field(Learned(target=0.98), "what entropy is worth")
    batch_size: Static[int] = field(
        64, "transitions in a gradient step", within="[1, inf)", search=(64, 128, 256)
    )
    num_steps: Static[int] = field(4, "steps of each environment per update", within="[1, inf)")


class Acted(NamedTuple):
    """What the buffer keeps of an action."""

    action: Int[Array, " N"]
    entropy: Float[Array, " N"]  # of the policy that drew it, nats


def soft_value(
    log_prob: Float[Array, "B A"], q: Float[Array, "B A"], alpha: Scalar
) -> Float[Array, " B"]:
    """V(s) of a policy: the expected value of its actions and alpha times its entropy."""
    return (jnp.exp(log_prob) * (q - alpha * log_prob)).sum(-1)


def make(env: Env) -> Algorithm:
    """SAC for discrete actions on `env`. Raises `EnvError` for actions that are not Discrete."""
    head = Categorical(dqn.discrete(env))

    def policy_net(hp: SACDiscrete) -> Net:
        return nets.policy(hp.actor.net, env.observation_space, cast(Any, head))

    def returns_of(hp: SACDiscrete) -> Value:
        return Value(hp.critic.value_loss)

    def critics(hp: SACDiscrete) -> Net:
        plan, num, seen = hp.critic.net, hp.critic.num, env.observation_space
        return nets.values_critics(plan, seen, head.num_actions, returns_of(hp), num)

    def init(key: Key, hp: SACDiscrete, obs: Any) -> Learner:
        key_actor, key_critic = jax.random.split(key)
        actor, critic = policy_net(hp).init(key_actor, obs), critics(hp).init(key_critic, obs)
        params = {"actor": actor, "critic": critic}
        opt_state = {k: optimiser(hp, k).init(params[k]) for k in params}
        slow = {"critic": hp.critic.slow.init(critic)}
        return Learner(params, opt_state, slow, hp.temperature.init(), (), jnp.int32(0))

    def optimiser(hp: SACDiscrete, name: str) -> optax.GradientTransformation:
        plan = {"actor": hp.actor, "critic": hp.critic}[name]
        return plan.optimiser(plan.learning_rate)

    def logits(key: Key | None, params: Params, hp: SACDiscrete, obs: Any) -> Array:
        return dqn.legal(policy_net(hp).apply(params, key, obs), obs)

    def values(key: Key, params: Params, hp: SACDiscrete, reduce: Reduce, obs: Any) -> Array:
        key_members, key_net = jax.random.split(key)
        out = critics(hp).apply(reduce.members(key_members, params), key_net, obs)
        return reduce(returns_of(hp), out)[..., 0]  # [B, A]

    def explore(key, learner, hp, memory, obs):
        key_net, key_action = jax.random.split(key)
        out = logits(key_net, learner.params["actor"], hp, obs)
        return Acted(head.sample(key_action, out), head.entropy(out)), memory

    def mode(learner, hp, obs):
        out = logits(None, learner.params["actor"], hp, obs)
        return Acted(head.mode(out), head.entropy(out))

    def even(obs: Any, num: int) -> Array:
        return dqn.legal(jnp.zeros((num, head.num_actions)), obs)

    def random(key, hp, obs):
        out = even(obs, hp.num_envs)
        return Acted(any_legal(key, out), head.entropy(out))

    def value(learner, hp, obs):
        return taken(None, learner.params["critic"], hp, obs, mode(learner, hp, obs))[..., 0].mean(
            0
        )

    def taken(key: Key | None, params: Params, hp: SACDiscrete, obs: Any, acted: Acted) -> Array:
        one_hot = jax.nn.one_hot(acted.action, head.num_actions)[..., None]
        return (critics(hp).apply(params, key, obs) * one_hot).sum(-2)  # [E, B, 1]

    def critic_step(learner: Learner, key: Key, hp: SACDiscrete, batch: Batch):
        key_policy, key_slow, key_old, key_out = jax.random.split(key, 4)
        returns, alpha = returns_of(hp), hp.temperature(learner.temperature)
        slow = hp.critic.slow.read(learner.slow["critic"], learner.params["critic"])
        out = logits(key_policy, learner.params["actor"], hp, batch.final_obs)
        next_q = values(key_slow, slow, hp, hp.critic.reduce, batch.final_obs)
        following = soft_value(jax.nn.log_softmax(out), next_q, alpha)
        target = (batch.reward + batch.discount * following)[:, None]
        old = taken(key_old, slow, hp, batch.obs, batch.action)
        old, target = jax.lax.stop_gradient((old, target))

        def loss(params):
            q = taken(key_out, params, hp, batch.obs, batch.action)
            total = (batch.weight * returns.loss(q, old, target)).mean(-1).sum()
            return total, ({"critic_loss": total, "q": q.mean()}, returns.error(q, target).mean(0))

        learner, more = descend_part(learner, "critic", optimiser(hp, "critic"), loss)
        step, params = learner.step + 1, learner.params["critic"]
        slow = {"critic": hp.critic.slow.update(learner.slow["critic"], params, step)}
        return replace(learner, slow=slow, step=step), more

    def actor_step(learner: Learner, key: Key, hp: SACDiscrete, batch: Batch):
        key_q, key_policy = jax.random.split(key)
        alpha = hp.temperature(learner.temperature)
        q = values(key_q, learner.params["critic"], hp, hp.actor.reduce, batch.obs)

        def loss(params):
            out = logits(key_policy, params, hp, batch.obs)
            entropy = head.entropy(out)
            penalty = hp.actor.penalty(entropy, batch.action.entropy)
            total = (penalty - soft_value(jax.nn.log_softmax(out), q, alpha)).mean()
            return total, {"actor_loss": total, "entropy": entropy.mean()}

        learner, metrics = descend_part(learner, "actor", optimiser(hp, "actor"), loss)
        largest = head.entropy(even(batch.obs, batch.reward.shape[0])).mean()
        temperature = hp.temperature.update(learner.temperature, metrics["entropy"], largest)
        metrics = {**metrics, "temperature": jnp.asarray(alpha)}
        return replace(learner, temperature=temperature), metrics

    def learn(key: Key, learner: Learner, hp: SACDiscrete, batches: Batch):
        key_critic, key_actor = jax.random.split(key)
        keys = jax.random.split(key_critic, hp.critic_steps)
        learner, (metrics, errors) = jax.lax.scan(
            lambda learner, x: critic_step(learner, x[0], hp, x[1]), learner, (keys, batches)
        )
        last = jax.tree.map(lambda x: x[-1], batches)
        learner, more = actor_step(learner, key_actor, hp, last)
        return learner, {**jax.tree.map(jnp.mean, metrics), **more}, errors

    method = off_policy.Method(
        init, explore, mode, random, learn, value, lambda hp, acted: acted.action
    )
    return off_policy.make(env, method)
