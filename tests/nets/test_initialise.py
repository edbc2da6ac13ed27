import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.nets.initialise import Glorot, Lecun, Orthogonal, gram_schmidt, orthogonal

SHAPES = {"tall": (64, 8), "square": (256, 256)}
KEYS = jax.random.split(jax.random.key(0), 4_000)


def off_identity(q):
    q = np.asarray(q, np.float64)
    return abs(q.T @ q - np.eye(q.shape[1])).max()


@functools.cache
def program(init):
    """`init` of 2 x 2 weights, mapped over KEYS."""
    mapped = jax.jit(jax.vmap(lambda key: init(key, (2, 2), jnp.float32)))
    return mapped.lower(KEYS).compile()


OURS = orthogonal()


def test_wide_weights_have_orthogonal_rows_times_the_scale():
    w = jax.jit(lambda key: orthogonal(2.5)(key, (4, 64)))(KEYS[0])
    assert w.shape == (4, 64) and w.dtype == jnp.float32
    assert off_identity(np.asarray(w).T / 2.5) < 1e-5


def test_kernels_with_more_axes_are_orthogonal_over_the_last():
    w = jax.jit(lambda key: orthogonal()(key, (3, 3, 2, 8), jnp.bfloat16))(KEYS[0])
    assert w.shape == (3, 3, 2, 8) and w.dtype == jnp.bfloat16
    assert off_identity(np.asarray(w, np.float64).reshape(18, 8)) < 0.02


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gram_schmidt_is_qr_with_a_positive_diagonal(shape):
    a = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    q, r = np.linalg.qr(a.astype(np.float64))
    want, got = q * np.sign(np.diag(r)), jax.jit(gram_schmidt)(a)
    assert off_identity(got) < 1e-5
    np.testing.assert_allclose(
        got, want, atol=2e-3
    )  # the last columns of a square: ill-conditioned
    np.testing.assert_allclose(got[:, :8], want[:, :8], atol=2e-6)


def test_columns_are_orthonormal_even_if_nearly_dependent():
    """Condition 1e6 (columns 1 + a millionth of noise): one projection alone does not do."""
    noise = np.random.default_rng(0).normal(size=(64, 16))
    a = jnp.asarray(1.0 + 1e-6 * noise, jnp.float32)
    assert np.linalg.cond(np.asarray(a, np.float64)) > 1e6
    assert off_identity(jax.jit(gram_schmidt)(a)) < 1e-5

    basis = np.zeros((64, 16), np.float32)
    for i, column in enumerate(np.asarray(a).T):
        rest = column - basis @ (basis.T @ column)
        basis[:, i] = rest / np.linalg.norm(rest)
    assert off_identity(basis) > 1e-2


def test_directions_are_uniform_on_the_circle():
    """Haar measure in two dimensions: the angle of the first column is uniform."""
    w = np.asarray(program(OURS)(KEYS))
    angle = np.arctan2(w[:, 1, 0], w[:, 0, 0])
    counts, _ = np.histogram(angle, bins=8, range=(-np.pi, np.pi))
    assert ((counts - 500.0) ** 2 / 500.0).sum() < 18.5  # chi-square, 7 degrees, p = 0.01
    determinant = np.linalg.det(w)
    np.testing.assert_allclose(abs(determinant), 1.0, atol=1e-4)
    assert abs(determinant.mean()) < 0.05  # reflections are as likely as rotations


def test_a_lane_of_a_vmap_equals_its_solo_run():
    rows, solo = program(OURS)(KEYS), jax.jit(lambda key: OURS(key, (2, 2)))
    for i in (0, 1, 3_999):
        np.testing.assert_allclose(rows[i], solo(KEYS[i]), atol=1e-6)


def test_vmapped_program_has_no_lapack_call_where_that_of_jax_has():
    """Two batched LAPACK calls in one program can hang for ever (jaxlib >= 0.10)."""

    def calls(init):
        return re.findall(r'custom_call_target="([^"]*)"', program(init).as_text())

    assert any("lapack" in target for target in calls(jax.nn.initializers.orthogonal()))
    assert calls(OURS) == []


@pytest.mark.parametrize(
    ("op", "variance"),
    [(Orthogonal, 1 / 300), (Lecun, 1 / 300), (Glorot, 2 / 500)],
)
def test_initialisers_have_their_variance_times_the_squared_gain_traced(op, variance):
    draw = jax.jit(jax.vmap(lambda gain: op(gain)(jax.random.key(0), (300, 200))))
    weights = draw(jnp.array([1.0, 3.0]))
    np.testing.assert_allclose(weights[0].var(), variance, rtol=0.02)
    np.testing.assert_allclose(weights[1], 3.0 * weights[0], rtol=1e-5)
