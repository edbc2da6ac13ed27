"""Actor-critics with replay whose policy climbs the critic: what DDPG, TD3 and SAC have in common.

A policy pi draws differentiable actions, an ensemble of critics says what returns follow them. With
alpha the temperature (0 for a deterministic policy) and d the discount, 0 where the task ended,

    critic:  Z(s, a)  towards  r + d (Z'(s', a') - alpha log pi(a'|s')),   a' from pi(s')
    policy:  least mean of  alpha log pi(a|s) - Q(s, a),                   a from pi(s)

Sources: Lillicrap et al. 2016, arXiv:1509.02971; Fujimoto et al. 2018, arXiv:1802.09477; Haarnoja
et al. 2018, arXiv:1812.05905. A published method is a value of `ActorCritic`, or its parts in
another order.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Algorithm, Int, Key, Metrics, Params, Scalar, Static, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env
from jaxac.heads.reparameterised import Actions, Reparameterised, Stochastic
from jaxac.heads.returns import Returns, Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import CriticNet, Net, Plain, PolicyNet
from jaxac.ops.after import After, Nothing
from jaxac.ops.backup import Backup, Nets, OneStep
from jaxac.ops.explore import Explore, Sampled
from jaxac.ops.objective import Climb, Objective
from jaxac.ops.optimiser import OPTIMISER, RATE, Optimiser, descend_part
from jaxac.ops.proposal import Proposal, Untouched
from jaxac.ops.reduce import Min, Reduce
from jaxac.ops.slow import Online, Polyak, Slow
from jaxac.ops.temperature import Fixed, Temperature
from jaxac.runners import off_policy


@frozen
class Actor:
    """The policy: its network, how it is trained, and how it is used."""

    learning_rate: Scalar = RATE
    net: PolicyNet = field(Plain(), "the network")
    actions: Actions = field(Stochastic(), "the distribution of actions")
    objective: Objective = field(Climb(), "what it is trained for")
    reduce: Reduce = field(Min(), "the critic that it climbs, of the ensemble")
    explore: Explore = field(Sampled(), "the action that is tried")
    proposal: Proposal = field(Untouched(), "what becomes of its actions in targets")
    slow: Slow = field(Online(), "the copy that acts in targets")
    optimiser: Optimiser = OPTIMISER


@frozen
class Critic:
    """The ensemble of critics."""

    learning_rate: Scalar = RATE
    net: CriticNet = field(Plain(), "the network")
    returns: Returns = field(Value(), "what it says of the return")
    reduce: Reduce = field(Min(), "the critic that targets are of, of the ensemble")
    slow: Slow = field(Polyak(), "the copy that targets are of")
    optimiser: Optimiser = OPTIMISER
    num: Static[int] = field(2, "critics in the ensemble", within="[1, inf)")


@frozen
class ActorCritic(off_policy.Settings):
    """Hyper-parameters of actor-critics with replay."""

    actor: Actor = field(Actor(), "the policy")
    critic: Critic = field(Critic(), "the critics")
    backup: Backup = field(OneStep(), "what the critics are trained towards")
    temperature: Temperature = field(Fixed(), "what entropy is worth")
    after: After = field(Nothing(), "what is done to the learner after a round")


@frozen
class Learner:
    """What is trained."""

    params: dict[str, Params]  # "actor", "critic" [E, ...]
    opt_state: dict[str, optax.OptState]
    slow: dict[str, Any]
    temperature: Any
    backup: Any
    step: Int  # critic steps


class Parts(NamedTuple):
    """What is built for an environment."""

    head: Reparameterised
    policy: Net
    critics: Net


def parts(env: Env, hp: ActorCritic) -> Parts:
    """Head and networks. Raises `EnvError` if they do not fit the environment."""
    head, seen = hp.actor.actions(env.action_space), env.observation_space
    critics = nets.critics(hp.critic.net, seen, head.range.size, hp.critic.returns, hp.critic.num)
    return Parts(head, nets.policy(hp.actor.net, seen, head), critics)


def begin(built: Parts, key: Key, hp: ActorCritic, obs: Any) -> Learner:
    """A learner that has learned nothing, for observations [N, ...]."""
    key_actor, key_critic, key_backup, key_action = jax.random.split(key, 4)
    num = jax.tree.leaves(obs)[0].shape[0]
    action = built.head.range.uniform(key_action, num)
    params = {
        "actor": built.policy.init(key_actor, obs),
        "critic": built.critics.init(key_critic, obs, action),
    }
    plans = {"actor": hp.actor, "critic": hp.critic}
    return Learner(
        params,
        {k: plan.optimiser(plan.learning_rate).init(params[k]) for k, plan in plans.items()},
        {k: plan.slow.init(params[k]) for k, plan in plans.items()},
        hp.temperature.init(),
        hp.backup.init(key_backup, obs, action, hp.critic.num),
        jnp.int32(0),
    )


def functions(built: Parts, hp: ActorCritic, learner: Learner) -> Nets:
    """The learner's networks as functions."""
    head, params, returns = built.head, learner.params, hp.critic.returns
    slow_actor = hp.actor.slow.read(learner.slow["actor"], params["actor"])
    slow_critic = hp.critic.slow.read(learner.slow["critic"], params["critic"])

    def policy(key, obs):
        key_net, key_sample = jax.random.split(key)
        return head.sample(key_sample, built.policy.apply(params["actor"], key_net, obs))

    def proposal(key, obs):
        key_net, key_sample, key_proposal = jax.random.split(key, 3)
        out = built.policy.apply(slow_actor, key_net, obs)
        action, log_prob = head.sample(key_sample, out)
        return hp.actor.proposal(key_proposal, action), log_prob

    def out(key, obs, action):
        return built.critics.apply(params["critic"], key, obs, action)

    def slow_out(key, obs, action):
        key_members, key_net = jax.random.split(key)
        members = hp.critic.reduce.members(key_members, slow_critic)
        return hp.critic.reduce(returns, built.critics.apply(members, key_net, obs, action))

    return Nets(hp.temperature(learner.temperature), returns, policy, proposal, out, slow_out)


def critic_step(
    built: Parts, hp: ActorCritic, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """A gradient step of the critics on a batch [B, ...]; absolute TD errors come with it."""
    key_target, key_out, key_slow, key_learn = jax.random.split(key, 4)
    nets, returns, step = functions(built, hp, learner), hp.critic.returns, learner.step + 1
    target = jax.lax.stop_gradient(hp.backup(key_target, learner.backup, nets, batch))
    slow = hp.critic.slow.read(learner.slow["critic"], learner.params["critic"])
    old = built.critics.apply(slow, key_slow, batch.obs, batch.action)  # dropped where unused

    def loss(params):
        out = built.critics.apply(params, key_out, batch.obs, batch.action)
        each = returns.loss(out, jax.lax.stop_gradient(old), target)  # [E, B]
        total = (batch.weight * each).mean(-1).sum()
        q = returns.mean(out)
        return total, ({"critic_loss": total, "q": q.mean()}, returns.error(out, target).mean(0))

    optimiser = hp.critic.optimiser(hp.critic.learning_rate)
    learner, (metrics, error) = descend_part(learner, "critic", optimiser, loss)
    memory, more = hp.backup.learn(key_learn, learner.backup, nets, batch)
    plans = {"actor": hp.actor, "critic": hp.critic}
    slow = {k: x.slow.update(learner.slow[k], learner.params[k], step) for k, x in plans.items()}
    return replace(learner, slow=slow, backup=memory, step=step), {**metrics, **more}, error


def actor_step(
    built: Parts, hp: ActorCritic, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics]:
    """A gradient step of the policy on a batch [B, ...], and of the temperature."""
    key_net, key_sample, key_members, key_out = jax.random.split(key, 4)
    alpha, returns = hp.temperature(learner.temperature), hp.critic.returns
    critics = hp.actor.reduce.members(key_members, learner.params["critic"])

    def loss(params):
        out = built.policy.apply(params, key_net, batch.obs)
        action, log_prob = built.head.sample(key_sample, out)
        out = built.critics.apply(critics, key_out, batch.obs, action)
        q = returns.mean(hp.actor.reduce(returns, out))
        total = hp.actor.objective(q, alpha * log_prob, action, batch.action).mean()
        return total, {"actor_loss": total, "entropy": -log_prob.mean()}

    optimiser = hp.actor.optimiser(hp.actor.learning_rate)
    learner, metrics = descend_part(learner, "actor", optimiser, loss)
    temperature = hp.temperature.update(
        learner.temperature, metrics["entropy"], built.head.range.size
    )
    metrics = {**metrics, "temperature": jnp.asarray(alpha)}
    return replace(learner, temperature=temperature), metrics


def one_round(
    built: Parts,
    key: Key,
    learner: Learner,
    hp: ActorCritic,
    batches: Batch,
    critic_step: Callable[..., Any] = critic_step,
    actor_step: Callable[..., Any] = actor_step,
) -> tuple[Learner, Metrics, Float[Array, "C B"]]:
    """A critic step on each of the batches [C, B, ...], and an actor step on the last."""
    key_critic, key_actor, key_after = jax.random.split(key, 3)
    before = learner.step

    def step(learner, x):
        learner, metrics, error = critic_step(built, hp, x[0], learner, x[1])
        return learner, (metrics, error)

    keys = jax.random.split(key_critic, hp.critic_steps)
    learner, (metrics, errors) = jax.lax.scan(step, learner, (keys, batches))
    last = jax.tree.map(lambda x: x[-1], batches)
    learner, more = actor_step(built, hp, key_actor, learner, last)

    def fresh(key):
        return begin(built, key, hp, last.obs)

    learner = hp.after(key_after, learner, fresh, before)
    return learner, {**jax.tree.map(jnp.mean, metrics), **more}, errors


def make(env: Env, learn: Callable[..., Any] = one_round) -> Algorithm:
    """Actor-critics with replay on `env`; `learn` is a round, made of the steps above.

    Raises `EnvError` for actions that are no bounded Box.
    """
    return off_policy.make(env, method(env, learn))


def method(
    env: Env, learn: Callable[..., Any] = one_round, build: Callable[..., Parts] = parts
) -> off_policy.Method:
    """What `make` makes, whose head and networks are those of `build(env, hp)`."""

    def built(hp: ActorCritic) -> Parts:
        return build(env, hp)

    def output(key, learner, hp, obs):
        return built(hp).policy.apply(learner.params["actor"], key, obs)

    def explore(key, learner, hp, memory, obs):
        key_net, key_action = jax.random.split(key)
        out = output(key_net, learner, hp, obs)
        return hp.actor.explore(key_action, memory, built(hp).head, out)

    def mode(learner, hp, obs):
        return built(hp).head.mode(output(None, learner, hp, obs))

    def value(learner, hp, obs):
        out = built(hp).critics.apply(learner.params["critic"], None, obs, mode(learner, hp, obs))
        return hp.critic.returns.mean(out).mean(0)

    return off_policy.Method(
        init=lambda key, hp, obs: begin(built(hp), key, hp, obs),
        explore=explore,
        mode=mode,
        random=lambda key, hp, obs: built(hp).head.range.uniform(key, hp.num_envs),
        learn=lambda key, learner, hp, batches: learn(built(hp), key, learner, hp, batches),
        value=value,
        decode=lambda hp, action: built(hp).head.range.decode(action),
        memory=lambda hp, num: hp.actor.explore.init(num, built(hp).head.range.size),
    )
