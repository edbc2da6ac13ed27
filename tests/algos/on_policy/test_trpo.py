"""TRPO and NPG against an explicit Fisher matrix, and at their limits."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxac.algos.on_policy import trpo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.errors import ConfigError
from jaxac.nets import SharedTrunk
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.advantage import Unscaled
from jaxac.ops.line_search import Backtrack, Whole
from jaxac.runners import advantage
from jaxac.runners.advantage import Batch, Rollout

ENV = as_env(mdp.random_walk(5), "walk", time_limit=100)
NUM, RADIUS = 64, 1e-6
HP = trpo.npg(
    net=ActorCritic(hidden=()), max_kl=RADIUS, damping=1e-3, num_products=40,
    num_envs=4, num_steps=8, num_epochs=2, num_minibatches=2, num_updates=1, eval_episodes=2,
)  # fmt: skip
BUILT = advantage.parts(ENV, HP)
ROLLOUT = Rollout(
    cast(Any, None), (), (), lambda obs: obs, lambda params, stats: (stats, BATCH, {})
)


def drawn():
    """Parameters of a linear softmax policy, and a batch [1, NUM] of its actions."""
    rng = np.random.default_rng(0)
    obs = jnp.asarray(np.eye(5, dtype=np.float32)[rng.integers(5, size=(1, NUM))])
    params = BUILT.net.init(jax.random.key(1), obs[0])
    flat, shaped = ravel_pytree(params)
    params = shaped(2.0 * flat + jnp.asarray(2.0 * rng.normal(size=flat.shape), jnp.float32))
    out = BUILT.net.scan(params, (), obs, None)[0]
    action = BUILT.head.sample(jax.random.key(2), out)
    gain = jnp.asarray(rng.normal(size=(1, NUM)), jnp.float32)
    log_prob = BUILT.head.log_prob(out, action)
    return params, Batch(obs, action, None, log_prob, 0.0 * gain, gain, gain)


PARAMS, BATCH = drawn()


def stepped(hp, batch=BATCH):
    """The change of all parameters in one vector, and metrics."""
    params, metrics = jax.jit(lambda hp: trpo.policy_step(BUILT, hp, PARAMS, ROLLOUT, batch))(hp)
    return np.asarray(ravel_pytree(params)[0] - ravel_pytree(PARAMS)[0]), metrics


def test_the_step_is_the_natural_gradient_of_an_explicit_fisher_matrix():
    flat, shaped = ravel_pytree(PARAMS)
    out = lambda x: BUILT.net.scan(shaped(x), (), BATCH.obs[0], None)[0]  # noqa: E731
    slope = np.asarray(jax.jacobian(out)(flat), np.float64)  # [NUM, A, P]
    prob = np.asarray(jax.nn.softmax(out(flat)), np.float64)
    middle = np.einsum("ba,ac->bac", prob, np.eye(2)) - np.einsum("ba,bc->bac", prob, prob)
    fisher = np.einsum("bap,bac,bcq->pq", slope, middle, slope) / NUM
    fisher += HP.damping * np.eye(len(flat))
    gain = np.asarray(BATCH.advantage[0], np.float64)
    gain = (gain - gain.mean()) / gain.std()
    score = np.eye(2)[np.asarray(BATCH.action[0])] - prob
    direction = np.linalg.solve(fisher, np.einsum("b,ba,bap->p", gain, score, slope) / NUM)
    want = direction * np.sqrt(2.0 * RADIUS / (direction @ fisher @ direction))
    moved, _ = stepped(HP)
    np.testing.assert_allclose(moved, want, atol=0.01 * np.abs(want).max())
    assert np.abs(want).max() > 1e-4


def test_a_tiny_step_has_the_kl_that_was_asked_for():
    _, metrics = stepped(replace(HP, damping=0.0, max_kl=1e-4))
    np.testing.assert_allclose(metrics["kl"], 1e-4, rtol=0.05)


def test_where_the_whole_step_is_accepted_trpo_is_the_natural_gradient():
    whole, _ = stepped(HP)
    searched, metrics = stepped(replace(HP, line_search=Backtrack()))
    np.testing.assert_array_equal(searched, whole)
    assert metrics["share_of_step"] == 1.0


def test_the_search_keeps_to_the_radius_where_the_whole_step_would_leave_it():
    """Actions that a sharp policy seldom takes are good: its KL grows ever faster."""
    out = BUILT.net.scan(PARAMS, (), BATCH.obs, None)[0]
    rare = replace(BATCH, advantage=jnp.where(BATCH.action == out.argmin(-1), 1.0, -0.1))
    hp = replace(HP, damping=0.0, max_kl=0.1)
    _, left = stepped(hp, rare)
    _, kept = stepped(replace(hp, line_search=Backtrack()), rare)
    assert left["kl"] > 0.1 >= kept["kl"] > 0.05 and 0.0 < kept["share_of_step"] < 1.0


def test_without_advantages_nothing_moves():
    same = replace(BATCH, advantage=jnp.zeros((1, NUM)))
    params, _ = trpo.policy_step(BUILT, HP, PARAMS, ROLLOUT, same)
    np.testing.assert_array_equal(ravel_pytree(params)[0], ravel_pytree(PARAMS)[0])


@pytest.mark.parametrize("scale", [1e-10, 1e-12, 10**-13.75, 1e-20])
def test_a_gradient_next_to_nothing_leaves_the_parameters_finite(scale):
    hp = replace(HP, advantage=Unscaled(), line_search=Backtrack())
    moved, _ = stepped(hp, replace(BATCH, advantage=scale * BATCH.advantage))
    assert np.isfinite(moved).all()


def test_backtracking_takes_the_largest_accepted_share():
    search = Backtrack(decay=0.5, num=4)
    assert search(lambda share: share <= 0.3) == 0.25
    assert search(lambda share: share <= 1.0) == 1.0
    assert search(lambda share: share < 0.1) == 0.0
    assert Whole()(lambda share: share < 0.0) == 1.0


def test_the_critics_epochs_leave_the_policy_alone():
    made = trpo.make(ENV)
    init, chunk = jax.jit(made.init), jax.jit(made.chunk)
    found = []
    for rate in (0.0, 0.1):
        state, _ = chunk(init(jax.random.key(0), replace(HP, learning_rate=rate)))
        found.append(state.learner.params["params"])
    still, fitted = found
    jax.tree.map(np.testing.assert_array_equal, still["head"], fitted["head"])
    assert np.abs(still["value"]["kernel"] - fitted["value"]["kernel"]).max() > 0.01


def test_a_shared_trunk_is_refused():
    with pytest.raises(ConfigError, match="same trunk"):
        trpo.make(ENV).init(jax.random.key(0), replace(HP, net=SharedTrunk(hidden=(4,))))
