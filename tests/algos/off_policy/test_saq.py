"""SAQ: codecs of actions, exact sums over codes, and DQN on codes that do not move."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import dqn, saq
from jaxac.core import replace, scheduled
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box, Discrete
from jaxac.errors import ConfigError
from jaxac.heads.returns import Value
from jaxac.nets.vq import nearest
from jaxac.ops.codec import VQVAE, Grid
from jaxac.ops.conservative import Conservative, Free
from jaxac.ops.value_loss import Squared

from .few import Table
from .short import ENV, assert_equal, tiny

KEY = jax.random.key(3)


def test_a_grid_holds_every_combination_and_takes_the_next_one():
    grid, rng = Grid(5), np.random.default_rng(0)
    codes = jnp.arange(grid.num(3))
    actions = grid.decode((), None, codes, 3)
    assert len(np.unique(actions, axis=0)) == 125 and grid.num(3) == 125
    np.testing.assert_array_equal(np.unique(actions), [-1.0, -0.5, 0.0, 0.5, 1.0])
    np.testing.assert_array_equal(grid.encode((), None, actions), codes)
    some = rng.uniform(-1, 1, (200, 3)).astype(np.float32)
    code = grid.encode((), None, jnp.asarray(some))
    far = np.square(some[:, None] - np.asarray(actions)).sum(-1)
    np.testing.assert_array_equal(code, far.argmin(-1))
    with pytest.raises(ConfigError, match=r"codec\.bins.*VQVAE"):
        Grid(9).num(6)


def test_the_next_vector_is_the_next_by_distance():
    rng = np.random.default_rng(0)
    book, vector = (rng.normal(size=(n, 4)).astype(np.float32) for n in (7, 50))
    far = np.square(vector[:, None] - book).sum(-1)
    np.testing.assert_array_equal(nearest(jnp.asarray(book), jnp.asarray(vector)), far.argmin(-1))


def test_learned_codes_are_finer_than_as_many_even_ones_where_actions_are_bimodal():
    """Actions about plus or minus half the observation: four codes of either kind."""
    codec = config.configure(
        VQVAE(learning_rate=3e-3), {"net.trunk.hidden": (32,), "net.width": 4, "net.num_codes": 4}
    )
    rng = np.random.default_rng(0)
    obs = rng.uniform(0.2, 1.0, (256, 1))
    action = 0.7 * obs * rng.choice([-1, 1], (256, 1)) + 0.03 * rng.normal(size=(256, 1))
    obs, action = (jnp.asarray(x, jnp.float32) for x in (obs, action))

    @jax.jit
    def train():
        def step(memory, _):
            return codec.learn(memory, obs, action, jnp.ones(256))

        memory, metrics = jax.lax.scan(step, codec.init(KEY, obs, action), length=800)
        code = codec.encode(memory, obs, action)
        return metrics["codec_error"], code, codec.decode(memory, obs, code, 1)

    error, code, again = train()
    even = Grid(4).decode((), obs, Grid(4).encode((), obs, action), 1)
    learned, uniform = (float(np.square(x - action).mean()) for x in (again, even))
    assert learned < 0.2 * uniform
    np.testing.assert_allclose(learned, error[-1], rtol=0.2)
    assert error[-1] < 0.1 * error[0]
    for k in np.unique(code):
        assert len(np.unique(np.sign(action[code == k]))) == 1, "a code is of one mode"


def test_the_penalty_is_the_sum_over_codes_and_its_gradient_their_shares():
    rng = np.random.default_rng(0)
    q, action = rng.normal(size=(5, 6)).astype(np.float32), rng.integers(6, size=5)
    penalty = Conservative(0.7)
    want = [
        0.7 * (np.log(sum(np.exp(q[i, k]) for k in range(6))) - q[i, action[i]]) for i in range(5)
    ]
    np.testing.assert_allclose(penalty(jnp.asarray(q), action), want, rtol=1e-5)
    slope = jax.grad(lambda q: penalty(q, action).sum())(jnp.asarray(q))
    share = np.exp(q) / np.exp(q).sum(-1, keepdims=True)
    np.testing.assert_allclose(slope, 0.7 * (share - np.eye(6)[action]), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(Free()(jnp.asarray(q), action), np.zeros(5))


def batch_of(num=8):
    rng = np.random.default_rng(0)
    obs, final_obs = (jnp.asarray(rng.normal(size=(num, 3)), jnp.float32) for _ in range(2))
    action = jnp.asarray(rng.uniform(-1, 1, (num, 1)), jnp.float32)
    reward = jnp.asarray(rng.normal(size=num), jnp.float32)
    discount = jnp.where(jnp.arange(num) % 3, 0.9, 0.0)
    return Batch(obs, action, reward, discount, final_obs, jnp.ones(num), jnp.arange(num))


@pytest.mark.usual_emitters
def test_on_a_grid_it_is_dqn_on_its_codes():
    """A gradient step, the greedy action and the value, bit for bit; the penalty too."""
    grid = Grid(5)
    hp = scheduled(tiny(replace(saq.saq(), codec=grid)), jnp.zeros(()))
    names = [f.name for f in dataclasses.fields(dqn.DQN)]
    parent = dqn.DQN(**{k: getattr(hp, k) for k in names})
    batch, ours = batch_of(), saq.method(ENV)
    theirs = dqn.method(dataclasses.replace(ENV, action_space=Discrete(5)))
    code = grid.encode((), batch.obs, batch.action)

    def run(method, hp, learner, batch, key):
        batches = jax.tree.map(lambda x: x[None], batch)
        learner, metrics, errors = method.learn(key, learner, hp, batches)
        return learner, metrics["loss"], errors, method.mode(learner, hp, batch.obs)

    @jax.jit
    def both(hp, parent):
        first = theirs.init(KEY, parent, batch.obs)
        got = run(ours, hp, saq.Learner(first, ()), batch, KEY)
        want = run(theirs, parent, first, replace(batch, action=code), KEY)
        return got, want

    (learner, *got, action), (values, *want, best) = both(hp, parent)
    assert_equal((learner.values, got), (values, want))
    np.testing.assert_array_equal(grid.encode((), batch.obs, action), best)


def test_with_fine_codes_values_are_those_of_the_continuous_problem():
    """Two states in turn, reward c - (a - b)^2: the best actions stand in the codes of a grid."""
    grid, gamma, c, b = Grid(41), 0.9, np.array([1.0, -0.5]), np.array([0.3, -0.65])
    state = np.repeat([0, 1], 41)
    action = np.tile(np.asarray(grid.decode((), None, jnp.arange(41), 1)), (2, 1))
    eye, num = np.eye(2, dtype=np.float32), 82
    reward = c[state] - np.square(action[:, 0] - b[state])
    obs, after = jnp.asarray(eye[state]), jnp.asarray(eye[1 - state])
    reward, one = jnp.asarray(reward, jnp.float32), jnp.ones(num)
    batch = Batch(obs, jnp.asarray(action), reward, gamma * one, after, one, jnp.arange(num))
    sizes = {"learning_rate": float(num), "max_grad_norm": np.inf, "optimiser": "SGD"}
    hp = replace(saq.saq(), codec=grid, net=Table(), returns=Value(Squared()), penalty=Free())
    hp = scheduled(config.configure(hp, {**sizes, "slow.every": 1}), jnp.zeros(()))
    env = dataclasses.replace(ENV, observation_space=Box((2,)))
    method = saq.method(env)

    @jax.jit
    def solve(hp):
        def step(learner, key):
            one = jax.tree.map(lambda x: x[None], batch)
            return method.learn(key, learner, hp, one)[0], ()

        learner = method.init(KEY, hp, jnp.asarray(eye))
        learner, _ = jax.lax.scan(step, learner, jax.random.split(KEY, 150))
        return method.value(learner, hp, jnp.asarray(eye)), method.mode(
            learner, hp, jnp.asarray(eye)
        )

    value, best = solve(hp)
    want = (c + gamma * c[::-1]) / (1.0 - gamma**2)
    np.testing.assert_allclose(value, want, rtol=1e-4)
    np.testing.assert_allclose(best[:, 0], b, atol=1e-5)
