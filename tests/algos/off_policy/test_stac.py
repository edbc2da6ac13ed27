"""STAC: targets, likelihood and pessimism in closed form, and what each of them is worth."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac import config
from jaxac.algos.off_policy import sac, stac
from jaxac.heads.returns import Gaussian
from jaxac.nets.critic import Plain
from jaxac.nets.normed import Dropout, NormedMLP
from jaxac.ops.reduce import First
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, Critic

from .short import ENV, assert_equal, drawn, learned, member, tiny

KEY = jax.random.key(3)
RETURNS = stac.stac().critic.returns
GAMMA = 0.9


@pytest.fixture(scope="module")
def run():
    hp = tiny(stac.stac())
    return hp, *drawn(hp)


def split(out):
    return np.asarray(out[..., 0]), 1e-3 + np.log1p(np.exp(np.asarray(out[..., 1])))


def test_targets_lose_beta_deviations(run):
    """Each number by hand; nothing is drawn but the action."""
    hp, built, learner, batch = run
    nets = actor_critic.functions(built, hp, learner)
    got = hp.backup(KEY, learner.backup, nets, batch)
    key_action, key_out, _ = jax.random.split(KEY, 3)
    action, log_prob = nets.proposal(key_action, batch.final_obs)
    slow = member(learner.slow["critic"], 0)
    key_net = jax.random.split(key_out)[1]
    mu, s = split(built.critics.apply(slow, key_net, batch.final_obs, action)[0])
    want = batch.reward + batch.discount * (mu - 0.25 * s - nets.alpha * log_prob)
    np.testing.assert_allclose(got.mean, want, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(got.sample, got.mean)


def test_the_loss_has_the_gradient_of_the_log_likelihood():
    out = jax.random.normal(KEY, (5, 2))
    target = RETURNS.backup(KEY, out, jnp.linspace(-40.0, 40.0, 5), jnp.full(5, GAMMA))

    def log_prob(out):
        std = 1e-3 + jax.nn.softplus(out[:, 1])
        return jax.scipy.stats.norm.logpdf(target.mean, out[:, 0], std).sum()

    got = jax.grad(lambda x: RETURNS.loss(x, x, target).sum())(out)
    np.testing.assert_allclose(got, -jax.grad(log_prob)(out), rtol=1e-4)


def test_the_policy_climbs_the_mean_less_beta_deviations(run):
    hp, built, learner, batch = run
    after = actor_critic.actor_step(built, hp, KEY, learner, batch)
    key_net, key_sample, _, key_out = jax.random.split(KEY, 4)
    out = built.policy.apply(learner.params["actor"], key_net, batch.obs)
    action, log_prob = built.head.sample(key_sample, out)
    mu, s = split(built.critics.apply(learner.params["critic"], key_out, batch.obs, action)[0])
    alpha = hp.temperature(learner.temperature)
    want = (alpha * log_prob - (mu - 0.25 * s)).mean()
    np.testing.assert_allclose(after[1]["actor_loss"], want, rtol=1e-4)


def fitted(beta, noise, reward, discount, following):
    """A table of Gaussians after descent on drawn rewards; `following[i]` comes after state i."""
    returns = Gaussian(clip=jnp.inf, eps=0.0, floor=1e-3, draw=0.0, caution=beta)
    optimiser, num = optax.adam(optax.linear_schedule(0.03, 0.0, 2_000)), 128

    def step(carried, key):
        out, opt_state = carried
        drawn = reward[:, None] + noise[:, None] * jax.random.normal(key, (reward.size, num))
        after = jnp.repeat(out[following][:, None], num, 1)
        d = jnp.repeat(discount[:, None], num, 1)
        target = jax.lax.stop_gradient(returns.backup(key, after, drawn, d))

        def loss(out):
            return returns.loss(out[:, None], out, target).mean(-1).sum()

        change, opt_state = optimiser.update(jax.grad(loss)(out), opt_state)
        return (optax.apply_updates(out, change), opt_state), ()

    start = jnp.zeros((reward.size, 2))
    keys = jax.random.split(KEY, 2_000)
    return returns, jax.lax.scan(step, (start, optimiser.init(start)), keys)[0][0]


def test_values_of_a_noisy_chain_fall_with_beta_as_by_hand():
    """mu = r + gamma (mu' - beta s'), and s is the noise of one step, not of the return."""
    noise, reward = jnp.array([1.0, 0.5, 2.0]), jnp.array([0.3, -1.0, 2.0])
    discount = jnp.array([GAMMA, GAMMA, 0.0])
    last = np.inf
    for beta in (0.0, 0.5, 1.0):
        returns, out = jax.jit(fitted)(beta, noise, reward, discount, jnp.array([1, 2, 0]))
        mu = np.zeros(4)
        spread = np.append(noise, 0.0)
        for i in (2, 1, 0):
            after = mu[i + 1] - beta * spread[i + 1] if i < 2 else 0.0
            mu[i] = float(reward[i]) + GAMMA * after
        np.testing.assert_allclose(out[:, 0], mu[:3], atol=0.06)
        np.testing.assert_allclose(returns.std(out), noise, rtol=0.04)
        assert float(out[0, 0]) < last
        last = float(out[0, 0])


def test_the_calm_arm_is_worth_more_from_the_beta_by_hand_on():
    """Arms of mean 1 and 0.5, deviation 1 and 0.2: they are worth the same at beta 0.5 / 0.8."""
    noise, reward, zero = jnp.array([1.0, 0.2]), jnp.array([1.0, 0.5]), jnp.zeros(2)
    even = 0.5 / 0.8
    for beta, best in ((even - 0.12, 0), (even + 0.12, 1)):
        returns, out = jax.jit(fitted)(beta, noise, reward, zero, jnp.array([0, 1]))
        assert int(returns.mean(out).argmax()) == best


@pytest.mark.usual_emitters
def test_without_beta_and_dropout_it_is_distributional_sac_of_one_critic():
    """Rounds of `sac` with a Gaussian that is not cautious and layers that lose nothing."""
    hp = config.configure(
        tiny(stac.stac()),
        {
            "critic.returns.caution": 0.0,
            "critic.net.trunk.drop.rate": 0.0,
            "actor.net.trunk.drop.rate": 0.0,
        },
    )
    net = Plain(NormedMLP())
    returns = Gaussian(clip=jnp.inf, eps=0.0, floor=1e-3, draw=0.0)
    plain = sac.sac(
        actor=Actor(net=net, reduce=First()),
        critic=Critic(net=net, returns=returns, reduce=First(), num=1),
    )
    assert_equal(learned(hp).params, learned(tiny(plain)).params)


def test_dropout_is_of_training_alone(run):
    """Without a key nothing is lost, so the deterministic policy is one function."""
    hp, built, learner, batch = run
    assert isinstance(hp.actor.net.trunk.drop, Dropout)
    heavy = config.configure(hp, {"actor.net.trunk.drop.rate": 0.5})
    built = actor_critic.parts(ENV, heavy)
    apply = built.policy.apply
    calm = [apply(learner.params["actor"], None, batch.obs) for _ in range(2)]
    np.testing.assert_array_equal(*calm)
    lossy = apply(learner.params["actor"], KEY, batch.obs)
    assert np.abs(lossy - calm[0]).max() > 1e-3
