"""Policies and values with a memory, as networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.envs.contract import Box
from jaxac.envs.resets import where
from jaxac.errors import EnvError
from jaxac.heads.categorical import Categorical
from jaxac.nets import Architecture, Recurrent, TwoMemories
from jaxac.nets.memory import GRU, LSTM

T, N = 5, 4
HEAD = Categorical(3)
VIEWS = {"policy": Box((4,)), "critic": Box((6,)), "action_mask": Box((3,), 0, 1, "bool")}
PLANS = {"Recurrent": Recurrent(GRU(5), (6,)), "TwoMemories": TwoMemories(LSTM(5), (6,))}


def observations(*lead):
    rng = np.random.default_rng(len(lead))
    mask = rng.random((*lead, 3)) < 0.5
    mask[..., 0] = True
    numbers = {
        name: rng.normal(size=(*lead, *VIEWS[name].shape)).astype(np.float32)
        for name in ("policy", "critic")
    }
    return {**numbers, "action_mask": mask}


def of(name):
    """The network of a plan on the views that it can serve, random parameters of the shapes that
    `init` gives (which is not compiled), and observations [T, N]."""
    names = VIEWS if name == "TwoMemories" else ("policy", "action_mask")
    net, rng = PLANS[name].build(HEAD, {k: VIEWS[k] for k in names}), np.random.default_rng(0)
    obs = {k: jnp.asarray(observations(T, N)[k]) for k in names}
    like = jax.eval_shape(net.init, jax.random.key(0), jax.tree.map(lambda x: x[0], obs))
    return net, jax.tree.map(lambda x: rng.normal(size=x.shape).astype(x.dtype), like), obs


@pytest.mark.parametrize("name", PLANS)
def test_step_and_scan_of_the_whole_network_agree(name):
    net, params, obs = of(name)
    reset = jnp.asarray(np.random.default_rng(0).random((T, N)) < 0.3)

    def one(params, carry, row):
        obs, reset = row
        *both, carry = net.step(params, where(reset, net.start(N), carry), obs)
        return carry, (*both, carry)

    @jax.jit
    def run(params):
        steps = jax.lax.scan(functools.partial(one, params), net.start(N), (obs, reset))[1]
        return net.scan(params, net.start(N), obs, reset), steps

    at_once, steps = run(params)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), at_once, steps)
    out, value, _ = at_once
    assert out.shape == (T, N, 3) and value.shape == (T, N)
    legal = np.asarray(obs["action_mask"])
    assert np.asarray(jax.nn.softmax(out))[~legal].max() < 1e-12 and not legal.all()


@pytest.mark.parametrize("name", PLANS)
def test_what_depends_on_which_parameters(name):
    net, params, obs = of(name)
    first = jax.tree.map(lambda x: x[0], obs)
    step = jax.jit(net.step)
    out, value, _ = step(params, net.start(N), first)
    changed = set(), set()
    for part in params:
        other = {**params, part: jax.tree.map(lambda x: x / 2 + 0.1, params[part])}
        for names, old, new in zip(
            changed, (out, value), step(other, net.start(N), first), strict=False
        ):
            names |= {part} if (np.asarray(old) != np.asarray(new)).any() else set()
    stems = ("policy", "critic" if name == "TwoMemories" else "policy")
    assert changed == ({stems[0], "out"}, {stems[1], "value"})


def test_a_common_memory_is_not_for_a_value_that_sees_more():
    assert all(isinstance(plan, Architecture) for plan in PLANS.values())
    with pytest.raises(EnvError, match=r"Recurrent has one memory.*use TwoMemories"):
        PLANS["Recurrent"].build(HEAD, VIEWS)


def test_the_initial_policy_is_nearly_uniform():
    net = Recurrent().build(HEAD, Box((7,)))
    obs = jnp.asarray(3.0 * np.random.default_rng(0).normal(size=(64, 7)), jnp.float32)
    out, value, _ = jax.jit(lambda k: net.step(net.init(k, obs), net.start(64), obs))(
        jax.random.key(0)
    )
    probabilities = np.asarray(jax.nn.softmax(out))
    assert 0.0 < abs(probabilities - 1.0 / 3.0).max() < 0.01 and np.std(value) > 0.05
