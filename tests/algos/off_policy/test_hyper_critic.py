"""The hypernetwork critic: an ordinary network if nothing is made, and the scale of what is."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxac import config
from jaxac.algos.off_policy import hyper_critic, td3
from jaxac.envs.contract import Box
from jaxac.heads.returns import Quantiles, Value
from jaxac.nets.hyper import HyperCritic

OBS, ACTION = 3, 2


def made_by(module):
    """What the layers that make weights say, by name, of parameters, obs [B, 3], action [B, 2]."""

    def find(params, obs, action):
        _, found = module.apply(
            {"params": params},
            obs,
            action,
            capture_intermediates=lambda m, _: isinstance(m, nn.Dense),
        )
        layers = found["intermediates"]
        return [layers[f"_Made_{i}"]["Dense_0"]["__call__"][0] for i in range(2)]

    return find


def test_constant_weights_make_an_ordinary_network_of_the_action():
    module = HyperCritic((4,), 1, (5,)).critic(Box((OBS,)), ACTION, Value())
    obs, action = (jax.random.normal(jax.random.key(i), (7, n)) for i, n in enumerate((OBS, 2)))

    @jax.jit
    def program():
        params: Any = module.init(jax.random.key(2), obs, action)["params"]
        for i in range(2):
            layers = params[f"_Made_{i}"]
            for j, layer in enumerate(layers.values()):
                key = jax.random.fold_in(jax.random.key(i), j)
                layer["bias"] = jax.random.normal(key, layer["bias"].shape)
                layer["kernel"] = jnp.zeros_like(layer["kernel"])
        out = module.apply({"params": params}, obs, action)
        elsewhere = module.apply({"params": params}, 2.0 * obs + 1.0, action)
        return {k: params[k] for k in ("_Made_0", "_Made_1")}, out, elsewhere

    params, out, elsewhere = jax.tree.map(np.asarray, program())
    x = np.asarray(action)
    for i, size in enumerate((5, 1)):
        made, scale, shift = (params[f"_Made_{i}"][f"Dense_{j}"]["bias"] for j in range(3))
        x = (x @ made.reshape(-1, size)) * (1.0 + scale) + shift
        x = np.maximum(x, 0.0) if i == 0 else x
    np.testing.assert_allclose(out, x, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(out, elsewhere)


def test_made_weights_begin_with_the_variance_of_ordinary_ones():
    """2 / inputs, and 1 / inputs in the last layer, over draws and observations of variance 1."""
    module = HyperCritic((32,), 1, (8,)).critic(Box((OBS,)), ACTION, Value())

    @jax.jit
    @jax.vmap
    def drawn(key):
        key_init, key_obs = jax.random.split(key)
        obs, action = jax.random.normal(key_obs, (4, OBS)), jnp.zeros((4, ACTION))
        params = module.init(key_init, obs, action)["params"]
        return [jnp.square(x).mean() for x in made_by(module)(params, obs, action)]

    first, last = drawn(jax.random.split(jax.random.key(0), 2_000))
    np.testing.assert_allclose(first.mean() * ACTION / 2, 1.0, atol=0.1)
    np.testing.assert_allclose(last.mean() * 8, 1.0, atol=0.1)


def test_it_says_any_distribution_of_returns_one_observation_at_a_time():
    module = HyperCritic((4,), 1, (5,)).critic(Box((2, OBS)), ACTION, Quantiles(7))
    inputs = jnp.zeros((9, 2, OBS)), jnp.zeros((9, ACTION))
    out = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), *inputs)[0])
    assert out.shape == (9, 7)


def test_with_other_critics_it_is_td3():
    same = hyper_critic.hyper_critic(critic=td3.td3().critic)
    assert config.to_json(same) == config.to_json(td3.td3())
    assert config.to_json(hyper_critic.hyper_critic()) != config.to_json(td3.td3())
