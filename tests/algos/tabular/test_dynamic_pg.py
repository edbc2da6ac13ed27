import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import dynamic_pg
from jaxac.algos.tabular.horizon import (
    greedy,
    optimal_q,
    optimal_return,
    stage_q,
    stage_return,
)
from jaxac.algos.tabular.mdp import chain, garnet
from jaxac.core import replace
from jaxac.errors import ConfigError

dynamic = jax.jit(dynamic_pg.dynamic, static_argnums=1)
simultaneous = jax.jit(dynamic_pg.simultaneous, static_argnums=1)


def process(num_states=5):
    """A Garnet with rewards in [0, 1]."""
    mdp = garnet(jax.random.key(0), num_states, 3, 2)
    return replace(mdp, reward=jax.nn.sigmoid(mdp.reward))


def test_every_stage_ends_within_its_share_and_the_whole_is_optimal():
    mdp, horizon, tolerance = process(), 6, 0.06
    step = 1.0 / dynamic_pg.stage_smoothness(horizon, 1.0)
    logits, counts = dynamic(mdp, horizon, step, tolerance, 10**6)
    policy = jax.nn.softmax(logits)
    q = stage_q(mdp, policy)
    gaps = (q.max(-1) - (policy * q).sum(-1)).max(-1)
    assert (counts > 0).all()
    assert gaps.max() <= tolerance / horizon + 1e-6
    assert 0.0 < optimal_return(mdp, horizon) - stage_return(mdp, policy) <= tolerance
    best = optimal_q(mdp, horizon)
    lost = best.max(-1) - (greedy(logits) * best).sum(-1)
    assert lost.max() <= tolerance / horizon


def test_horizon_one_is_simultaneous_training():
    """Of a uniform start, both climb the same function by the same steps."""
    mdp = process()
    after = dynamic(mdp, 1, jnp.array([0.5]), 0.0, 200)[0]
    np.testing.assert_allclose(after, simultaneous(mdp, 1, 0.5, 0.0, 200)[0], atol=1e-4)
    assert jnp.abs(after).max() > 0.5


def test_bandit_gap_keeps_below_its_bound_and_falls_as_one_over_n():
    q = jnp.array([[0.0, 0.5, 1.0], [0.3, 0.2, 0.9], [0.0, 0.0, 0.25]])
    step, gaps = 2.0 / 5.0, []
    for n in (10, 100, 1000, 10000):
        logits, _ = jax.jit(dynamic_pg.train_bandit)(q, step, 0.0, n)
        gaps.append(float((q.max(-1) - (jax.nn.softmax(logits) * q).sum(-1)).max()))
        assert gaps[-1] <= 5.0 * 3**2 / n
    assert 0.08 < gaps[3] / gaps[2] < 0.13  # a tenth, of ten times the steps


@pytest.mark.parametrize("seed", range(3))
def test_curvature_keeps_below_the_constants_that_set_the_steps(seed):
    mdp, horizon = process(3), 4
    logits = 2.0 * jax.random.normal(jax.random.key(seed), (horizon, 3, 3))

    def curvature(f, at):
        size = at.size
        return np.abs(np.linalg.eigvalsh(jax.hessian(f)(at).reshape(size, size))).max()

    def whole(z):
        return stage_return(mdp, jax.nn.softmax(z))

    assert 0 < curvature(whole, logits) <= dynamic_pg.simultaneous_smoothness(horizon, 3, 1.0)
    q = stage_q(mdp, jax.nn.softmax(logits))
    bounds = dynamic_pg.stage_smoothness(horizon, 1.0)
    for h in range(horizon):

        def stage(z, h=h):
            return (jax.nn.softmax(z) * q[h]).sum() / 3

        assert 0 < curvature(stage, logits[h]) <= bounds[h]


def lead(mdp, horizon, tolerance, max_steps):
    """Steps of simultaneous over those of dynamic training, to the same tolerance."""
    largest = mdp.reward.max()
    step = 1.0 / dynamic_pg.stage_smoothness(horizon, largest)
    counts = dynamic(mdp, horizon, step, tolerance, max_steps)[1]
    smooth = dynamic_pg.simultaneous_smoothness(horizon, mdp.num_actions, largest)
    return int(simultaneous(mdp, horizon, 1.0 / smooth, tolerance, max_steps)[1]) / int(
        counts.sum()
    )


def test_lead_over_simultaneous_training_grows_with_the_horizon():
    leads = [lead(process(), h, 0.05 * h, 10**6) for h in (1, 2, 4, 8)]
    assert leads == sorted(leads)
    assert leads[0] < 1.0 < leads[-1]


def test_simultaneous_training_stalls_where_the_near_reward_misleads():
    """A reward for staying hides the one at the far end, until the last stages know their way."""
    assert lead(chain(7, small=1 / 12), 6, 0.05, 10**5) > 4.0


def test_a_tolerance_below_zero_is_refused():
    with pytest.raises(ConfigError, match="tolerance"):
        dynamic_pg.dynamic(process(), 2, jnp.ones(2), -0.1, 1)
