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
from jaxac.core import (
    Algorithm,
    Int,
    Key,
    Params,
    Scalar,
    Static,
    algorithm,
    field,
    frozen,
    replace,
    scheduled,
)
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError
from jaxac.heads.returns import Value
from jaxac.nets import critic as nets
from jaxac.nets.critic import Plain, ValuesNet
from jaxac.nets.normed import NormedMLP
from jaxac.ops.choice import Choice, EpsilonGreedy
from jaxac.ops.credit import lambda_return
from jaxac.ops.minibatch import ShuffleTransitions
from jaxac.ops.optimiser import Adam, Optimiser, descend
from jaxac.ops.schedule import Linear
from jaxac.ops.value_loss import Squared, ValueLoss
from jaxac.runners import off_policy, on_policy

EPSILON: Any = Linear(1.0, 0.05, 0.1)  # pyright sees no schedule in a number


@frozen
class PQN:
    """Hyper-parameters of PQN; the authors' for Atari."""

    learning_rate: Scalar = field(
        2.5e-4, "step size", within="[0, inf)", search=(1e-4, 2.5e-4, 1e-3)
    )
    gamma: Scalar = field(0.99, "discount per step", within="[0, 1]", search=(0.9, 0.99, 0.995))
    lam: Scalar = field(
        0.65, "share of later rewards in a return", within="[0, 1]", search=(0.3, 0.65, 0.8, 0.95)
    )
    max_grad_norm: Scalar = field(10.0, "largest norm of a gradient", within="(0, inf]")
    total_steps: Scalar = field(
        1e6, "environment steps over which schedules run; a sweep sets it", within="[1, inf)"
    )
    net: ValuesNet = field(Plain(NormedMLP()), "the network")
    value_loss: ValueLoss = field(Squared(), "the loss of a value")
    choice: Choice = field(EpsilonGreedy(EPSILON), "the action that is tried")
    norm: off_policy.Norm = field(off_policy.Norm(), "normalisation")
    optimiser: Optimiser = field(Adam(), "the optimiser")
    num_envs: Static[int] = field(128, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(32, "steps of each environment per update", within="[1, inf)")
    num_epochs: Static[int] = field(2, "passes over the data of an update", within="[1, inf)")
    num_minibatches: Static[int] = field(32, "gradient steps per pass", within="[1, inf)")
    num_updates: Static[int] = field(8, "updates per chunk; a sweep sets it", within="[1, inf)")
    eval_episodes: Static[int] = field(16, "episodes per evaluation", within="[1, inf)")


@frozen
class State:
    """One run."""

    hp: PQN
    env_params: Any
    key: Key  # never advanced: update i draws from fold_in(key, i)
    step: Int  # updates done
    params: Params
    opt_state: optax.OptState
    loop: on_policy.Loop
    stats: dict[str, Any]  # running statistics of hp.norm's two


def make(env: Env) -> Algorithm:
    """PQN on `env`, whose actions must be Discrete: else `EnvError`.

    `init` raises `ConfigError` for minibatches that do not divide an update's transitions.
    """
    num_actions = dqn.discrete(env)

    def parts(hp: PQN) -> tuple[nets.Net, optax.GradientTransformation]:
        clip = optax.clip_by_global_norm(hp.max_grad_norm)
        net = nets.values(hp.net, env.observation_space, num_actions, Value())
        return net, optax.chain(clip, hp.optimiser(hp.learning_rate))

    def init(key: Key, hp: PQN, env_params: Any) -> State:
        if steps_per_update(hp) % hp.num_minibatches:
            raise ConfigError(
                "num_minibatches",
                f"{hp.num_minibatches} does not divide the {steps_per_update(hp)} transitions "
                "that num_envs and num_steps make",
            )
        key_net, key_env, key_run = jax.random.split(key, 3)
        net, optimiser = parts(scheduled(hp, jnp.zeros(())))
        loop = on_policy.start(key_env, env, env_params, hp.num_envs)
        params, first = (
            net.init(key_net, loop.envs.obs),
            jax.tree.map(lambda x: x[0], loop.envs.obs),
        )
        stats = {"obs": hp.norm.obs.init(first), "reward": hp.norm.reward.init(hp.num_envs)}
        opt_state = optimiser.init(params)
        return State(hp, env_params, key_run, jnp.int32(0), params, opt_state, loop, stats)

    def now(state: State) -> PQN:
        return scheduled(state.hp, state.step * (steps_per_update(state.hp) / state.hp.total_steps))

    def values(hp: PQN, state: State, obs):
        obs = hp.norm.obs(state.stats["obs"], obs)
        return dqn.legal(parts(hp)[0].apply(state.params, None, obs)[..., 0], obs)

    def update(state: State):
        hp = now(state)
        key_act, key_learn = jax.random.split(jax.random.fold_in(state.key, state.step))
        net, optimiser = parts(hp)

        def choose(key, carry, obs):
            return hp.choice(key, values(hp, state, obs)), jnp.zeros(hp.num_envs), carry

        loop, traj = on_policy.rollout(
            key_act, env, state.env_params, choose, lambda action: action, state.loop, hp.num_steps
        )
        got = traj.outcome
        stats = {
            "obs": hp.norm.obs.update(state.stats["obs"], traj.obs),
            "reward": hp.norm.reward.update(state.stats["reward"], got.reward, got.done, hp.gamma),
        }
        reward, discount = hp.norm.reward(stats["reward"], got.reward), hp.gamma * ~got.terminated
        next_value = values(hp, state, traj.final_obs).max(-1)
        target = lambda_return(reward, discount, next_value, got.done, hp.lam)
        seen = hp.norm.obs(state.stats["obs"], traj.obs)

        def learn(learner, carry, data):
            obs, action, target = data  # [1, B, ...]

            def loss(params):
                q = net.apply(params, None, obs)[..., 0]
                q = jnp.take_along_axis(q, action[..., None], -1)[..., 0]
                total = hp.value_loss(q, jax.lax.stop_gradient(q), target).mean()
                return total, {"loss": total, "q": q.mean()}

            params, opt_state, metrics = descend(loss, optimiser, *learner)
            return (params, opt_state), metrics

        (params, opt_state), metrics = on_policy.epochs(
            key_learn,
            learn,
            (state.params, state.opt_state),
            ShuffleTransitions(),
            (),
            (seen, traj.action, target),
            hp.num_epochs,
            hp.num_minibatches,
        )
        step = state.step + 1
        state = replace(
            state, step=step, params=params, opt_state=opt_state, loop=loop, stats=stats
        )
        return state, {**metrics, **on_policy.episode_metrics(got)}

    def act(state: State, obs, carry=None, key=None):
        hp = now(state)
        q = values(hp, state, obs)
        return q.argmax(-1) if key is None else hp.choice(key, q), () if carry is None else carry

    def evaluate(state: State):
        def greedy(carry, obs):
            return act(state, obs, carry)

        num, run = state.hp.eval_episodes, (state.key, state.step)
        return on_policy.evaluate(*run, env, state.env_params, greedy, (), num)

    def steps_per_update(hp: PQN) -> int:
        return hp.num_envs * hp.num_steps

    def value(state: State, obs):
        return values(now(state), state, obs).max(-1)

    return algorithm(init, update, evaluate, act, steps_per_update, env.params, value)
