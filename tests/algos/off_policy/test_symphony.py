"""Symphony: the age of what is drawn, the penalty, the temporal advantage, DDPG as the limit."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import symphony
from jaxac.core import replace
from jaxac.data.laws import Fading, Uniform
from jaxac.data.ring import Extent
from jaxac.heads.range import Range
from jaxac.heads.reparameterised import Swaddled
from jaxac.heads.returns import Value
from jaxac.ops.objective import Climb, Rectified
from jaxac.ops.reduce import Faded
from jaxac.ops.value_loss import RectifiedHuber
from jaxac.runners import actor_critic

from .short import ENV, assert_close, batch, tiny

KEY, PI, E = jax.random.key(0), math.pi, math.e
HP = tiny(
    symphony.symphony(),
    **{"critic.returns.num": 4, "actor.optimiser": "SGD", "actor.learning_rate": 1e-2},
)


def test_what_is_drawn_fades_with_age_by_the_formula():
    """30 time steps of 2 environments in a ring of 50 that has gone round: a chi-squared test."""
    oldest, filled, num = 37, 30, 60_000
    extent = Extent(jnp.int32(oldest), jnp.int32(filled), 50, 2)
    place, weight = jax.jit(lambda key: Fading().draw(key, (), extent, num))(KEY)
    time, env = np.asarray(place) // 2, np.asarray(place) % 2
    newer = (time - oldest) % 50
    assert newer.max() == filled - 1 and (np.asarray(weight) == 1.0).all()
    want = np.tanh((PI * (np.arange(filled) + 0.5) / filled) ** E)
    want /= want.sum()
    found = np.bincount(newer, minlength=filled)
    surprise = ((found - num * want) ** 2 / (num * want)).sum()
    assert surprise < 60.0  # 29 degrees of freedom: 0.0006 of chance
    assert abs(env.mean() - 0.5) < 0.02
    assert found[:5].sum() < 0.1 * found[-5:].sum()


def test_without_fading_every_age_is_as_likely():
    extent = Extent(jnp.int32(0), jnp.int32(8), 8, 1)
    place, even = jax.jit(
        lambda key: [law.draw(key, (), extent, 16_000)[0] for law in (Fading(1e4), Uniform())]
    )(KEY)
    for drawn in (place, even):
        np.testing.assert_allclose(np.bincount(drawn, minlength=8) / 16_000, 1 / 8, atol=0.01)


def test_the_value_of_many_guesses_weighs_the_least_most():
    out = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    got = jax.jit(lambda out: Faded()(Value(num=4), out))(out)
    weight = np.tanh((PI * (1 - np.arange(12) / 12)) ** E)
    for i in range(5):
        want = (np.sort(out[:, i].ravel()) * weight).sum() / weight.sum()
        np.testing.assert_allclose(got[i], [want], rtol=1e-5)
    returns, target = Value(RectifiedHuber(), num=4), jnp.arange(5.0)[:, None]
    error = out - np.arange(5.0)[:, None]
    want = (error * np.tanh(error / 2)).mean(-1)
    np.testing.assert_allclose(returns.loss(out, out, target), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(returns.mean(out), out.mean(-1), rtol=1e-4, atol=1e-6)
    shift, discount = jnp.arange(5.0), jnp.full(5, 0.5)
    moved = returns.backup(KEY, jnp.asarray(out[0]), shift, discount)
    np.testing.assert_allclose(moved[:, 0], shift + 0.5 * out[0].mean(-1), rtol=1e-5, atol=1e-6)


def test_actions_are_strength_times_direction_in_bounded_noise():
    head = Swaddled(Range((-1.0,) * 2, (1.0,) * 2, (2,)))
    out = jnp.broadcast_to(jax.random.normal(KEY, (6,)), (20_000, 6))
    action, log_prob = jax.jit(head.sample)(KEY, out)
    a, s, _ = np.split(np.tanh(np.asarray(out[0]) / 2), 3)
    np.testing.assert_allclose(head.mode(out[0]), np.tanh(np.abs(s) * a), rtol=1e-5)
    noise = np.arctanh(np.asarray(action)) - np.abs(s) * a
    assert np.abs(noise).max() <= 1.001 and np.abs(noise).max() > 0.9  # std e^-1, bound e of them
    np.testing.assert_allclose(noise.std(0), math.exp(-1), rtol=0.05)
    assert not log_prob.any()


def test_the_penalty_is_that_of_the_code_and_falls_with_strength():
    head, raw = Swaddled(), np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    _, s, b = (np.abs(np.tanh(x / 2)) for x in np.split(raw.astype(np.float64), 3, -1))

    def omega(x):
        return np.log((1 + x) / (1 - x))

    want = (omega(s ** (1 / b)) + b * s * np.log(s) + omega(b**2))[:, 0]
    np.testing.assert_allclose(jax.jit(head.penalty)(raw), want, rtol=1e-4, atol=1e-5)
    slopes = jax.jit(jax.grad(lambda x: head.penalty(x).sum()))(jnp.asarray(raw))
    np.testing.assert_array_equal(slopes[:, 0], 0.0)
    strong = jnp.stack([jnp.zeros(5), jnp.linspace(2.0, 8.0, 5), jnp.ones(5)], -1)
    assert (jnp.diff(head.penalty(strong)) > 0).all()
    assert np.isfinite(head.penalty(jnp.array([[0.0, 0.0, 0.0], [99.0, 99.0, 99.0]]))).all()


@pytest.fixture(scope="module")
def before():
    """A learner that has learned nothing, but for what it remembers of values."""
    learner = jax.jit(
        lambda: actor_critic.begin(actor_critic.parts(ENV, HP), KEY, HP, batch().obs)
    )()
    return replace(learner, backup=jnp.float32(0.7))


@jax.jit
def step(hp, before):
    """A policy step."""
    return symphony.actor_step(actor_critic.parts(ENV, hp), hp, KEY, before, batch())[0]


def test_the_loss_is_that_of_the_temporal_advantage(before):
    """The running value moves, and the policy by the gradient of the formula written out."""
    hp = replace(HP, swaddle=0.5)
    built, data, after = actor_critic.parts(ENV, hp), batch(), step(hp, before)
    key_net, key_sample, key_out = jax.random.split(KEY, 3)

    @jax.jit
    def gradient(learner):
        def loss(params):
            out = built.policy.apply(params, key_net, data.final_obs)
            action, _ = built.head.sample(key_sample, out)
            guesses = built.critics.apply(learner.slow["critic"], key_out, data.final_obs, action)
            guesses = jnp.sort(guesses.transpose(1, 0, 2).reshape(16, 12))
            weight = jnp.tanh((PI * (1 - jnp.arange(12) / 12)) ** E)
            q = (guesses * weight).sum(-1) / weight.sum()
            golden = (5**0.5 - 1) / 2
            value = golden * 0.7 + (1 - golden) * jax.lax.stop_gradient(q)
            z = (q - value) / jnp.abs(value)
            gain = jnp.abs(z) * jnp.tanh(z / 2)
            return -gain.mean() + 0.5 * built.head.penalty(out).mean(), value.mean()

        return jax.grad(loss, has_aux=True)(learner.params["actor"])

    grads, value = gradient(before)
    np.testing.assert_allclose(after.backup, value, rtol=1e-4)
    want = jax.tree.map(lambda p, g: p - 1e-2 * g, before.params["actor"], grads)
    assert_close(after.params["actor"], want, rtol=1e-3, atol=1e-6)
    moved = jax.tree.map(lambda p, q: float(jnp.abs(p - q).max()), before.params, after.params)
    assert max(jax.tree.leaves(moved["actor"])) > 1e-5
    assert max(jax.tree.leaves(moved["critic"])) == 0.0


def test_without_the_running_value_and_the_penalty_the_step_is_that_of_ddpg(before):
    """At the same observations, with the same critics and no noise."""
    limits = {"temporal": 0.0, "swaddle": 0.0, "actor.objective": Climb(), "actor.reduce": Faded()}
    hp = config.configure(HP, {**limits, "actor.actions.std": 0.0})

    @jax.jit
    def parent(hp, before):
        data = replace(batch(), obs=batch().final_obs)
        return actor_critic.actor_step(actor_critic.parts(ENV, hp), hp, KEY, before, data)[0]

    want = parent(hp, before).params
    assert_close(step(hp, before).params, want, rtol=1e-4, atol=1e-7)
    with pytest.raises(AssertionError):
        assert_close(step(replace(hp, temporal=1.0), before).params, want, rtol=1e-4, atol=1e-7)


def test_the_objective_is_odd_and_climbs_everywhere():
    q, zero = jnp.linspace(-4.0, 4.0, 81), jnp.zeros(81)
    gain = -Rectified()(q, zero, None, None)
    np.testing.assert_allclose(gain, -gain[::-1], atol=1e-6)
    assert (jnp.diff(gain) > 0).all()
    np.testing.assert_allclose(gain[-1], 4.0 * np.tanh(2.0), rtol=1e-6)
