"""V-MPO: maximum a posteriori policy optimisation with the value of states alone.

Source: Song et al. 2019, arXiv:1909.12238, section 4, eq. 3 to 5 and appendix. On the better half
of a minibatch by advantage, with temperature eta and multiplier alpha, both learned,

    psi    in proportion to  exp(A / eta),  adding up to 1
    policy least  -sum of psi log pi(a|s)  +  alpha KL(old || new)
    eta    least   eta (`bound` + log of the mean of exp(A / eta))
    alpha  grows while the KL is above `max_kl`.

Against `ppo`: these three losses in place of the surrogate and the entropy bonus.
Departs from the paper: one bound for mean and spread of a Gaussian; halves are of minibatches;
the policy that acted is the old one, where the paper's is copied every few steps; temperature and
multiplier stay above 1e-4.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, field, frozen
from jaxac.envs.contract import Env
from jaxac.ops.advantage import AdvantageScale, Unscaled
from jaxac.ops.optimiser import Adam
from jaxac.runners import advantage, on_policy
from jaxac.runners.advantage import Batch, Learner, Parts, Rollout

LEAST = 1e-4  # of temperature and multiplier


@frozen
class VMPO(ppo.Epochs):
    """Hyper-parameters of V-MPO."""

    value_coef: Scalar = field(0.5, "weight of the value loss", within="[0, inf)")
    bound: Scalar = field(
        0.02, "KL of the weights to even ones, nats", within="(0, inf)", search=(0.01, 0.02, 0.1)
    )
    max_kl: Scalar = field(
        0.01, "mean KL to the policy that acted, nats", within="(0, inf)", search=(0.001, 0.01)
    )
    temperature: Scalar = field(1.0, "eta at first, in units of advantages", within="(0, inf)")
    multiplier: Scalar = field(5.0, "alpha at first", within="(0, inf)")
    dual_rate: Scalar = field(1e-3, "step size of eta and alpha", within="[0, inf)")
    advantage: AdvantageScale = field(Unscaled(), "scaling of advantages")


@frozen
class Duals:
    """What is learned beside the networks."""

    eta: Float[Array, ""]
    alpha: Float[Array, ""]


def remember(key: Key, hp: VMPO, params: Params, obs: Any) -> tuple[Duals, optax.OptState]:
    """Temperature and multiplier at first, and their optimiser's state."""
    del key, params, obs
    duals = Duals(jnp.asarray(hp.temperature), jnp.asarray(hp.multiplier))
    duals = jax.tree.map(lambda x: x.astype(jnp.float32), duals)
    return duals, Adam()(hp.dual_rate).init(duals)


def weighed(
    advantage: Float[Array, "t B"], eta: Float[Array, ""]
) -> tuple[Float[Array, "t B"], Float[Array, ""]]:
    """psi, 0 for the worse half, and eta times the log of the mean of exp(A / eta) over the better.

    Of advantages less the best one, so that a small eta costs no digits.
    """
    best, better = advantage.max(), advantage >= jnp.median(advantage)
    score = jnp.where(better, (advantage - best) / eta, -jnp.inf)
    psi = jax.nn.softmax(score, axis=tuple(range(score.ndim)))
    return psi, best + eta * (jax.nn.logsumexp(score) - jnp.log(better.sum()))


def learn(
    built: Parts, hp: VMPO, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The epochs of an update."""
    head, net, optimiser = built
    dual_optimiser, acted = Adam()(hp.dual_rate), learner.params
    value_stats, batch, told = rollout.prepare(learner.params, rollout.value_stats)

    def loss(trained, carry, batch: Batch):
        params, duals = trained
        seen = rollout.seen(batch.obs)
        out, value, _ = net.scan(params, carry, seen, batch.reset)
        before, _, _ = net.scan(acted, carry, seen, batch.reset)
        fixed = jax.lax.stop_gradient
        psi, soft_best = weighed(hp.advantage.minibatch(batch.advantage), duals.eta)
        kl = head.kl(before, out).mean()
        policy_loss = -(fixed(psi) * head.log_prob(out, batch.action)).sum()
        kl_loss = duals.alpha * (hp.max_kl - fixed(kl)) + fixed(duals.alpha) * kl
        eta_loss = duals.eta * hp.bound + soft_best
        value_loss = hp.value_loss(value, batch.value, batch.target).mean()
        total = policy_loss + eta_loss + kl_loss + hp.value_coef * value_loss
        return total, {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": head.entropy(out).mean(),
            "kl": kl,
            "eta": duals.eta,
            "alpha": duals.alpha,
        }

    def step(learner: Learner, carry: Any, batch: Batch) -> tuple[Learner, Metrics]:
        params, (duals, dual_state) = learner.params, learner.memory
        (grads, dual_grads), metrics = jax.grad(loss, has_aux=True)((params, duals), carry, batch)
        change, opt_state = optimiser.update(grads, learner.opt_state, params)
        dual_change, dual_state = dual_optimiser.update(dual_grads, dual_state, duals)
        duals = jax.tree.map(
            lambda x: jnp.maximum(x, LEAST), optax.apply_updates(duals, dual_change)
        )
        params = optax.apply_updates(params, change)
        return Learner(params, opt_state, (duals, dual_state), learner.units), metrics

    learner, metrics = on_policy.epochs(
        key, step, learner, hp.minibatches, rollout.carry, batch, hp.num_epochs, hp.num_minibatches
    )
    return learner, value_stats, {**told, **metrics}


def make(env: Env) -> Algorithm:
    """V-MPO on `env`. `init` raises what PPO's does."""
    return advantage.make(env, learn, ppo.divides, remember)
