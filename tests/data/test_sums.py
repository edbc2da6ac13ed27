"""The tree of sums, and prioritised draws, against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.data import sums
from jaxac.data.laws import Prioritised
from jaxac.data.ring import Extent

SIZES = [(1, 2), (7, 2), (64, 4), (1000, 16), (257, 16)]


def grown(size, fan, seed=0):
    rng = np.random.default_rng(seed)
    leaves, tree = np.zeros(size, np.float32), sums.empty(size, fan)
    put = jax.jit(sums.put)
    for _ in range(20):
        place = rng.integers(0, size, 8)
        value = rng.integers(0, 5, 8).astype(np.float32)
        _, first = np.unique(place, return_index=True)
        place, value = place[np.sort(first)], value[np.sort(first)]
        leaves[place] = value
        tree = put(tree, jnp.asarray(place), jnp.asarray(value))
    return leaves, tree


@pytest.mark.parametrize(("size", "fan"), SIZES)
def test_the_total_is_the_sum_of_the_leaves(size, fan):
    leaves, tree = grown(size, fan)
    assert sums.total(tree) == leaves.sum()  # whole numbers: exact


@pytest.mark.parametrize(("size", "fan"), SIZES)
def test_the_leaf_found_is_where_the_running_sum_passes(size, fan):
    leaves, tree = grown(size, fan)
    total = int(leaves.sum())
    share = (np.arange(total, dtype=np.float32) + 0.5) / total
    found, value = jax.jit(sums.find)(tree, share)
    np.testing.assert_array_equal(found, np.repeat(np.arange(size), leaves.astype(int)))
    np.testing.assert_array_equal(value, leaves[found])


def test_of_a_leaf_set_twice_the_sums_agree_with_the_value_that_stays():
    tree = sums.put(sums.empty(10, 2), jnp.array([3, 3, 4]), jnp.array([1.0, 2.0, 5.0]))
    leaf = tree[0].ravel()[3]
    assert leaf in (1.0, 2.0)
    assert sums.total(tree) == leaf + 5.0


def test_a_zero_is_never_found():
    """Not even where rounding puts the share past the last leaf of a node."""
    rng = np.random.default_rng(0)
    place = jnp.asarray(rng.choice(4096, 2000, replace=False))
    value = jnp.asarray(rng.random(2000) ** 8, jnp.float32)
    tree = sums.put(sums.empty(4096, 8), place, value)
    found, _ = sums.find(tree, jnp.linspace(0.0, 1.0 - 1e-7, 20_001))
    leaves = tree[0].ravel()
    assert (leaves[found] > 0).all()


def extent(n):
    return Extent(jnp.int32(0), jnp.int32(n), n, 1)


def test_priorities_by_hand():
    """Draws in proportion to (error + eps) ** alpha, weights (share) ** -beta over the largest."""
    law = Prioritised(alpha=0.5, beta=0.7, eps=1.0, fan=2)
    memory = law.added(law.init(5), jnp.arange(5), jnp.zeros(0, jnp.int32))
    error = jnp.array([0.0, 3.0, 8.0, 15.0, 24.0])
    memory = law.learned(memory, jnp.arange(5), error)
    place, weight = law.draw(jax.random.key(0), memory, extent(5), 15_000)
    share = np.arange(1, 6) / 15.0
    np.testing.assert_array_equal(np.bincount(place), 15_000 * share)  # stratified: exact
    want = (share[np.asarray(place)] / share[0]) ** -0.7
    np.testing.assert_allclose(weight, want, rtol=1e-5)


def test_a_new_transition_has_the_largest_priority_so_far():
    law = Prioritised(alpha=1.0, eps=1e-6)
    none = jnp.zeros(0, jnp.int32)
    memory = law.added(law.init(4), jnp.array([0, 1]), none)
    memory = law.learned(memory, jnp.array([0, 1]), jnp.array([7.0, 0.5]))
    memory = law.learned(memory, jnp.array([0]), jnp.array([0.25]))
    tree, _ = law.added(memory, jnp.array([2]), none)
    np.testing.assert_allclose(tree[0].ravel()[:4], [0.25, 0.5, 7.0, 0.0], rtol=1e-5)


def test_what_is_gone_is_not_drawn():
    law = Prioritised()
    memory = law.added(law.init(4), jnp.arange(4), jnp.array([1]))
    place, _ = law.draw(jax.random.key(0), memory, extent(4), 100)
    assert set(np.asarray(place)) == {0, 2, 3}


def test_without_alpha_and_beta_it_is_uniform():
    law = Prioritised(alpha=0.0, beta=0.0)
    memory = law.added(law.init(8), jnp.arange(8), jnp.zeros(0, jnp.int32))
    memory = law.learned(memory, jnp.arange(8), jnp.arange(8.0))
    place, weight = law.draw(jax.random.key(0), memory, extent(8), 800)
    np.testing.assert_array_equal(np.bincount(place), 100)
    np.testing.assert_array_equal(weight, 1.0)
