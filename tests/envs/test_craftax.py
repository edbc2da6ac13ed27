import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.envs import Box, Discrete
from jaxac.envs.adapters import craftax
from jaxac.errors import RegistryError
from tests.envs import side_by_side

original = pytest.importorskip("craftax.craftax_env")
renderer = pytest.importorskip("craftax.craftax_classic.renderer")
CLASSIC = "Craftax-Classic-Symbolic-v1"
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def classic():
    return craftax.make(CLASSIC)


@pytest.fixture(scope="module")
def first(classic):
    return jax.jit(classic.reset)(KEY, classic.params)[0]


def test_ids_are_those_that_craftax_makes_by_name():
    """It keeps no list; the ids it knows are the words of its constructor."""
    known = [x for x in original.make_craftax_env_from_name.__code__.co_consts if "v1" in str(x)]
    assert set(craftax.ids()) == {x for x in known if "AutoReset" not in x}


def test_every_step_is_that_of_craftax_but_for_the_label_of_the_time_limit(classic):
    theirs = original.make_craftax_env_from_name(CLASSIC, auto_reset=False)
    params = classic.params.replace(max_timesteps=105)
    out = side_by_side.same_as_theirs(
        classic,
        params,
        lambda key: (*theirs.reset(key, params), 0.0, False),
        lambda key, last, action: theirs.step(key, last[1], action, params)[:4],
        lambda last: {"obs": last[0], "reward": last[2], "ended": last[3]},
        num_lanes=2,
    )
    assert out.terminated.any() and out.timed_out.any(), "one dies, the other lives on"


def test_death_terminates_and_numbers_are_traced(classic, first):
    """At dusk; a longer day makes it brighter."""

    def step(health, day_length):
        state = first.replace(player_health=health, timestep=jnp.int32(170))
        params = classic.params.replace(day_length=day_length)
        state, s = classic.step(KEY, state, 0, params)
        return s.terminated, s.truncated, state.light_level

    health, day = jnp.array([9, 9, 0, -1]), jnp.array([300, 600, 300, 300])
    terminated, truncated, light = jax.jit(jax.vmap(step))(health, day)
    np.testing.assert_array_equal(terminated, [False, False, True, True])
    assert not truncated.any() and light[1] > light[0] == light[2]


def test_the_time_limit_is_traced_and_only_truncates(classic):
    assert classic.time_limit(classic.params) == 10_000
    params = classic.params.replace(max_timesteps=3)
    outcome = side_by_side.truncates_at_the_limit(classic, params, 3, num_lanes=2)
    assert not outcome.terminated.any()


def test_spaces_are_those_of_craftax():
    spaces = {name: (env.observation_space, env.action_space) for name, env in made().items()}
    assert spaces == {
        "Craftax-Symbolic-v1": (Box((8268,), 0.0, 1.0), Discrete(43)),
        CLASSIC: (Box((1345,), 0.0, 1.0), Discrete(17)),
        "Craftax-Classic-Pixels-v1": (Box((63, 63, 3), 0.0, 1.0), Discrete(17)),
    }
    assert made()["Craftax-Symbolic-v1"].params.max_timesteps == 100_000


def made():
    return {name: craftax.make(name) for name in craftax.ids() if name != "Craftax-Pixels-v1"}


@pytest.mark.parametrize("name", [CLASSIC, "Craftax-Symbolic-v1"])
def test_shapes_and_dtypes_are_kept(name):
    side_by_side.kept_shapes(craftax.make(name))


def test_pixels_are_drawn_without_leaving_a_file_in_craftax(classic, first):
    load = renderer.load_all_textures
    env = craftax.make("Craftax-Classic-Pixels-v1")
    state, obs = jax.jit(env.reset)(KEY, env.params)
    assert obs.shape == (63, 63, 3) and obs.dtype == jnp.float32 and 0 <= obs.min() < obs.max() <= 1
    picture = classic.render(first, classic.params)
    assert picture.shape == (144, 144, 3) and picture.dtype == np.uint8
    small = picture.reshape(9, 16, 9, 16, 3).mean((1, 3))[:7] / 255
    np.testing.assert_allclose(obs.reshape(9, 7, 9, 7, 3).mean((1, 3))[:7], small, atol=0.05)
    assert renderer.load_all_textures is load
    assert jax.tree.structure(state) == jax.tree.structure(first)


@pytest.mark.parametrize("name", ["Craftax-Symbolic-v2", "craftax-classic-pixels"])
def test_an_unknown_name_is_an_error_with_the_closest_ones(name):
    with pytest.raises(RegistryError, match=f"craftax has no environment '{name}'; did you mean"):
        craftax.make(name)
