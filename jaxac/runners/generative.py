"""Policies that can only be drawn from, cloned from the buffer's actions.

Nothing here asks for a density. A method draws some actions from such a policy and chooses among
them, or trains it further with a loss of its own.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Metrics, Scalar, field, frozen
from jaxac.data.replay import Batch
from jaxac.envs.contract import Env, view
from jaxac.heads.diffusion import Diffusion, Generative
from jaxac.heads.range import bounded
from jaxac.nets import critic as nets
from jaxac.nets.critic import Net
from jaxac.nets.denoiser import ActionNet, ResidualDenoiser
from jaxac.ops.optimiser import OPTIMISER, RATE, Optimiser, descend
from jaxac.ops.slow import Polyak, Slow
from jaxac.runners.off_policy import Learner


@frozen
class Behaviour:
    """The policy: its network, how it draws, and how it is trained."""

    learning_rate: Scalar = RATE
    net: ActionNet = field(ResidualDenoiser(), "the network")
    head: Generative = field(Diffusion(), "how the network makes actions")
    slow: Slow = field(Polyak(0.001), "the copy that acts")
    optimiser: Optimiser = OPTIMISER


class Parts(NamedTuple):
    """What is built for an environment."""

    net: Net
    size: int


def parts(env: Env, plan: Behaviour) -> Parts:
    """Network and size of an action. Raises `EnvError` for actions that are no bounded Box."""
    size = bounded(env.action_space).size
    module = plan.net.drift(view(env.observation_space, "policy"), size)
    return Parts(nets.net(module, "policy"), size)


def begin(built: Parts, key: Key, plan: Behaviour, obs: Any) -> Learner:
    """A policy that has learned nothing, for observations [N, ...]."""
    num = jax.tree.leaves(obs)[0].shape[0]
    params = built.net.init(key, obs, jnp.zeros((num, built.size)), jnp.zeros(num))
    opt_state = plan.optimiser(plan.learning_rate).init(params)
    return Learner(params, opt_state, plan.slow.init(params), jnp.int32(0))


def clone(
    built: Parts, plan: Behaviour, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics]:
    """A gradient step towards the actions of a batch [B, ...]."""
    key_loss, key_net = jax.random.split(key)

    def loss(params):
        def net(action, time):
            return built.net.apply(params, key_net, batch.obs, action, time)

        each = plan.head.loss(key_loss, net, batch.action)
        total = (batch.weight * each).mean()
        return total, {"behaviour_loss": total}

    optimiser = plan.optimiser(plan.learning_rate)
    params, opt_state, metrics = descend(loss, optimiser, learner.params, learner.opt_state)
    step = learner.step + 1
    return Learner(params, opt_state, plan.slow.update(learner.slow, params, step), step), metrics


def draw(
    built: Parts, plan: Behaviour, keys: Array, learner: Learner, obs: Any, num: int
) -> Float[Array, "N S A"]:
    """`num` actions of the slow copy for each of N observations, by a key each, `keys` [N]."""
    params = plan.slow.read(learner.slow, learner.params)

    def one(key, obs):
        again = jax.tree.map(lambda x: jnp.broadcast_to(x, (num, *x.shape)), obs)

        def net(action, time):
            return built.net.apply(params, None, again, action, time)

        return plan.head.sample(key, net, num, built.size)

    return jax.vmap(one)(keys, obs)
