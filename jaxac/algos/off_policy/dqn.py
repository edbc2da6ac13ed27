"""Deep Q-networks (DQN), and the methods that are values of them.

Source: Mnih et al. 2015, Nature 518, Algorithm 1. `bootstrap=Double()` is Double DQN,
`net=Dueling()` the dueling network, `returns=Categorical()` C51, `returns=Quantiles()` QR-DQN,
`replay.law=Prioritised()` prioritised replay, `replay.num_steps` n-step returns.
Departs from the paper: Adam in place of RMSProp, which its authors' later code uses too.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Algorithm, Int, Key, Metrics, Params, Scalar, Static, field, frozen
from jaxac.data.replay import Batch
from jaxac.envs.contract import Discrete, Env
from jaxac.errors import EnvError
from jaxac.heads.categorical import ILLEGAL
from jaxac.heads.returns import Returns, Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import Net, Plain, ValuesNet
from jaxac.ops.bootstrap import Bootstrap, Max
from jaxac.ops.choice import Choice, EpsilonGreedy, any_legal
from jaxac.ops.optimiser import Adam, Optimiser
from jaxac.ops.slow import Hard, Slow
from jaxac.ops.value_loss import Huber
from jaxac.runners import off_policy


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
    optimiser: Optimiser = field(Adam(eps=1e-8), "the optimiser")
    num_steps: Static[int] = field(4, "steps of each environment per update", within="[1, inf)")


@frozen
class Learner:
    """What is trained."""

    params: Params
    opt_state: optax.OptState
    slow: Any
    step: Int  # gradient steps


def make(env: Env) -> Algorithm:
    """DQN on `env`. Raises `EnvError` for actions that are not Discrete."""
    num_actions = discrete(env)

    def net_of(hp: DQN) -> Net:
        return nets.values(hp.net, env.observation_space, num_actions, hp.returns)

    def optimiser_of(hp: DQN) -> optax.GradientTransformation:
        clip = optax.clip_by_global_norm(hp.max_grad_norm)
        return optax.chain(clip, hp.optimiser(hp.learning_rate))

    def init(key: Key, hp: DQN, obs: Any) -> Learner:
        params = net_of(hp).init(key, obs)
        return Learner(params, optimiser_of(hp).init(params), hp.slow.init(params), jnp.int32(0))

    def values(key: Key | None, learner: Learner, hp: DQN, obs: Any) -> Float[Array, "N A"]:
        return legal(hp.returns.mean(net_of(hp).apply(learner.params, key, obs)), obs)

    def explore(key, learner, hp, memory, obs):
        key_net, key_choice = jax.random.split(key)
        return hp.choice(key_choice, values(key_net, learner, hp, obs)), memory

    def random(key, hp, obs):
        return any_legal(key, legal(jnp.zeros((hp.num_envs, num_actions)), obs))

    def target_of(key: Key, learner: Learner, hp: DQN, batch: Batch) -> Any:
        key_now, key_slow, key_next, key_backup = jax.random.split(key, 4)
        net, returns = net_of(hp), hp.returns
        slow = hp.slow.read(learner.slow, learner.params)
        out = net.apply(slow, key_next, batch.final_obs)  # [B, A, K]
        slow_q = legal(returns.mean(out), batch.final_obs)
        q = values(key_now, learner, hp, batch.final_obs)
        taken = legal(returns.mean(net.apply(slow, key_slow, batch.obs)), batch.obs)
        weights = hp.bootstrap.weights(q, slow_q)[..., None]
        reward = batch.reward + hp.bootstrap.bonus(taken, batch.action)
        shift = reward + batch.discount * hp.bootstrap.entropy(slow_q)
        mixed = jnp.where(weights > 0, weights * out, 0.0).sum(1)
        return returns.backup(key_backup, mixed, shift, batch.discount)

    def step(learner: Learner, key: Key, hp: DQN, batch: Batch):
        key_target, key_net = jax.random.split(key)
        target = jax.lax.stop_gradient(target_of(key_target, learner, hp, batch))

        def loss(params):
            out = net_of(hp).apply(params, key_net, batch.obs)
            out = jnp.take_along_axis(out, batch.action[:, None, None], 1)[:, 0]
            total = (batch.weight * hp.returns.loss(out, jax.lax.stop_gradient(out), target)).mean()
            return total, ({"loss": total, "q": hp.returns.mean(out).mean()}, out)

        params, opt_state, (metrics, out) = off_policy.descend(
            loss, optimiser_of(hp), learner.params, learner.opt_state
        )
        slow = hp.slow.update(learner.slow, params, learner.step + 1)
        learner = Learner(params, opt_state, slow, learner.step + 1)
        return learner, (metrics, hp.returns.error(out, target))

    def learn(key: Key, learner: Learner, hp: DQN, batches: Batch) -> tuple[Learner, Metrics, Any]:
        keys = jax.random.split(key, hp.critic_steps)
        learner, (metrics, errors) = jax.lax.scan(
            lambda learner, x: step(learner, x[0], hp, x[1]), learner, (keys, batches)
        )
        return learner, jax.tree.map(jnp.mean, metrics), errors

    return off_policy.make(
        env,
        off_policy.Method(
            init=init,
            explore=explore,
            mode=lambda learner, hp, obs: values(None, learner, hp, obs).argmax(-1),
            random=lambda key, hp, obs: any_legal(
                key, legal(jnp.zeros((hp.num_envs, num_actions)), obs)
            ),
            learn=learn,
            value=lambda learner, hp, obs: values(None, learner, hp, obs).max(-1),
            decode=lambda hp, action: action,
        ),
    )


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
