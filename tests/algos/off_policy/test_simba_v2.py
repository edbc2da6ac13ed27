"""SimbaV2: unit norms, the categorical target, the angle of a step, and its parents as limits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxac import config
from jaxac.algos.off_policy import simba_v2
from jaxac.envs.contract import Box
from jaxac.nets.hypersphere import UNIT, Hypersphere, Spherical
from jaxac.ops.optimiser import SGD, Adam
from jaxac.ops.reward import Bounded, ByReturn
from jaxac.runners import actor_critic

from .short import assert_equal, batch, learned, parts, tiny

CONSTANT = {
    "actor.learning_rate": 3e-3,
    "critic.learning_rate": 3e-3,
    "temperature.learning_rate": 0.0,
    "critic.returns.num": 11,
}
BLOCKS = {"actor.net.trunk.num_blocks": 0, "critic.net.trunk.num_blocks": 1}


@pytest.fixture(scope="module")
def run():
    hp = tiny(simba_v2.simba_v2(), **CONSTANT, **BLOCKS)
    return hp, learned(hp, num=0), learned(hp)


def units(params):
    """The unit weights of a network."""
    found = jax.tree_util.tree_leaves_with_path(params)
    return [np.asarray(x) for path, x in found if path[-1].key == UNIT]


def unit_norms(x, axis=-1):
    np.testing.assert_allclose(np.linalg.norm(x, axis=axis), 1.0, atol=1e-6)


def test_weights_have_norm_one_before_and_after_learning(run):
    _, fresh, learner = run
    for name, num in (("actor", 3), ("critic", 5)):
        found = [units(x.params[name]) for x in (fresh, learner)]
        assert len(found[0]) == num
        for before, after in zip(*found, strict=True):
            unit_norms(before, -2)
            unit_norms(after, -2)
            assert np.abs(before - after).max() > 1e-3


def test_features_have_norm_one_and_a_block_goes_its_share_of_the_way():
    """Eq. 11: share 0 is the network without blocks, share 1 the block's own output."""
    none, one = (Hypersphere(8, n).module(Box((3,))) for n in (0, 1))
    x = 5.0 * jax.random.normal(jax.random.key(0), (6, 3)).at[0].set(0.0)

    @jax.jit
    def features():
        params: Any = one.init(jax.random.key(1), x)["params"]
        still, full = ({**params, "_Scale_2": {"scale": jnp.full(8, s)}} for s in (0.0, 2 / 8**0.5))
        first = {k: params[k] for k in ("_Linear_0", "_Scale_0")}
        found = [one.apply({"params": p}, x) for p in (params, still, full)]
        return params, none.apply({"params": first}, x), *found

    params, first, as_drawn, still, full = jax.tree.map(np.asarray, features())
    for each in (first, as_drawn, still, full):
        unit_norms(each)
    np.testing.assert_allclose(still, first, atol=1e-6)
    y = np.maximum(first @ params["_Linear_1"][UNIT] * params["_Scale_1"]["scale"], 0.0)
    y = y @ params["_Linear_2"][UNIT]
    y /= np.linalg.norm(y, axis=-1, keepdims=True)
    np.testing.assert_allclose(full, y, atol=1e-5)
    half = 0.5 * (first + y)
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    np.testing.assert_allclose(as_drawn, half, atol=1e-5)  # one block begins half way


def test_the_target_is_a_distribution_with_the_bellman_mean(run):
    """Its mean is r + d (Z' - alpha log pi) where no mass leaves the grid."""
    hp, _, learner = run
    hp = config.configure(hp, {"critic.returns.low": -50.0, "critic.returns.high": 50.0})
    data = batch()

    @jax.jit
    def both(learner):
        nets, key = actor_critic.functions(parts(hp), hp, learner), jax.random.key(3)
        key_action, key_out, _ = jax.random.split(key, 3)
        action, log_prob = nets.proposal(key_action, data.final_obs)
        out = nets.slow_out(key_out, data.final_obs, action) * 1e2  # certain, away from the ends
        inner = out.at[:, jnp.array([0, -1])].set(-1e9)
        soft = data.discount * nets.alpha * log_prob
        shift = data.reward - soft
        target = nets.returns.backup(key, inner, shift, data.discount)
        want = shift + data.discount * nets.returns.mean(inner)
        return hp.backup(key, (), nets, data), target, want

    published, target, want = (np.asarray(x) for x in both(learner))
    np.testing.assert_allclose(published.sum(-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(target.sum(-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(target @ np.linspace(-50, 50, 11), want, rtol=1e-4, atol=1e-4)


def test_the_angle_of_a_step_stays_where_that_of_free_weights_decays():
    """Gradients at random across the weight, as those of a scale-free loss are."""

    def angles(optimiser):
        def one(carried, key):
            weight, opt_state = carried
            noise = jax.random.normal(key, weight.shape)
            unit = weight / jnp.linalg.norm(weight)
            grad = (noise - unit * (unit * noise).sum()) / jnp.linalg.norm(weight)
            step, opt_state = optimiser.update({UNIT: grad}, opt_state, {UNIT: weight})
            after: Any = optax.apply_updates({UNIT: weight}, step)
            cosine = (unit * after[UNIT]).sum() / jnp.linalg.norm(after[UNIT])
            return (after[UNIT], opt_state), jnp.arccos(jnp.clip(cosine, -1.0, 1.0))

        weight = jnp.full((64, 1), 0.125)
        start = weight, optimiser.init({UNIT: weight})
        return jax.lax.scan(one, start, jax.random.split(jax.random.key(0), 600))[1]

    kept, free = jax.jit(lambda: [angles(x(0.02)) for x in (Spherical(), Adam(eps=1e-8))])()
    early, late = slice(50, 150), slice(500, 600)
    np.testing.assert_allclose(kept[late].mean() / kept[early].mean(), 1.0, atol=0.1)
    assert free[late].mean() < 0.6 * free[early].mean()


def test_without_unit_weights_the_projection_is_the_inner_optimiser():
    params, grads = {"scale": jnp.array([3.0])}, {"scale": jnp.array([0.5])}
    for inner in (SGD(), Adam()):
        a, b = (
            x(0.1).update(grads, x(0.1).init(params), params)[0] for x in (inner, Spherical(inner))
        )
        assert_equal(a, b)


def test_scaled_discounted_sums_stay_within_the_bound():
    """Over their spread, as `ByReturn` does, or over a fifth of the largest sum if that is more."""
    rng = np.random.default_rng(0)
    reward, done = rng.normal(size=(200, 2)).astype(np.float32), rng.uniform(size=(200, 2)) < 0.05
    rare = reward.copy()
    rare[100, 0] = 100.0
    for rewards, binding in ((reward, False), (rare, True)):
        found = {}
        for name, plan in (("wide", Bounded(1e9)), ("base", ByReturn(1e9)), ("own", Bounded(5.0))):
            stats = plan.update(plan.init(2), rewards, done, 0.9)
            found[name] = np.asarray(plan(stats, rewards))
        total, largest = np.zeros(2), 0.0
        for r, d in zip(found["own"], done, strict=True):
            total = 0.9 * total + r
            largest, total = max(largest, np.abs(total).max()), np.where(d, 0.0, total)
        np.testing.assert_allclose(found["wide"], found["base"], rtol=1e-4)
        if binding:
            np.testing.assert_allclose(largest, 5.0, rtol=1e-4)
        else:
            assert largest < 5.0
            np.testing.assert_allclose(found["own"], found["base"], rtol=1e-4)
