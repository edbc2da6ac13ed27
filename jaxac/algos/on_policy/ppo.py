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

from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.fields import LogUniform
from jaxac.nets.actor_critic import Network
from jaxac.ops.entropy_control import EntropyControl, Uncontrolled
from jaxac.ops.minibatch import Minibatches, ShuffleTransitions
from jaxac.ops.proximity import Free, Proximity
from jaxac.ops.screen import Everyone, Screen
from jaxac.ops.surrogate import Clip, Surrogate
from jaxac.runners import advantage, on_policy
from jaxac.runners.advantage import Batch, Learner, Parts, Rollout, Settings
from jaxac.runners.on_policy import Trajectory


@frozen
class Epochs(Settings):
    """Hyper-parameters of methods that pass over a rollout several times."""

    minibatches: Minibatches = field(ShuffleTransitions(), "how a rollout is cut up")
    num_epochs: Static[int] = field(4, "passes over the data of an update", within="[1, inf)")
    num_minibatches: Static[int] = field(4, "gradient steps per pass", within="[1, inf)")


@frozen
class PPO(Epochs):
    """Hyper-parameters of PPO."""

    value_coef: Scalar = field(
        0.5, "weight of the value loss", within="[0, inf)", search=LogUniform(0.1, 2.0)
    )
    entropy_coef: Scalar = field(
        0.01,
        "weight of the entropy bonus, per nat",
        within="[0, inf)",
        search=LogUniform(1e-5, 1e-1),
    )
    target_kl: Scalar = field(
        float("inf"),
        "an update takes no more steps once a minibatch's KL exceeds this, in nats",
        within="(0, inf]",
    )
    surrogate: Surrogate = field(Clip(), "the policy's objective")
    screen: Screen = field(Everyone(), "the samples of a minibatch that it is summed over")
    proximity: Proximity = field(Free(), "what it costs to leave the policy that acted")
    entropy: EntropyControl = field(Uncontrolled(), "what keeps the entropy where it should be")
    num_advantage_passes: Static[int] = field(
        1,
        "times per update that advantages are computed, evenly spread over the epochs",
        within="[1, inf)",
    )


def learn(
    built: Parts, hp: PPO, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The epochs of an update."""
    head, net, optimiser = built
    acted, memory = learner.params, learner.memory
    near, mixed = memory["proximity"], memory["entropy"]

    def output(params, carry, seen: Batch | Trajectory):
        return net.scan(params, carry, rollout.seen(seen.obs), seen.reset)[:2]

    def loss(params, carry, batch: Batch):
        out, value = output(params, carry, batch)
        before, _ = output(acted, carry, batch)  # dropped where the penalty is none
        penalty = hp.proximity(near, head.kl(before, out), head.kl(out, before))
        advantage = hp.advantage.minibatch(batch.advantage)
        weight, told = screened(out, batch, advantage)
        log_ratio = head.log_prob(out, batch.action) - batch.log_prob
        log_ratio = jnp.where(weight > 0.0, log_ratio, 0.0)  # or 0 times infinity would be NaN
        gain, pull = jax.vjp(lambda x: hp.surrogate(x, advantage), log_ratio)
        flat = (pull(jnp.ones_like(gain))[0] == 0.0) & (advantage != 0.0)
        policy_loss = (penalty - weight * gain).mean()
        value_loss = hp.value_loss(value, batch.value, batch.target).mean()
        entropy = head.entropy(out).mean()
        bonus = hp.entropy_coef * entropy + hp.entropy(mixed, entropy)
        return policy_loss + hp.value_coef * value_loss - bonus, {
            **told,
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "approx_kl": (jnp.expm1(log_ratio) - log_ratio).mean(),
            "clip_fraction": flat.mean(),
        }

    def screened(out, batch: Batch, advantage):
        now = jax.lax.stop_gradient(out)

        def gain(x):
            return hp.surrogate(head.log_prob(x, batch.action) - batch.log_prob, advantage)

        weight, told = hp.screen(gain, lambda x: head.kl(now, x), now)
        return jnp.asarray(weight), told

    def step(carried, carry, batch):
        learner, stopped = carried
        params, opt_state = learner.params, learner.opt_state
        grads, metrics = jax.grad(loss, has_aux=True)(params, carry, batch)
        stopped = stopped | (metrics["approx_kl"] > hp.target_kl)
        steps, opt_state = optimiser.update(grads, opt_state, params)
        new = Learner(optax.apply_updates(params, steps), opt_state, memory, learner.units)
        learner = jax.tree.map(lambda a, b: jnp.where(stopped, a, b), learner, new)
        metrics["grad_norm"] = optax.tree.norm(grads)
        return (learner, stopped), metrics

    def one_pass(carried, key):
        learner, stopped, value_stats = carried
        value_stats, batch, before = rollout.prepare(learner.params, value_stats)
        (learner, stopped), metrics = on_policy.epochs(
            key,
            step,
            (learner, stopped),
            hp.minibatches,
            rollout.carry,
            batch,
            hp.num_epochs // hp.num_advantage_passes,
            hp.num_minibatches,
        )
        return (learner, stopped, value_stats), {**before, **metrics}

    keys = jax.random.split(key, hp.num_advantage_passes)
    begin = learner, jnp.zeros((), bool), rollout.value_stats
    (learner, _, value_stats), metrics = jax.lax.scan(one_pass, begin, keys)
    before, after = (output(x, rollout.carry, rollout.traj)[0] for x in (acted, learner.params))
    moved = {
        "proximity": hp.proximity.update(near, head.kl(before, after)),
        "entropy": hp.entropy.update(mixed, head.entropy(after).mean()),
    }
    return replace(learner, memory={**memory, **moved}), value_stats, metrics


def make(env: Env) -> Algorithm:
    """PPO on `env`.

    `init` raises `ConfigError` for counts that do not divide, and `EnvError` for a network that
    does not fit the observations.
    """
    return advantage.make(env, learn, check, remember)


def remember(key: Key, hp: PPO, params: Params, obs: Any) -> dict[str, Any]:
    """What is remembered from update to update, before the first; `learn` keeps what others add."""
    del key, params, obs
    return {"proximity": hp.proximity.init(), "entropy": hp.entropy.init()}


def check(hp: PPO, net: Network) -> None:
    """`divides`, and raise `ConfigError` if the passes do not divide the epochs."""
    divides(hp, net)
    if hp.num_epochs % hp.num_advantage_passes:
        raise ConfigError(
            "num_advantage_passes",
            f"{hp.num_advantage_passes} does not divide num_epochs = {hp.num_epochs}",
        )


def divides(hp: Epochs, net: Network) -> None:
    """Raise `ConfigError` if counts do not divide or a memory meets shuffled transitions."""
    pieces = hp.minibatches.num_parts(hp.num_steps, hp.num_envs)
    if pieces % hp.num_minibatches:
        raise ConfigError(
            "num_minibatches",
            f"{hp.num_minibatches} does not divide the {pieces} pieces that "
            f"{type(hp.minibatches).__name__} makes of num_envs = {hp.num_envs} times "
            f"num_steps = {hp.num_steps}; choose a divisor of {pieces}",
        )
    has_memory = bool(jax.tree.leaves(net.start(1)))
    if has_memory and not hp.minibatches.keeps_time:
        raise ConfigError(
            "minibatches",
            f"{type(hp.minibatches).__name__} cuts up time, but net "
            f"{type(hp.net).__name__} has a memory; use ShuffleEnvironments",
        )
