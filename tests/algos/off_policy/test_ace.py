"""ACE: planted effects are found, entropy follows them, resets follow dormant neurons."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac.algos.off_policy import ace, sac
from jaxac.core import replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box, Env
from jaxac.errors import ConfigError
from jaxac.heads.range import Range
from jaxac.heads.reparameterised import Deterministic, TanhNormal, Weighed
from jaxac.ops.after import DormantReset, Nothing, dormant
from jaxac.ops.backup import Causal
from jaxac.ops.optimiser import Adam, Last, Remembering
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, Learner

from .short import assert_close, assert_equal, tiny

KEY, NUM, SIZE = jax.random.key(0), 32, 3
ENV = Env("three", None, None, (), Box((2,)), Box((SIZE,), -1.0, 1.0), lambda params: 1)  # pyright: ignore[reportArgumentType]
PLANTED = np.array([2.0, -0.7, 0.0], np.float32)
HEAD = TanhNormal(Range((-1.0,) * SIZE, (1.0,) * SIZE, (SIZE,)))


def batches(count, effect=PLANTED, seed=0):
    """Actions that follow the state, which has an effect of its own on the reward."""
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(count, NUM, 2)).astype(np.float32) + 5.0
    action = np.tanh(rng.normal(size=(count, NUM, SIZE)) + obs[..., :1] - 5.0).astype(np.float32)
    reward = action @ effect + 1.5 * obs[..., 0] + 0.1 * rng.normal(size=(count, NUM))
    one = np.ones((count, NUM), np.float32)
    return jax.tree.map(
        jnp.asarray, Batch(obs, action, reward.astype(np.float32), 0.9 * one, obs, one, one * 0)
    )


@jax.jit
def known(plan, memory, data):
    """What is known after batches, and the effects by it."""
    learn = jax.lax.scan(lambda m, b: (plan.learn(KEY, m, None, b)[0], ()), memory, data)[0]
    return learn, plan.effects(learn.cov)


def test_planted_effects_are_found_and_followed_when_they_change():
    """As least squares has it of all rows at once; a short window forgets what was before."""
    data, plan = batches(40), Causal(window=1e9, ridge=1e-6)
    first = plan.init(KEY, data.obs[0], data.action[0], 2)
    memory, effects = known(plan, first, data)
    rows = np.asarray(jnp.concatenate([data.obs, data.action, data.reward[..., None]], -1))
    rows = rows.reshape(-1, rows.shape[-1])
    np.testing.assert_allclose(memory.cov, np.cov(rows.T, bias=True), rtol=1e-3, atol=1e-4)
    apart = rows - rows.mean(0)
    want = np.linalg.lstsq(apart[:, :-1], apart[:, -1], rcond=None)[0]
    np.testing.assert_allclose(effects, want, atol=2e-3)
    np.testing.assert_allclose(effects[2:], PLANTED, atol=0.02)
    size = np.exp(np.abs(want[2:]))
    np.testing.assert_allclose(memory.weight, SIZE * size / size.sum(), rtol=1e-2)
    short = replace(plan, window=4.0 * NUM)
    _, effects = known(short, memory, batches(40, PLANTED[::-1], 1))
    np.testing.assert_allclose(effects[2:], PLANTED[::-1], atol=0.05)


def test_a_number_that_never_changes_has_no_effect():
    data = batches(4)
    data = replace(data, action=data.action.at[..., 1].set(0.3), obs=data.obs * 0.0)
    plan = Causal()
    memory, effects = known(plan, plan.init(KEY, data.obs[0], data.action[0], 2), data)
    np.testing.assert_allclose(np.asarray(effects)[[0, 1, 3]], 0.0, atol=1e-6)
    np.testing.assert_allclose(memory.weight.sum(), SIZE, rtol=1e-5)


def test_log_probabilities_are_weighed_by_dimension():
    out, weight = 0.5 * jax.random.normal(KEY, (7, 2 * SIZE)), jnp.array([0.5, 2.0, 0.0])
    action, got = jax.jit(lambda out: Weighed(HEAD, weight).sample(KEY, out))(out)
    same, whole = jax.jit(lambda out: HEAD.sample(KEY, out))(out)
    np.testing.assert_allclose(action, same, rtol=1e-6)
    mean, log_std = np.split(np.asarray(out, np.float64), 2, -1)
    u = np.arctanh(np.asarray(action, np.float64))
    each = -0.5 * ((u - mean) / np.exp(log_std)) ** 2 - log_std - 0.5 * np.log(2 * np.pi)
    each -= np.log(1.0 - np.tanh(u) ** 2)
    inside = (np.abs(u) < 3.0).all(-1)  # where arctanh is exact enough
    np.testing.assert_allclose(got[inside], (each @ np.asarray(weight))[inside], rtol=2e-3)
    np.testing.assert_allclose(whole[inside], each.sum(-1)[inside], rtol=2e-3)


def test_dimensions_that_matter_more_keep_more_entropy():
    """A policy that climbs -|a|^2, alike in all dimensions, with weights 2, 1 and 0.2."""
    head, optimiser = Weighed(HEAD, jnp.array([2.0, 1.0, 0.2])), optax.adam(0.03)

    def step(carried, key):
        def loss(out):
            action, log_prob = head.sample(key, jnp.broadcast_to(out, (256, 2 * SIZE)))
            return (0.2 * log_prob + jnp.square(action).sum(-1)).mean()

        out, opt_state = carried
        change, opt_state = optimiser.update(jax.grad(loss)(out), opt_state)
        return (optax.apply_updates(out, change), opt_state), ()

    out = jnp.zeros(2 * SIZE)
    run = jax.jit(lambda x: jax.lax.scan(step, x, jax.random.split(KEY, 300))[0])
    log_std = run((out, optimiser.init(out)))[0][SIZE:]
    assert log_std[0] > log_std[1] + 0.2 > log_std[2] + 0.6


@functools.partial(jax.jit, static_argnums=1)
def after_a_round(hp, learn, weight=None):
    """A learner after its first round, and metrics; `weight` is what is known before it."""
    data, built = batches(1), actor_critic.parts(ENV, hp)
    learner = actor_critic.begin(built, KEY, hp, data.obs[0])
    if weight is not None:
        learner = replace(learner, backup=learner.backup._replace(weight=weight))
    return learn(built, KEY, learner, hp, data)[:2]


def test_with_weights_alike_it_is_sac():
    hp = tiny(ace.ace(), **{"backup.sharpness": 0.0, "after": Nothing()})
    alike = jnp.ones(SIZE)
    got, metrics = after_a_round(hp, ace.learn, alike)
    want, _ = after_a_round(tiny(sac.sac()), actor_critic.one_round)
    for a, b in ((got.params, want.params), (got.slow, want.slow)):
        assert_close(a, b, rtol=1e-3, atol=1e-5)
    assert_close(got.opt_state["actor"][1], want.opt_state["actor"], rtol=1e-2, atol=1e-5)
    np.testing.assert_allclose(got.temperature[0], want.temperature[0], rtol=1e-5)
    np.testing.assert_allclose(metrics["largest_weight"], 1.0, rtol=1e-6)
    uneven = jnp.array([2.9, 0.1, 0.0])
    other, metrics = after_a_round(replace(hp, backup=Causal()), ace.learn, uneven)
    assert metrics["largest_weight"] > 1.5
    for name in ("actor", "critic"):
        with pytest.raises(AssertionError):
            assert_close(other.params[name], want.params[name], rtol=1e-3, atol=1e-5)


def test_resets_go_as_far_as_neurons_are_dormant_and_only_when_due():
    """Two of the eight neurons of a gradient made by hand, so a quarter of the way."""
    params = {"actor": jnp.arange(3.0), "critic": jnp.ones(2)}
    slow = {"actor": (), "critic": jnp.zeros(2)}
    learner = Learner(params, {"critic": jnp.ones(2)}, slow, (), (), jnp.int32(2))
    kernel = jnp.ones((4, 6)).at[:, 0].set(0.01).at[:, 3].set(0.0)
    grads = {"a": {"kernel": kernel, "bias": jnp.zeros(6)}, "b": {"kernel": jnp.full((6, 2), 9.0)}}
    np.testing.assert_allclose(dormant(grads, 0.05), 0.25)
    np.testing.assert_allclose(dormant(grads, 0.001), 0.125)
    asleep, awake = (
        replace(learner, opt_state={**learner.opt_state, "actor": (Last(g), ())})
        for g in (grads, {"a": {"kernel": jnp.ones((4, 6))}})
    )
    new = jax.tree.map(lambda x: x - 7, asleep)
    reset = jax.jit(
        lambda every, learner: DormantReset(every)(KEY, learner, lambda key: new, learner.step - 1)
    )
    got = reset(2.0, asleep)
    want = jax.tree.map(lambda a, b: 0.75 * a + 0.25 * b, learner.params, new.params)
    assert_close(got.params, want, rtol=1e-5)
    want = jax.tree.map(lambda a, b: 0.75 * a + 0.25 * b, learner.slow, new.slow)
    assert_close(got.slow, want, rtol=1e-5)
    assert_equal(got.opt_state, new.opt_state)
    assert got.step == 2
    assert_equal(reset(3.0, asleep), asleep)  # the learner is at step 2
    got = jax.jit(
        lambda learner: DormantReset(2.0)(KEY, learner, lambda key: learner, jnp.int32(1))
    )(awake)
    assert_equal(got.params, learner.params)


def test_the_last_gradient_is_remembered():
    params, grads = {"x": jnp.ones(3)}, {"x": jnp.arange(3.0)}
    plan, plain = Remembering()(0.1), Adam(eps=1e-8)(0.1)
    step, (last, state) = plan.update(grads, plan.init(params), params)
    want, inner = plain.update(grads, plain.init(params), params)
    assert_equal((step, last.grads, state), (want, grads, inner))


def test_what_resets_and_weights_cannot_be_of_is_refused():
    learner = Learner({}, {"actor": ((), ())}, {}, (), (), jnp.int32(0))
    with pytest.raises(ConfigError, match="Remembering"):
        DormantReset()(KEY, learner, lambda key: learner, jnp.int32(0))
    built = actor_critic.parts(ENV, actor_critic.ActorCritic(actor=Actor(actions=Deterministic())))
    with pytest.raises(ConfigError, match="Stochastic"):
        ace.learn(built, KEY, learner, None, None)
