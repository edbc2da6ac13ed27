"""Likelihood of what was done in whole episodes: policies that are fitted to data.

The network sees an episode at once (`Network.episodes`): a memory that is a convolution is applied
as one, with a kernel as long as the episodes, and not step by step.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Key, Params, Scalar, Static, field, frozen, scheduled
from jaxac.envs.contract import Env, view
from jaxac.errors import ConfigError
from jaxac.nets.actor_critic import Network
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import Adam, Optimiser, clipped, descend
from jaxac.runners import advantage
from jaxac.runners.on_policy import Trajectory


@frozen
class Episodes:
    """Whole episodes side by side, each from its first step, [T, N, ...]."""

    obs: Any  # as the environment gives it
    action: Any  # in the policy's units
    there: Bool[Array, "T N"]  # what is not is padding


@frozen
class Fit:
    """How a policy is fitted."""

    learning_rate: Scalar = field(1e-3, "step size of the optimiser", within="[0, inf)")
    max_grad_norm: Scalar = field(
        0.5, "global norm that gradients are clipped to", within="(0, inf]"
    )
    optimiser: Optimiser = field(Adam(), "the optimiser")
    num_steps: Static[int] = field(1_000, "gradient steps", within="[1, inf)")
    batch_size: Static[int] = field(64, "episodes of a gradient step", within="[1, inf)")


def check(hp: advantage.Settings, net: Network) -> None:
    """Raise `ConfigError` for a network that does not see whole episodes."""
    if net.episodes is None:
        raise ConfigError(
            "net", f"{type(hp.net).__name__} does not see whole episodes; use TwoMemories"
        )


def in_hindsight(traj: Trajectory) -> Episodes:
    """The first episode of each environment, as if what it earned had been asked for.

    `traj` is of fresh environments, wrapped in `ReturnToGo` last. The last element of their
    observations becomes the sum of the rewards from that step on, which is what the wrapper shows
    in an episode that earns what is asked of it. Episodes that have no end in `traj` are left out.
    """
    done = traj.outcome.done
    there = (done.cumsum(0) - done == 0) & done.any(0)
    to_go = jnp.where(there, traj.outcome.reward, 0.0)[::-1].cumsum(0)[::-1]
    seen = view(traj.obs, "policy").at[..., -1].set(to_go)
    obs = {**traj.obs, "policy": seen} if isinstance(traj.obs, dict) else seen
    return Episodes(obs, traj.action, there)


def surprise(built: advantage.Parts, params: Params, episodes: Episodes) -> Float[Array, ""]:
    """Mean negative log-likelihood of an action, nats; padding counts for nothing."""
    assert built.net.episodes is not None
    out, _ = built.net.episodes(params, episodes.obs)
    log_prob = jnp.where(episodes.there, built.head.log_prob(out, episodes.action), 0.0)
    return -log_prob.sum() / jnp.maximum(episodes.there.sum(), 1)


def fit(
    key: Key, env: Env, hp: advantage.Settings, episodes: Episodes, plan: Fit
) -> tuple[Params, Float[Array, " num_steps"]]:
    """Parameters of the networks `hp.net`, the policy fitted to episodes; and `surprise` by step.

    What the value alone has gets no gradient. Schedules of `hp` are at their start, those of `plan`
    go on with its steps. Raises what `check` does, `ConfigError` for observations that are
    normalised by running statistics, and `EnvError` for a network that does not fit.
    """
    hp = scheduled(hp, jnp.zeros(()))
    built = advantage.parts(env, hp)
    check(hp, built.net)
    if isinstance(hp.norm.obs, Standard):
        raise ConfigError(
            "norm.obs",
            "Standard follows a run's own data, of which a fitted policy has seen none; use Affine",
        )
    key_init, key_batches = jax.random.split(key)
    first = jax.tree.map(lambda x: x[0], episodes.obs)
    stats = hp.norm.obs.init(jax.tree.map(lambda x: x[0], first))

    def optimiser(progress):
        return clipped(scheduled(plan, progress))

    def step(carried, row):
        key, progress = row
        drawn = jax.random.randint(key, (plan.batch_size,), 0, episodes.there.shape[1])
        batch = jax.tree.map(lambda x: x[:, drawn], episodes)
        batch = Episodes(hp.norm.obs(stats, batch.obs), batch.action, batch.there)

        def loss(params):
            total = surprise(built, params, batch)
            return total, total

        params, opt_state, total = descend(loss, optimiser(progress), *carried)
        return (params, opt_state), total

    params = built.net.init(key_init, first)
    keys = jax.random.split(key_batches, plan.num_steps)
    progress = jnp.arange(plan.num_steps) / plan.num_steps
    begin = params, optimiser(progress[0]).init(params)
    (params, _), losses = jax.lax.scan(step, begin, (keys, progress))
    return params, losses
