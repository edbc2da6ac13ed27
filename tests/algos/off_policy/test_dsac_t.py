"""DSAC-T: gradients in closed form, free of the reward's unit, and DSAC's first version."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import dsac_t, dsac_v1
from jaxac.core import replace
from jaxac.heads.returns import Gaussian
from jaxac.heads.returns.gaussian import Goal
from jaxac.runners import actor_critic

from .short import assert_equal, drawn, learned, target_of, tiny

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def run():
    hp = tiny(dsac_t.dsac_t(), **{"backup.tau": 0.3})
    built, learner, batch = drawn(hp)
    return hp, built, learner, batch, actor_critic.functions(built, hp, learner)


def test_targets_are_those_of_the_paper(run):
    """The critic with the smaller mean, its mean and a draw of it, the temperature's cost."""
    hp, _, learner, batch, nets = run
    got, _, log_prob, both, _ = jax.device_get(target_of(hp, learner, batch, KEY))
    key_draw = jax.random.split(KEY, 3)[2]
    noise = np.clip(jax.random.normal(key_draw, (16,)), -3.0, 3.0)
    for i in range(16):
        q, raw = min((both[e][i] for e in range(2)), key=lambda x: x[0])
        shift = float(batch.reward[i] - batch.discount[i] * nets.alpha * log_prob[i])
        discount, std = float(batch.discount[i]), np.log1p(np.exp(raw))
        np.testing.assert_allclose(got.mean[i], shift + discount * q, rtol=1e-4, atol=1e-4)
        drawn_return = shift + discount * (q + std * noise[i])
        np.testing.assert_allclose(got.sample[i], drawn_return, rtol=1e-4, atol=1e-4)


def test_running_spreads_are_those_of_each_critic(run):
    """The mean of the first batch, then `tau` of each; targets are clipped by what is learned."""
    hp, _, learner, batch, nets = run
    std = np.log1p(np.exp(nets.out(None, batch.obs, batch.action)[..., 1]))
    fresh = hp.backup.init(KEY, None, None, 2)
    first, _ = hp.backup.learn(KEY, fresh, nets, batch)
    np.testing.assert_allclose(first.std, std.mean(1), rtol=1e-5)
    np.testing.assert_allclose(first.var, (std**2).mean(1), rtol=1e-5)
    old = learner.backup
    later, _ = hp.backup.learn(KEY, old, nets, batch)
    np.testing.assert_allclose(later.std, 0.7 * old.std + 0.3 * std.mean(1), rtol=1e-5)
    got = hp.backup(KEY, old, nets, batch)
    np.testing.assert_allclose(got.clip[:, 0], 3.0 * later.std, rtol=1e-5)
    np.testing.assert_allclose(got.scale[:, 0], later.var + 0.1, rtol=1e-5)
    assert int(learner.backup.batches) == learner.step


def gradient(returns, out, goal):
    return jax.grad(lambda out: returns.loss(out, out, goal).sum())(out)


def stretched(raw, by):
    """What a softplus needs for `by` times the deviation that it gives of `raw`."""
    return jnp.log(jnp.expm1(by * jax.nn.softplus(raw)))


def test_steps_do_not_depend_on_the_unit_of_reward():
    """Ten times all rewards and values: ten times the gradient, so Adam's steps are the same.

    With respect to the mean and the deviation; the first version's mean gets a tenth of it.
    """
    rng = np.random.default_rng(1)
    mean, raw = (jnp.asarray(rng.normal(size=(1, 32)), jnp.float32) for _ in range(2))
    target, sample = (mean + jnp.asarray(rng.normal(size=(1, 32)), jnp.float32) for _ in range(2))

    def of(by, fixed):
        std = by * jax.nn.softplus(raw)
        clip, scale = (20.0, 1.0) if fixed else (3.0 * std.mean(), jnp.square(std).mean())
        goal = Goal(by * target, by * sample, jnp.float32(clip), jnp.float32(scale))
        out = jnp.stack([by * mean, stretched(raw, by)], -1)
        slope = gradient(Gaussian(eps=0.0, substitute=1.0), out, goal)
        return slope / jnp.stack([jnp.ones_like(raw), jax.nn.sigmoid(out[..., 1])], -1)

    np.testing.assert_allclose(of(10.0, False), 10.0 * of(1.0, False), rtol=1e-3, atol=1e-4)
    first = of(10.0, True)[..., 0], of(1.0, True)[..., 0]
    np.testing.assert_allclose(first[0], 0.1 * first[1], rtol=1e-3, atol=1e-4)


def test_the_means_gradient_is_the_error_over_the_variance_times_the_weight(run):
    hp, _, learner, batch, nets = run
    goal = hp.backup(KEY, learner.backup, nets, batch)
    out = nets.out(None, batch.obs, batch.action)
    std = np.log1p(np.exp(out[..., 1]))
    want = goal.scale * (out[..., 0] - goal.mean) / (std**2 + 0.1)
    np.testing.assert_allclose(gradient(hp.critic.returns, out, goal)[..., 0], want, rtol=1e-4)


@pytest.mark.usual_emitters
def test_drawn_targets_and_held_spreads_give_the_first_version():
    """One critic, no substitution, weight 1 and DSAC's clipping: bit for bit."""
    base = tiny(dsac_v1.dsac_v1())
    hp = config.configure(
        tiny(dsac_t.dsac_t()),
        {
            "critic.num": 1,
            "critic.returns.substitute": 0.0,
            "backup.reach": 20.0,
            "backup.tau": 0.0,
            "backup.eps": 0.0,
        },
    )
    fresh = learned(hp, num=0)  # with running means that are 1 already, of one batch
    spreads = replace(fresh.backup, batches=jnp.int32(1))
    got, want = learned(hp, learner=replace(fresh, backup=spreads)), learned(base)
    for name in ("params", "slow", "opt_state", "temperature", "step"):
        assert_equal(getattr(got, name), getattr(want, name))
