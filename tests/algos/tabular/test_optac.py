import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import optac
from jaxac.algos.tabular.horizon import greedy, optimal_q, optimal_return
from jaxac.algos.tabular.mdp import MDP, garnet, lock
from jaxac.core import replace
from jaxac.errors import ConfigError

LOCK, HORIZON, EPISODES = lock(8), 8, 2000
learn = jax.jit(
    jax.vmap(optac.learn, in_axes=(0, None, None, None, None, None, None)), static_argnums=(2, 5)
)


def offline():
    """200 episodes of a policy that takes the right action about three times in four."""
    best = greedy(optimal_q(LOCK, HORIZON))
    return optac.collect(jax.random.key(5), LOCK, 0.7 * best + 0.3 / 4, 200)


@functools.cache
def logged(bonus, seeded=False):
    data = offline() if seeded else optac.no_data(LOCK, HORIZON)
    keys = jax.random.split(jax.random.key(0), 4)
    return jax.device_get(learn(keys, LOCK, HORIZON, 4.0, bonus, EPISODES, data)[1])


def test_optimism_opens_the_lock_and_chance_does_not():
    """By chance it opens once in 65,536 episodes."""
    hopeful, hopeless = logged(1.0).expected, logged(0.0).expected
    assert hopeful[:, -200:].mean() > 0.97
    assert hopeless[:, -200:].max() < 0.01


def test_regret_stops_growing():
    lost = 1.0 - logged(1.0).expected
    first, last = lost[:, : EPISODES // 2].sum(1), lost[:, EPISODES // 2 :].sum(1)
    assert (last < 0.1 * first).all()


def test_switches_grow_as_the_logarithm_of_episodes():
    """Each doubling of the number of episodes adds a few, not as many as there were."""
    counts = logged(1.0).switches[:, [249, 499, 999, 1999]]
    added = np.diff(counts, axis=1)
    assert (added[:, 1:] > 0).all()
    assert added[:, 1:].max() <= 2 * HORIZON
    assert counts[:, -1].max() < 0.05 * EPISODES


def test_offline_data_lower_the_regret_and_make_optimism_needless():
    regret = {
        name: (1.0 - log.expected).sum(1).mean()
        for name, log in (("online", logged(1.0)), ("hybrid", logged(0.0, seeded=True)))
    }
    assert regret["hybrid"] < 0.2 * regret["online"]
    assert logged(0.0, seeded=True).expected[:, -200:].min() > 0.97


def test_critic_of_plenty_of_data_is_the_optimal_q():
    """Whoever collected them: here the uniform policy."""
    mdp = garnet(jax.random.key(0), 3, 2, 2)
    mdp = replace(mdp, reward=jax.nn.sigmoid(mdp.reward))
    counts = 1e6 * jnp.broadcast_to(mdp.transition, (4, 3, 2, 3))
    data = optac.Data(counts, 1e6 * jnp.broadcast_to(mdp.reward, (4, 3, 2)))
    np.testing.assert_allclose(optac.fit(data, 0.0, mdp.terminal), optimal_q(mdp, 4), rtol=1e-4)
    above = optac.fit(data, 100.0, mdp.terminal) - optimal_q(mdp, 4)
    assert (above > 0).all()


def test_critic_of_no_data_hopes_for_the_bonus_within_what_is_left():
    critic = optac.fit(optac.no_data(LOCK, 4), 0.5, LOCK.terminal)
    np.testing.assert_allclose(critic[:, 0, 0], [0.5, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(
        optac.fit(optac.no_data(LOCK, 4), 9.0, LOCK.terminal)[:, 0, 0], [4, 3, 2, 1]
    )
    assert optimal_return(LOCK, HORIZON) == 1.0


def test_numbers_below_zero_are_refused():
    for rate, bonus, path in ((-1.0, 0.5, "rate"), (1.0, -0.5, "bonus")):
        data = optac.no_data(LOCK, HORIZON)
        with pytest.raises(ConfigError, match=path):
            optac.learn(jax.random.key(0), LOCK, HORIZON, rate, bonus, 1, data)


def test_what_ends_an_episode_is_not_worth_trying_for_ever():
    """An action ends it at once, the other pays 0.4 a step."""
    _, end, on = np.eye(3, dtype=np.float32)
    stay = jnp.asarray([[end, on], [end, end], [on, on]])
    reward = jnp.asarray([[0.0, 0.4], [0.0, 0.0], [0.4, 0.4]])
    terminal, start = jnp.asarray([False, True, False]), jnp.asarray([1.0, 0.0, 0.0])
    process = MDP(stay, reward, terminal, start)
    data = optac.no_data(process, 3)
    _, log = optac.learn(jax.random.key(0), process, 3, 4.0, 1.0, 2_000, data)
    assert log.expected[-200:].mean() > 0.9 * 1.2
