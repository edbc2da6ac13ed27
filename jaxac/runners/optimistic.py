"""Actor-critics with a second policy that explores by optimism, near the one that is learned.

Actions are tried by a policy whose mean, before the tanh, is the first's and a learned shift,

    greatest mean of  Q + optimism |Q1 - Q2| / 2 - weight KL(shifted, first),

and whose spread is a share of the first's. The weights keep the divergence at a target: while it is
larger the optimism falls and the divergence's weight grows. The first policy and the critics learn
as they do without the second; targets are of the first.

Source: Nauman & Cygan 2025, arXiv:2310.19527 (decoupled actor-critic), and as in the code of Nauman
et al. 2024, arXiv:2405.16158 (github.com/naumix/BiggerRegularizedOptimistic).
"""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box, Env, view
from jaxac.errors import ConfigError
from jaxac.heads.reparameterised import TanhNormal
from jaxac.heads.returns import Quantiles, Value
from jaxac.nets import critic as networks
from jaxac.nets.bronet import BroNet, Shift
from jaxac.nets.trunk import Trunk
from jaxac.ops.after import Nothing
from jaxac.ops.optimiser import RATE, Adam, AdamW, Optimiser, descend_part
from jaxac.runners import actor_critic, off_policy
from jaxac.runners.actor_critic import ActorCritic, Learner, Parts

LOW, HIGH = -10.0, 7.5  # of the logarithms of both weights
WITHIN = "[1e-4, 1000]"  # between their exponentials


@frozen
class Optimist:
    """The policy that explores."""

    trunk: Trunk = field(BroNet(256, 1), "the shift's layers but the last")
    learning_rate: Scalar = RATE
    optimiser: Optimiser = field(AdamW(decay=1e-4), "the optimiser")
    spread: Scalar = field(0.75, "its standard deviations over the first's", within="(0, inf)")
    target: Scalar = field(0.05, "divergence, nats per action dimension", within="[0, inf)")
    optimism: Scalar = field(1.0, "weight of the critics' disagreement at first", within=WITHIN)
    weight: Scalar = field(0.25, "weight of the divergence at first", within=WITHIN)
    weight_rate: Scalar = field(3e-5, "step size of both weights", within="[0, inf)")


@frozen
class Optimistic(ActorCritic):
    """Hyper-parameters of actor-critics with a policy that explores; `actor.explore` is idle."""

    optimist: Optimist = field(Optimist(), "the policy that explores")


class Built(NamedTuple):
    """What is built for an environment: the parts of the base, and the shift's network."""

    base: Parts
    shift: networks.Net


def build(env: Env, hp: Optimistic) -> Built:
    """Raises `EnvError` for what does not fit the environment, and `ConfigError` for a policy that
    is no squashed Gaussian and critics without outputs in units of return."""
    base, seen = actor_critic.parts(env, hp), view(env.observation_space, "policy")
    if not isinstance(base.head, TanhNormal):
        raise ConfigError("actor.actions", "the optimist shifts the mean of Stochastic actions")
    if not isinstance(hp.critic.returns, Quantiles | Value):
        raise ConfigError("critic.returns", "the optimist adds to quantiles or to values")
    trunk = hp.optimist.trunk.module(Box((seen.size + base.head.range.size,)))
    return Built(base, networks.net(Shift(len(seen.shape), trunk), "policy"))


def shifted(built: Built, params: dict[str, Params], optimist: Params, obs: Any) -> Any:
    """Mean and standard deviation of the first policy before tanh, and the shift, [N, A] each."""
    head = cast(TanhNormal, built.base.head)
    mean, raw = jnp.split(built.base.policy.apply(params["actor"], None, obs), 2, axis=-1)
    return mean, jnp.exp(head.spread(raw)), built.shift.apply(optimist, None, obs, mean)


def tried(hp: Optimistic, key: Key, mean: Array, std: Array, shift: Array) -> Float[Array, "N A"]:
    """Actions of the optimist."""
    return jnp.tanh(mean + shift + hp.optimist.spread * std * jax.random.normal(key, mean.shape))


def bounded(x: Scalar) -> Float[Array, ""]:
    """A weight of a parameter."""
    return jnp.exp(LOW + (HIGH - LOW) * jax.nn.sigmoid(2.0 * x))


def unbounded(weight: Scalar) -> Float[Array, ""]:
    """The parameter of a weight."""
    share = (jnp.log(jnp.asarray(weight, jnp.float32)) - LOW) / (HIGH - LOW)
    return 0.5 * jnp.log(share / (1.0 - share))


def optimisers(hp: Optimistic) -> dict[str, optax.GradientTransformation]:
    """Of the shift and of the weights."""
    plan = hp.optimist
    return {
        "optimist": plan.optimiser(plan.learning_rate),
        "weights": Adam(b1=0.5, eps=1e-8)(plan.weight_rate),
    }


def begin(built: Built, key: Key, hp: Optimistic, obs: Any) -> Learner:
    """A learner that has learned nothing; what the optimist learns stands beside the rest."""
    key_base, key_shift = jax.random.split(key)
    learner, plan = actor_critic.begin(built.base, key_base, hp, obs), hp.optimist
    mean = jnp.zeros((jax.tree.leaves(obs)[0].shape[0], built.base.head.range.size))
    params = {
        "optimist": built.shift.init(key_shift, obs, mean),
        "weights": {"optimism": unbounded(plan.optimism), "divergence": unbounded(plan.weight)},
    }
    opt_state = {k: x.init(params[k]) for k, x in optimisers(hp).items()}
    return replace(
        learner,
        params={**learner.params, **params},
        opt_state={**learner.opt_state, **opt_state},
    )


def optimist_step(
    built: Built, hp: Optimistic, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics]:
    """A gradient step of the shift on a batch [B, ...], and one of the weights."""
    key_action, key_out = jax.random.split(key)
    params, size = learner.params, built.base.head.range.size
    weights = {k: bounded(x) for k, x in params["weights"].items()}

    def loss(optimist):
        mean, std, shift = shifted(built, params, optimist, batch.obs)
        action = tried(hp, key_action, mean, std, shift)
        out = built.base.critics.apply(params["critic"], key_out, batch.obs, action)
        centre = out.mean(0)
        upper = hp.critic.returns.mean(centre + weights["optimism"] * jnp.abs(out - centre).mean(0))
        divergence = 0.5 * jnp.square(shift / std).sum(-1).mean()
        total = weights["divergence"] * divergence - upper.mean()
        return total, {"optimist_loss": total, "divergence": divergence / size}

    def adjustment(x):
        excess = metrics["divergence"] - hp.optimist.target
        return excess * (bounded(x["optimism"]) - bounded(x["divergence"])), ()

    steps = optimisers(hp)
    learner, metrics = descend_part(learner, "optimist", steps["optimist"], loss)
    learner, _ = descend_part(learner, "weights", steps["weights"], adjustment)
    return learner, {**metrics, "optimism": weights["optimism"]}


def learn(
    built: Built, key: Key, learner: Learner, hp: Optimistic, batches: Batch
) -> tuple[Learner, Metrics, Float[Array, "C B"]]:
    """A round of the base on batches [C, B, ...], and a step of the optimist on the last."""
    key_base, key_optimist, key_after = jax.random.split(key, 3)
    last, before = jax.tree.map(lambda x: x[-1], batches), learner.step
    base = replace(hp, after=Nothing())
    learner, metrics, errors = actor_critic.one_round(built.base, key_base, learner, base, batches)
    learner, more = optimist_step(built, hp, key_optimist, learner, last)
    learner = hp.after(key_after, learner, lambda key: begin(built, key, hp, last.obs), before)
    return learner, {**metrics, **more}, errors


def make(env: Env) -> Algorithm:
    """Such an actor-critic on `env`. Raises what `build` does."""

    def explore(key, learner, hp, memory, obs):
        params = learner.params
        return tried(hp, key, *shifted(build(env, hp), params, params["optimist"], obs)), memory

    method = actor_critic.method(env)._replace(
        init=lambda key, hp, obs: begin(build(env, hp), key, hp, obs),
        explore=explore,
        learn=lambda key, learner, hp, batches: learn(build(env, hp), key, learner, hp, batches),
    )
    return off_policy.make(env, method)
