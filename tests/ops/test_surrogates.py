"""Surrogates that are not PPO's: each by hand, and on actions that are enumerated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.surrogate import Clip, Plain, Ratio, Simple
from jaxac.ops.surrogate_balance import Balanced
from jaxac.ops.surrogate_kl import LessForwardKL, LessForwardUKL, LessReverseKL, LessReverseUKL
from jaxac.ops.surrogate_pair import ClippedPair, Contrastive, Relative
from jaxac.ops.surrogate_score import OneSide, Reweighed, Ring, Shifted, Squared

NUM = 6
rng = np.random.default_rng(0)
LOGITS, OLD, WORTH = (rng.normal(size=NUM).astype(np.float32) for _ in range(3))
LOG_RATIO = np.linspace(-1.5, 1.5, 13).astype(np.float32)


def gradient(surrogate, log_ratio, advantage):
    """Of the summed gain, with respect to each log-ratio."""
    total = jax.grad(lambda x: surrogate(x, jnp.asarray(advantage)).sum())
    return np.asarray(total(jnp.asarray(log_ratio)))


def log_prob(logits):
    return jax.nn.log_softmax(jnp.asarray(logits))


def expected(surrogate, logits=LOGITS, advantage=WORTH):
    """The gradient by logits of a surrogate's mean gain over actions that the old policy draws."""
    old = log_prob(OLD)

    def gain(logits):
        return (jnp.exp(old) * surrogate(log_prob(logits) - old, jnp.asarray(advantage))).sum()

    return np.asarray(jax.grad(gain)(jnp.asarray(logits)))


ON_POLICY = [Simple(), Ring(), OneSide(), Squared(), LessReverseKL(), LessReverseUKL()]
ON_POLICY += [LessForwardKL(), LessForwardUKL(), Relative(), Contrastive(), ClippedPair()]


@pytest.mark.parametrize("surrogate", ON_POLICY, ids=lambda x: type(x).__name__)
def test_at_ratio_one_the_gradient_is_the_policy_gradient(surrogate):
    """Up to a constant, which a baseline takes away: the mean of scores is 0."""
    draws = np.random.default_rng(1).choice(NUM, 100_000, p=np.exp(log_prob(OLD)))
    got = gradient(surrogate, np.zeros(len(draws), np.float32), WORTH[draws])
    want = gradient(Ratio(), np.zeros(len(draws), np.float32), WORTH[draws])
    score = np.eye(NUM)[draws] - np.exp(log_prob(OLD))
    np.testing.assert_allclose(got @ score / len(draws), want @ score / len(draws), atol=0.02)


def test_the_simple_surrogate_is_best_at_its_width_and_pulls_back_from_beyond():
    for advantage, best in ((2.0, 1.2), (-0.7, 0.8)):
        for ratio, sign in ((best, 0.0), (best - 0.1, 1.0), (best + 0.1, -1.0)):
            slope = gradient(Simple(0.2), [np.log(ratio)], [advantage])[0]
            assert np.sign(round(float(slope), 4)) == sign
    wide = gradient(Simple(1e6), LOG_RATIO, np.ones(13))
    np.testing.assert_allclose(wide, gradient(Ratio(), LOG_RATIO, np.ones(13)), rtol=1e-4)


def test_one_side_counts_what_clipping_counts_without_its_weights():
    for advantage in (1.3, -0.6):
        clipped = gradient(Clip(0.3, 0.5), LOG_RATIO, np.full(13, advantage))
        got = gradient(OneSide(0.3, 0.5), LOG_RATIO, np.full(13, advantage))
        np.testing.assert_allclose(got * np.exp(LOG_RATIO), clipped, rtol=1e-5)
        assert 0 < np.count_nonzero(got) < 13
    wide = OneSide(1.0, 1e9)
    np.testing.assert_array_equal(
        gradient(wide, LOG_RATIO, LOG_RATIO), gradient(Plain(), LOG_RATIO, LOG_RATIO)
    )


def test_a_ring_counts_the_middle_and_what_leads_back_from_far_outside():
    ratio = np.log([0.3, 0.6, 1.0, 1.5, 3.5])
    rises = gradient(Ring(0.2, 0.2, 0.6, 2.0), ratio, np.ones(5))
    falls = gradient(Ring(0.2, 0.2, 0.6, 2.0), ratio, -np.ones(5))
    np.testing.assert_array_equal(rises, [1, 0, 1, 0, 0])
    np.testing.assert_array_equal(falls, [0, 0, -1, 0, -1])


def test_scores_with_penalties_and_weights_by_hand():
    advantage = np.linspace(-1.0, 2.0, 13).astype(np.float32)
    by_hand = {
        Squared(0.7): advantage - 1.4 * LOG_RATIO,
        Shifted(0.3): advantage + 0.3,
        Reweighed(2.0): advantage * np.exp(advantage / 2.0),
    }
    for surrogate, want in by_hand.items():
        np.testing.assert_allclose(
            gradient(surrogate, LOG_RATIO, advantage), want, rtol=1e-5, atol=1e-6
        )


def test_the_square_of_what_is_centred_is_optimal_at_the_tilted_policy():
    """Of log-ratios and advantages less their means: the condition that it is derived from."""
    weight, old = 0.8, log_prob(OLD)

    def gain(logits):
        ratio = log_prob(logits) - old
        return Squared(weight)(ratio - ratio.mean(), jnp.asarray(WORTH - WORTH.mean())).mean()

    best = OLD + WORTH / (2.0 * weight)
    np.testing.assert_allclose(jax.grad(gain)(jnp.asarray(best)), 0.0, atol=1e-5)


def less(divergence, weight=0.4):
    """The gradient of what the surrogates estimate, by enumeration."""
    old = log_prob(OLD)

    def objective(logits):
        new = log_prob(logits)
        return (jnp.exp(new) * WORTH).sum() - weight * divergence(jnp.exp(old), jnp.exp(new))

    return np.asarray(jax.grad(objective)(jnp.asarray(LOGITS)))


def forward(old, new):
    return (old * jnp.log(old / new)).sum()


def reverse(old, new):
    return (new * jnp.log(new / old)).sum()


def test_the_gradient_is_that_of_the_regularised_objective_off_policy():
    for surrogate in (LessForwardKL(0.4), LessForwardUKL(0.4)):
        np.testing.assert_allclose(expected(surrogate), less(forward), atol=1e-5)
    for surrogate in (LessReverseKL(0.4), LessReverseUKL(0.4)):
        np.testing.assert_allclose(expected(surrogate), less(reverse), atol=1e-5)


def test_measures_that_need_not_sum_to_one_have_other_divergences():
    """Where the new measure is not normalised, as a sampled one never is, the forms differ."""
    half = jnp.full(3, -0.7)
    zero = jnp.zeros(3)
    assert abs(float(LessForwardKL(1.0)(half, zero).sum())) > 1.0
    assert float(LessForwardUKL(1.0)(half, zero).max()) < 0.0
    assert float(LessReverseUKL(1.0)(half, zero).max()) < 0.0
    assert float(LessReverseKL(1.0)(half, zero).min()) > 0.0


def test_the_unweighed_k3_estimator_is_biased_off_policy():
    def unweighed(log_ratio, advantage):
        return jnp.exp(log_ratio) * advantage - 0.4 * (jnp.expm1(-log_ratio) + log_ratio)

    assert np.abs(expected(unweighed) - less(reverse)).max() > 0.05


def every_action(surrogate):
    """The gain by logits of a surrogate of pairs, of every action fifty times."""
    draws = np.repeat(np.arange(NUM), 50)

    def gain(logits):
        ratio = (log_prob(logits) - log_prob(OLD))[draws]
        return surrogate(ratio, jnp.asarray(WORTH[draws])).mean()

    return gain


@pytest.mark.parametrize("surrogate", [Relative(0.7), Contrastive(1.0 / 0.7)], ids=str)
def test_the_optimum_of_all_pairs_is_the_old_policy_times_exp_of_the_advantage(surrogate):
    """Whoever drew the samples: here all actions alike."""
    slope = jax.grad(every_action(surrogate))
    np.testing.assert_allclose(slope(jnp.asarray(OLD + 0.7 * WORTH)), 0.0, atol=1e-5)
    assert np.abs(slope(jnp.asarray(OLD))).max() > 0.05


def test_contrasts_have_the_gradient_of_relative_regression():
    slopes = [
        np.asarray(jax.grad(every_action(x))(jnp.asarray(LOGITS)))
        for x in (Relative(0.7), Contrastive(1.0 / 0.7))
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-6)


def test_relative_regression_is_over_all_pairs_of_distinct_samples():
    step, error = 0.7, LOG_RATIO / 0.7 - np.sin(LOG_RATIO)
    pairs = [(i, j) for i in range(13) for j in range(13) if i != j]
    want = -0.25 * step * np.mean([(error[i] - error[j]) ** 2 for i, j in pairs])
    got = Relative(step)(jnp.asarray(LOG_RATIO), jnp.sin(jnp.asarray(LOG_RATIO))).mean()
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_a_gauss_newton_step_of_relative_regression_is_the_natural_gradient():
    counts, step = np.array([1, 2, 3, 4, 5, 5]), 0.7
    p, draws = counts / 20, np.repeat(np.arange(NUM), 20 * counts)
    score = (np.eye(NUM) - p).astype(np.float32)  # of action i, by logits, at the old policy
    natural = np.linalg.pinv(score.T @ (p[:, None] * score)) @ score.T @ (p * WORTH)

    def gain(move):  # log-ratios to first order in the logits
        return Relative(step)((score @ move)[draws], jnp.asarray(WORTH[draws])).mean()

    slope, curve = (np.asarray(d(gain)(jnp.zeros(NUM))) for d in (jax.grad, jax.hessian))
    newton = np.linalg.pinv(-curve, rcond=1e-4) @ slope
    np.testing.assert_allclose(newton, step * natural, atol=1e-4)


@pytest.mark.parametrize(
    "surrogate", [Relative(), Contrastive(), ClippedPair()], ids=lambda x: type(x).__name__
)
def test_pairs_do_not_see_what_is_added_to_all_advantages(surrogate):
    worth = np.round(np.sin(3.0 * LOG_RATIO), 2).astype(np.float32)
    got = gradient(surrogate, LOG_RATIO, worth + 64.0)
    np.testing.assert_allclose(got, gradient(surrogate, LOG_RATIO, worth), atol=1e-4)
    moved = gradient(Clip(), LOG_RATIO, worth + 64.0)
    assert np.abs(moved - gradient(Clip(), LOG_RATIO, worth)).max() > 1.0


def test_a_pair_has_the_other_sample_for_a_baseline():
    got = gradient(ClippedPair(), np.zeros(2, np.float32), [3.0, 1.0])
    np.testing.assert_allclose(got / 2, [1.0, -1.0])  # half of (3 - 1), and of (1 - 3)
    apart = gradient(ClippedPair(0.2, 0.2), np.log([1.3, 1.0]).astype(np.float32), [3.0, 1.0])
    np.testing.assert_allclose(apart / 2, [0.0, -1.0])  # one ratio is cut, the other is not


def test_bounds_stay_where_they_start_without_a_share_to_reach():
    plan = Balanced(share=0.0)
    got = gradient(plan, LOG_RATIO, LOG_RATIO)
    np.testing.assert_allclose(got, gradient(Clip(0.4, 0.2), LOG_RATIO, LOG_RATIO), atol=1e-6)


def test_bounds_are_the_least_that_reach_the_share():
    """Against a search one bound after the other, as the authors' code has it."""
    plan = Balanced(share=0.5, num=10)
    draw = np.random.default_rng(2)
    seen = set()
    for trial in range(200):
        ratio = np.exp(draw.normal(0.0, 0.6, 40)).astype(np.float32)
        advantage = (draw.normal(size=40) - 0.1 * (trial % 10)).astype(np.float32)

        def share(low, high, ratio=ratio, advantage=advantage):
            gain = (ratio * advantage)[(advantage > 0) & (ratio <= high)].sum()
            loss = -(ratio * advantage)[(advantage < 0) & (ratio >= low)].sum()
            return gain / (gain + loss)

        k = 0
        levels = [(0.6 + 0.03 * i, 1.2) for i in range(11)]
        levels += [(0.9, 1.2 + 0.18 * i) for i in range(1, 11)]
        while share(*levels[k]) < 0.5 and k < 20:
            k += 1
        seen.add(k)
        got = plan.bounds(jnp.asarray(ratio), jnp.asarray(advantage))
        np.testing.assert_allclose(got, levels[k], atol=1e-5)
    assert {0, 20} < seen and len(seen) > 8
