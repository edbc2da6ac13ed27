"""What stays of a policy's parameters, and optimisers that leave it alone."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac.nets.memory import ELSTM, GRU, LRU, LSTM, S4D, S5, Stacked, Transformer
from jaxac.ops.held import Nothing, StateSpaces
from jaxac.ops.optimiser import AdamW, only

SAME = ("c", "rate", "angle", "step")


@pytest.mark.parametrize(
    ("core", "names"),
    [
        (S4D(8, 4), SAME),
        (S5(8, 4), ("b", *SAME)),
        (LRU(8, 4), ("b", "c", "gamma", "nu", "theta")),
        (Stacked(S4D(8, 4)), SAME),
        *((core, ()) for core in (GRU(8), LSTM(8), ELSTM(8), Transformer(8, num_heads=2))),
    ],
    ids=lambda x: type(x).__name__,
)
def test_state_spaces_are_the_kernels_of_a_memory_and_nothing_else(core, names):
    params = core.init(jax.random.key(0), 3)
    held = StateSpaces()(params)
    assert jax.tree.structure(held) == jax.tree.structure(params)
    found = {path[-1].key for path, x in jax.tree_util.tree_leaves_with_path(held) if x}
    assert found == set(names)
    assert not any(jax.tree.leaves(Nothing()(params)))


def test_what_stands_still_has_no_part_in_a_step():
    """Not in the norm that is clipped, and no weight decay moves it; the rest steps as alone."""
    optimiser: Any = optax.chain(optax.clip_by_global_norm(1.0), AdamW(decay=0.1)(0.01))
    params = {"held": jnp.array([3.0, -2.0]), "free": jnp.array([1.0, 2.0])}
    grads = {"held": jnp.array([100.0, 50.0]), "free": jnp.array([0.3, -4.0])}
    part: Any = only(optimiser, {"held": jnp.array(False), "free": np.True_})
    state, alone = part.init(params), optimiser.init(params["free"])
    for _ in range(3):
        steps, state = part.update(grads, state, params)
        want, alone = optimiser.update(grads["free"], alone, params["free"])
        np.testing.assert_array_equal(steps["held"], 0.0)
        np.testing.assert_allclose(steps["free"], want, rtol=1e-6)
        assert np.abs(want).min() > 1e-3
