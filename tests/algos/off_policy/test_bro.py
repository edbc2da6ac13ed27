"""BRO: its network, the optimist against numpy, resets, and SAC as its limit."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import bro
from jaxac.core import replace
from jaxac.envs.contract import Box
from jaxac.errors import ConfigError
from jaxac.heads.reparameterised import Deterministic
from jaxac.heads.returns import Categorical
from jaxac.nets.bronet import BroNet
from jaxac.ops.after import Nothing, Resets
from jaxac.runners import actor_critic, optimistic
from jaxac.runners.actor_critic import ActorCritic

from .short import ENV, assert_equal, batch, tiny

SMALL = {
    "critic.returns.num": 3,
    "actor.net.trunk.num_blocks": 0,
    "critic.net.trunk.num_blocks": 1,
    "optimist.trunk.num_blocks": 0,
    "optimist.weight_rate": 0.1,
    "after": Nothing(),  # which compiles sooner; the probes are trained with resets
}


@pytest.fixture(scope="module")
def run():
    """Learners before, and after a round of BRO and of its base; what the optimist sees."""
    hp, data, key = tiny(bro.bro(), **SMALL), batch(), jax.random.key(1)
    batches = jax.tree.map(lambda x: x[None], data)
    base = ActorCritic(**{f.name: getattr(hp, f.name) for f in dataclasses.fields(ActorCritic)})

    @jax.jit
    def program():
        built = optimistic.build(ENV, hp)
        fresh = optimistic.begin(built, jax.random.key(0), hp, data.obs)
        first, metrics, _ = optimistic.learn(built, key, fresh, hp, batches)
        key_base = jax.random.split(key, 3)[0]
        parent = actor_critic.one_round(built.base, key_base, fresh, base, batches)[0]
        return fresh, first, metrics, parent

    @jax.jit
    def optimist(learner):
        """What the optimist sees, in a step from `learner`."""
        built, params = optimistic.build(ENV, hp), learner.params
        key_action, key_out = jax.random.split(jax.random.split(key, 3)[1])
        mean, std, shift = optimistic.shifted(built, params, params["optimist"], data.obs)
        action = optimistic.tried(hp, key_action, mean, std, shift)
        noise = jax.random.normal(key_action, mean.shape)
        out = built.base.critics.apply(params["critic"], key_out, data.obs, action)
        return mean, std, shift, action, noise, out

    return *program(), optimist


def norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def test_the_network_is_that_of_the_paper():
    """One layer and two blocks in numpy."""
    module, x = BroNet(4, 2).module(Box((3,))), np.random.default_rng(0).normal(size=(5, 3))

    @jax.jit
    def features():
        variables: Any = module.init(jax.random.key(1), x)
        return variables["params"], module.apply(variables, x)

    p, got = jax.tree.map(np.asarray, features())
    w = [p[f"Dense_{i}"]["kernel"] for i in range(5)]
    z = np.maximum(norm(x @ w[0]), 0.0)
    for i in (1, 3):
        z = z + norm(np.maximum(norm(z @ w[i]), 0.0) @ w[i + 1])
    np.testing.assert_allclose(got, z, atol=1e-4)


def test_the_policy_and_the_critics_learn_as_in_sac(run):
    """With the same network, quantiles and mean of both; the optimist changes nothing of theirs."""
    fresh, first, _, parent, _ = run
    for name in ("actor", "critic"):
        assert_equal(first.params[name], parent.params[name])
    assert_equal((first.slow, first.temperature), (parent.slow, parent.temperature))
    assert_equal(parent.params["optimist"], fresh.params["optimist"])
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max() > 0, first.params, fresh.params)
    assert all(jax.tree.leaves(moved["optimist"]))


def test_the_optimist_climbs_the_upper_bound_and_stays_close(run):
    """Its loss from means, spreads and both critics' quantiles, and the way of both weights."""
    fresh, first, metrics, parent, optimist = run
    before = replace(parent, params={**parent.params, "optimist": fresh.params["optimist"]})
    mean, std, shift, action, noise, out = (np.asarray(x) for x in optimist(before))
    np.testing.assert_allclose(action, np.tanh(mean + shift + 0.75 * std * noise), rtol=1e-5)
    upper = 0.5 * (out[0] + out[1]) + 1.0 * 0.5 * np.abs(out[0] - out[1])
    divergence = (np.square(shift) / (2 * np.square(std))).sum(-1).mean()
    np.testing.assert_allclose(
        metrics["optimist_loss"], 0.25 * divergence - upper.mean(-1).mean(), rtol=1e-4
    )
    np.testing.assert_allclose(metrics["divergence"], divergence, rtol=1e-4)  # one dimension
    weights = {k: float(optimistic.bounded(x)) for k, x in first.params["weights"].items()}
    way = np.sign(divergence - 0.05)
    assert way * (weights["optimism"] - 1.0) < 0 < way * (weights["divergence"] - 0.25)
    np.testing.assert_allclose(optimistic.bounded(optimistic.unbounded(0.25)), 0.25, rtol=1e-4)


def test_everything_is_forgotten_when_it_is_due_and_in_that_run_alone(run):
    """Steps 1, 2 and 3 side by side, after rounds of one step and of two; the count goes on."""
    fresh, first, *_ = run

    @jax.jit
    def after(size, steps):
        def one(step):
            learner = replace(first, step=step)
            return Resets((2,))(jax.random.key(0), learner, lambda key: fresh, step - size)

        return jax.vmap(one)(steps)

    for size, due in ((1, (False, True, False)), (2, (False, True, True))):
        found = after(size, jnp.arange(1, 4))
        np.testing.assert_array_equal(found.step, [1, 2, 3])
        for i, forgotten in enumerate(due):
            want = fresh if forgotten else first
            got = jax.tree.map(lambda x, i=i: x[i], found)
            assert_equal(replace(got, step=0), replace(want, step=0))


def test_what_it_cannot_serve_is_refused():
    hp = bro.bro()
    for changed, name in (
        (replace(hp, actor=replace(hp.actor, actions=Deterministic())), "Stochastic"),
        (replace(hp, critic=replace(hp.critic, returns=Categorical())), "quantiles"),
    ):
        with pytest.raises(ConfigError, match=name):
            optimistic.build(ENV, changed)
