import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import improper
from jaxac.algos.tabular.average import gain
from jaxac.algos.tabular.exact import advantage, expected_return, occupancy
from jaxac.algos.tabular.mdp import MDP, check, garnet

GAMMA = 0.95
ARRIVALS, ROOM = (0.3, 0.45), 8
STABLE = 0.3, 0.55  # the server's share of the first queue must be between these


def queue_weights(logits):
    return np.asarray(jax.nn.softmax(logits))[..., 0]


def test_single_controller_has_nothing_to_learn():
    mdp = garnet(jax.random.key(0), 4, 3, 2)
    one = jnp.full((1, 4, 3), 1 / 3)
    logits = improper.climb(mdp, one, jnp.zeros(1), GAMMA, 1.0, 5)
    np.testing.assert_array_equal(logits, 0.0)
    np.testing.assert_allclose(improper.mixture(one, logits[-1]), one[0], atol=1e-6)


def test_gradient_is_the_weighted_advantage_of_each_controller():
    mdp = garnet(jax.random.key(0), 4, 3, 2)
    controllers = jax.nn.softmax(jax.random.normal(jax.random.key(1), (3, 4, 3)))
    logits = jnp.array([0.3, -0.5, 0.1])
    policy = improper.mixture(controllers, logits)
    states = occupancy(mdp, policy, GAMMA).sum(-1)
    worth = jnp.einsum("s,msa,sa->m", states, controllers, advantage(mdp, policy, GAMMA))
    found = improper.value_gradient(mdp, controllers, logits, GAMMA)
    np.testing.assert_allclose(found, jax.nn.softmax(logits) * worth, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("ends", [False, True])
def test_rollouts_estimate_the_enumerated_gradient(ends):
    mdp = garnet(jax.random.key(2), 4, 3, 2)
    start = jnp.array([0.5, 0.5, 0.0, 0.0])
    mdp = MDP(mdp.transition, mdp.reward, jnp.array([False, False, False, ends]), start)
    controllers = jax.nn.softmax(2.0 * jax.random.normal(jax.random.key(3), (3, 4, 3)))
    logits, gamma = jnp.array([0.3, -0.5, 0.1]), 0.8
    keys = jax.random.split(jax.random.key(4), 20_000)

    def one(key):
        return improper.rollout_gradient(key, mdp, controllers, logits, gamma, 60)

    found = np.asarray(jax.jit(jax.vmap(one))(keys))
    exact = improper.value_gradient(mdp, controllers, logits, gamma)
    error = np.abs(found.mean(0) - exact)
    assert (error < 4.0 * found.std(0) / np.sqrt(len(found))).all()
    assert np.abs(exact).max() > 10.0 * error.max()


def test_natural_direction_solves_fishers_system():
    logits = jnp.array([0.4, -1.0, 0.2])
    w = jax.nn.softmax(logits)
    fisher = jnp.diag(w) - jnp.outer(w, w)
    for drawn in range(3):
        solved = fisher @ improper.natural(logits, jnp.int32(drawn), 0.7)
        np.testing.assert_allclose(solved, improper.plain(logits, jnp.int32(drawn), 0.7), atol=1e-6)


def test_queues_are_a_process_that_each_controller_alone_fills():
    mdp, controllers = improper.two_queues(ARRIVALS, ROOM)
    check(mdp)
    alone = [float(gain(mdp, c)) for c in 0.98 * controllers + 0.01]
    mixed = float(gain(mdp, improper.mixture(controllers, jnp.log(jnp.array([0.42, 0.58])))))
    assert max(alone) < -0.5 < -0.25 < mixed


def test_exact_gradient_reaches_the_stable_mixtures_and_the_best_of_them():
    mdp, controllers = improper.two_queues(ARRIVALS, ROOM)
    start = jnp.array([2.0, -2.0])  # nearly the first controller alone

    climb = jax.jit(improper.climb, static_argnums=5)
    logits = climb(mdp, controllers, start, GAMMA, 0.1, 300)[-1]
    assert queue_weights(start) > 0.9
    assert STABLE[0] < queue_weights(logits) < STABLE[1]

    def worth(w):
        policy = w * controllers[0] + (1 - w) * controllers[1]
        return expected_return(mdp, policy, GAMMA)

    shares = jnp.linspace(0.02, 0.98, 49)
    best = max(map(float, jax.lax.map(worth, shares)))
    assert worth(queue_weights(logits)) > best - 1e-2


@pytest.mark.parametrize("actor, step", [(improper.plain, 0.5), (improper.natural, 0.2)])
def test_actor_critics_settle_among_the_stable_mixtures(actor, step):
    mdp, controllers = improper.two_queues(ARRIVALS, ROOM)
    i, j = np.divmod(np.arange(mdp.num_states), ROOM + 1) / np.float32(ROOM)
    features = jnp.stack([np.ones_like(i), i, j, i * i, j * j], 1)

    def train(key):
        return improper.actor_critic(
            key, mdp, controllers, features, GAMMA, actor, step, 0.2, 2500
        ).logits

    shares = queue_weights(jax.jit(train)(jax.random.key(0)))[-1000:]
    assert STABLE[0] < shares.mean() < STABLE[1]
    assert ((shares > STABLE[0]) & (shares < STABLE[1])).mean() > 0.9
