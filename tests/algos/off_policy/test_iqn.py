"""IQN: network, loss and target against numpy, and quantiles that are known."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.off_policy import dqn, iqn
from jaxac.core import replace
from jaxac.heads.returns import Implicit, Quantiles, Value
from jaxac.nets.critic import Plain
from jaxac.ops.value_loss import Huber

from .few import ACTIONS, ENV, NUM, batch, begin, outputs, small, steps, target

FEW = {"returns.num": 4, "returns.num_target": 6, "returns.num_cosines": 5}
HP = small(iqn.iqn(learning_rate=0.05), **FEW)


def relu(x):
    return np.maximum(x, 0.0)


def dense(params, x):
    return x @ np.asarray(params["kernel"]) + np.asarray(params["bias"])


def test_the_network_is_that_of_equation_4():
    """Features times relu(sum_i cos(pi i tau) w_ij + b_j), then two layers, tau by tau."""
    module = HP.returns.layer(ACTIONS)
    features = np.random.default_rng(0).normal(size=(2, 7)).astype(np.float32)
    params = jax.jit(module.init)(jax.random.key(0), features)
    apply = jax.jit(lambda key: module.apply(params, features, rngs={"noise": key}))
    out, layers = np.asarray(apply(jax.random.key(1))), params["params"]
    assert out.shape == (2, ACTIONS, 12)
    names = sorted(layers, key=lambda k: layers[k]["kernel"].shape[1] != 7)
    embed, (after, last) = layers[names[0]], (layers[k] for k in names[1:])
    if after["kernel"].shape[1] == ACTIONS:
        after, last = last, after
    for row in range(2):
        assert (out[row, :, 6:] == out[row, 0, 6:]).all(), "actions share fractions"
        for k in range(6):
            tau = out[row, 0, 6 + k]
            phi = relu(dense(embed, np.cos(np.pi * np.arange(5) * tau)))
            want = dense(last, relu(dense(after, features[row] * phi)))
            np.testing.assert_allclose(out[row, :, k], want, rtol=1e-4, atol=1e-5)
    assert (out[0, 0, 6:] != out[1, 0, 6:]).all(), "rows do not"
    assert (np.asarray(apply(jax.random.key(2)))[..., 6:] != out[..., 6:]).all()


def test_fractions_are_uniform_and_without_a_key_in_the_middles():
    module = Implicit(num=50, num_target=50, num_cosines=2, width=2).layer(1)
    features = jnp.ones((200, 2))
    params = jax.jit(module.init)(jax.random.key(0), features)
    drawn = np.sort(
        np.ravel(module.apply(params, features, rngs={"noise": jax.random.key(1)})[..., 50:])
    )
    np.testing.assert_allclose(drawn, (np.arange(10_000) + 0.5) / 10_000, atol=0.03)
    quiet = module.apply(params, features)[0, 0, 50:]
    np.testing.assert_allclose(quiet, (np.arange(50) + 0.5) / 50, rtol=1e-6)


def test_the_loss_is_that_of_equation_3():
    """The sum over 4 fractions of the mean over 6 targets, in two loops."""
    rng = np.random.default_rng(0)
    value, share = rng.normal(size=(NUM, 6)), rng.uniform(size=(NUM, 6))
    goal, want = 2 * rng.normal(size=(NUM, 6)), np.zeros(NUM)
    for b in range(NUM):
        for i in range(4):
            for j in range(6):
                u = goal[b, j] - value[b, i]
                huber = 0.5 * u**2 if abs(u) <= 1.0 else abs(u) - 0.5
                want[b] += abs(share[b, i] - (u < 0)) * huber / 6
    out = jnp.asarray(np.concatenate([value, share], -1), jnp.float32)
    got = HP.returns.loss(out, out, jnp.asarray(goal, jnp.float32))
    np.testing.assert_allclose(got, want, rtol=1e-4)
    np.testing.assert_allclose(
        HP.returns.error(out, jnp.asarray(goal, jnp.float32)), want, rtol=1e-4
    )


def test_fractions_in_the_middles_have_the_loss_of_qr_dqn():
    rng, middles = np.random.default_rng(1), (np.arange(5) + 0.5) / 5
    value, goal = (jnp.asarray(rng.normal(size=(NUM, 5)), jnp.float32) for _ in range(2))
    out = jnp.concatenate([value, jnp.broadcast_to(middles, (NUM, 5))], -1)
    implicit, fixed = Implicit(num=5, num_target=5), Quantiles(5)
    np.testing.assert_allclose(
        implicit.loss(out, out, goal), fixed.loss(value, value, goal), rtol=1e-5
    )
    np.testing.assert_allclose(implicit.mean(out), fixed.mean(value), rtol=1e-6)
    np.testing.assert_allclose(implicit.std(out), fixed.std(value), rtol=1e-6)
    draws = jax.vmap(lambda key: implicit.sample(key, out))(
        jax.random.split(jax.random.key(0), 4_000)
    )
    np.testing.assert_allclose(draws.mean(0), value.mean(-1), atol=0.1)


def test_the_target_is_that_of_the_paper():
    """The quantiles, as drawn, of the action whose mean is best by the slow copy."""
    learner, data, key = begin(HP), batch(), jax.random.key(3)
    learner = replace(learner, slow=jax.tree.map(lambda x: 1.5 * x, learner.slow))
    got = target(HP, learner, data)
    key_next = jax.random.split(key, 4)[2]
    apply = jax.jit(dqn.parts(ENV, HP).net.apply)
    slow = np.asarray(apply(learner.slow, key_next, data.final_obs))[..., :6]
    online = np.asarray(apply(learner.params, key_next, data.final_obs))[..., :6]
    assert np.abs(slow - online).max() > 0.01
    assert got.shape == (NUM, 6)
    for i in range(NUM):
        best = slow[i, slow[i].mean(-1).argmax()]
        want = float(data.reward[i]) + float(data.discount[i]) * best
        np.testing.assert_allclose(got[i], want, rtol=1e-4, atol=1e-5)


def test_it_finds_the_quantiles_of_the_rewards():
    """One state and action whose rewards are 0, 1, ..., 9: at tau it says about 10 tau - 1/2."""
    data = batch(10)
    data = replace(
        data, obs=jnp.ones_like(data.obs) * data.obs[:1], action=jnp.zeros(10, int),
        reward=jnp.arange(10.0), discount=jnp.zeros(10), weight=jnp.ones(10),
    )  # fmt: skip
    sizes = {"num": 16, "num_target": 16, "num_cosines": 16, "width": 16, "kappa": 0.1}
    hp = small(iqn.iqn(), **{f"returns.{k}": x for k, x in sizes.items()})
    learner, _ = steps(replace(hp, learning_rate=0.01), 1_000, data)
    out = np.asarray(outputs(hp, learner, replace(data, final_obs=data.obs))[0])[0, 0]
    value, share = np.split(out, 2)
    inside = (share > 0.1) & (share < 0.9)
    np.testing.assert_allclose(value[inside], 10 * share[inside] - 0.5, atol=1.2)


def test_an_average_keeps_means_and_pairs_quantiles_by_order():
    value = jnp.array([[[3.0, 1.0]], [[20.0, 40.0]]])
    share = jnp.array([[[0.9, 0.1]], [[0.3, 0.7]]])
    got = Implicit().average(jnp.concatenate([value, share], -1))
    np.testing.assert_allclose(got, [[10.5, 21.5, 0.2, 0.8]], rtol=1e-6)


def test_it_is_dqn_but_for_the_distribution():
    assert iqn.iqn(returns=Value(Huber()), net=Plain()) == dqn.DQN()
    assert begin(HP).step == 0
