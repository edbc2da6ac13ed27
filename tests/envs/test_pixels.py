import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import registry
from jaxac.envs import pixels
from jaxac.envs.adapters import gymnax
from jaxac.errors import RegistryError

TURN = np.pi / 2
draw = jax.jit(jax.vmap(pixels.draw))


def picture(*angles):
    return np.asarray(draw(jnp.asarray(angles, jnp.float32)))[..., 0].astype(int)


def test_the_rod_stands_lies_and_hangs():
    up, left, down, right = picture(0.0, TURN, 2 * TURN, 3 * TURN)
    middle = pixels.SIDE // 2
    assert up[:middle].sum() > 8 * up[middle:].sum() and up.max() > 240
    np.testing.assert_array_equal(up, up[:, ::-1])
    for other, turns in ((left, 1), (down, 2), (right, 3)):
        assert np.abs(other - np.rot90(up, turns)).max() <= 1


def test_angles_that_differ_look_different():
    seen = picture(*np.linspace(0.0, 2 * np.pi, 64, endpoint=False))
    apart = np.abs(seen[:, None] - seen[None]).sum((-2, -1)) + 1_000 * np.eye(64, dtype=int)
    assert apart.min() > 50


def test_it_moves_as_gymnaxs_pendulum_and_shows_its_angle_and_speed():
    env, plain = registry.make_env("PixelPendulumSpeed-v0"), gymnax.make("Pendulum-v1")

    @jax.jit
    def run(key):
        ours, obs = env.reset(key, env.params)
        theirs, _ = plain.reset(key, plain.params)
        actions = jnp.linspace(-2.5, 2.5, 20)[:, None]

        def step(states, action):
            ours, after = env.step(key, states[0], action, env.params)
            theirs, want = plain.step(key, states[1], action, plain.params)
            return (ours, theirs), (after, want, ours.theta)

        return obs, jax.lax.scan(step, (ours, theirs), actions)[1]

    obs, (after, want, angle) = run(jax.random.key(0))
    assert obs["policy"].dtype == np.uint8 and obs["policy"].shape == (16, 16, 1)
    np.testing.assert_array_equal(after.reward, want.reward)
    np.testing.assert_allclose(after.obs["speed"][:, 0], want.obs[:, 2] / 8.0, rtol=1e-6)
    assert np.abs(after.obs["policy"][..., 0].astype(int) - picture(*angle)).max() <= 1


def test_an_unknown_name_is_refused():
    with pytest.raises(RegistryError, match=r"PixelPendulum-v0"):
        pixels.make("PixelPendulum")
