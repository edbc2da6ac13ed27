"""Evolution strategies: a distribution of policies, moved towards those that earned most.

Source: Salimans et al. 2017, arXiv:1703.03864, Algorithm 1; the strategies are evosax's
(Lange 2022, arXiv:2212.04180). Every update draws `population` policies, lets each act for
`num_steps` steps of an episode, and tells the strategy what they earned. No gradient is taken of
anything, and no value is learned: the mean of the distribution is what acts and is evaluated.
Departs from the paper: perturbations are drawn anew, not from a table of noise; policies are
deterministic; observations are not normalised; a step after an episode's end earns nothing, but is
counted.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxac.core import (
    Algorithm,
    Int,
    Key,
    Mean,
    Params,
    Scalar,
    Static,
    algorithm,
    field,
    frozen,
    replace,
    scheduled,
    strong,
)
from jaxac.envs import loop as env_loop
from jaxac.envs.contract import Env, view
from jaxac.errors import ConfigError
from jaxac.heads import Default
from jaxac.heads.contract import Head
from jaxac.heads.factory import Policy
from jaxac.nets.actor_critic import legal_only
from jaxac.nets.mlp import MLP
from jaxac.nets.trunk import Trunk
from jaxac.ops.strategy import OpenES, Strategy
from jaxac.ops.subspace import Everything, Subspace
from jaxac.runners import on_policy


@frozen
class ES:
    """Hyper-parameters of evolution strategies."""

    total_steps: Scalar = field(
        1e6, "environment steps over which schedules run; a sweep sets it", within="[1, inf)"
    )
    strategy: Strategy = field(OpenES(), "how the distribution moves")
    subspace: Subspace = field(Everything(), "what is searched, of the network's parameters")
    policy: Policy = field(Default(), "what actions the network's outputs are")
    trunk: Trunk = field(MLP(), "all layers but the last")
    population: Static[int] = field(64, "policies an update, an even number", within="[2, inf)")
    num_steps: Static[int] = field(500, "steps of an episode that each acts for", within="[1, inf)")
    num_updates: Static[int] = field(4, "updates per chunk; a sweep sets it", within="[1, inf)")
    eval_episodes: Static[int] = field(16, "episodes per evaluation", within="[1, inf)")


@frozen
class State:
    """One run."""

    hp: ES
    env_params: Any
    key: Key  # never advanced: update i draws from fold_in(key, i)
    step: Int  # updates done
    fixed: Any  # what is not searched
    params: Params  # the mean of the distribution, of what is
    strategy: Any  # evosax's state of all else


class Parts(NamedTuple):
    """What is built for an environment."""

    head: Head
    init: Callable[[Key, Any], Params]
    """`init(key, obs) -> params`"""
    apply: Callable[[Params, Any], Any]
    """`apply(params, obs) -> out`, of legal actions alone"""


def parts(env: Env, hp: ES) -> Parts:
    """Head and network. Raises `EnvError` if they do not fit the environment."""
    head, space = hp.policy(env.action_space), view(env.observation_space, "policy")
    net = nn.Sequential([hp.trunk.module(space), head.layer()])
    restrict = legal_only(head, env.observation_space)

    def apply(params: Params, obs: Any) -> Any:
        out: Any = net.apply(params, view(obs, "policy"))
        return restrict(out, obs)

    return Parts(head, lambda key, obs: net.init(key, view(obs, "policy")), apply)


def begin(state: State, params: Params) -> State:
    """A run, with the mean of its distribution at a policy that is trained already."""
    fixed, mean = state.hp.subspace.split(params)
    return replace(state, fixed=fixed, params=mean)


def plain(method: Any) -> Any:
    """A method of evosax that is not compiled by itself.

    Compiled ones are kept for ever with the object that they are of, and what it holds while a
    program is traced.
    """
    return method.__wrapped__


def earned(
    env: Env, env_params: Any, key: Key, act: Any, population: int, num_steps: int
) -> tuple[Any, Any]:
    """Return and length [P] of the first episode of each of P policies, `num_steps` at most."""
    key_start, key_run = jax.random.split(key)
    loop = env_loop.start(key_start, env, env_params, population, auto_reset=False)

    def one(carried, key):
        loop, over, returns, lengths = carried
        loop, outcome = env_loop.step(key, env, env_params, loop, act(loop.obs), auto_reset=False)
        returns = jnp.where(over, returns, outcome.episode_return)
        lengths = jnp.where(over, lengths, outcome.episode_length)
        return (loop, over | outcome.done, returns, lengths), ()

    zero = jnp.zeros(population)
    begin = loop, zero > 0.0, zero, zero.astype(jnp.int32)
    (_, _, returns, lengths), _ = jax.lax.scan(one, begin, jax.random.split(key_run, num_steps))
    return returns, lengths


def make(env: Env) -> Algorithm:
    """Evolution strategies on `env`.

    `init` raises `ConfigError` for an odd population or without evosax, and `EnvError` as `parts`.
    """

    def strategy(hp: ES) -> tuple[Any, Any]:
        def searched(key):
            obs = env.reset(key, env.params)[1]
            return hp.subspace.split(parts(env, hp).init(key, obs))[1]

        shapes = jax.eval_shape(searched, jax.random.key(0))
        example = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        made = hp.strategy(hp.population, example)
        return made, made.default_params

    def init(key: Key, hp: ES, env_params: Any) -> State:
        if hp.population % 2:
            raise ConfigError("population", f"{hp.population} is odd, and policies are in pairs")
        key_net, key_strategy, key_run = jax.random.split(key, 3)
        first = scheduled(hp, jnp.zeros(()))
        made, params = strategy(first)
        obs = env.reset(key_net, env_params)[1]
        fixed, mean = first.subspace.split(parts(env, first).init(key_net, obs))
        begun = plain(made.init)(made, key_strategy, mean, params)
        begun = jax.tree.map(strong, begun)
        return State(hp, env_params, key_run, jnp.int32(0), fixed, mean, begun)

    def now(state: State) -> ES:
        progress = state.step * (steps_per_update(state.hp) / state.hp.total_steps)
        return scheduled(state.hp, progress)

    def update(state: State):
        hp = now(state)
        (head, _, apply), (made, params) = parts(env, hp), strategy(hp)
        keys = jax.random.split(jax.random.fold_in(state.key, state.step), 3)
        before = state.strategy.replace(mean=ravel_pytree(state.params)[0])
        population, after = plain(made.ask)(made, keys[0], before, params)

        policies = jax.vmap(lambda searched: hp.subspace.join(state.fixed, searched))(population)

        def act(obs):
            return head.decode(head.mode(jax.vmap(apply)(policies, obs)))

        returns, lengths = earned(env, state.env_params, keys[1], act, hp.population, hp.num_steps)
        after, _ = plain(made.tell)(made, keys[2], population, -returns, after, params)
        after = jax.tree.map(
            lambda x, y: jax.lax.convert_element_type(x, y.dtype), after, state.strategy
        )
        count = jnp.float32(hp.population)
        metrics = {
            "best_return": returns.max(),
            "param_norm": jnp.linalg.norm(after.mean),
            "episode_return": Mean(returns.sum(), count),
            "episode_length": Mean(lengths.sum().astype(jnp.float32), count),
        }
        mean = made.get_mean(after)
        return replace(state, step=state.step + 1, params=mean, strategy=after), metrics

    def act(state: State, obs, carry=None, key=None):
        hp = now(state)
        head, _, apply = parts(env, hp)
        out = apply(hp.subspace.join(state.fixed, state.params), obs)
        action = head.mode(out) if key is None else head.sample(key, out)
        return head.decode(action), () if carry is None else carry

    def evaluate(state: State):
        def mode(carry, obs):
            return act(state, obs, carry)

        num, run = state.hp.eval_episodes, (state.key, state.step)
        return on_policy.evaluate(*run, env, state.env_params, mode, (), num)

    def steps_per_update(hp: ES) -> int:
        return hp.population * hp.num_steps

    return algorithm(init, update, evaluate, act, steps_per_update, env.params)
