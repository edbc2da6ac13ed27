"""Values of what the buffer holds alone: generalised implicit Q-learning (IQL).

A network V of the state and an ensemble Q of state and action, with d the discount (0 where the
task ended), on actions of the buffer and no others:

    V(s)     least mean of  f(Q'(s, a) - V(s)),   Q' of the slow critics' reduction
    Q(s, a)  towards        r + d V(s')

Sources: Kostrikov et al. 2021, arXiv:2110.06169, eq. 5 and 6 (f an expectile loss); Hansen-Estruch
et al. 2023, arXiv:2304.10573, section 4 (any convex f).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Int, Key, Metrics, Params, Scalar, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env, view
from jaxac.heads.returns import Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import Net, Plain, ValuesNet
from jaxac.ops.optimiser import OPTIMISER, RATE, Optimiser, descend_part
from jaxac.ops.value_loss import Expectile, ValueLoss
from jaxac.runners.actor_critic import Critic


@frozen
class StateValue:
    """The network of the value of a state."""

    learning_rate: Scalar = RATE
    net: ValuesNet = field(Plain(), "the network")
    value_loss: ValueLoss = field(Expectile(0.7), "f of the values, a loss of their difference")
    optimiser: Optimiser = OPTIMISER


@frozen
class Learner:
    """What is trained."""

    params: dict[str, Params]  # "value", "critic" [E, ...]
    opt_state: dict[str, optax.OptState]
    slow: Any  # of the critics
    step: Int  # gradient steps of each


class Parts(NamedTuple):
    """What is built for an environment."""

    value: Net
    critics: Net


class Plans(NamedTuple):
    """What is learned. Critics say a mean, `Value`."""

    value: StateValue
    critic: Critic


def parts(env: Env, size: int, plans: Plans) -> Parts:
    """Networks for actions [B, size]. Raises `EnvError` if they do not fit the environment."""
    seen, critic = env.observation_space, plans.critic
    value = nets.net(plans.value.net.values(view(seen, "critic"), 1, Value()), "critic")
    return Parts(value, nets.critics(critic.net, seen, size, critic.returns, critic.num))


def begin(built: Parts, key: Key, plans: Plans, obs: Any, action: Array) -> Learner:
    """Values that have learned nothing, for observations and actions [N, ...]."""
    key_value, key_critic = jax.random.split(key)
    params = {
        "value": built.value.init(key_value, obs),
        "critic": built.critics.init(key_critic, obs, action),
    }
    each = plans._asdict()
    opt_state = {k: each[k].optimiser(each[k].learning_rate).init(params[k]) for k in params}
    return Learner(params, opt_state, plans.critic.slow.init(params["critic"]), jnp.int32(0))


def value_of(built: Parts, key: Key | None, learner: Learner, obs: Any) -> Float[Array, " B"]:
    """V(s)."""
    return built.value.apply(learner.params["value"], key, obs)[:, 0, 0]


def slow_q(
    built: Parts, plans: Plans, key: Key, learner: Learner, obs: Any, action: Array
) -> Float[Array, " B"]:
    """Q'(s, a)."""
    key_members, key_net = jax.random.split(key)
    critic = plans.critic
    slow = critic.slow.read(learner.slow, learner.params["critic"])
    members = critic.reduce.members(key_members, slow)
    out = built.critics.apply(members, key_net, obs, action)
    return critic.returns.mean(critic.reduce(critic.returns, out))


def step(
    built: Parts, plans: Plans, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """A gradient step of V and then one of Q on a batch [B, ...]; absolute TD errors beside it."""
    key_q, key_value, key_next, key_out, key_backup = jax.random.split(key, 5)
    returns = plans.critic.returns
    q = slow_q(built, plans, key_q, learner, batch.obs, batch.action)

    def value_loss(params):
        value = built.value.apply(params, key_value, batch.obs)[:, 0, 0]
        old = jax.lax.stop_gradient(value)
        total = (batch.weight * plans.value.value_loss(value, old, q)).mean()
        return total, {"value_loss": total, "value": value.mean()}

    optimiser = plans.value.optimiser(plans.value.learning_rate)
    learner, metrics = descend_part(learner, "value", optimiser, value_loss)
    after = built.value.apply(learner.params["value"], key_next, batch.final_obs)[:, 0]
    target = returns.backup(key_backup, after, batch.reward, batch.discount)

    def critic_loss(params):
        out = built.critics.apply(params, key_out, batch.obs, batch.action)
        each = returns.loss(out, jax.lax.stop_gradient(out), target)
        total = (batch.weight * each).mean(-1).sum()
        more = {"critic_loss": total, "q": returns.mean(out).mean()}
        return total, (more, returns.error(out, target).mean(0))

    optimiser = plans.critic.optimiser(plans.critic.learning_rate)
    learner, (more, error) = descend_part(learner, "critic", optimiser, critic_loss)
    step = learner.step + 1
    slow = plans.critic.slow.update(learner.slow, learner.params["critic"], step)
    return replace(learner, slow=slow, step=step), {**metrics, **more}, error
