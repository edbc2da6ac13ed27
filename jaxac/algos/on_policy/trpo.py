"""Trust region policy optimisation (TRPO), and the natural policy gradient as a value of it.

Source: Schulman et al. 2015, arXiv:1502.05477, section 6 and appendix C; Kakade 2001, "A Natural
Policy Gradient". With L the mean gain of a rollout, g its gradient, and F the Fisher matrix of the
policy at the rollout's observations, plus `damping` times the identity,

    x = F^-1 g by conjugate gradients,    step = x sqrt(2 `max_kl` / (x F x)),

of which as much is taken as improves L and keeps the mean KL within `max_kl`. Products with F are
exact, of the KL's second derivative. The critic is fitted by epochs, as PPO's is.
Against `ppo`: the policy's step, once for a rollout.
Departs from the paper: advantages by GAE and standardised; F is of every transition, not of a
tenth; the critic's Adam in place of no critic at all. (An optimiser that shrinks weights would
shrink the policy's with the critic's.)
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array, Float

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.nets.actor_critic import Network, SharedTrunk
from jaxac.ops.line_search import Backtrack, LineSearch, Whole
from jaxac.ops.optimiser import descend
from jaxac.ops.surrogate import Ratio, Surrogate
from jaxac.runners import advantage, on_policy
from jaxac.runners.advantage import Batch, Learner, Parts, Rollout

TINY = 1e-30  # least norm of a gradient, by which it is divided


@frozen
class TRPO(ppo.Epochs):
    """Hyper-parameters of TRPO; epochs, minibatches and step size are the critic's."""

    max_kl: Scalar = field(
        0.01, "mean KL to the last policy, nats", within="(0, inf)", search=(0.003, 0.01, 0.03)
    )
    damping: Scalar = field(0.1, "added to the Fisher matrix's diagonal", within="[0, inf)")
    surrogate: Surrogate = field(Ratio(), "the policy's objective")
    line_search: LineSearch = field(Backtrack(), "how much of a step is taken")
    num_products: Static[int] = field(
        15, "products with the Fisher matrix to find a step", within="[1, inf)"
    )


def trpo(**changes: Any) -> TRPO:
    """Usual settings as a `TRPO`; `changes` override fields by name."""
    return replace(TRPO(learning_rate=1e-3, num_epochs=10), **changes)


def npg(**changes: Any) -> TRPO:
    """The natural policy gradient as a `TRPO`; `changes` override fields by name."""
    return replace(trpo(line_search=Whole()), **changes)


def policy_step(
    built: Parts, hp: TRPO, params: Params, rollout: Rollout, batch: Batch
) -> tuple[Params, Metrics]:
    """The parameters after a step within the trust region."""
    head, net, _ = built
    scaled = hp.advantage.minibatch(batch.advantage)

    def output(params: Params) -> Array:
        return net.scan(params, rollout.carry, rollout.seen(batch.obs), batch.reset)[0]

    def gain(params: Params) -> Float[Array, ""]:
        log_ratio = head.log_prob(output(params), batch.action) - batch.log_prob
        return hp.surrogate(log_ratio, scaled).mean()

    def kl(params: Params) -> Float[Array, ""]:
        return head.kl(before, output(params)).mean()

    def fisher(x: Params) -> Params:
        _, product = jax.jvp(jax.grad(kl), (params,), (x,))
        return jax.tree.map(lambda a, b: a + hp.damping * b, product, x)

    def moved(share: Float[Array, ""]) -> Params:
        return jax.tree.map(
            lambda a, b: jnp.where(share > 0.0, a + share * size * b, a), params, direction
        )

    def accepts(share: Float[Array, ""]) -> Array:
        return (kl(moved(share)) <= hp.max_kl) & (gain(moved(share)) > start)

    before = output(params)
    start, grads = jax.value_and_grad(gain)(params)
    norm = jnp.maximum(optax.tree.norm(grads), TINY)  # only the gradient's direction matters
    direction, _ = cg(
        fisher, jax.tree.map(lambda x: x / norm, grads), tol=1e-10, maxiter=hp.num_products
    )
    length = jnp.asarray(optax.tree.vdot(direction, fisher(direction)))
    sound = jnp.isfinite(length) & (length > 0.0)
    size = jnp.sqrt(2.0 * hp.max_kl / jnp.where(sound, length, 1.0))
    share = jnp.where(sound, hp.line_search(accepts), 0.0)
    return moved(share), {
        "policy_loss": -gain(moved(share)),
        "entropy": head.entropy(before).mean(),
        "kl": kl(moved(share)),
        "share_of_step": share,
    }


def learn(
    built: Parts, hp: TRPO, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The policy's step of an update, and the epochs of the critic."""
    value_stats, batch, told = rollout.prepare(learner.params, rollout.value_stats)
    params, more = policy_step(built, hp, learner.params, rollout, batch)

    def fit(learner: Learner, carry: Any, batch: Batch) -> tuple[Learner, Metrics]:
        def loss(params):
            seen = rollout.seen(batch.obs)
            value = built.net.scan(params, carry, seen, batch.reset)[1]
            total = hp.value_loss(value, batch.value, batch.target).mean()
            return total, {"value_loss": total}

        optimiser = built.optimiser
        params, opt_state, metrics = descend(loss, optimiser, learner.params, learner.opt_state)
        return replace(learner, params=params, opt_state=opt_state), metrics

    learner, metrics = on_policy.epochs(
        key,
        fit,
        replace(learner, params=params),
        hp.minibatches,
        rollout.carry,
        batch,
        hp.num_epochs,
        hp.num_minibatches,
    )
    return learner, value_stats, {**told, **more, **metrics}


def make(env: Env) -> Algorithm:
    """TRPO on `env`. `init` raises what PPO's does, and `ConfigError` for a shared trunk."""
    return advantage.make(env, learn, check)


def check(hp: TRPO, net: Network) -> None:
    """`ppo.divides`, and raise `ConfigError` for a shared trunk."""
    ppo.divides(hp, net)
    if isinstance(hp.net, SharedTrunk):
        raise ConfigError(
            "net", "the critic's steps would move a policy on the same trunk; use ActorCritic"
        )
