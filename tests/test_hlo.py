import jax
import jax.numpy as jnp
import pytest

from jaxac import hlo

X = jnp.eye(3)[None].repeat(4, 0)
cholesky = jnp.linalg.cholesky


def chain(x):
    return cholesky(cholesky(x) + x)


def branches(x):
    return cholesky(x), cholesky(x + 1)


def loop_beside(x):
    return jax.lax.fori_loop(0, x[0, 0, 0].astype(int), lambda _, y: cholesky(y), x), cholesky(x)


def loop_before(x):
    y = jax.lax.fori_loop(0, x[0, 0, 0].astype(int), lambda _, y: cholesky(y), x)
    return cholesky(y)


def in_a_loop(x):
    def body(_, carry):
        x, y = carry
        return cholesky(x), cholesky(y)

    return jax.lax.fori_loop(0, x[0, 0, 0].astype(int), body, (x, x + 1))


def condition_after(x):
    y = cholesky(x)
    return jax.lax.cond(y.sum() > 0, cholesky, lambda x: x, x)


@pytest.mark.parametrize(
    ("program", "together"),
    [
        (chain, 0),
        (branches, 1),
        (loop_beside, 1),
        (loop_before, 0),
        (in_a_loop, 1),
        (condition_after, 0),
        (lambda x: x @ x, 0),
    ],
)
def test_calls_that_do_not_wait_for_each_other_are_found(program, together):
    text = jax.jit(program).lower(X).compile().as_text()
    assert len(hlo.lapack_together(text)) == together
