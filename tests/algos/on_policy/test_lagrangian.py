"""Constraints: a price of costs that settles, and episodes that keep to a bound."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac import registry
from jaxac.algos.on_policy import lagrangian, ppo, reload
from jaxac.algos.tabular.env import as_env
from jaxac.algos.tabular.mdp import MDP
from jaxac.core import replace
from jaxac.errors import EnvError
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.advantage import Unscaled
from jaxac.ops.multiplier import PID, Ascent, Extrapolated
from jaxac.ops.optimiser import SGD, Extrapolating

# One step: action 0 pays 1 and costs 1, action 1 pays 0.2 and is free. With the mean cost bound to
# 0.3 the best policy takes action 0 with probability 0.3, and a unit of cost is worth 0.8.
BOUND, PROBABILITY, PRICE = 0.3, 0.3, 0.8
TOLL = as_env(
    MDP(
        jnp.asarray([[[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]),
        jnp.asarray([[1.0, 0.2], [0.0, 0.0]]),
        jnp.asarray([False, True]),
        jnp.asarray([1.0, 0.0]),
    ),
    "toll",
    cost=jnp.asarray([[1.0, 0.0], [0.0, 0.0]]),
)


def saddle(multiplier, optimiser, steps=800):
    """Distances from the saddle of x (y - 5), x descending and y ascending."""
    opt = optimiser(0.05)
    x, y = jnp.asarray(0.5), multiplier.init()
    state = opt.init(x)

    def step(carried, _):
        x, y, state = carried
        far = jnp.hypot(x, multiplier(y) - 5.0)
        move, state = opt.update(multiplier(y) - 5.0, state, x)
        return (optax.apply_updates(x, move), multiplier.update(y, x), state), far

    return np.asarray(jax.lax.scan(step, (x, y, state), length=steps)[1])


def test_plain_ascent_and_descent_spiral_out_and_extrapolated_ones_settle():
    plain = saddle(Ascent(0.05, 5.0), SGD())
    settled = saddle(Extrapolated(0.05, 5.0), Extrapolating(SGD()))
    assert plain[-1] > 1.3 * plain[0]
    assert settled[-1] < 0.5 * settled[0]
    assert settled[-1] < settled[400]


def test_multipliers_move_by_the_excess_and_stay_above_nothing():
    for plan in (Ascent(0.1, 1.0), Extrapolated(0.1, 1.0)):
        state = plan.init()
        assert plan(plan.update(state, jnp.float32(2.0))) > 1.0
        assert plan(plan.update(state, jnp.float32(-99.0))) == 0.0
    integral, ascent = PID(0.0, 0.1, 0.0), Ascent(0.1)
    states = [integral.init(), ascent.init()]
    for excess in (1.0, -0.5, -2.0, 3.0, 0.25):
        states = [
            plan.update(x, jnp.float32(excess))
            for plan, x in zip((integral, ascent), states, strict=True)
        ]
        np.testing.assert_allclose(integral(states[0]), ascent(states[1]), atol=1e-6)
    steady = PID(2.0, 0.0, 3.0)
    state = steady.update(steady.update(steady.init(), jnp.float32(0.5)), jnp.float32(0.7))
    np.testing.assert_allclose(steady(state), 2.0 * 0.7 + 3.0 * 0.2, atol=1e-6)


def trained(env, hp, chunks):
    algorithm = lagrangian.make(env)
    state, chunk = jax.jit(algorithm.init)(jax.random.key(0), hp), jax.jit(algorithm.chunk)
    told = []
    for _ in range(chunks):
        state, metrics = chunk(state)
        told.append(metrics)
    return algorithm, state, {k: np.stack([x[k] for x in told]) for k in told[0]}


def test_below_its_bound_it_is_ppo():
    common = dict(num_envs=4, num_steps=8, num_updates=2, net=ActorCritic(hidden=(8,)))
    env = registry.make_env("tabular/Hazards-3x6")
    _, got, told = trained(env, lagrangian.Lagrangian(**common, bound=1e6), 3)
    algorithm = ppo.make(env)
    want = jax.jit(algorithm.init)(jax.random.key(0), ppo.PPO(**common))
    for _ in range(3):
        want, _ = jax.jit(algorithm.chunk)(want)
    jax.tree.map(np.testing.assert_array_equal, got.learner.params, want.learner.params)
    assert told["multiplier"].max() == 0.0


def test_the_last_policy_is_the_best_within_the_bound():
    """Extrapolated, where plain gradients circle about it further and further."""
    common = dict(
        bound=BOUND, num_envs=256, num_steps=4, num_updates=20, net=ActorCritic(hidden=()),
        learning_rate=3.0, entropy_coef=0.0, value_coef=0.1, num_epochs=1, num_minibatches=1,
        max_grad_norm=1e9, advantage=Unscaled(),
    )  # fmt: skip
    opt = Extrapolating(SGD())
    settled = reload.reload(**common, multiplier=Extrapolated(0.3, PRICE), optimiser=opt)
    circling = lagrangian.Lagrangian(**common, multiplier=Ascent(0.3, PRICE), optimiser=SGD())
    cost, price = {}, {}
    for name, hp in (("settled", settled), ("circling", circling)):
        _, _, told = trained(TOLL, hp, 15)
        cost[name], price[name] = told["cost"][-5:], told["multiplier"][-5:]
    np.testing.assert_allclose(cost["settled"], PROBABILITY, atol=0.03)
    np.testing.assert_allclose(price["settled"], PRICE, atol=0.05)
    assert np.abs(cost["circling"] - PROBABILITY).max() > 0.2


def test_the_way_around_the_hazards_is_found_where_hazards_are_forbidden():
    env = registry.make_env("tabular/Hazards-3x6")
    hp = lagrangian.Lagrangian(
        num_envs=16, num_steps=32, num_updates=20, learning_rate=3e-3, gamma=0.95,
        net=ActorCritic(hidden=(32,)), multiplier=Ascent(1.0),
    )  # fmt: skip
    found = {}
    for bound in (1.0, 0.0):
        algorithm, state, _ = trained(env, replace(hp, bound=bound), 10)
        found[bound] = jax.jit(algorithm.evaluate)(state)
    assert found[1.0]["eval_cost"] == 4.0 and found[1.0]["eval_length"] == 5.0
    assert found[0.0]["eval_cost"] == 0.0 and found[0.0]["eval_length"] == 7.0


def test_an_environment_without_costs_is_refused():
    with pytest.raises(EnvError, match="no cost"):
        lagrangian.make(registry.make_env("tabular/Chain-5"))
