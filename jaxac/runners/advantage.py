"""Act, credit, learn from advantages: what on-policy actor-critics have in common.

An update steps all environments, scales rewards, and hands what happened to the method's `learn`,
which asks for advantages and value targets under the parameters that it has (`Rollout.prepare`),
once or again and again. Running statistics, schedules, metrics and evaluation are the loop's.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

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
from jaxac.fields import LogUniform
from jaxac.heads import Default
from jaxac.heads.contract import Head
from jaxac.heads.factory import Policy
from jaxac.nets.actor_critic import ActorCritic, Architecture, Network
from jaxac.ops.advantage import AdvantageScale, PerMinibatch
from jaxac.ops.credit import GAE, Credit
from jaxac.ops.normalise import Identity, Normaliser
from jaxac.ops.optimiser import Adam, Optimiser
from jaxac.ops.reward import Raw, RewardScale
from jaxac.ops.value_loss import Squared, ValueLoss
from jaxac.runners import on_policy


@frozen
class Norm:
    """What is normalised by running statistics."""

    obs: Normaliser = field(Identity(), "observations that the networks see")
    reward: RewardScale = field(Raw(), "rewards that are learned from")
    value: Normaliser = field(Identity(), "units in which the critic predicts")


@frozen
class Settings:
    """Hyper-parameters that on-policy actor-critics have in common."""

    learning_rate: Scalar = field(
        3e-4, "step size of the optimiser", within="[0, inf)", search=LogUniform(1e-5, 1e-2)
    )
    gamma: Scalar = field(
        0.99, "discount per step", within="[0, 1]", search=(0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
    )
    max_grad_norm: Scalar = field(
        0.5, "global norm that gradients are clipped to", within="(0, inf]", search=(0.5, 1.0, 5.0)
    )
    total_steps: Scalar = field(
        1e6, "environment steps over which schedules run; a sweep sets it", within="[1, inf)"
    )
    credit: Credit = field(GAE(), "advantages and value targets")
    value_loss: ValueLoss = field(Squared(), "the critic's loss")
    advantage: AdvantageScale = field(PerMinibatch(), "scaling of advantages")
    norm: Norm = field(Norm(), "normalisation")
    optimiser: Optimiser = field(Adam(), "the optimiser")
    policy: Policy = field(Default(), "the action distribution")
    net: Architecture = field(ActorCritic(), "the networks")
    num_envs: Static[int] = field(16, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(128, "steps of each environment per update", within="[1, inf)")
    num_updates: Static[int] = field(8, "updates per chunk; a sweep sets it", within="[1, inf)")
    eval_episodes: Static[int] = field(16, "episodes per evaluation", within="[1, inf)")


@frozen
class Learner:
    """What is trained."""

    params: Params
    opt_state: optax.OptState
    memory: Any = ()  # what a method remembers from update to update


@frozen
class State:
    """One run."""

    hp: Settings
    env_params: Any
    key: Key  # never advanced: update i draws from fold_in(key, i)
    step: Int  # updates done
    learner: Learner
    loop: on_policy.Loop
    stats: dict[str, Any]  # running statistics of hp.norm's three normalisers


@frozen
class Batch:
    """What a method learns from, [t, B, ...]."""

    obs: Any  # as the environment gives it: pixels stay bytes
    action: Any
    reset: Any
    log_prob: Float[Array, "t B"]
    value: Float[Array, "t B"]  # at collection, in the critic's units
    advantage: Float[Array, "t B"]
    target: Float[Array, "t B"]  # in the critic's units


class Parts(NamedTuple):
    """What is built for an environment."""

    head: Head
    net: Network
    optimiser: optax.GradientTransformation


class Rollout(NamedTuple):
    """What an update has to learn from."""

    traj: on_policy.Trajectory
    """What happened, [T, N, ...]."""
    carry: Any
    """The network's memory before the first step, [N, ...]."""
    value_stats: Any
    """Running statistics of the critic's units."""
    seen: Callable[[Any], Any]
    """`seen(obs)`: observations as the networks see them."""
    prepare: Callable[[Params, Any], tuple[Any, Batch, Metrics]]
    """`prepare(params, value_stats) -> value_stats, batch [T, N, ...], metrics`."""


Learn = Callable[[Parts, Any, Key, Learner, Rollout], tuple[Learner, Any, Metrics]]
"""`learn(built, hp, key, learner, rollout) -> learner, value_stats, metrics`."""


def parts(env: Env, hp: Settings) -> Parts:
    """Head, networks and optimiser. Raises `EnvError` if they do not fit the environment."""
    head = hp.policy(env.action_space)
    clip = optax.clip_by_global_norm(hp.max_grad_norm)
    optimiser = optax.chain(clip, hp.optimiser(hp.learning_rate))
    return Parts(head, hp.net.build(head, env.observation_space), optimiser)


def make(
    env: Env,
    learn: Learn,
    check: Callable[[Any, Network], None],
    remember: Callable[[Any], Any] = lambda hp: (),
) -> Algorithm:
    """A method on `env`, whose learner's memory begins as `remember(hp)`.

    `init` raises what `check(hp, net)` does, and `EnvError` as `parts`.
    """

    def init(key: Key, hp: Settings, env_params: Any) -> State:
        key_net, key_env, key_run = jax.random.split(key, 3)
        now = scheduled(hp, jnp.zeros(()))
        _, net, optimiser = parts(env, now)
        check(hp, net)
        loop = on_policy.start(key_env, env, env_params, hp.num_envs, net.start(hp.num_envs))
        params = net.init(key_net, loop.envs.obs)
        stats = {
            "obs": hp.norm.obs.init(jax.tree.map(lambda x: x[0], loop.envs.obs)),
            "reward": hp.norm.reward.init(hp.num_envs),
            "value": hp.norm.value.init(jnp.zeros(())),
        }
        learner = Learner(params, optimiser.init(params), remember(now))
        return State(hp, env_params, key_run, jnp.int32(0), learner, loop, stats)

    def update(state: State):
        progress = state.step * (steps_per_update(state.hp) / state.hp.total_steps)
        hp, stats, learner = scheduled(state.hp, progress), state.stats, state.learner
        built = head, net, _ = parts(env, hp)
        key_act, key_learn = jax.random.split(jax.random.fold_in(state.key, state.step))

        def seen(obs):
            return hp.norm.obs(stats["obs"], obs)

        def act(key, carry, obs):
            out, _, carry = net.step(learner.params, carry, seen(obs))
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

        rollout = Rollout(traj, state.loop.carry, stats["value"], seen, prepare)
        learner, value_stats, metrics = learn(built, hp, key_learn, learner, rollout)
        loop = replace(loop, carry=net.refresh(learner.params, loop.carry))
        stats = {
            "obs": hp.norm.obs.update(stats["obs"], traj.obs),
            "reward": reward_stats,
            "value": value_stats,
        }
        state = replace(state, step=state.step + 1, learner=learner, loop=loop, stats=stats)
        metrics = {
            **jax.tree.map(jnp.mean, metrics),
            "param_norm": optax.tree.norm(learner.params),
            "learning_rate": hp.learning_rate,
        }
        return state, {**metrics, **on_policy.episode_metrics(traj.outcome)}

    def act(state: State, obs, carry=None, key=None):
        hp = scheduled(state.hp, jnp.zeros(()))
        head, net, _ = parts(env, hp)
        carry = net.start(on_policy.num_rows(obs)) if carry is None else carry
        seen = hp.norm.obs(state.stats["obs"], obs)
        out, _, carry = net.step(state.learner.params, carry, seen)
        action = head.mode(out) if key is None else head.sample(key, out)
        return head.decode(action), carry

    def evaluate(state: State):
        hp = state.hp
        net = parts(env, scheduled(hp, jnp.zeros(()))).net
        return on_policy.evaluate(
            state.key,
            state.step,
            env,
            state.env_params,
            lambda carry, obs: act(state, obs, carry),
            net.start(hp.eval_episodes),
            hp.eval_episodes,
        )

    def steps_per_update(hp: Settings) -> int:
        return hp.num_envs * hp.num_steps

    def value(state: State, obs):
        hp = scheduled(state.hp, jnp.zeros(()))
        net = parts(env, hp).net
        seen = hp.norm.obs(state.stats["obs"], obs)
        _, raw, _ = net.step(state.learner.params, net.start(on_policy.num_rows(obs)), seen)
        return hp.norm.value.inverse(state.stats["value"], raw)

    return algorithm(init, update, evaluate, act, steps_per_update, env.params, value)
