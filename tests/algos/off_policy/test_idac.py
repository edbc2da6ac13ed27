"""IDAC: bimodal returns from a generator, the entropy bound by quadrature, SAC's policy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac.algos.off_policy import idac
from jaxac.envs import Box
from jaxac.errors import ConfigError
from jaxac.heads.reparameterised import Mixture, TanhNormal
from jaxac.heads.returns import Quantiles, Value
from jaxac.nets.critic import net
from jaxac.nets.implicit import Generator, SemiImplicit
from jaxac.nets.mlp import MLP
from jaxac.runners import actor_critic

from .short import ENV, batch, member, tiny

KEY = jax.random.key(3)
ONE = TanhNormal()


def test_targets_are_the_least_of_sorted_returns():
    """r + d (the least of the k-th smallest returns of both critics - alpha log pi), one by one."""
    hp, data = tiny(idac.idac(), **{"critic.returns.num": 5, "actor.net.num": 2}), batch()
    built = actor_critic.parts(ENV, hp)

    @jax.jit
    def run():
        learner = actor_critic.begin(built, KEY, hp, data.obs)
        nets = actor_critic.functions(built, hp, learner)
        got = hp.backup(KEY, learner.backup, nets, data)
        key_action, key_out, _ = jax.random.split(KEY, 3)
        action, log_prob = nets.proposal(key_action, data.final_obs)
        slow, key_net = learner.slow["critic"], jax.random.split(key_out)[1]
        out = built.critics.apply(slow, key_net, data.final_obs, action)
        alone = [
            built.critics.apply(member(slow, e), None, data.obs, data.action) for e in (0, 0, 1)
        ]
        return got, nets.alpha * log_prob, out, alone

    got, cost, out, alone = run()
    assert out.shape == (2, 16, 5) and (jnp.diff(out) >= 0).all()
    want = np.zeros((16, 5))
    for i in range(16):
        for k in range(5):
            least = min(sorted(map(float, out[e, i]))[k] for e in range(2))
            soft = least - float(cost[i])
            want[i, k] = float(data.reward[i]) + float(data.discount[i]) * soft
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(alone[0], alone[1])
    assert (alone[0] != alone[2]).any()


def test_the_loss_of_sorted_returns_is_least_where_distributions_are_equal():
    returns = Quantiles(51, kappa=1e-3)
    target = jax.scipy.special.ndtri((jnp.arange(51) + 0.5) / 51)
    shifts, stretch = jnp.linspace(-0.5, 0.5, 41), jnp.linspace(0.5, 1.5, 41)[:, None]
    loss = jax.jit(lambda out: returns.loss(out, target, target))
    assert abs(float(shifts[np.argmin(loss(target + shifts[:, None]))])) < 1e-6
    assert abs(float(stretch[np.argmin(loss(stretch * target)), 0]) - 1.0) < 0.06


def test_a_generator_finds_the_bimodal_returns_of_a_chain():
    """Reward 1 or -1 twice, at a discount of 1/2: -1.5, -0.5, 0.5 and 1.5, a quarter each."""
    returns, obs, action = Quantiles(32, kappa=0.05), jnp.ones((2, 1)), jnp.zeros((2, 1))
    last = jnp.repeat(jnp.array([-1.0, 1.0]), 16)[None].repeat(2, 0)
    target = returns.backup(KEY, last, jnp.array([-1.0, 1.0]), jnp.full(2, 0.5))
    generator = net(Generator(MLP((32, 32)), noise=2).critic(Box((1,)), 1, returns), "critic")
    optimiser = optax.adam(optax.linear_schedule(5e-3, 0.0, 2_500))

    def step(carried, key):
        params, opt_state = carried

        def loss(params):
            out = generator.apply(params, key, obs, action)
            return returns.loss(out, out, target).mean()

        change, opt_state = optimiser.update(jax.grad(loss)(params), opt_state)
        return (optax.apply_updates(params, change), opt_state), ()

    @jax.jit
    def train(params):
        start = params, optimiser.init(params)
        params = jax.lax.scan(step, start, jax.random.split(KEY, 2_500))[0][0]
        many = jnp.ones((200, 1)), jnp.zeros((200, 1))
        return generator.apply(params, jax.random.key(1), *many)

    got = np.sort(np.asarray(train(generator.init(KEY, obs, action))).ravel())
    middles = got.reshape(4, -1)[:, 400:1_200].mean(1)  # the middle half of each quarter
    np.testing.assert_allclose(middles, [-1.5, -0.5, 0.5, 1.5], atol=0.12)
    np.testing.assert_allclose(got.mean(), 0.0, atol=0.1)
    np.testing.assert_allclose(got.std(), np.sqrt(1.25), rtol=0.08)


def noisy_out(key, num, draws, log_std):
    """A policy whose mean is standard normal noise: a Gaussian of variance 1 + std^2 in all."""
    mean = jax.random.normal(key, (num, draws, 1))
    return jnp.concatenate([mean, jnp.full_like(mean, log_std)], -1)


def test_the_entropy_bound_comes_to_the_entropy_by_quadrature():
    log_std = -1.0
    scale = np.sqrt(1.0 + np.exp(2 * log_std))
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    u = scale * nodes
    slope = 2.0 * (np.log(2.0) - u - np.logaddexp(0.0, -2.0 * u))
    exact = 0.5 * np.log(2 * np.pi * np.e) + np.log(scale)
    exact += (slope * weights).sum() / weights.sum()
    bounds = []

    @functools.partial(jax.jit, static_argnums=(1, 2))
    def bound(key, num, draws):
        return -Mixture().sample(KEY, noisy_out(key, num, draws, log_std))[1].mean()

    for draws, num in ((1, 50_000), (9, 50_000), (401, 5_000)):
        bounds.append(float(bound(jax.random.key(draws), num, draws)))
    assert (np.diff(bounds) > 0).all()
    assert bounds[0] < exact - 0.3
    np.testing.assert_allclose(bounds[-1], exact, atol=0.03)


def test_one_draw_is_the_gaussian_policy():
    out = jax.random.normal(KEY, (7, 2))
    got, want = Mixture().sample(KEY, out[:, None]), ONE.sample(KEY, out)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(Mixture().mode(out[:, None]), ONE.mode(out))


def test_the_policy_has_noise_with_a_key_and_none_without():
    plan = SemiImplicit(MLP((8,)), num=3)
    policy = net(plan.policy(Box((2,)), Mixture()), "policy")
    obs = jnp.ones((5, 2))
    params = policy.init(KEY, obs)
    out = policy.apply(params, KEY, obs)
    assert out.shape == (5, 4, 2)
    assert len(np.unique(out[..., 0])) == 20, "each row and draw has noise of its own"
    calm = policy.apply(params, None, obs)
    assert calm.shape == (5, 1, 2) and len(np.unique(calm[..., 0])) == 1


def test_only_quantiles_are_generated():
    with pytest.raises(ConfigError, match="Quantiles"):
        Generator().critic(Box((1,)), 1, Value())
