"""DSAC, first version: gradients in closed form, and the exact return variance of a noisy chain."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxac import config
from jaxac.algos.off_policy import dsac_v1, sac
from jaxac.heads.returns import Gaussian, Value
from jaxac.heads.returns.gaussian import Goal
from jaxac.ops.value_loss import Squared

from .short import assert_equal, learned, tiny

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)
OUT = jnp.asarray(RNG.normal(size=(6, 2)), jnp.float32)
TARGET = jnp.asarray([-30.0, -3.0, 0.1, 0.5, 4.0, 60.0], jnp.float32)


def goal(target=TARGET, clip=np.inf):
    return Goal(target, target, jnp.float32(clip), jnp.float32(1.0))


def gradient(returns, out, target):
    return jax.grad(lambda out: returns.loss(out, out, target).sum())(out)


def test_without_clipping_and_eps_the_gradient_is_that_of_the_log_likelihood():
    returns = Gaussian(eps=0.0, floor=0.3)

    def log_prob(out):
        std = 0.3 + jax.nn.softplus(out[:, 1])
        return jax.scipy.stats.norm.logpdf(TARGET, out[:, 0], std).sum()

    want = -jax.grad(log_prob)(OUT)
    np.testing.assert_allclose(gradient(returns, OUT, goal()), want, rtol=1e-4, atol=1e-4)


def test_the_gradient_is_that_of_the_paper_by_hand():
    got = gradient(Gaussian(eps=0.1), OUT, goal(clip=2.0))
    for i in range(6):
        q, raw = map(float, OUT[i])
        s, y = np.log1p(np.exp(raw)), float(TARGET[i])
        c = min(max(y, q - 2.0), q + 2.0)
        slope = 1.0 / (1.0 + np.exp(-raw))  # of the softplus
        mean = -(y - q) / (s**2 + 0.1)
        spread = -((c - q) ** 2 - s**2) / (s**3 + 0.1) * slope
        np.testing.assert_allclose(got[i], [mean, spread], rtol=1e-4)


def test_the_means_gradient_falls_with_the_variance():
    raw = jnp.log(jnp.expm1(jnp.array([1.0, 2.0, 4.0])))  # deviations 1, 2, 4
    out = jnp.stack([jnp.zeros(3), raw], -1)
    slope = gradient(Gaussian(eps=0.0), out, goal(jnp.ones(3)))[:, 0]
    np.testing.assert_allclose(slope, [-1.0, -1 / 4, -1 / 16], rtol=1e-5)


def test_with_deviation_one_it_is_sacs_squared_error():
    """The mean's gradient, and the target where nothing is drawn."""
    fixed = Gaussian(eps=0.0, floor=1.0, draw=0.0)
    out = OUT.at[:, 1].set(-jnp.inf)
    squared = gradient(Value(Squared()), OUT[:, :1], TARGET[:, None])
    np.testing.assert_allclose(gradient(fixed, out, goal())[:, 0], squared[:, 0], rtol=1e-6)
    shift, discount = jnp.arange(6.0), jnp.full(6, 0.9)
    got = fixed.backup(KEY, out, shift, discount)
    want = Value().backup(KEY, OUT[:, :1], shift, discount)[:, 0]
    np.testing.assert_array_equal(got.mean, want)


def test_deviations_are_those_of_a_noisy_chains_returns():
    """States 0, 1, 2 in a row, rewards of deviation 1, 0.5 and 2; var = s^2 + gamma^2 var'.

    Draws end at three deviations, which takes 0.6 % of the variance of what is drawn.
    """
    noise, mean, gamma = jnp.array([1.0, 0.5, 2.0]), jnp.array([0.3, -1.0, 2.0]), 0.9
    returns, optimiser, num = (
        Gaussian(eps=1e-3),
        optax.adam(optax.linear_schedule(0.02, 0, 4000)),
        64,
    )
    discount = jnp.array([gamma, gamma, 0.0])[:, None].repeat(num, 1)

    def step(carried, key):
        out, opt_state = carried
        key_reward, key_target = jax.random.split(key)
        reward = mean[:, None] + noise[:, None] * jax.random.normal(key_reward, (3, num))
        after = jnp.roll(out, -1, axis=0)[:, None].repeat(num, 1)
        target = returns.backup(key_target, after, reward, discount)

        def loss(out):
            return returns.loss(out[:, None], out, jax.lax.stop_gradient(target)).mean(-1).sum()

        change, opt_state = optimiser.update(jax.grad(loss)(out), opt_state)
        return (optax.apply_updates(out, change), opt_state), ()

    start = jnp.zeros((3, 2))
    keys = jax.random.split(KEY, 4_000)
    (out, _), _ = jax.jit(lambda x: jax.lax.scan(step, x, keys))((start, optimiser.init(start)))
    var, value = np.zeros(4), np.zeros(4)
    for i in (2, 1, 0):
        var[i] = float(noise[i]) ** 2 + gamma**2 * var[i + 1]
        value[i] = float(mean[i]) + gamma * value[i + 1]
    np.testing.assert_allclose(returns.std(out), np.sqrt(var[:3]), rtol=0.03)
    np.testing.assert_allclose(returns.mean(out), value[:3], atol=0.06)


def test_a_critic_of_numbers_makes_it_sac():
    """One critic that says a number, a policy step to each critic step, no slow policy."""
    base = tiny(sac.sac())
    base = config.configure(
        base, {"critic.num": 1, "critic.reduce": "First", "actor.reduce": "First"}
    )
    plain = config.configure(
        tiny(dsac_v1.dsac_v1(num_steps=1, critic_steps=1)),
        {
            "critic.returns": Value(),
            "critic.net": base.critic.net,
            "actor.net": base.actor.net,
            "critic.slow": base.critic.slow,
            "actor.slow": base.actor.slow,
            "critic.learning_rate": 3e-4,
            "actor.learning_rate": 3e-4,
        },
    )
    assert_equal(learned(plain), learned(base))
