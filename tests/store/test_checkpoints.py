import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.errors import StoreError
from jaxac.store import checkpoints

STATE = {
    "key": jax.random.split(jax.random.key(3), 2),
    "params": [jnp.arange(6.0).reshape(2, 3), jnp.array([True, False])],
    "none": (),
    "step": jnp.int32([1, 2]),
    "half": jnp.full((2, 3), 1.5, jnp.bfloat16),
    "empty": jnp.zeros((2, 0)),
}


def test_a_state_comes_back_bit_for_bit():
    back = checkpoints.decode(checkpoints.encode(STATE), jax.eval_shape(lambda: STATE), "x")
    assert jax.tree.structure(back) == jax.tree.structure(STATE)
    for a, b in zip(jax.tree.leaves(STATE), jax.tree.leaves(back), strict=True):
        assert a.dtype == b.dtype
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def test_equal_states_give_equal_bytes():
    assert checkpoints.encode(STATE) == checkpoints.encode(jax.tree.map(lambda x: x, STATE))


def test_one_lane_is_read_out_of_the_file(tmp_path):
    (tmp_path / "x").write_bytes(checkpoints.encode(STATE))
    like = jax.eval_shape(lambda: checkpoints.lane(STATE, 1))
    one = checkpoints.decode_lane(tmp_path / "x", 1, like)
    assert one["half"].tolist() == [1.5] * 3 and one["empty"].shape == (0,)
    np.testing.assert_array_equal(one["params"][0], [3.0, 4.0, 5.0])
    for key, place in ((STATE["key"][1], True), (STATE["key"][0], False)):
        same = jax.random.key_data(key) == jax.random.key_data(one["key"])
        assert bool(same.all()) == place


def test_a_lane_is_one_run():
    one = checkpoints.lane(STATE, 1)
    np.testing.assert_array_equal(one["params"][0], [3.0, 4.0, 5.0])
    assert one["step"] == 2


@pytest.mark.parametrize(
    ("like", "words"),
    [
        ({**STATE, "step": jnp.float32([1, 2])}, "step"),
        ({**STATE, "step": jnp.int32([1, 2, 3])}, "step"),
        ({**STATE, "more": jnp.zeros(2)}, "another structure"),
    ],
)
def test_a_state_of_another_form_is_refused(like, words):
    with pytest.raises(StoreError, match=words):
        checkpoints.decode(checkpoints.encode(STATE), like, "x")


def test_no_pickle_is_ever_loaded():
    """An object array would run code when unpickled; it is refused instead."""
    ran = []

    class Bomb:
        def __reduce__(self):
            return ran.append, (1,)

    buffer = io.BytesIO()
    header = np.frombuffer(b'["x"]', np.uint8)
    np.savez(buffer, header=header, **{"0": np.array([Bomb()], dtype=object)})
    with pytest.raises(StoreError, match="not a checkpoint"):
        checkpoints.decode(buffer.getvalue(), {"x": jnp.zeros(1)}, "bomb")
    assert not ran


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nonsense", b"\x93NUMPY", b"\xff" * 99])
def test_nonsense_is_no_checkpoint(data):
    with pytest.raises(StoreError, match="nonsense is not a checkpoint"):
        checkpoints.decode(data, STATE, "nonsense")
