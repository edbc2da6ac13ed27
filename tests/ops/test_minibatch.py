import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxac.ops.minibatch import InOrder, ShuffleEnvironments, ShuffleTransitions, permutation

T, N = 6, 4
ORDERS = [ShuffleTransitions(), ShuffleEnvironments(), InOrder()]
WHICH = np.arange(T * N).reshape(T, N)  # transition t * N + n
DATA = {"which": jnp.asarray(WHICH), "obs": jnp.asarray(WHICH[..., None] * [1.0, -1.0, 0.5])}
CARRY = {"memory": jnp.arange(N), "none": ()}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _cut(op, num_minibatches, key):
    return op(key, CARRY if op.keeps_time else (), DATA, num_minibatches)


def cut(op, num_minibatches, seed=0):
    return _cut(op, num_minibatches, jax.random.key(seed))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000, 8192])
def test_permutation_holds_every_index_once(size):
    order = np.asarray(jax.jit(lambda key: permutation(key, size))(jax.random.key(size)))
    np.testing.assert_array_equal(np.sort(order), np.arange(size))
    assert size < 9 or (order != np.arange(size)).mean() > 0.5


def test_permutation_gives_all_orders_equally_often():
    """Chi-square over the 4! orders, 1,000 expected of each; the seed is fixed."""
    keys = jax.random.split(jax.random.key(0), 24_000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: permutation(key, 4)))(keys))
    codes = orders @ [64, 16, 4, 1]
    counts = [(codes == np.dot(p, [64, 16, 4, 1])).sum() for p in itertools.permutations(range(4))]
    assert sum(counts) == 24_000
    assert scipy.stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("num_minibatches", [1, 2])
@pytest.mark.parametrize("op", ORDERS, ids=repr)
def test_an_epoch_holds_every_transition_once_with_its_fields_together(op, num_minibatches):
    _, data = cut(op, num_minibatches)
    which = np.asarray(data["which"])
    length = T if op.keeps_time else 1
    assert which.shape == (num_minibatches, length, T * N // num_minibatches // length)
    np.testing.assert_array_equal(np.sort(which.ravel()), np.arange(T * N))
    np.testing.assert_array_equal(data["obs"], which[..., None] * [1.0, -1.0, 0.5])


@pytest.mark.parametrize("op", ORDERS, ids=repr)
def test_data_are_divisible_into_as_many_minibatches_as_there_are_parts(op):
    parts = op.num_parts(T, N)
    assert cut(op, parts)[1]["which"].shape[0] == parts
    assert (
        parts
        == {"ShuffleTransitions": T * N, "ShuffleEnvironments": N, "InOrder": T}[type(op).__name__]
    )


def test_transitions_are_shuffled_anew_by_each_key():
    orders = {np.asarray(cut(ShuffleTransitions(), 2, s)[1]["which"]).tobytes() for s in range(5)}
    assert len(orders) == 5


def test_shuffled_environments_keep_time_and_stay_with_their_memory():
    seen = set()
    for seed in range(5):
        carry, data = cut(ShuffleEnvironments(), 2, seed)
        which = np.asarray(data["which"])  # [M, T, B]
        steps, envs = which // N, which % N
        assert (steps == np.arange(T)[None, :, None]).all()
        assert (envs == envs[:, :1]).all()
        np.testing.assert_array_equal(carry["memory"], envs[:, 0])
        seen.add(envs[:, 0].tobytes())
    assert len(seen) > 1


def test_in_order_takes_consecutive_stretches_of_time_of_all_environments():
    _, data = cut(InOrder(), 3)
    np.testing.assert_array_equal(np.asarray(data["which"]).ravel(), np.arange(T * N))
