"""Proximal policy optimisation (PPO), and the actor-critic methods that are values of it.

Source: Schulman et al. 2017, arXiv:1707.06347, Algorithm 1, eq. 7 and 9; details after Engstrom et
al. 2020, arXiv:2005.12729, Andrychowicz et al. 2021, arXiv:2006.05990, and Huang et al. 2022, "The
37 implementation details of PPO". docs/ppo_details.md says where each detail is found here.
Departs from the paper: episodes cut by the time limit bootstrap from their true last observation.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import (
    Algorithm,
    Int,
    Key,
    Metrics,
    Params,
    Scalar,
    Static,
    algorithm,
    field,
    frozen,
    replace,
    scheduled,
)
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.fields import LogUniform
from jaxac.heads import Default
from jaxac.heads.contract import Head
from jaxac.heads.factory import Policy
from jaxac.nets.actor_critic import ActorCritic, Architecture, Network
from jaxac.ops.advantage import AdvantageScale, PerMinibatch
from jaxac.ops.credit import GAE, Credit
from jaxac.ops.minibatch import Minibatches, ShuffleTransitions
from jaxac.ops.normalise import Identity, Normaliser
from jaxac.ops.optimiser import Adam, Optimiser
from jaxac.ops.reward import Raw, RewardScale
from jaxac.ops.surrogate import Clip, Surrogate
from jaxac.ops.value_loss import Squared, ValueLoss
from jaxac.runners import on_policy


@frozen
class Norm:
    """What is normalised by running statistics."""

    obs: Normaliser = field(Identity(), "observations that the networks see")
    reward: RewardScale = field(Raw(), "rewards that are learned from")
    value: Normaliser = field(Identity(), "units in which the critic predicts")


@frozen
class PPO:
    """Hyper-parameters of PPO."""

    learning_rate: Scalar = field(
        3e-4, "step size of the optimiser", within="[0, inf)", search=LogUniform(1e-5, 1e-2)
    )
    gamma: Scalar = field(
        0.99, "discount per step", within="[0, 1]", search=(0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
    )
    value_coef: Scalar = field(
        0.5, "weight of the value loss", within="[0, inf)", search=LogUniform(0.1, 2.0)
    )
    entropy_coef: Scalar = field(
        0.01,
        "weight of the entropy bonus, per nat",
        within="[0, inf)",
        search=LogUniform(1e-5, 1e-1),
    )
    max_grad_norm: Scalar = field(
        0.5, "global norm that gradients are clipped to", within="(0, inf]", search=(0.5, 1.0, 5.0)
    )
    target_kl: Scalar = field(
        float("inf"),
        "an update takes no more steps once a minibatch's KL exceeds this, in nats",
        within="(0, inf]",
    )
    total_steps: Scalar = field(
        1e6, "environment steps over which schedules run; a sweep sets it", within="[1, inf)"
    )
    credit: Credit = field(GAE(), "advantages and value targets")
    surrogate: Surrogate = field(Clip(), "the policy's objective")
    value_loss: ValueLoss = field(Squared(), "the critic's loss")
    advantage: AdvantageScale = field(PerMinibatch(), "scaling of advantages")
    minibatches: Minibatches = field(ShuffleTransitions(), "how a rollout is cut up")
    norm: Norm = field(Norm(), "normalisation")
    optimiser: Optimiser = field(Adam(), "the optimiser")
    policy: Policy = field(Default(), "the action distribution")
    net: Architecture = field(ActorCritic(), "the networks")
    num_envs: Static[int] = field(16, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(128, "steps of each environment per update", within="[1, inf)")
    num_epochs: Static[int] = field(4, "passes over the data of an update", within="[1, inf)")
    num_minibatches: Static[int] = field(4, "gradient steps per pass", within="[1, inf)")
    num_advantage_passes: Static[int] = field(
        1,
        "times per update that advantages are computed, evenly spread over the epochs",
        within="[1, inf)",
    )
    num_updates: Static[int] = field(8, "updates per chunk; a sweep sets it", within="[1, inf)")
    eval_episodes: Static[int] = field(16, "episodes per evaluation", within="[1, inf)")


@frozen
class State:
    """One run."""

    hp: PPO
    env_params: Any
    key: Key  # never advanced: update i draws from fold_in(key, i)
    step: Int  # updates done
    params: Params
    opt_state: optax.OptState
    loop: on_policy.Loop
    stats: dict[str, Any]  # running statistics of hp.norm's three normalisers


@frozen
class Batch:
    """What the epochs learn from, [t, B, ...]."""

    obs: Any  # as the environment gives it: pixels stay bytes
    action: Any
    reset: Any
    log_prob: Float[Array, "t B"]
    value: Float[Array, "t B"]  # at collection, in the critic's units
    advantage: Float[Array, "t B"]
    target: Float[Array, "t B"]  # in the critic's units


def make(env: Env) -> Algorithm:
    """PPO on `env`.

    `init` raises `ConfigError` for counts that do not divide, and `EnvError` for a network that
    does not fit the observations.
    """

    def parts(hp: PPO) -> tuple[Head, Network, optax.GradientTransformation]:
        head = hp.policy(env.action_space)
        net = hp.net.build(head, env.observation_space)
        clip = optax.clip_by_global_norm(hp.max_grad_norm)
        return head, net, optax.chain(clip, hp.optimiser(hp.learning_rate))

    def init(key: Key, hp: PPO, env_params: Any) -> State:
        key_net, key_env, key_run = jax.random.split(key, 3)
        _, net, optimiser = parts(scheduled(hp, jnp.zeros(())))
        check(hp, net)
        loop = on_policy.start(key_env, env, env_params, hp.num_envs, net.start(hp.num_envs))
        params = net.init(key_net, loop.envs.obs)
        stats = {
            "obs": hp.norm.obs.init(jax.tree.map(lambda x: x[0], loop.envs.obs)),
            "reward": hp.norm.reward.init(hp.num_envs),
            "value": hp.norm.value.init(jnp.zeros(())),
        }
        opt_state = optimiser.init(params)
        return State(hp, env_params, key_run, jnp.int32(0), params, opt_state, loop, stats)

    def update(state: State):
        progress = state.step * (steps_per_update(state.hp) / state.hp.total_steps)
        hp = scheduled(state.hp, progress)
        head, net, optimiser = parts(hp)
        stats = state.stats
        key_act, key_sgd = jax.random.split(jax.random.fold_in(state.key, state.step))

        def seen(obs):
            return hp.norm.obs(stats["obs"], obs)

        def act(key, carry, obs):
            out, _, carry = net.step(state.params, carry, seen(obs))
            action = head.sample(key, out)
            return action, head.log_prob(out, action), carry

        loop, traj = on_policy.rollout(
            key_act, env, state.env_params, act, head.decode, state.loop, hp.num_steps
        )
        done = traj.outcome.done
        reward_stats = hp.norm.reward.update(stats["reward"], traj.outcome.reward, done, hp.gamma)
        reward = hp.norm.reward(reward_stats, traj.outcome.reward)
        discount = hp.gamma * ~traj.outcome.terminated

        def prepare(params, value_stats) -> tuple[Any, Batch, Metrics]:
            out, raw, carries = net.scan(params, state.loop.carry, seen(traj.obs), traj.reset)
            _, raw_next, _ = net.step(params, carries, seen(traj.final_obs))
            value, next_value = (hp.norm.value.inverse(value_stats, x) for x in (raw, raw_next))
            log_ratio = head.log_prob(out, traj.action) - traj.log_prob
            advantage, target = hp.credit(reward, discount, value, next_value, done, log_ratio)
            value_stats = hp.norm.value.update(value_stats, target)
            batch = Batch(
                traj.obs,
                traj.action,
                traj.reset,
                traj.log_prob,
                hp.norm.value.unclipped(value_stats, value),
                hp.advantage.batch(advantage),
                hp.norm.value.unclipped(value_stats, target),
            )
            unexplained = (target - value).var() / jnp.maximum(target.var(), 1e-8)
            # Targets that are all equal would put it at minus infinity.
            return value_stats, batch, {"explained_variance": 1.0 - jnp.minimum(unexplained, 2.0)}

        def loss(params, carry, batch: Batch):
            out, value, _ = net.scan(params, carry, seen(batch.obs), batch.reset)
            log_ratio = head.log_prob(out, batch.action) - batch.log_prob
            advantage = hp.advantage.minibatch(batch.advantage)
            gain, pull = jax.vjp(lambda x: hp.surrogate(x, advantage), log_ratio)
            flat = (pull(jnp.ones_like(gain))[0] == 0.0) & (advantage != 0.0)
            policy_loss = -gain.mean()
            value_loss = hp.value_loss(value, batch.value, batch.target).mean()
            entropy = head.entropy(out).mean()
            total = policy_loss + hp.value_coef * value_loss - hp.entropy_coef * entropy
            return total, {
                "policy_loss": policy_loss,
                "value_loss": value_loss,
                "entropy": entropy,
                "approx_kl": (jnp.expm1(log_ratio) - log_ratio).mean(),
                "clip_fraction": flat.mean(),
            }

        def learn(learner, carry, batch):
            params, opt_state, stopped = learner
            grads, metrics = jax.grad(loss, has_aux=True)(params, carry, batch)
            stopped = stopped | (metrics["approx_kl"] > hp.target_kl)
            steps, new_opt_state = optimiser.update(grads, opt_state, params)
            new = optax.apply_updates(params, steps), new_opt_state
            params, opt_state = jax.tree.map(
                lambda a, b: jnp.where(stopped, a, b), (params, opt_state), new
            )
            metrics["grad_norm"] = optax.tree.norm(grads)
            return (params, opt_state, stopped), metrics

        def one_pass(carried, key):
            learner, value_stats = carried
            value_stats, batch, before = prepare(learner[0], value_stats)
            learner, metrics = on_policy.epochs(
                key,
                learn,
                learner,
                hp.minibatches,
                state.loop.carry,
                batch,
                hp.num_epochs // hp.num_advantage_passes,
                hp.num_minibatches,
            )
            return (learner, value_stats), {**before, **metrics}

        learner = state.params, state.opt_state, jnp.zeros((), bool)
        ((params, opt_state, _), value_stats), metrics = jax.lax.scan(
            one_pass, (learner, stats["value"]), jax.random.split(key_sgd, hp.num_advantage_passes)
        )
        stats = {
            "obs": hp.norm.obs.update(stats["obs"], traj.obs),
            "reward": reward_stats,
            "value": value_stats,
        }
        state = replace(
            state, step=state.step + 1, params=params, opt_state=opt_state, loop=loop, stats=stats
        )
        metrics = {
            **jax.tree.map(jnp.mean, metrics),
            "param_norm": optax.tree.norm(params),
            "learning_rate": hp.learning_rate,
        }
        return state, {**metrics, **on_policy.episode_metrics(traj.outcome)}

    def act(state: State, obs, carry=None, key=None):
        hp = scheduled(state.hp, jnp.zeros(()))
        head, net, _ = parts(hp)
        carry = net.start(on_policy.num_rows(obs)) if carry is None else carry
        out, _, carry = net.step(state.params, carry, hp.norm.obs(state.stats["obs"], obs))
        action = head.mode(out) if key is None else head.sample(key, out)
        return head.decode(action), carry

    def evaluate(state: State):
        hp = state.hp
        net = parts(scheduled(hp, jnp.zeros(())))[1]
        return on_policy.evaluate(
            state.key,
            state.step,
            env,
            state.env_params,
            lambda carry, obs: act(state, obs, carry),
            net.start(hp.eval_episodes),
            hp.eval_episodes,
        )

    def steps_per_update(hp: PPO) -> int:
        return hp.num_envs * hp.num_steps

    def value(state: State, obs):
        hp = scheduled(state.hp, jnp.zeros(()))
        net = parts(hp)[1]
        seen = hp.norm.obs(state.stats["obs"], obs)
        _, raw, _ = net.step(state.params, net.start(on_policy.num_rows(obs)), seen)
        return hp.norm.value.inverse(state.stats["value"], raw)

    return algorithm(init, update, evaluate, act, steps_per_update, env.params, value)


def check(hp: PPO, net: Network) -> None:
    """Raise `ConfigError` if counts do not divide or a memory meets shuffled transitions."""
    pieces = hp.minibatches.num_parts(hp.num_steps, hp.num_envs)
    if pieces % hp.num_minibatches:
        raise ConfigError(
            "num_minibatches",
            f"{hp.num_minibatches} does not divide the {pieces} pieces that "
            f"{type(hp.minibatches).__name__} makes of num_envs = {hp.num_envs} times "
            f"num_steps = {hp.num_steps}; choose a divisor of {pieces}",
        )
    if hp.num_epochs % hp.num_advantage_passes:
        raise ConfigError(
            "num_advantage_passes",
            f"{hp.num_advantage_passes} does not divide num_epochs = {hp.num_epochs}",
        )
    has_memory = bool(jax.tree.leaves(net.start(1)))
    if has_memory and not hp.minibatches.keeps_time:
        raise ConfigError(
            "minibatches",
            f"{type(hp.minibatches).__name__} cuts up time, but net "
            f"{type(hp.net).__name__} has a memory; use ShuffleEnvironments",
        )
