import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.envs.contract import Box
from jaxac.heads.categorical import Categorical
from jaxac.nets import MLP, ActorCritic, Architecture, Network, SharedTrunk, TwoTrunks
from jaxac.nets.activation import ELU, GELU, ReLU, SiLU, Tanh

HEAD = Categorical(3)
T, N = 5, 4


def shapes(params):
    flat = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in flat}


def start(plan, obs_shape=(7,)):
    """A network with random parameters of the shapes that `init` gives (which is not compiled)."""
    net, rng = plan.build(HEAD, Box(obs_shape)), np.random.default_rng(0)
    like = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((N, *obs_shape)))
    return net, jax.tree.map(lambda x: rng.normal(size=x.shape).astype(x.dtype), like)


def normal(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def parts_of(net, params, obs):
    """The parts of the parameters that `out` depends on, and those that `value` does."""
    step = jax.jit(net.step)
    out, value, _ = step(params, (), obs)
    changed = set(), set()
    for name in params["params"]:
        other = jax.tree.map(lambda x: x / 2, params["params"][name])
        new = step({"params": {**params["params"], name: other}}, (), obs)
        for names, before, after in zip(changed, (out, value), new, strict=False):
            names |= {name} if (before != after).any() else set()
    return changed


def test_separate_trunks_share_nothing():
    net, params = start(ActorCritic((6, 5)))
    assert sorted(shapes(params).values()) == sorted(
        2 * [(7, 6), (6,), (6, 5), (5,)] + [(5, 3), (3,), (5, 1), (1,)]
    )
    assert parts_of(net, params, normal(N, 7)) == ({"actor", "head"}, {"critic", "value"})


def test_a_shared_trunk_serves_both():
    net, params = start(SharedTrunk((6, 5)))
    assert sorted(shapes(params).values()) == sorted(
        [(7, 6), (6,), (6, 5), (5,), (5, 3), (3,), (5, 1), (1,)]
    )
    assert parts_of(net, params, normal(N, 7)) == ({"trunk", "head"}, {"trunk", "value"})


def test_two_trunks_have_shapes_of_their_own():
    net, params = start(TwoTrunks(MLP((4,)), MLP((9, 8))))
    assert sorted(shapes(params).values()) == sorted(
        [(7, 4), (4,), (7, 9), (9,), (9, 8), (8,), (4, 3), (3,), (8, 1), (1,)]
    )
    out, value, _ = jax.eval_shape(net.step, params, (), normal(N, 7))
    assert (out.shape, value.shape) == ((N, 3), (N,))


@pytest.mark.parametrize(
    ("plan", "obs_shape"),
    [(ActorCritic((6,)), (7,)), (SharedTrunk((6,)), (5, 4, 2)), (SharedTrunk((6,)), ())],
    ids=["separate", "image", "scalar"],
)
def test_outputs_keep_leading_axes_and_step_agrees_with_scan(plan, obs_shape):
    net, params = start(plan, obs_shape)
    obs = normal(T, N, *obs_shape)

    @jax.jit
    def run(params):
        reset = jnp.zeros((T, N), bool)
        one, single = (net.step(params, net.start(N), x) for x in (obs[2], obs[2, 1]))
        return net.scan(params, net.start(N), obs, reset), one, single

    (out, value, carries), one, single = run(params)
    assert (out.shape, value.shape, carries) == ((T, N, 3), (T, N), ())
    assert (one[0].shape, one[1].shape, one[2]) == ((N, 3), (N,), ())
    for mine, at in ((one, 2), (single, (2, 1))):
        np.testing.assert_allclose(mine[0], out[at], atol=1e-5)
        np.testing.assert_allclose(mine[1], value[at], atol=1e-5)


def test_observations_of_whole_numbers_are_taken_as_numbers():
    net, params = start(ActorCritic((6,)))
    obs = jnp.arange(N * 7, dtype=jnp.uint8).reshape(N, 7)
    step = jax.jit(net.step)
    for a, b in zip(step(params, (), obs), step(params, (), obs * 1.0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_initial_policy_is_nearly_uniform_and_the_value_is_not_small():
    net, obs = ActorCritic((32,)).build(HEAD, Box((7,))), 3.0 * normal(64, 7)
    out, value, _ = jax.jit(lambda key: net.step(net.init(key, obs), (), obs))(jax.random.key(0))
    probabilities = np.asarray(jax.nn.softmax(out))
    assert 0.0 < abs(probabilities - 1.0 / 3.0).max() < 0.01
    assert np.std(value) > 0.1  # the value's last layer has gain 1, not 0.01


def test_mlp_by_hand():
    module = MLP((2,), ReLU()).module(Box((1,)))
    params = {
        "params": {"Dense_0": {"kernel": jnp.array([[1.0, 2.0]]), "bias": jnp.array([0.0, -5])}}
    }
    np.testing.assert_array_equal(
        module.apply(params, jnp.array([[3.0], [-1.0]])), [[3, 1], [0, 0]]
    )


def test_activations_are_those_of_jax():
    x = jnp.linspace(-3.0, 3.0, 13)
    pairs = {Tanh(): jnp.tanh, ReLU(): nn.relu, SiLU(): nn.silu, GELU(): nn.gelu, ELU(): nn.elu}
    for op, f in pairs.items():
        np.testing.assert_array_equal(op(x), f(x))


class Echo:
    """A network with memory, by hand: h = tanh(h + w x), out = 2 h, value = sum h."""

    def build(self, head, observation_space):
        del head, observation_space

        def init(key, obs):
            return {"w": jax.random.normal(key, obs.shape[1:])}

        def step(params, carry, obs):
            memory = jnp.tanh(carry + params["w"] * obs)
            return 2.0 * memory, memory.sum(-1), memory

        def scan(params, carry, obs, reset):
            def one(memory, x):
                obs, reset = x
                memory = jnp.where(reset[:, None], 0.0, memory)
                out, value, memory = step(params, memory, obs)
                return memory, (out, value, memory)

            return jax.lax.scan(one, carry, (obs, reset))[1]

        return Network(init, lambda num_envs: jnp.zeros((num_envs, 3)), step, scan)


def test_step_and_scan_of_a_network_with_memory_agree_with_resets():
    assert isinstance(Echo(), Architecture) and not isinstance(MLP(), Architecture)
    net = Echo().build(HEAD, Box((3,)))
    obs = normal(T, N, 3)
    reset = jnp.asarray(np.random.default_rng(0).random((T, N)) < 0.4)
    assert reset[1:].any() and not reset[1:].all()
    params, carry = {"w": normal(3)}, normal(N, 3)
    step, scan = jax.jit(net.step), jax.jit(net.scan)
    out, value, carries = scan(params, carry, obs, reset)
    for t in range(T):
        carry = jnp.where(reset[t][:, None], net.start(N), carry)
        one, v, carry = step(params, carry, obs[t])
        np.testing.assert_allclose(out[t], one, rtol=1e-6)
        np.testing.assert_allclose(value[t], v, rtol=1e-5)
        np.testing.assert_allclose(carries[t], carry, rtol=1e-6)
    forgetful = scan(params, net.start(N), obs, jnp.ones((T, N), bool))[0]
    assert not np.allclose(out, forgetful)
