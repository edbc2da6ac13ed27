"""Learn from advantages: what on-policy actor-critics have in common.

On the loop of `runners.on_policy`, a method's `learn` asks for advantages and value targets under
the parameters that it has (`Rollout.prepare`), once or again and again. Credit, the critic's units
and the optimiser are here; what a step of the policy is, is the method's.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.fields import LogUniform
from jaxac.heads import Default
from jaxac.heads.contract import Head
from jaxac.heads.factory import Policy
from jaxac.nets.actor_critic import ActorCritic, Architecture, Network
from jaxac.ops.advantage import AdvantageScale, PerMinibatch
from jaxac.ops.credit import GAE, Credit
from jaxac.ops.normalise import Identity, Normaliser
from jaxac.ops.optimiser import Adam, Optimiser, clipped
from jaxac.ops.value_loss import Squared, ValueLoss
from jaxac.runners import on_policy


@frozen
class Norm(on_policy.Norm):
    """What is normalised by running statistics."""

    value: Normaliser = field(Identity(), "units in which the critic predicts")


@frozen
class Settings(on_policy.Settings):
    """Hyper-parameters that on-policy actor-critics have in common."""

    norm: Norm = field(Norm(), "normalisation")
    learning_rate: Scalar = field(
        3e-4, "step size of the optimiser", within="[0, inf)", search=LogUniform(1e-5, 1e-2)
    )
    max_grad_norm: Scalar = field(
        0.5, "global norm that gradients are clipped to", within="(0, inf]", search=(0.5, 1.0, 5.0)
    )
    credit: Credit = field(GAE(), "advantages and value targets")
    value_loss: ValueLoss = field(Squared(), "the critic's loss")
    advantage: AdvantageScale = field(PerMinibatch(), "scaling of advantages")
    optimiser: Optimiser = field(Adam(), "the optimiser")
    policy: Policy = field(Default(), "the action distribution")
    net: Architecture = field(ActorCritic(), "the networks")


@frozen
class Learner:
    """What is trained."""

    params: Params
    opt_state: optax.OptState
    memory: Any = ()  # what a method remembers from update to update
    units: Any = ()  # running statistics of the critic's units


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
    return Parts(head, hp.net.build(head, env.observation_space), clipped(hp))


class Review(NamedTuple):
    """What a method learns once more from several rollouts together."""

    num: Callable[[Any], int]
    """`num(hp)`: rollouts between reviews."""
    learn: Callable[..., tuple[Learner, Metrics]]
    """`learn(built, hp, key, learner, seen, carry, batch) -> learner, metrics`, of all rollouts:
    the network's memories before them [K, N, ...], and what they were learned from [K, T, N, ...],
    targets and advantages as they were then, in the critic's units of now."""


def earned(hp: Settings, learner: Learner, rollout: on_policy.Rollout) -> Float[Array, "T N"]:
    """What is learned from: the rewards of the environment."""
    del hp, learner
    return rollout.reward


def latest(learner: Learner) -> Params:
    """The parameters that act, where a method does not let older ones."""
    return learner.params


def make(
    env: Env,
    learn: Learn,
    check: Callable[[Any, Network], None],
    remember: Callable[[Key, Any, Params, Any], Any] = lambda key, hp, params, obs: (),
    acts: Callable[[Learner], Params] = latest,
    review: Review | None = None,
    pay: Callable[[Any, Learner, on_policy.Rollout], Float[Array, "T N"]] = earned,
) -> Algorithm:
    """A method on `env`, whose learner's memory begins as `remember(key, hp, params, obs)`.

    Rollouts are collected by `acts(learner)`, and learned from once more in `review`, if there is
    one. Advantages are of the rewards `pay(hp, learner, rollout)`. `init` raises what
    `check(hp, net)` does, and `EnvError` as `parts`.
    """

    def init(key: Key, hp: Settings, obs: Any) -> Learner:
        _, net, optimiser = parts(env, hp)
        check(hp, net)
        params = net.init(key, obs)
        units = hp.norm.value.init(jnp.zeros(()))
        memory = remember(jax.random.fold_in(key, 1), hp, params, obs)
        return Learner(params, optimiser.init(params), memory, units)

    def act(key: Key, learner: Learner, hp: Settings, carry: Any, obs: Any):
        head, net, _ = parts(env, hp)
        out, _, carry = net.step(acts(learner), carry, obs)
        action = head.sample(key, out)
        return action, head.log_prob(out, action), carry

    def mode(learner: Learner, hp: Settings, carry: Any, obs: Any):
        head, net, _ = parts(env, hp)
        out, _, carry = net.step(learner.params, carry, obs)
        return head.mode(out), carry

    def improve(key: Key, learner: Learner, hp: Settings, rollout: on_policy.Rollout):
        built = parts(env, hp)
        rollout = rollout._replace(reward=pay(hp, learner, rollout))

        def prepare(params: Params, units: Any) -> tuple[Any, Batch, Metrics]:
            return prepared(built, hp, rollout, params, units)

        found = Rollout(rollout.traj, rollout.carry, learner.units, rollout.seen, prepare)
        learner, units, metrics = learn(built, hp, key, learner, found)
        told = {"param_norm": optax.tree.norm(learner.params), "learning_rate": hp.learning_rate}
        return replace(learner, units=units), {**metrics, **told}

    def keep(learner: Learner, hp: Settings, rollout: on_policy.Rollout):
        rollout = rollout._replace(reward=pay(hp, learner, rollout))
        units, batch, _ = prepared(parts(env, hp), hp, rollout, learner.params, learner.units)
        return rollout.carry, in_units(lambda x: hp.norm.value.inverse(units, x), batch)

    def value(learner: Learner, hp: Settings, obs: Any):
        net = parts(env, hp).net
        _, raw, _ = net.step(learner.params, net.start(on_policy.num_rows(obs)), obs)
        return hp.norm.value.inverse(learner.units, raw)

    def again(review: Review):
        def learn(key: Key, learner: Learner, hp: Settings, seen: Any, kept: tuple[Any, Batch]):
            carry, batch = kept
            now = in_units(lambda x: hp.norm.value.unclipped(learner.units, x), batch)
            return review.learn(parts(env, hp), hp, key, learner, seen, carry, now)

        return learn

    return on_policy.make(
        env,
        on_policy.Method(
            init=init,
            act=act,
            mode=mode,
            decode=lambda hp, action: parts(env, hp).head.decode(action),
            learn=improve,
            value=value,
            start=lambda hp, num: parts(env, hp).net.start(num),
            refresh=lambda learner, hp, carry: parts(env, hp).net.refresh(acts(learner), carry),
            review=None if review is None else on_policy.Review(review.num, keep, again(review)),
        ),
    )


def in_units(change: Callable[[Array], Array], batch: Batch) -> Batch:
    """A batch whose values and targets are in other units."""
    return replace(batch, value=change(batch.value), target=change(batch.target))


def prepared(
    built: Parts, hp: Settings, rollout: on_policy.Rollout, params: Params, units: Any
) -> tuple[Any, Batch, Metrics]:
    """Advantages and value targets under `params`, and the critic's units brought up to date."""
    head, net, _ = built
    traj, done = rollout.traj, rollout.traj.outcome.done
    out, raw, carries = net.scan(params, rollout.carry, rollout.seen(traj.obs), traj.reset)
    _, raw_next, _ = net.step(params, carries, rollout.seen(traj.final_obs))
    value, next_value = (hp.norm.value.inverse(units, x) for x in (raw, raw_next))
    log_ratio = head.log_prob(out, traj.action) - traj.log_prob
    advantage, target = hp.credit(
        rollout.reward, rollout.discount, value, next_value, done, log_ratio
    )
    units = hp.norm.value.update(units, target)
    batch = Batch(
        traj.obs,
        traj.action,
        traj.reset,
        traj.log_prob,
        hp.norm.value.unclipped(units, value),
        hp.advantage.batch(advantage),
        hp.norm.value.unclipped(units, target),
    )
    unexplained = (target - value).var() / jnp.maximum(target.var(), 1e-8)
    # Targets that are all equal would put it at minus infinity.
    return units, batch, {"explained_variance": 1.0 - jnp.minimum(unexplained, 2.0)}
