import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac.ops.optimiser import SGD, Adam, CentredRMSProp, RMSProp

CASES = {
    "Adam": (Adam(0.8, 0.9, 1e-3), lambda lr: optax.adam(lr, b1=0.8, b2=0.9, eps=1e-3)),
    "RMSProp": (RMSProp(0.8, 1e-3), lambda lr: optax.rmsprop(lr, decay=0.8, eps=1e-3)),
    "RMSProp, momentum": (
        RMSProp(0.8, 1e-3, 0.5),
        lambda lr: optax.rmsprop(lr, decay=0.8, eps=1e-3, momentum=0.5),
    ),
    "CentredRMSProp": (
        CentredRMSProp(0.8, 1e-3),
        lambda lr: optax.rmsprop(lr, decay=0.8, eps=1e-3, centered=True),
    ),
    "SGD": (SGD(), lambda lr: optax.sgd(lr)),
    "momentum": (SGD(0.7), lambda lr: optax.sgd(lr, momentum=0.7)),
}


def descend(transformation):
    """Five steps down a quadratic."""

    def one(carried, _):
        x, state = carried
        steps, state = transformation.update(x * jnp.array([1.0, 3.0, -2.0]), state, x)
        return (optax.apply_updates(x, steps), state), x

    x = jnp.array([1.0, -2.0, 0.5])
    return jax.lax.scan(one, (x, transformation.init(x)), length=5)[1]


@pytest.mark.parametrize("case", CASES)
def test_equals_optax_with_the_same_numbers_for_a_traced_learning_rate(case):
    op, reference = CASES[case]
    rates = jnp.array([1e-3, 0.1])
    got = jax.jit(jax.vmap(lambda lr: descend(op(lr))))(rates)
    want = jax.jit(lambda: [descend(reference(lr)) for lr in (1e-3, 0.1)])()
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", [Adam(), RMSProp(), SGD()], ids=repr)
def test_own_fields_are_traced_and_the_state_has_one_shape(op):
    x = jnp.ones(3)
    states = [jax.eval_shape(lambda lr: op(lr).init(x), lr) for lr in (0.1, jnp.float32(3.0))]
    assert states[0] == states[1]
    leaves, structure = jax.tree.flatten(op)
    rows = [jnp.array([v, 0.5]) for v in leaves]
    got = jax.jit(jax.vmap(lambda *v: descend(jax.tree.unflatten(structure, v)(0.1))))(*rows)
    np.testing.assert_allclose(got[0], jax.jit(lambda: descend(op(0.1)))(), rtol=1e-5, atol=1e-6)
    assert not np.allclose(got[0], got[1])


def test_rmsprop_adds_eps_inside_the_root():
    """One step from a zero mean square: lr * g / sqrt((1 - decay) g^2 + eps)."""
    update, _ = RMSProp(0.9, 0.5)(0.1).update(
        jnp.float32(2.0), RMSProp(0.9, 0.5)(0.1).init(jnp.float32(0.0))
    )
    np.testing.assert_allclose(update, -0.1 * 2.0 / np.sqrt(0.1 * 4.0 + 0.5), rtol=1e-6)
