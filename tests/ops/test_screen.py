"""What a step would do is foreseen to second order, and samples beyond bounds are left out."""

import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import capo, ppo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.envs import Box, Discrete
from jaxac.heads import Default
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.advantage import Unscaled
from jaxac.ops.screen import Curvature
from jaxac.ops.surrogate import Ratio
from jaxac.runners import advantage
from jaxac.runners.advantage import Batch, Learner, Rollout
from jaxac.runners.on_policy import Trajectory

BATCH, SIZE = 7, 4
WIDE = Curvature(least=-np.inf, kl=np.inf)


def functions(space: Any):
    """Gain and KL of random samples, the parameters of their distributions, and what made them."""
    head = Default()(space)
    rng = np.random.default_rng(0)
    size = SIZE if isinstance(space, Discrete) else 2 * SIZE
    out = jnp.asarray(rng.normal(size=(BATCH, size)), jnp.float32)
    action = head.sample(jax.random.key(0), out)
    advantage = jnp.asarray(rng.normal(size=BATCH), jnp.float32)
    old = head.log_prob(out, action)

    def gain(x):
        return Ratio()(head.log_prob(x, action) - old, advantage)

    return gain, functools.partial(head.kl, out), out, action, advantage


@pytest.mark.parametrize(
    "space", [Discrete(SIZE), Box((SIZE,), -1.0, 1.0)], ids=["Discrete", "Box"]
)
def test_what_a_small_step_does_is_foreseen_but_for_third_order(space):
    gain, kl, out, _, _ = functions(space)
    d = jax.grad(lambda x: gain(x).sum())(out)

    def error(reach):
        change, moved = Curvature(reach=reach).foreseen(gain, kl, out)
        after = out + reach * d
        return np.abs(change - (gain(after) - gain(out))).max(), np.abs(moved - kl(after)).max()

    with jax.enable_x64(True):
        far, near = error(0.1), error(0.05)
    for big, small in zip(far, near, strict=True):
        assert small < 0.2 * big, "halving a step makes an error of third order an eighth"


def test_of_a_softmax_it_is_the_papers_formula():
    gain, kl, out, action, worth = functions(Discrete(SIZE))
    change, moved = Curvature(reach=0.3).foreseen(gain, kl, out)
    for i in range(BATCH):
        p = np.exp(out[i] - np.logaddexp.reduce(out[i]))
        v = np.eye(SIZE)[action[i]] - p
        u = 0.3 * float(worth[i]) * v
        fisher = np.diag(p) - np.outer(p, p)
        bend = float(worth[i]) * ((v @ u) ** 2 - u @ fisher @ u)
        np.testing.assert_allclose(change[i], u @ u / 0.3 + 0.5 * bend, rtol=1e-4)
        np.testing.assert_allclose(moved[i], 0.5 * u @ fisher @ u, rtol=1e-4)


def test_samples_beyond_a_bound_weigh_nothing_and_others_all():
    gain, kl, out, _, _ = functions(Discrete(SIZE))
    change, moved = (np.sort(x) for x in WIDE.foreseen(gain, kl, out))
    for screen, kept in (
        (WIDE, BATCH),
        (replace(WIDE, kl=0.5 * (moved[2] + moved[3])), 3),
        (replace(WIDE, least=0.5 * (change[1] + change[2])), BATCH - 2),
        (replace(WIDE, most=0.5 * (change[1] + change[2])), 2),
    ):
        weight, told = screen(gain, kl, out)
        assert set(np.unique(weight)) <= {0.0, 1.0} and weight.sum() == kept
        np.testing.assert_allclose(told["screened_fraction"], 1.0 - kept / BATCH, atol=1e-6)


def test_illegal_actions_leave_what_is_foreseen_finite():
    head: Any = Default()(Discrete(3))
    out = head.mask(jnp.zeros((2, 3)), jnp.asarray([[True, True, False], [True, False, False]]))

    def gain(x):
        return head.log_prob(x, jnp.asarray([1, 0]))

    change, moved = Curvature().foreseen(gain, functools.partial(head.kl, out), out)
    assert np.isfinite(change).all() and np.isfinite(moved).all()
    assert change[0] > 0.0 and change[1] == 0.0, "the only legal action cannot gain"


def test_within_wide_bounds_it_is_ppo():
    env = as_env(mdp.random_walk(5), "walk", time_limit=100)
    small = dict(net=ActorCritic(hidden=()), num_envs=4, num_steps=8, num_updates=3)
    algorithm = ppo.make(env)

    def learned(hp):
        state = algorithm.init(jax.random.key(0), hp, env.params)
        return jax.tree.leaves(jax.jit(algorithm.chunk)(state)[0].learner.params)

    want = learned(ppo.PPO(**small))
    for x, y in zip(want, learned(capo.capo(**small, screen=WIDE)), strict=True):
        np.testing.assert_array_equal(x, y)
    narrow = learned(capo.capo(**small, screen=Curvature(kl=1e-6)))
    assert any(np.abs(x - y).max() > 0.0 for x, y in zip(want, narrow, strict=True))


def test_a_sample_that_is_left_out_cannot_make_the_loss_infinite():
    """Of a ratio beyond float32, with a negative advantage, which the clip does not cut."""
    env = as_env(mdp.random_walk(5), "walk", time_limit=100)
    hp = capo.capo(
        net=ActorCritic(hidden=()), num_envs=2, num_steps=1, num_epochs=1, num_minibatches=1,
        advantage=Unscaled(),
    )  # fmt: skip
    built = advantage.parts(env, hp)
    obs, action = jnp.eye(5)[None, :2], jnp.asarray([[0, 1]])
    params = built.net.init(jax.random.key(0), obs[0])
    log_prob = built.head.log_prob(built.net.scan(params, (), obs, None)[0], action)
    old = log_prob - jnp.asarray([[0.0, 99.0]])
    gain = jnp.asarray([[1.0, -1.0]])
    batch = Batch(obs, action, None, old, 0.0 * gain, gain, 0.0 * gain)
    traj = cast(Any, Trajectory)(obs, action, old, None, None)
    rollout = Rollout(traj, (), (), lambda x: x, lambda params, stats: (stats, batch, {}))
    memory = ppo.remember(jax.random.key(0), hp, params, obs)
    learner = Learner(params, built.optimiser.init(params), memory)
    after, _, told = ppo.learn(built, hp, jax.random.key(1), learner, rollout)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(after.params))
    assert told["screened_fraction"] == 0.5 and np.isfinite(told["policy_loss"])
