"""Parallelised Q-learning (PQN): no replay, no slow copy; lambda returns and layer normalisation.

Source: Gallici et al. 2024, arXiv:2407.04811, Algorithm 1, section 4; settings for Atari.
Against `dqn`: rollouts of many environments are learned from at once, in a few epochs of
minibatches, towards Q(lambda) returns of the values before the update. With `lam` 0 the target is
that of `dqn` without a slow copy (`pytest tests/algos/off_policy/test_pqn.py`).
Departs from the paper: Adam in place of RAdam; exploration ends at 0.05 of random actions, as the
authors' MinAtar settings have it; two dense layers; nothing is drawn for a network's own noise.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxac.algos.off_policy import dqn
from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, Static, field, frozen
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.heads.returns import Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import Plain, ValuesNet
from jaxac.nets.normed import NormedMLP
from jaxac.ops.choice import Choice, EpsilonGreedy
from jaxac.ops.credit import lambda_return
from jaxac.ops.minibatch import ShuffleTransitions
from jaxac.ops.optimiser import Adam, Optimiser, clipped, descend
from jaxac.ops.schedule import Linear
from jaxac.ops.value_loss import Squared, ValueLoss
from jaxac.runners import on_policy

EPSILON: Any = Linear(1.0, 0.05, 0.1)  # pyright sees no schedule in a number


@frozen
class PQN(on_policy.Settings):
    """Hyper-parameters of PQN; the authors' for Atari."""

    learning_rate: Scalar = field(
        2.5e-4, "step size", within="[0, inf)", search=(1e-4, 2.5e-4, 1e-3)
    )
    lam: Scalar = field(
        0.65, "share of later rewards in a return", within="[0, 1]", search=(0.3, 0.65, 0.8, 0.95)
    )
    max_grad_norm: Scalar = field(10.0, "largest norm of a gradient", within="(0, inf]")
    net: ValuesNet = field(Plain(NormedMLP()), "the network")
    value_loss: ValueLoss = field(Squared(), "the loss of a value")
    choice: Choice = field(EpsilonGreedy(EPSILON), "the action that is tried")
    optimiser: Optimiser = field(Adam(), "the optimiser")
    num_envs: Static[int] = field(128, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(32, "steps of each environment per update", within="[1, inf)")
    num_epochs: Static[int] = field(2, "passes over the data of an update", within="[1, inf)")
    num_minibatches: Static[int] = field(32, "gradient steps per pass", within="[1, inf)")


@frozen
class Learner:
    """What is trained."""

    params: Params
    opt_state: optax.OptState


def make(env: Env) -> Algorithm:
    """PQN on `env`, whose actions must be Discrete: else `EnvError`.

    `init` raises `ConfigError` for minibatches that do not divide an update's transitions.
    """
    num_actions = dqn.discrete(env)

    def parts(hp: PQN) -> tuple[nets.Net, optax.GradientTransformation]:
        net = nets.values(hp.net, env.observation_space, num_actions, Value())
        return net, clipped(hp)

    def init(key: Key, hp: PQN, obs: Any) -> Learner:
        transitions = hp.num_envs * hp.num_steps
        if transitions % hp.num_minibatches:
            raise ConfigError(
                "num_minibatches",
                f"{hp.num_minibatches} does not divide the {transitions} transitions "
                "that num_envs and num_steps make",
            )
        net, optimiser = parts(hp)
        params = net.init(key, obs)
        return Learner(params, optimiser.init(params))

    def values(learner: Learner, hp: PQN, obs: Any):
        return dqn.legal(parts(hp)[0].apply(learner.params, None, obs)[..., 0], obs)

    def act(key: Key, learner: Learner, hp: PQN, carry: Any, obs: Any):
        action = hp.choice(key, values(learner, hp, obs))
        return action, jnp.zeros(action.shape), carry

    def mode(learner: Learner, hp: PQN, carry: Any, obs: Any):
        return values(learner, hp, obs).argmax(-1), carry

    def learn(
        key: Key, learner: Learner, hp: PQN, rollout: on_policy.Rollout
    ) -> tuple[Learner, Metrics]:
        (net, optimiser), traj = parts(hp), rollout.traj
        next_value = values(learner, hp, rollout.seen(traj.final_obs)).max(-1)
        done = traj.outcome.done
        target = lambda_return(rollout.reward, rollout.discount, next_value, done, hp.lam)

        def step(learner: Learner, carry: Any, data: Any):
            obs, action, target = data  # [1, B, ...]

            def loss(params):
                q = net.apply(params, None, obs)[..., 0]
                q = jnp.take_along_axis(q, action[..., None], -1)[..., 0]
                total = hp.value_loss(q, jax.lax.stop_gradient(q), target).mean()
                return total, {"loss": total, "q": q.mean()}

            params, opt_state, metrics = descend(loss, optimiser, learner.params, learner.opt_state)
            return Learner(params, opt_state), metrics

        data = rollout.seen(traj.obs), traj.action, target
        order = ShuffleTransitions()
        return on_policy.epochs(
            key, step, learner, order, (), data, hp.num_epochs, hp.num_minibatches
        )

    return on_policy.make(
        env,
        on_policy.Method(
            init=init,
            act=act,
            mode=mode,
            decode=lambda hp, action: action,
            learn=learn,
            value=lambda learner, hp, obs: values(learner, hp, obs).max(-1),
        ),
    )
