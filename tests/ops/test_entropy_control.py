"""Entropies are held within a band, or above a target."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.entropy_control import AtLeast, Banded, Uncontrolled
from jaxac.ops.multiplier import PID, Ascent


def after(control, *entropies):
    memory = control.init()
    for x in entropies:
        memory = control.update(memory, jnp.float32(x))
    return memory


def slope(control, memory, entropy):
    """By how much a nat more is worth."""
    return float(jax.grad(lambda x: control(memory, x))(jnp.float32(entropy)))


def test_the_band_is_about_the_mean_of_all_entropies_until_now():
    band = Banded(weight=2.0, low=0.8, high=1.2)
    memory = after(band, 1.5, 0.5)  # 0.8 to 1.2
    for entropy, gain, worth in ((1.0, 0.0, 0.0), (0.5, -0.6, 2.0), (1.5, -0.6, -2.0)):
        np.testing.assert_allclose(band(memory, jnp.float32(entropy)), gain, atol=1e-6)
        assert slope(band, memory, entropy) == pytest.approx(worth)


def test_the_band_of_a_negative_mean_lies_about_it():
    band = Banded(weight=1.0, low=0.5, high=1.5)
    memory = after(band, -2.0)  # -3 to -1
    for entropy, gain in ((-2.0, 0.0), (-3.5, -0.5), (0.0, -1.0)):
        np.testing.assert_allclose(band(memory, jnp.float32(entropy)), gain, atol=1e-6)


def test_nothing_is_done_before_an_update_or_without_weight():
    assert slope(Banded(), Banded().init(), 3.0) == 0.0
    idle = Banded(weight=0.0)
    assert slope(idle, after(idle, 1.0), 3.0) == 0.0
    assert slope(Uncontrolled(), after(Uncontrolled(), 1.0), 3.0) == 0.0


def softmax_entropy(control, num_updates=3_000, step=0.5):
    """Entropies of a softmax over four actions of unequal worth that climbs worth and the gain."""
    worth = jnp.asarray([1.0, 0.6, 0.3, 0.0])

    def entropy(logits):
        return -(jax.nn.softmax(logits) * jax.nn.log_softmax(logits)).sum()

    def update(carry, _):
        logits, memory = carry
        total = jax.grad(lambda z: jax.nn.softmax(z) @ worth + control(memory, entropy(z)))
        logits = logits + step * total(logits)
        return (logits, control.update(memory, entropy(logits))), entropy(logits)

    return np.asarray(jax.lax.scan(update, (jnp.zeros(4), control.init()), length=num_updates)[1])


@pytest.mark.parametrize("target", [0.3, 0.7, 1.2])
@pytest.mark.parametrize("price", [Ascent(rate=0.02), PID(0.2, 0.01, 0.2)], ids=["ascent", "pid"])
def test_in_closed_loop_the_entropy_settles_at_any_target(target, price):
    assert softmax_entropy(Uncontrolled())[-1] < 0.1
    settled = softmax_entropy(AtLeast(target, price))[-500:]
    np.testing.assert_allclose(settled, target, atol=0.02)


def test_a_band_makes_the_entropy_fall_more_slowly():
    free, held = softmax_entropy(Uncontrolled(), 200), softmax_entropy(Banded(weight=1.0), 200)
    assert held[100] > free[100] and held[199] > free[199] and held.var() < 0.5 * free.var()
