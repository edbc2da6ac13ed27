"""C51: the target of Algorithm 1, and distributions that are known."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.off_policy import c51, dqn
from jaxac.core import replace
from jaxac.heads.returns import Value
from jaxac.ops.value_loss import Huber

from .few import ACTIONS, NUM, STATES, batch, linear, outputs, small, steps, target

LOW, HIGH, K = -3.0, 4.0, 11
GRID = {"returns.low": LOW, "returns.high": HIGH, "returns.num": K}


def shares(out):
    return np.asarray(jax.nn.softmax(out))


def projected(reward, discount, share):
    """arXiv:1707.06887, Algorithm 1, of one transition."""
    want, grid = np.zeros(K), np.linspace(LOW, HIGH, K)
    for z, p in zip(grid, share, strict=True):
        place = (np.clip(reward + discount * z, LOW, HIGH) - LOW) / (HIGH - LOW) * (K - 1)
        below = int(np.floor(place + 1e-6))
        above = min(below + 1, K - 1)
        want[below] += p * (1 - (place - below))
        want[above] += p * (place - below)
    return want


def test_the_target_is_that_of_the_paper():
    """The action with the best mean by the slow copy, its shares moved and put on the grid."""
    hp = small(c51.c51(learning_rate=0.05), **GRID)
    (learner, _), data = steps(hp), batch()
    slow = shares(outputs(hp, learner, data)[1])
    got = target(hp, learner, data)
    for i in range(NUM):
        best = (slow[i] @ np.linspace(LOW, HIGH, K)).argmax()
        want = projected(float(data.reward[i]), float(data.discount[i]), slow[i, best])
        np.testing.assert_allclose(got[i], want, atol=1e-4)


def test_it_finds_how_rewards_are_shared_out():
    """Episodes of one step in a table: shares go to those of the rewards that followed."""
    rng, num = np.random.default_rng(1), 90
    data, eye = batch(num), np.eye(STATES, dtype=np.float32)
    state, action = np.arange(num) % STATES, np.arange(num) // STATES % ACTIONS
    reward = rng.choice([0.0, 1.0, 2.0], num).astype(np.float32)
    data = replace(
        data, obs=jnp.asarray(eye[state]), action=jnp.asarray(action), reward=jnp.asarray(reward),
        discount=jnp.zeros(num), weight=jnp.ones(num),
    )  # fmt: skip
    hp = linear(c51.c51(), **{"returns.low": 0.0, "returns.high": 2.0, "returns.num": 3})
    hp = replace(hp, learning_rate=4.0, max_grad_norm=1e9)
    learner, _ = steps(hp, 800, data)
    share = shares(outputs(hp, learner, replace(data, final_obs=data.obs))[0])
    for s in range(STATES):
        for a in range(ACTIONS):
            here = (state == s) & (action == a)
            want = [(reward[here] == r).mean() for r in range(3)]
            np.testing.assert_allclose(share[np.argmax(here), a], want, atol=0.02)


def test_it_is_dqn_but_for_the_distribution():
    assert c51.c51(returns=Value(Huber())) == dqn.DQN()
    assert c51.c51().returns.num == 51
