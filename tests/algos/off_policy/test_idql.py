"""IDQL: in-sample values, the actor they imply, and a policy that can only be drawn from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import idql
from jaxac.core import replace
from jaxac.data.replay import Batch
from jaxac.heads.diffusion import Diffusion
from jaxac.nets.activation import Mish
from jaxac.nets.initialise import Lecun
from jaxac.ops.pick import Best, ByWeight, implicit_weights
from jaxac.ops.slow import Online
from jaxac.ops.value_loss import Expectile, Exponential, Pinball
from jaxac.runners import generative, in_sample

from .short import ENV, assert_equal, tiny

KEY, NUM = jax.random.key(3), 6
Q = np.array([-1.0, 0.2, 0.9, 2.0], np.float32)
SHARE = np.array([0.4, 0.3, 0.2, 0.1], np.float32)  # of the behaviour policy
LOSSES = [Expectile(0.8), Pinball(0.62), Exponential(0.7, 50.0)]


@jax.jit
def implied(loss):
    """The value that is best for a loss, by bisection of its slope, and the weights there."""
    slope = jax.grad(lambda v: (SHARE * loss(v, v, jnp.asarray(Q))).sum())

    def halve(_, span):
        middle = span.mean()
        return jnp.where(slope(middle) > 0, span.at[1].set(middle), span.at[0].set(middle))

    value = jax.lax.fori_loop(0, 40, halve, jnp.asarray([-2.0, 3.0])).mean()
    return value, implicit_weights(loss, jnp.asarray(Q), jnp.full(4, value))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda x: type(x).__name__)
def test_the_value_is_that_of_the_reweighted_behaviour(loss):
    """Four actions: the mean of Q under behaviour times |f'(u)| / |u|, each f by hand."""
    value, weight = implied(loss)
    u = Q - float(value)
    by_hand = {
        "Expectile": 2.0 * np.where(u > 0, 0.8, 0.2),
        "Pinball": np.where(u > 0, 0.62, 0.38) / np.maximum(np.abs(u), 1e-6),
        "Exponential": 0.7 * np.abs(np.exp(0.7 * u) - 1.0) / np.abs(u),
    }[type(loss).__name__]
    near = np.abs(u) > 1e-4
    np.testing.assert_allclose(weight[near], by_hand[near], rtol=2e-3)
    if not isinstance(loss, Pinball):  # whose weight has no bound next to its value
        actor = SHARE * weight / (SHARE * weight).sum()
        np.testing.assert_allclose(value, (actor * Q).sum(), atol=1e-4)
    if isinstance(loss, Exponential):
        np.testing.assert_allclose(value, np.log((SHARE * np.exp(0.7 * Q)).sum()) / 0.7, atol=1e-4)
    if isinstance(loss, Pinball):
        np.testing.assert_allclose(value, 0.2, atol=1e-4)


def test_an_expectile_of_a_half_is_sarsa_and_one_near_1_the_best_action():
    value, weight = implied(Expectile(0.5))
    np.testing.assert_allclose(value, (SHARE * Q).sum(), atol=1e-5)
    np.testing.assert_allclose(weight, weight[0], rtol=1e-6)
    assert implied(Expectile(0.9999))[0] > Q.max() - 0.01


def test_weights_where_an_action_is_worth_the_value_are_finite_and_positive():
    for loss in LOSSES:
        weight = implicit_weights(loss, jnp.ones(3), jnp.ones(3))
        assert np.isfinite(weight).all() and (weight > 0).all()


def test_the_cap_of_the_exponential_is_where_it_turns_linear():
    slope = jax.grad(lambda target: Exponential(2.0, 1.0)(0.0, 0.0, target))
    np.testing.assert_allclose(slope(0.4), 2.0 * (np.exp(0.8) - 1.0), rtol=1e-5)
    np.testing.assert_allclose([slope(0.6), slope(9.0)], 2.0 * (np.e - 1.0), rtol=1e-5)


def test_draws_are_picked_in_proportion_to_their_weights_or_by_value():
    weight = jnp.tile(jnp.asarray([[0.5, 2.0, 1.5, 0.0]]), (20_000, 1))
    q = jnp.tile(jnp.asarray([[0.0, -1.0, 3.0, 1.0]]), (20_000, 1))
    share = np.bincount(ByWeight()(KEY, q, weight), minlength=4) / 20_000
    np.testing.assert_allclose(share, [0.125, 0.5, 0.375, 0.0], atol=0.015)
    np.testing.assert_array_equal(Best()(KEY, q, weight), 2)


def small(**changes):
    return tiny(idql.IDQL(), **{"num_actions": 3, "behaviour.net.num_blocks": 1, **changes})


def batch_of():
    rng = np.random.default_rng(0)
    obs, final_obs = (jnp.asarray(rng.normal(size=(NUM, 3)), jnp.float32) for _ in range(2))
    action = jnp.asarray(rng.uniform(-1, 1, (NUM, 1)), jnp.float32)
    reward = jnp.asarray(rng.normal(size=NUM), jnp.float32)
    discount = jnp.where(jnp.arange(NUM) % 3, 0.9, 0.0)
    weight = jnp.linspace(0.5, 1.0, NUM)
    return Batch(obs, action, reward, discount, final_obs, weight, jnp.arange(NUM))


def test_values_are_trained_on_the_buffers_actions_alone():
    """V towards the least of the slow critics, and then Q towards r + d V of the new V."""
    hp, batch = small(), batch_of()
    plans = in_sample.Plans(hp.value, hp.critic)
    built = in_sample.parts(ENV, 1, plans)

    @jax.jit
    def run():
        first = in_sample.begin(built, KEY, plans, batch.obs, batch.action)
        apart = jax.tree.map(lambda x: 1.5 * x, first.slow)
        first = replace(first, slow=apart)
        after, metrics, error = in_sample.step(built, plans, KEY, first, batch)
        slow = built.critics.apply(apart, None, batch.obs, batch.action)
        now = built.critics.apply(first.params["critic"], None, batch.obs, batch.action)
        return (
            (first, after, metrics, error, slow[..., 0], now[..., 0]),
            in_sample.value_of(built, None, first, batch.obs),
            in_sample.value_of(built, None, after, batch.final_obs),
        )

    (first, after, metrics, error, slow, now), value, following = run()
    u = np.asarray(slow).min(0) - value
    want = (batch.weight * np.where(u > 0, 0.7, 0.3) * u**2).mean()
    np.testing.assert_allclose(metrics["value_loss"], want, rtol=1e-4)
    target = batch.reward + batch.discount * following
    want = (batch.weight * 0.5 * np.square(now - target)).mean(-1).sum()
    np.testing.assert_allclose(metrics["critic_loss"], want, rtol=1e-4)
    np.testing.assert_allclose(error, np.abs(now - target).mean(0), rtol=1e-4)
    tau = hp.critic.slow.tau
    jax.tree.map(
        lambda old, new, got: np.testing.assert_allclose(
            got, (1 - tau) * old + tau * new, rtol=1e-4, atol=1e-6
        ),
        first.slow,
        after.params["critic"],
        after.slow,
    )


def test_one_draw_is_cloning():
    """With one draw the action is the behaviour's, whatever the critics say."""
    hp, batch = small(num_actions=1), batch_of()
    method = idql.method(ENV)

    @jax.jit
    def run():
        learner = method.init(KEY, hp, batch.obs)
        other = learner._replace(values=jax.tree.map(lambda x: -2 * x, learner.values))
        keys = jax.random.split(jax.random.split(KEY)[1], NUM)
        behaviour = generative.draw(
            generative.parts(ENV, hp.behaviour), hp.behaviour, keys, learner.behaviour, batch.obs, 1
        )
        acted = [method.explore(KEY, x, hp, (), batch.obs)[0] for x in (learner, other)]
        return behaviour[:, 0], *acted

    behaviour, action, other = run()
    assert_equal((action, other), (behaviour, behaviour))
    assert len(np.unique(behaviour)) > 1


def test_denoising_is_the_papers():
    """The sampler and the loss of DDPM, each written a second time."""
    head = Diffusion(num_steps=4)
    net = lambda x, t: 0.3 * x - t[:, None]  # noqa: E731
    got = head.sample(KEY, net, 5, 2)
    beta = 1.0 - np.array([np.exp(-0.1 / 4 - 0.5 * 9.9 * (2 * t - 1) / 16) for t in (1, 2, 3, 4)])
    left = np.array([np.prod(1.0 - beta[: t + 1]) for t in range(4)])
    key_start, key_steps = jax.random.split(KEY)
    x, keys = np.asarray(jax.random.normal(key_start, (5, 2))), jax.random.split(key_steps, 4)
    for t in (3, 2, 1, 0):
        noise = net(x, np.full(5, (t + 1) / 4))
        x = (x - beta[t] / np.sqrt(1 - left[t]) * noise) / np.sqrt(1 - beta[t])
        x = x + (t > 0) * np.sqrt(beta[t]) * np.asarray(jax.random.normal(keys[t], (5, 2)))
        x = np.clip(x, -1.0, 1.0)
    np.testing.assert_allclose(got, x, rtol=1e-4, atol=1e-5)
    action = np.random.default_rng(0).uniform(-1, 1, (5, 2)).astype(np.float32)
    key_time, key_noise = jax.random.split(KEY)
    t, noise = jax.random.randint(key_time, (5,), 0, 4), jax.random.normal(key_noise, (5, 2))
    mixed = np.sqrt(left[t])[:, None] * action + np.sqrt(1 - left[t])[:, None] * noise
    want = np.square(net(mixed, (t + 1) / 4) - noise).sum(-1)
    np.testing.assert_allclose(head.loss(KEY, net, jnp.asarray(action)), want, rtol=1e-4)


def test_the_exact_denoiser_draws_the_gaussian_it_is_of():
    """Mean 0.3, deviation 0.15: the noise that is expected in an action is linear in it."""
    head, mean, std = Diffusion(num_steps=50), 0.3, 0.15

    def net(x, time):
        left = jnp.cumprod(head.kept())[jnp.round(time * 50).astype(int) - 1][:, None]
        scale = left * std**2 + 1.0 - left
        return jnp.sqrt(1.0 - left) * (x - jnp.sqrt(left) * mean) / scale

    got = jax.jit(lambda: replace(head, low=0.1, high=20.0).sample(KEY, net, 20_000, 1))()
    np.testing.assert_allclose([got.mean(), got.std()], [mean, std], atol=0.02)


def test_a_cloned_policy_has_both_modes_of_a_bimodal_buffer():
    """Actions about -0.6 and 0.6 in one state: what a Gaussian's mean would never do."""
    plan = config.configure(
        replace(small().behaviour, slow=Online(), learning_rate=3e-3),
        {"net.width": 32, "net.drop": "Kept", "net.num_waves": 8, "head.num_steps": 10},
    )
    plan = replace(plan, net=replace(plan.net, activation=Mish(), init=Lecun(1.0)))
    built, rng = generative.parts(ENV, plan), np.random.default_rng(0)
    action = 0.6 * rng.choice([-1.0, 1.0], (128, 1)) + 0.05 * rng.normal(size=(128, 1))
    obs, one = jnp.zeros((128, 3)), jnp.ones(128)
    batch = Batch(obs, jnp.asarray(action, jnp.float32), one, one, obs, one, one)

    @jax.jit
    def train():
        def step(learner, key):
            learner, metrics = generative.clone(built, plan, key, learner, batch)
            return learner, metrics["behaviour_loss"]

        learner, _ = jax.lax.scan(
            step, generative.begin(built, KEY, plan, obs), jax.random.split(KEY, 600)
        )
        return generative.draw(built, plan, KEY[None], learner, obs[:1], 500)[0, :, 0]

    drawn = np.asarray(train())
    assert 0.3 < (drawn > 0).mean() < 0.7
    assert (np.abs(np.abs(drawn) - 0.6) < 0.25).mean() > 0.8, "a Gaussian as wide has 0.4"
