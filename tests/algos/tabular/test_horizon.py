import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular.horizon import (
    greedy,
    optimal_q,
    optimal_return,
    sample_episode,
    stage_q,
    stage_return,
    state_visits,
    uniform_policy,
)
from jaxac.algos.tabular.mdp import MDP, chain, garnet


def by_hand(mdp, choose, horizon):
    """Q [H, S, A] one state at a time, in float64."""
    p, r = np.asarray(mdp.transition, np.float64), np.asarray(mdp.reward, np.float64)
    ends, value, out = np.asarray(mdp.terminal), np.zeros(len(r)), []
    for h in reversed(range(horizon)):
        q = np.array([[0.0 if e else x for x in row] for row, e in zip(r, ends, strict=True)])
        for s in np.flatnonzero(~ends):
            q[s] += p[s] @ (value * ~ends)
        value = np.array([choose(q[s], h, s) for s in range(len(r))])
        out.insert(0, q)
    return np.stack(out)


@pytest.mark.parametrize(
    "mdp", [chain(5, slip=0.2, small=0.1), garnet(jax.random.key(1), 5, 3, 2)], ids=["chain", "g"]
)
def test_stages_match_backups_by_hand(mdp):
    logits = jax.random.normal(jax.random.key(0), (4, *mdp.reward.shape))
    policy = np.asarray(jax.nn.softmax(logits))
    expected = by_hand(mdp, lambda q, h, s: policy[h, s] @ q, 4)
    np.testing.assert_allclose(stage_q(mdp, jnp.asarray(policy)), expected, atol=1e-5)
    best = by_hand(mdp, lambda q, h, s: q.max(), 4)
    np.testing.assert_allclose(optimal_q(mdp, 4), best, atol=1e-5)
    attained = stage_return(mdp, greedy(optimal_q(mdp, 4)))
    np.testing.assert_allclose(attained, optimal_return(mdp, 4), atol=1e-5)


def test_visits_pay_the_return_and_episodes_are_drawn_from_them():
    mdp = chain(4, slip=0.2, small=0.1)
    policy = jax.nn.softmax(jax.random.normal(jax.random.key(2), (5, 4, 2)))
    visits = state_visits(mdp, policy)
    paid = (visits[:-1, :, None] * policy * mdp.reward * ~mdp.terminal[:, None]).sum()
    np.testing.assert_allclose(paid, stage_return(mdp, policy), atol=1e-6)

    def draw(key):
        return sample_episode(key, mdp, 5, lambda h, s: jnp.log(policy[h, s]))

    states, _, following, played = jax.vmap(draw)(jax.random.split(jax.random.key(3), 4000))
    counts = (jax.nn.one_hot(states, 4) * played[..., None]).mean(0)
    np.testing.assert_allclose(counts, visits[:-1], atol=0.03)
    np.testing.assert_array_equal(states[:, 1:], following[:, :-1])


def test_a_payment_after_the_last_stage_is_worth_its_chance():
    mdp = MDP(jnp.ones((2, 1, 2)) / 2, jnp.zeros((2, 1)), jnp.zeros(2, bool), jnp.eye(2)[0])
    q = stage_q(mdp, uniform_policy(mdp, 3), jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(q, 0.5)
