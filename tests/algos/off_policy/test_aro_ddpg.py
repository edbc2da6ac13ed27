"""ARO-DDPG: the average-cost LQR in closed form, and that a constant reward shifts rho alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import aro_ddpg
from jaxac.core import replace
from jaxac.data.replay import Batch
from jaxac.heads.returns import Value
from jaxac.ops.backup import Differential, Nets, OneStep

from .short import assert_close, assert_equal, batch, learned, tiny

KEY = jax.random.key(0)
A, B, COST, NOISE = 0.9, 0.5, 0.3, 0.4  # x' = A x + B u +- NOISE, reward -(x^2 + COST u^2)


def riccati():
    """The solution p of the average-cost Riccati equation: the gain, and the least average cost."""
    p = 1.0
    for _ in range(1_000):
        p = 1.0 + A * A * p - (A * B * p) ** 2 / (COST + B * B * p)
    return p, A * B * p / (COST + B * B * p), p * NOISE**2


def lqr(constant):
    """Every x and u of a grid and both noises in a batch, a quadratic critic, a linear policy."""
    x, u, w = (
        jnp.asarray(g.ravel(), jnp.float32)
        for g in np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 5), (-NOISE, NOISE))
    )
    reward = constant - (x**2 + COST * u**2)
    ones = jnp.ones_like(x)
    data = Batch(
        x[:, None], u[:, None], reward, ones, (A * x + B * u + w)[:, None], ones, jnp.arange(x.size)
    )
    operator = Differential(learning_rate=0.02, start=constant)

    def q(weights, obs, action):
        s, a = obs[:, 0], action[:, 0]
        return weights[0] * s**2 + weights[1] * s * a + weights[2] * a**2

    def step(carried, rate):
        weights, gain, memory = carried
        nets = Nets(
            0.0,
            Value(),
            lambda key, obs: (-gain * obs, jnp.zeros(obs.shape[0])),
            lambda key, obs: (-gain * obs, jnp.zeros(obs.shape[0])),
            lambda key, obs, action: q(weights, obs, action)[None, :, None],
            lambda key, obs, action: q(weights, obs, action)[:, None],
        )
        target = operator(KEY, memory, nets, data)[:, 0]
        slow = replace(operator, learning_rate=0.02 * rate)
        memory, _ = slow.learn(KEY, memory, nets, data)

        def loss(w):
            return jnp.square(q(w, data.obs, data.action) - target).mean()

        change = jax.grad(loss)(weights)
        climb = jax.grad(lambda k: q(weights, data.obs, -k * data.obs).mean())(gain)
        return (weights - rate * change, gain + 0.1 * rate * climb, memory), memory.rho

    start = (jnp.array([-1.0, 0.0, -1.0]), jnp.zeros(()), operator.init(KEY, None, None, 2))
    rates = jnp.linspace(1.0, 0.02, 6_000)
    (weights, gain, memory), rhos = jax.jit(lambda s: jax.lax.scan(step, s, rates))(start)
    return weights, gain, memory.rho, rhos


def test_gain_and_average_reward_are_those_of_the_riccati_equation():
    weights, gain, rho, _ = lqr(0.0)
    p, best, cost = riccati()
    np.testing.assert_allclose(gain, best, rtol=5e-3)
    np.testing.assert_allclose(rho, -cost, rtol=1e-2)
    want = -np.array([1.0 + p * A * A, 2.0 * p * A * B, COST + p * B * B])
    np.testing.assert_allclose(weights, want, rtol=1e-2)


@pytest.mark.usual_emitters
def test_a_constant_in_the_rewards_moves_rho_alone():
    """In the regulator, from a rho that is the constant at first: all else as without it."""
    plain, moved = lqr(0.0), lqr(2.0)
    np.testing.assert_allclose(moved[0], plain[0], rtol=1e-3)
    np.testing.assert_allclose(moved[1], plain[1], rtol=1e-3)
    np.testing.assert_allclose(moved[3], plain[3] + 2.0, atol=2e-3)


def test_a_constant_in_the_rewards_moves_rho_alone_in_the_runner():
    """Networks are equal but for rounding."""
    hp, data = tiny(aro_ddpg.aro_ddpg(), **{"backup.learning_rate": 1e-2}), batch()
    moved = config.configure(hp, {"backup.start": 3.0})
    runs = learned(hp), learned(moved, data=replace(data, reward=data.reward + 3.0))
    rho = [float(r.backup.rho) for r in runs]
    assert abs(rho[0]) > 0.02
    np.testing.assert_allclose(rho[1] - rho[0], 3.0, atol=1e-3)
    assert_close(runs[0].params, runs[1].params, rtol=1e-2, atol=1e-3)


@pytest.mark.usual_emitters
def test_a_rho_held_at_zero_gives_the_discounted_method():
    """Rounds against `OneStep` in the slot, bit for bit; a rho that learns changes it."""
    hp = tiny(aro_ddpg.aro_ddpg(gamma=0.9))
    held = config.configure(hp, {"backup.learning_rate": 0.0})
    want = learned(replace(hp, backup=OneStep()))
    got = learned(held)
    assert_equal(got.params, want.params)
    assert_equal(got.slow, want.slow)
    free = learned(config.configure(hp, {"backup.learning_rate": 0.1})).params
    leaves = zip(jax.tree.leaves(free), jax.tree.leaves(want.params), strict=True)
    assert any((a != b).any() for a, b in leaves)
