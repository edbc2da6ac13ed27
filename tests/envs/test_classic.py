import jax
import numpy as np
import pytest

from jaxac.envs import classic
from jaxac.envs.adapters import gymnax
from jaxac.errors import RegistryError

gymnasium = pytest.importorskip("gymnasium")
ENV = classic.make("MountainCarContinuous-v0")


def theirs(state, action):
    env = gymnasium.make(ENV.name).unwrapped
    env.state = np.asarray(state, np.float64)
    return env.step(np.asarray(action, np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_a_mountain_car_moves_as_gymnasiums_does_also_against_the_left_wall(seed):
    rng = np.random.default_rng(seed)
    step = jax.jit(ENV.step)
    walls, goals = 0, 0
    for _ in range(100):
        position = rng.choice([rng.uniform(-1.2, 0.6), rng.uniform(-1.2, -1.18), 0.44])
        state = position, rng.uniform(-0.07, 0.07)
        action = rng.uniform(-1.5, 1.5, 1)
        obs, reward, terminated, _, _ = theirs(state, action)
        car = classic.Car(*np.asarray(state, np.float32))
        _, after = step(jax.random.key(0), car, action.astype(np.float32), ENV.params)
        np.testing.assert_allclose(after.obs, obs, atol=1e-6)
        np.testing.assert_allclose(after.reward, reward, atol=1e-4)
        assert bool(after.terminated) == terminated
        walls += obs[0] == np.float32(-1.2)
        goals += terminated
    assert walls > 5 and goals > 5


def test_gymnax_keeps_its_speed_at_the_wall_where_ours_stops():
    car = classic.Car(np.float32(-1.19), np.float32(-0.05))
    original = gymnax.make(ENV.name)
    state, _ = original.reset(jax.random.key(0), original.params)
    state = state.replace(position=car.position, velocity=car.velocity)
    push = np.zeros(1, np.float32)
    _, ours = ENV.step(jax.random.key(0), car, push, ENV.params)
    _, after = original.step(jax.random.key(0), state, push, original.params)
    assert ours.obs[1] == 0 and after.obs[1] < -0.04


def test_the_car_starts_at_rest_where_gymnasiums_does():
    keys = jax.random.split(jax.random.key(0), 500)
    obs = np.asarray(jax.vmap(lambda key: ENV.reset(key, ENV.params)[1])(keys))
    assert (obs[:, 1] == 0).all()
    assert -0.6 <= obs[:, 0].min() < -0.59 and -0.41 < obs[:, 0].max() <= -0.4


def test_an_unknown_name_is_refused():
    with pytest.raises(RegistryError, match=r"MountainCarContinuous-v0"):
        classic.make("MountainCar")
