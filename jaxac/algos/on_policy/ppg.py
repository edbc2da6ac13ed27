"""Phasic policy gradient (PPG): PPO, and from time to time the value for the policy's trunk.

Source: Cobbe et al. 2020, arXiv:2009.04416, Algorithm 1 and appendix A. The policy phase is `ppo`,
one pass over each of `num_rollouts` rollouts. Then the auxiliary phase takes `num_aux_epochs`
passes over all of them together, least

    1/2 (aside - target)^2  +  1/2 (value - target)^2  +  `clone` KL(before || now),

where `aside` is a value that the policy's own trunk says, and `before` the policy as the phase
found it. Targets are those of the policy phase.
Against `ppo`: that. Without passes in the auxiliary phase it is `ppo` on the same networks
(`pytest tests/algos/on_policy/test_ppg.py`).
Departs from the paper: dense trunks; the number of environments; a review's own minibatches are as
large as those of the policy phase.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Scalar, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.nets.actor_critic import Architecture, Network
from jaxac.nets.phasic import Phasic
from jaxac.ops.optimiser import descend
from jaxac.runners import advantage, on_policy
from jaxac.runners.advantage import Batch, Learner, Parts


@frozen
class PPG(ppo.PPO):
    """Hyper-parameters of PPG."""

    clone: Scalar = field(
        1.0, "what a nat away from the policy costs while its trunk learns the value",
        within="[0, inf)",
    )  # fmt: skip
    net: Architecture = field(Phasic(), "the networks")
    num_rollouts: Static[int] = field(32, "rollouts to an auxiliary phase", within="[1, inf)")
    num_aux_epochs: Static[int] = field(6, "passes of an auxiliary phase", within="[0, inf)")


def ppg(**changes: Any) -> PPG:
    """The published settings as a `PPG`; `changes` override fields by name."""
    base = PPG(learning_rate=5e-4, gamma=0.999, num_epochs=1, num_minibatches=8, num_updates=1)
    return replace(base, **changes)


def review(
    built: Parts,
    hp: PPG,
    key: Key,
    learner: Learner,
    seen: Callable[[Any], Any],
    carry: Any,
    batch: Batch,
) -> tuple[Learner, Metrics]:
    """The auxiliary phase, on rollouts [K, T, N, ...]."""
    if not hp.num_aux_epochs:
        return learner, {}
    head, net, optimiser = built
    before, aside = learner.params, net.aside
    assert aside is not None
    side_by_side = jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1), batch)
    rows = jax.tree.map(lambda x: x.reshape(x.shape[0], -1, *x.shape[3:]), side_by_side)
    begin = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), carry)

    def step(learner: Learner, carry: Any, batch: Batch) -> tuple[Learner, Metrics]:
        obs = seen(batch.obs)
        old = net.scan(before, carry, obs, batch.reset)[0]

        def loss(params):
            out, value, _ = net.scan(params, carry, obs, batch.reset)
            error = aside(params, carry, obs, batch.reset) - batch.target
            aside_loss = 0.5 * (error**2).mean()
            value_loss = hp.value_loss(value, batch.value, batch.target).mean()
            kl = head.kl(old, out).mean()
            total = aside_loss + value_loss + hp.clone * kl
            return total, {"aside_loss": aside_loss, "aux_value_loss": value_loss, "aux_kl": kl}

        params, opt_state, metrics = descend(loss, optimiser, learner.params, learner.opt_state)
        return replace(learner, params=params, opt_state=opt_state), metrics

    num = hp.num_rollouts * hp.num_minibatches
    return on_policy.epochs(key, step, learner, hp.minibatches, begin, rows, hp.num_aux_epochs, num)


def make(env: Env) -> Algorithm:
    """PPG on `env`. `init` raises what PPO's does, and `ConfigError` unless `net` says `aside`."""
    again = advantage.Review(lambda hp: hp.num_rollouts, review)
    return advantage.make(env, ppo.learn, check, ppo.remember, review=again)


def check(hp: PPG, net: Network) -> None:
    """`ppo.check`, and raise `ConfigError` if the policy's trunk says no value."""
    ppo.check(hp, net)
    if net.aside is None:
        raise ConfigError(
            "net", f"the policy's trunk of {type(hp.net).__name__} says no value; use Phasic"
        )
