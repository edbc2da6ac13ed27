"""Convolutional trunks against plain loops in numpy."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy.ppo import PPO
from jaxac.config import choices, configure
from jaxac.envs.contract import Box
from jaxac.errors import ConfigError, EnvError
from jaxac.heads.categorical import Categorical
from jaxac.nets import CNN, MLP, NATURE, ActorCritic, Conv, Encoder, SharedTrunk, Trunk, TwoTrunks
from jaxac.nets.activation import ReLU, Tanh

SPACE = Box((9, 7, 2), 0.0, 255.0, "uint8")
PLAN = CNN((3, 4), (3, 2), (2, 1), (5,), Tanh())
PLANS = {"net": ActorCritic(encoder=Conv()), "shared": SharedTrunk(encoder=Conv())}


def weights(module, space, seed=0):
    """Random parameters of the shapes that `init` gives (which is not compiled)."""
    rng = np.random.default_rng(seed)
    like = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros(space.shape, space.dtype))
    return jax.tree.map(lambda x: rng.normal(0.0, 0.3, x.shape).astype(np.float32), like)


def convolve(image, layer, stride):
    """One image [h, w, c] by the definition of a convolution without padding, pixel by pixel."""
    kernel, bias = (np.asarray(layer[name], np.float64) for name in ("kernel", "bias"))
    side = kernel.shape[0]
    rows, columns = ((n - side) // stride + 1 for n in image.shape[:2])
    out = np.zeros((rows, columns, kernel.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            seen = image[i * stride : i * stride + side, j * stride : j * stride + side]
            for o in range(kernel.shape[-1]):
                out[i, j, o] = (seen * kernel[..., o]).sum() + bias[o]
    return out


def by_hand(params, image):
    """The features that PLAN gives of one image."""
    layers, dense = params["params"]["encoder"], params["params"]["Dense_0"]
    x = np.asarray(image, np.float64)
    for i, stride in enumerate(PLAN.strides):
        x = np.tanh(convolve(x, layers[f"Conv_{i}"], stride))
    return np.tanh(x.ravel() @ dense["kernel"] + dense["bias"])


@pytest.fixture(scope="module")
def trunk():
    module = PLAN.module(SPACE)
    return weights(module, SPACE), jax.jit(module.apply)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)], ids=str)
def test_a_cnn_is_the_naive_convolution_for_any_leading_axes(trunk, lead):
    params, apply = trunk
    images = np.random.default_rng(1).normal(size=(*lead, *SPACE.shape)).astype(np.float32)
    got = np.asarray(apply(params, images))
    assert got.shape == (*lead, 5) and got.dtype == np.float32
    for at in np.ndindex(lead):
        np.testing.assert_allclose(got[at], by_hand(params, images[at]), atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32"])
def test_pixels_of_any_type_are_taken_as_numbers(trunk, dtype):
    params, apply = trunk
    top = 2 if dtype == "bool" else 256
    images = np.random.default_rng(2).integers(0, top, SPACE.shape).astype(dtype)
    np.testing.assert_array_equal(apply(params, images), apply(params, images.astype(np.float32)))
    np.testing.assert_allclose(apply(params, images), by_hand(params, images), atol=1e-4)


def sizes(plan, space):
    params = jax.eval_shape(
        plan.module(space).init, jax.random.key(0), jnp.zeros(space.shape, space.dtype)
    )
    return sum(x.size for x in jax.tree.leaves(params)), {
        jax.tree_util.keystr(path, simple=True, separator="/").removeprefix("params/"): x.shape
        for path, x in jax.tree_util.tree_leaves_with_path(params)
        if x.ndim > 1
    }


def test_the_default_is_the_network_of_minatar():
    assert CNN().activation == ReLU()
    count, kernels = sizes(CNN(), Box((10, 10, 4)))
    assert kernels == {
        "encoder/Conv_0/kernel": (3, 3, 4, 16),
        "Dense_0/kernel": (8 * 8 * 16, 128),
    }
    assert count == (3 * 3 * 4 + 1) * 16 + (1024 + 1) * 128


def test_nature_is_the_network_of_dqn():
    count, kernels = sizes(NATURE, Box((84, 84, 4), 0.0, 255.0, "uint8"))
    assert kernels["Dense_0/kernel"] == (7 * 7 * 64, 512)
    assert count == 8_224 + 32_832 + 36_928 + 1_606_144  # by hand, biases included


def test_initial_kernels_are_orthogonal_and_lanes_need_no_grouped_convolution():
    """A vmapped `lax.conv` is a grouped convolution, which is slow; products of patches are not."""
    space, module = Box((6, 6, 2)), CNN((8,), hidden=(4,)).module(Box((6, 6, 2)))

    def lane(key, image):
        params = module.init(key, image)
        return params, jax.grad(lambda p: module.apply(p, image).sum())(params)

    images = jnp.ones((3, *space.shape))
    program = jax.jit(jax.vmap(lane)).lower(jax.random.split(jax.random.key(0), 3), images)
    compiled = program.compile()
    params, grads = compiled(jax.random.split(jax.random.key(0), 3), images)
    kernel = np.asarray(params["params"]["encoder"]["Conv_0"]["kernel"], np.float64)
    assert kernel.shape == (3, 3, 3, 2, 8)
    for one in kernel.reshape(3, 18, 8):
        np.testing.assert_allclose(one.T @ one, 2.0 * np.eye(8), atol=1e-5)  # gain sqrt(2)
    assert np.abs(kernel[0] - kernel[1]).max() > 0.1
    assert not (params["params"]["encoder"]["Conv_0"]["bias"]).any()
    assert all(np.abs(g).max() > 0 for g in jax.tree.leaves(grads))
    assert not re.search(r"custom_call_target|\bconvolution\(", compiled.as_text())


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_architectures_take_an_encoder_below_their_hidden_layers(plan):
    plan = configure(PPO(net=plan), {"net.hidden": [6], "net.encoder.channels": [5]}).net
    net = plan.build(Categorical(3), Box((10, 10, 4)))
    like = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((2, 10, 10, 4)))
    trunks = [v for k, v in like["params"].items() if k not in ("head", "value")]
    assert len(trunks) == (2 if isinstance(plan, ActorCritic) else 1)
    for trunk in trunks:
        assert trunk["encoder"]["Conv_0"]["kernel"].shape == (3, 3, 4, 5)
        assert trunk["Dense_0"]["kernel"].shape == (8 * 8 * 5, 6)


def test_a_shared_trunk_with_the_encoder_is_the_cnn():
    """The same parameters give the same features, whichever plan they come from."""
    space = Box((6, 5, 2))
    plan, encoder = CNN((3,), (2,), (1,), (4,)), Conv((3,), (2,), (1,))
    net = SharedTrunk((4,), ReLU(), encoder=encoder).build(Categorical(4), space)
    module = plan.module(space)
    params = weights(module, space)
    whole = {
        "trunk": params["params"],
        "head": {"kernel": np.eye(4, dtype=np.float32), "bias": np.zeros(4, np.float32)},
        "value": {"kernel": np.ones((4, 1), np.float32), "bias": np.zeros(1, np.float32)},
    }
    image = np.random.default_rng(0).normal(size=(2, *space.shape)).astype(np.float32)
    out, value, _ = net.step({"params": whole}, (), image)
    np.testing.assert_array_equal(out, module.apply(params, image))
    np.testing.assert_allclose(value, out.sum(-1), rtol=1e-6)


def test_trunks_and_encoders_are_slots():
    hp = configure(PPO(), {"net": {"op": "TwoTrunks", "actor": "CNN", "critic.hidden": [7]}})
    assert hp.net == TwoTrunks(CNN(), MLP((7,)))
    trunks = {"BroNet", "CNN", "MLP", "NormedMLP", "SimBa"}
    assert set(choices(hp, "net.actor")) == trunks
    assert set(choices(PPO(), "net.encoder")) == {"Flatten", "Conv"}
    hp = configure(PPO(), {"net.encoder": "Conv", "net.encoder.strides": [2], "net.hidden": [9]})
    assert hp.net == ActorCritic((9,), encoder=Conv(strides=(2,)))
    assert isinstance(CNN(), Trunk) and isinstance(Conv(), Encoder)
    assert not isinstance(CNN(), Encoder) and not isinstance(Conv(), Trunk)


@pytest.mark.parametrize("shape", [(), (4,), (8, 8), (3, 8, 8, 2)], ids=str)
@pytest.mark.parametrize("plan", [ActorCritic(encoder=Conv()), TwoTrunks(CNN(), CNN())])
def test_a_cnn_refuses_what_is_no_image_and_says_what_to_use(plan, shape):
    with pytest.raises(EnvError, match=r"take images \[height, width, channels\].*use an MLP"):
        plan.build(Categorical(2), Box(shape))


def test_kernels_must_fit_into_the_image():
    with pytest.raises(EnvError, match=r"do not fit into Box\(10x10x4"):
        NATURE.module(Box((10, 10, 4)))
    Conv((1, 1), (5, 6), (1, 1)).layers(Box((10, 10, 1)), ReLU(), CNN().init)  # 10 - 4 - 5 = 1
    with pytest.raises(EnvError, match="use smaller ones or fewer"):
        Conv((1, 1), (5, 7), (1, 1)).layers(Box((10, 10, 1)), ReLU(), CNN().init)


def test_every_layer_has_channels_a_kernel_and_a_stride():
    with pytest.raises(ConfigError, match="one number per layer each"):
        CNN((16, 32)).module(Box((10, 10, 4)))
