"""Real-time recurrent learning is exact where truncated backpropagation through time is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.nets.memory import ELSTM, RTRL
from jaxac.nets.memory.rtrl import ElementWise, sensitivity

ROLLOUTS, T, N, F, H = 5, 3, 2, 4, 3
RESET = np.random.default_rng(5).random((ROLLOUTS, T, N)) < 0.15
PLAIN, EXACT = ELSTM(H), RTRL(ELSTM(H))


def of_rollouts(core, xs, weight):
    """The gradient of a loss of many steps, summed over rollouts that each cut it at its start."""

    def init(key):
        return core.init(key, F)

    def cut(carry, rollout):
        xs, weight, reset = rollout

        def loss(params):
            ys, carries = core.scan(params, carry, xs, reset)
            return (weight * jnp.sin(3.0 * ys)).sum(), jax.tree.map(lambda x: x[-1], carries)

        grads, carry = jax.grad(loss, has_aux=True)(params)
        return carry, grads

    params = init(jax.random.key(0))
    _, grads = jax.lax.scan(cut, core.start(N, F), (xs, weight, jnp.asarray(RESET)))
    return jax.tree.map(lambda x: x.sum(0), grads)


@pytest.fixture(scope="module")
def gradients():
    """Of a whole past, of real-time recurrent learning, and of truncated backpropagation."""
    rng = np.random.default_rng(0)
    xs = jnp.asarray(rng.normal(size=(ROLLOUTS, T, N, F)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=(ROLLOUTS, T, N, H)), jnp.float32)

    def whole(xs, weight):
        def loss(params):
            flat = xs.reshape(-1, N, F), jnp.asarray(RESET).reshape(-1, N)
            ys, _ = PLAIN.scan(params, PLAIN.start(N, F), *flat)
            return (weight.reshape(-1, N, H) * jnp.sin(3.0 * ys)).sum()

        return jax.grad(loss)(PLAIN.init(jax.random.key(0), F))

    @jax.jit
    def run(xs, weight):
        return whole(xs, weight), of_rollouts(EXACT, xs, weight), of_rollouts(PLAIN, xs, weight)

    return run(xs, weight)


def apart(a, b):
    """The greatest difference of parameters' gradients, relative to the size of each one's."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(np.linalg.norm(x - y) / np.linalg.norm(y) for x, y in pairs)


def test_gradients_are_those_of_the_whole_past(gradients):
    whole, exact, truncated = gradients
    assert RESET.any() and not RESET[:, 0].all()
    assert apart(exact, whole) < 1e-5
    assert apart(truncated["recurrent"], whole["recurrent"]) > 0.1
    assert apart(truncated["out"], whole["out"]) < 1e-5, "what does not recur needs no past"


def test_the_sensitivity_is_the_derivative_of_the_memory():
    """Step by step against forward-mode differentiation through all steps, one row at a time."""
    rng = np.random.default_rng(1)
    xs = jnp.asarray(rng.normal(size=(6, N, F)), jnp.float32)

    @jax.jit
    def both(key):
        recurrent = PLAIN.init(key, F)["recurrent"]

        def memory(recurrent):
            return jax.lax.scan(
                lambda c, x: (PLAIN.recur(recurrent, c, x), ()), PLAIN.start(N, F), xs
            )[0]

        def step(carried, x):
            c, by = carried
            by = sensitivity(PLAIN, recurrent, c, by, x)
            return (PLAIN.recur(recurrent, c, x), by), ()

        (_, by), _ = jax.lax.scan(step, EXACT.start(N, F), xs)
        return by, jax.jacfwd(memory)(recurrent)  # [N, H, *parameter.shape]

    by, jacobian = both(jax.random.key(2))
    for got, want in zip(jax.tree.leaves(by), jax.tree.leaves(jacobian), strict=True):
        own = np.diagonal(np.asarray(want), axis1=1, axis2=want.ndim - 1)
        np.testing.assert_allclose(got, own, rtol=1e-4, atol=1e-6)
        others = np.moveaxis(np.asarray(want), -1, 2)[:, ~np.eye(H, dtype=bool)]
        np.testing.assert_array_equal(others, 0.0)


def test_the_memory_is_a_plain_one_with_what_it_learns_by_beside_it():
    assert isinstance(PLAIN, ElementWise)
    params = jax.jit(lambda key: PLAIN.init(key, F))(jax.random.key(0))
    xs = jnp.asarray(np.random.default_rng(2).normal(size=(T, N, F)), jnp.float32)
    ys, _ = jax.jit(PLAIN.scan)(params, PLAIN.start(N, F), xs, jnp.asarray(RESET[0]))
    again, _ = jax.jit(EXACT.scan)(params, EXACT.start(N, F), xs, jnp.asarray(RESET[0]))
    np.testing.assert_allclose(ys, again, atol=1e-6)
