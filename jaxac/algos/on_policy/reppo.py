"""Relative entropy pathwise policy optimisation (REPPO): SAC's gradients, on policy.

Source: Voelcker et al. 2025, arXiv:2507.11019, Algorithm 1 and section 4, and the authors' code.
After a rollout, with alpha the temperature, a' drawn by the policy that acted and d the discount,

    G[t]    =  r  -  d alpha log pi(a'|s')  +  d ((1 - lam) Q(s', a')  +  lam G[t + 1])
    critic     towards G[t], as a classifier of it
    policy     least  alpha log pi(a|s) - Q(s, a)   where the KL is below the bound,
                      beta KL(acted || pi)          elsewhere,

where a is a differentiable draw of pi; alpha holds the entropy at its target, and beta the KL at
its bound. With `lam` 0 the target is SAC's (`pytest tests/algos/on_policy/test_reppo.py`).
Departs from the paper: the critic does not predict features of the next observation; the KL is
exact, not of sixteen draws; all environments explore alike, so no trace is cut; episodes cut by the
time limit bootstrap from their true last observation; the price of entropy is none at an end.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError, EnvError
from jaxac.heads.reparameterised import Actions, Stochastic, TanhNormal
from jaxac.heads.returns import HLGauss, Returns
from jaxac.nets import critic as nets
from jaxac.nets.activation import SiLU
from jaxac.nets.critic import CriticNet, Net, Plain, PolicyNet
from jaxac.nets.normed import NormedMLP
from jaxac.ops.credit import lambda_return
from jaxac.ops.minibatch import ShuffleTransitions
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import Adam, Optimiser, clipped, descend_part
from jaxac.ops.temperature import Learned, Temperature
from jaxac.runners import on_policy
from jaxac.runners.on_policy import Norm, Rollout

NET = Plain(NormedMLP((256, 256), SiLU()))


@frozen
class REPPO(on_policy.Settings):
    """Hyper-parameters of REPPO."""

    learning_rate: Scalar = field(
        3e-4, "step size of both networks", within="[0, inf)", search=(1e-4, 3e-4, 1e-3)
    )
    max_grad_norm: Scalar = field(0.5, "largest norm of a gradient", within="(0, inf]")
    lam: Scalar = field(
        0.95, "share of later rewards in a return", within="[0, 1]", search=(0.8, 0.9, 0.95)
    )
    kl_bound: Scalar = field(
        0.1, "KL to the policy that acted, nats", within="(0, inf)", search=(0.03, 0.1, 0.3)
    )
    temperature: Temperature = field(Learned(0.01, -0.5), "what entropy is worth")
    price: Temperature = field(
        Learned(0.01, -1.0), "what a nat of KL costs; its `target` is in bounds, and negative"
    )
    actions: Actions = field(Stochastic(), "the distribution of actions")
    returns: Returns = field(HLGauss(-100.0, 100.0, 151), "what the critic says of the return")
    policy_net: PolicyNet = field(NET, "the policy's network")
    critic_net: CriticNet = field(NET, "the critic's network")
    optimiser: Optimiser = field(Adam(), "the optimiser of both")
    num_epochs: Static[int] = field(8, "passes over the data of an update", within="[1, inf)")
    num_minibatches: Static[int] = field(64, "gradient steps per pass", within="[1, inf)")


@frozen
class Learner:
    """What is trained."""

    params: dict[str, Params]  # "actor", "critic"
    opt_state: dict[str, optax.OptState]
    temperature: Any
    price: Any


class Parts(NamedTuple):
    """What is built for an environment."""

    head: TanhNormal
    policy: Net
    critic: Net
    optimiser: optax.GradientTransformation


def reppo(**changes: Any) -> REPPO:
    """The published settings as a `REPPO`; `changes` override fields by name."""
    base = REPPO(norm=Norm(obs=Standard()), num_envs=1024, num_updates=1)
    return replace(base, **changes)


def parts(env: Env, hp: REPPO) -> Parts:
    """Head, networks and optimiser. Raises `EnvError` if they do not fit the environment."""
    head, seen = hp.actions(env.action_space), env.observation_space
    if not isinstance(head, TanhNormal):
        raise EnvError(f"REPPO takes the KL of a squashed Gaussian; {type(head).__name__} has none")
    critic = nets.critics(hp.critic_net, seen, head.range.size, hp.returns, 1)
    return Parts(head, nets.policy(hp.policy_net, seen, head), critic, clipped(hp))


def targets(key: Key, built: Parts, hp: REPPO, learner: Learner, rollout: Rollout):
    """The soft lambda returns G [T, N] of a rollout."""
    head, policy, critic, _ = built
    final = rollout.seen(rollout.traj.final_obs)
    action, log_prob = head.sample(key, policy.apply(learner.params["actor"], None, final))
    next_value = hp.returns.mean(critic.apply(learner.params["critic"], None, final, action)[0])
    paid = rollout.discount * hp.temperature(learner.temperature) * log_prob
    done = rollout.traj.outcome.done
    return lambda_return(rollout.reward - paid, rollout.discount, next_value, done, hp.lam)


def step(
    built: Parts, hp: REPPO, acted: Params, learner: Learner, batch: Any
) -> tuple[Learner, Metrics]:
    """A gradient step of the critic and then of the policy, and of both prices."""
    head, policy, critic, optimiser = built
    obs, action, target, key = batch
    alpha, beta = hp.temperature(learner.temperature), hp.price(learner.price)
    before = policy.apply(acted, None, obs)

    def critic_loss(params: Params):
        out = critic.apply(params, None, obs, action)[0]
        goal = hp.returns.backup(key, out, target, jnp.zeros(()))
        total = hp.returns.loss(out, out, jax.lax.stop_gradient(goal)).mean()
        return total, {"critic_loss": total, "q": hp.returns.mean(out).mean()}

    def actor_loss(params: Params):
        out = policy.apply(params, None, obs)
        drawn, log_prob = head.sample(key, out)
        q = hp.returns.mean(critic.apply(learner.params["critic"], None, obs, drawn)[0])
        kl = head.kl(before, out)
        total = jnp.where(kl < hp.kl_bound, alpha * log_prob - q, beta * kl).mean()
        return total, {"actor_loss": total, "entropy": -log_prob.mean(), "kl": kl.mean()}

    learner, told = descend_part(learner, "critic", optimiser, critic_loss)
    learner, more = descend_part(learner, "actor", optimiser, actor_loss)
    size = head.range.size
    temperature = hp.temperature.update(learner.temperature, more["entropy"], size)
    price = hp.price.update(learner.price, -more["kl"], hp.kl_bound)
    told = {**told, **more, "temperature": jnp.asarray(alpha), "price": jnp.asarray(beta)}
    return replace(learner, temperature=temperature, price=price), told


def make(env: Env) -> Algorithm:
    """REPPO on `env`, whose actions must be a bounded Box.

    `init` raises `EnvError` otherwise, and `ConfigError` for minibatches that do not divide an
    update's transitions.
    """

    def init(key: Key, hp: REPPO, obs: Any) -> Learner:
        head, policy, critic, optimiser = parts(env, hp)
        transitions = hp.num_envs * hp.num_steps
        if transitions % hp.num_minibatches:
            raise ConfigError(
                "num_minibatches",
                f"{hp.num_minibatches} does not divide the {transitions} transitions "
                "that num_envs and num_steps make",
            )
        key_actor, key_critic, key_action = jax.random.split(key, 3)
        action = head.range.uniform(key_action, hp.num_envs)
        params = {
            "actor": policy.init(key_actor, obs),
            "critic": critic.init(key_critic, obs, action),
        }
        opt_state = {k: optimiser.init(x) for k, x in params.items()}
        return Learner(params, opt_state, hp.temperature.init(), hp.price.init())

    def act(key: Key, learner: Learner, hp: REPPO, carry: Any, obs: Any):
        head, policy, _, _ = parts(env, hp)
        return *head.sample(key, policy.apply(learner.params["actor"], None, obs)), carry

    def mode(learner: Learner, hp: REPPO, carry: Any, obs: Any):
        head, policy, _, _ = parts(env, hp)
        return head.mode(policy.apply(learner.params["actor"], None, obs)), carry

    def learn(key: Key, learner: Learner, hp: REPPO, rollout: Rollout) -> tuple[Learner, Metrics]:
        key_target, key_draw, key_order = jax.random.split(key, 3)
        built, acted = parts(env, hp), learner.params["actor"]
        target = targets(key_target, built, hp, learner, rollout)

        def one(carried, carry, data):
            learner, i = carried
            obs, action, target = jax.tree.map(lambda x: x[0], data)
            batch = obs, action, target, jax.random.fold_in(key_draw, i)
            learner, metrics = step(built, hp, acted, learner, batch)
            return (learner, i + 1), metrics

        data = rollout.seen(rollout.traj.obs), rollout.traj.action, target
        (learner, _), metrics = on_policy.epochs(
            key_order, one, (learner, jnp.int32(0)), ShuffleTransitions(), (), data,
            hp.num_epochs, hp.num_minibatches,
        )  # fmt: skip
        return learner, metrics

    def value(learner: Learner, hp: REPPO, obs: Any):
        critic, action = parts(env, hp).critic, mode(learner, hp, (), obs)[0]
        return hp.returns.mean(critic.apply(learner.params["critic"], None, obs, action)[0])

    def decode(hp: REPPO, action: Any):
        return parts(env, hp).head.range.decode(action)

    return on_policy.make(env, on_policy.Method(init, act, mode, decode, learn, value))
