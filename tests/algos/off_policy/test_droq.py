"""DroQ: dropout's noise in targets, and SAC as its limit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import droq, sac
from jaxac.envs.contract import Box
from jaxac.nets.normed import Dropout, Kept, LayerNorm, NormedMLP, Unnormalised
from jaxac.ops.reduce import Min
from jaxac.runners import actor_critic

from .short import ENV, applied, assert_equal, drawn, learned, tiny

TRUNK = "critic.net.trunk."


@pytest.mark.usual_emitters
def test_no_dropout_no_normalisation_and_one_step_are_sac():
    limit = {"critic_steps": 1, "actor.reduce": Min(), TRUNK + "norm": Unnormalised()}
    limit[TRUNK + "drop.rate"] = 0.0
    base, same = learned(tiny(sac.sac())), learned(tiny(droq.droq(), **limit))
    assert_equal((same.params, same.slow), (base.params, base.slow))
    dropping = learned(tiny(droq.droq(), **{**limit, TRUNK + "drop.rate": 0.2}))
    with pytest.raises(AssertionError):
        assert_equal(dropping.params["critic"], base.params["critic"])


@pytest.mark.usual_emitters
def test_a_rate_of_zero_is_a_trunk_that_keeps_everything():
    """SAC with layer normalisation, at 20 critic steps a step."""
    none = tiny(droq.droq(), **{TRUNK + "drop.rate": 0.0})
    kept = config.configure(none, {TRUNK + "drop": Kept()})
    assert_equal(learned(none).params, learned(kept).params)


def test_targets_vary_with_the_mask_and_less_so_at_a_lower_rate():
    """At one next action; the variance grows in proportion to the rate while it is small."""
    spread, hp = {}, tiny(droq.droq())
    _, learner, batch = drawn(hp)
    keys, action = jax.random.split(jax.random.key(0), 400), jnp.zeros((16, 1))
    for rate in (0.0, 0.01, 0.1):
        hp = config.configure(hp, {TRUNK + "drop.rate": rate})
        nets = actor_critic.functions(actor_critic.parts(ENV, hp), hp, learner)
        out = jax.vmap(lambda k, nets=nets: nets.slow_out(k, batch.final_obs, action))(keys)
        spread[rate] = float(out.var(0).mean())
    assert 1e6 * spread[0.0] < spread[0.01] < spread[0.1]


def test_a_dropped_feature_is_zero_a_kept_one_larger_and_the_mean_stays():
    drop = Dropout(0.25).dropper()
    x = jnp.ones((200, 100))
    out = applied(drop, {}, x, rngs={"noise": jax.random.key(0)})
    np.testing.assert_allclose(np.unique(out), [0.0, 4 / 3], rtol=1e-6)
    np.testing.assert_allclose((out == 0).mean(), 0.25, atol=0.01)
    np.testing.assert_allclose(out.mean(), 1.0, atol=0.02)
    np.testing.assert_array_equal(applied(drop, {}, x), x)  # no key, no noise


def test_the_layers_are_in_the_papers_order():
    """Affine map, layer normalisation, ReLU, by hand; the last layer's features are not linear."""
    module = NormedMLP((5,), norm=LayerNorm()).module(Box((3,)))
    x = jax.random.normal(jax.random.key(0), (4, 3))
    params: Any = module.init(jax.random.key(1), x)
    layer = params["params"]
    z = np.asarray(x @ layer["Dense_0"]["kernel"])
    z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(applied(module, params, x), np.maximum(z, 0.0), atol=1e-5)
