"""Deep Q-networks (DQN), and the methods that are values of them.

Source: Mnih et al. 2015, Nature 518, Algorithm 1. Its slots hold what later papers changed: the
target, the network, the return distribution, exploration and replay.
Departs from the paper: Adam in place of RMSProp, which its authors' later code uses too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, Static, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Discrete, Env
from jaxac.errors import EnvError
from jaxac.heads.categorical import ILLEGAL
from jaxac.heads.returns import Returns, Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import Net, Plain, ValuesNet
from jaxac.ops.bootstrap import Bootstrap, Max, Values
from jaxac.ops.choice import Choice, EpsilonGreedy, any_legal
from jaxac.ops.conservative import Free, ValuesPenalty
from jaxac.ops.optimiser import Adam, Optimiser, clipped, descend
from jaxac.ops.slow import Hard, Slow
from jaxac.ops.value_loss import Huber
from jaxac.runners import off_policy
from jaxac.runners.off_policy import Learner


@frozen
class DQN(off_policy.Settings):
    """Hyper-parameters of DQN; a gradient step to four environment steps, as in the paper."""

    learning_rate: Scalar = field(3e-4, "step size", within="[0, inf)", search=(1e-4, 3e-4, 1e-3))
    max_grad_norm: Scalar = field(10.0, "largest norm of a gradient", within="(0, inf]")
    net: ValuesNet = field(Plain(), "the network")
    returns: Returns = field(Value(Huber()), "what it says of the return")
    bootstrap: Bootstrap = field(Max(), "what the next actions are worth together")
    choice: Choice = field(EpsilonGreedy(), "the action that is tried")
    slow: Slow = field(Hard(), "the copy that targets are of")
    penalty: ValuesPenalty = field(Free(), "what is added to the loss, of all actions' values")
    optimiser: Optimiser = field(Adam(eps=1e-8), "the optimiser")
    num_steps: Static[int] = field(4, "steps of each environment per update", within="[1, inf)")


class Parts(NamedTuple):
    """What is built for an environment."""

    net: Net
    optimiser: optax.GradientTransformation


def parts(env: Env, hp: DQN) -> Parts:
    """Network and optimiser. Raises `EnvError` if they do not fit the environment."""
    return Parts(
        nets.values(hp.net, env.observation_space, discrete(env), hp.returns),
        clipped(hp),
    )


def values(built: Parts, hp: DQN, key: Key | None, params: Params, obs: Any) -> Values:
    """What each action is worth, [N, A]; `ILLEGAL` where it is not allowed."""
    return legal(hp.returns.mean(built.net.apply(params, key, obs)), obs)


def target_of(built: Parts, hp: DQN, key: Key, learner: Learner, batch: Batch) -> Any:
    """What the values of a batch [B, ...] are trained towards, as `hp.returns.loss` takes it."""
    key_now, key_slow, key_next, key_backup = jax.random.split(key, 4)
    net, returns = built.net, hp.returns
    slow = hp.slow.read(learner.slow, learner.params)
    out = net.apply(slow, key_next, batch.final_obs)  # [B, A, K]
    slow_q = legal(returns.mean(out), batch.final_obs)
    q = values(built, hp, key_now, learner.params, batch.final_obs)
    taken = values(built, hp, key_slow, slow, batch.obs)
    weights = hp.bootstrap.weights(q, slow_q)[..., None]
    reward = batch.reward + hp.bootstrap.bonus(taken, batch.action)
    shift = reward + batch.discount * hp.bootstrap.entropy(slow_q)
    mixed = jnp.where(weights > 0, weights * out, 0.0).sum(1)
    return returns.backup(key_backup, mixed, shift, batch.discount)


def regress(
    built: Parts, hp: DQN, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """A gradient step on a batch [B, ...], which leaves the slow copy; TD errors come with it."""
    key_target, key_net = jax.random.split(key)
    target = jax.lax.stop_gradient(target_of(built, hp, key_target, learner, batch))

    def loss(params):
        every = built.net.apply(params, key_net, batch.obs)
        out = jnp.take_along_axis(every, batch.action[:, None, None], 1)[:, 0]
        penalty = hp.penalty(legal(hp.returns.mean(every), batch.obs), batch.action)
        each = hp.returns.loss(out, jax.lax.stop_gradient(out), target) + penalty
        total = (batch.weight * each).mean()
        return total, ({"loss": total, "q": hp.returns.mean(out).mean()}, out)

    params, opt_state, (metrics, out) = descend(
        loss, built.optimiser, learner.params, learner.opt_state
    )
    learner = replace(learner, params=params, opt_state=opt_state, step=learner.step + 1)
    return learner, metrics, hp.returns.error(out, target)


def one_step(
    built: Parts, hp: DQN, key: Key, learner: Learner, batch: Batch
) -> tuple[Learner, Metrics, Float[Array, " B"]]:
    """`regress`, and then the slow copy follows."""
    learner, metrics, error = regress(built, hp, key, learner, batch)
    slow = hp.slow.update(learner.slow, learner.params, learner.step)
    return replace(learner, slow=slow), metrics, error


def method(env: Env, step: Callable[..., Any] = one_step) -> off_policy.Method:
    """DQN on `env`, whose gradient step is `step`. Raises `EnvError` if actions are no Discrete."""
    num_actions = discrete(env)

    def init(key: Key, hp: DQN, obs: Any) -> Learner:
        net, optimiser = parts(env, hp)
        params = net.init(key, obs)
        return Learner(params, optimiser.init(params), hp.slow.init(params), jnp.int32(0))

    def explore(key, learner, hp, memory, obs):
        key_net, key_choice = jax.random.split(key)
        q = values(parts(env, hp), hp, key_net, learner.params, obs)
        return hp.choice(key_choice, q), memory

    def random(key, hp, obs):
        return any_legal(key, legal(jnp.zeros((hp.num_envs, num_actions)), obs))

    def quiet(learner, hp, obs):
        return values(parts(env, hp), hp, None, learner.params, obs)

    def learn(key: Key, learner: Learner, hp: DQN, batches: Batch) -> tuple[Learner, Metrics, Any]:
        built = parts(env, hp)

        def one(learner, x):
            learner, metrics, error = step(built, hp, x[0], learner, x[1])
            return learner, (metrics, error)

        keys = jax.random.split(key, hp.critic_steps)
        learner, (metrics, errors) = jax.lax.scan(one, learner, (keys, batches))
        return learner, jax.tree.map(jnp.mean, metrics), errors

    return off_policy.Method(
        init=init,
        explore=explore,
        mode=lambda learner, hp, obs: quiet(learner, hp, obs).argmax(-1),
        random=random,
        learn=learn,
        value=lambda learner, hp, obs: quiet(learner, hp, obs).max(-1),
        decode=lambda hp, action: action,
    )


def make(env: Env) -> Algorithm:
    """DQN on `env`. Raises `EnvError` for actions that are not Discrete."""
    return off_policy.make(env, method(env))


def discrete(env: Env) -> int:
    """How many actions there are. Raises `EnvError` if they are not Discrete."""
    if not isinstance(env.action_space, Discrete):
        raise EnvError(
            f"every action is valued, so actions must be Discrete, but {env.name} has "
            f"{env.action_space}; wrap it in DiscretiseAction, or use sac"
        )
    return env.action_space.n


def legal(q: Float[Array, "*batch A"], obs: Any) -> Float[Array, "*batch A"]:
    """Action values with `ILLEGAL` where the observation's `action_mask` forbids the action."""
    has_mask = isinstance(obs, dict) and "action_mask" in obs
    return jnp.where(obs["action_mask"], q, ILLEGAL) if has_mask else q
