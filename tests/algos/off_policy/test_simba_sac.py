"""SAC on SimBa: its blocks by hand, and SAC as its limit."""

from typing import Any

import jax
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import sac, simba_sac
from jaxac.core import replace
from jaxac.envs.contract import Box
from jaxac.nets.simba import SimBa
from jaxac.runners.actor_critic import Critic

from .short import assert_close, learned, tiny


def norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def test_the_network_is_that_of_the_paper():
    """Two blocks in numpy; a block whose last map is zero passes its input on."""
    module, x = SimBa(4, 2).module(Box((3,))), np.random.default_rng(0).normal(size=(5, 3))

    @jax.jit
    def features():
        variables: Any = module.init(jax.random.key(1), x)
        still = dict(variables["params"])
        for i in (2, 4):
            still[f"Dense_{i}"] = jax.tree.map(lambda w: 0.0 * w, still[f"Dense_{i}"])
        found = module.apply(variables, x), module.apply({"params": still}, x)
        return variables["params"], *found

    p, drawn, still = jax.tree.map(np.asarray, features())
    z = first = x @ p["Dense_0"]["kernel"]
    for i in (1, 3):
        inner = np.maximum(norm(z) @ p[f"Dense_{i}"]["kernel"], 0.0)
        assert inner.shape == (5, 16)
        z = z + inner @ p[f"Dense_{i + 1}"]["kernel"]
    np.testing.assert_allclose(drawn, norm(z), atol=1e-4)
    np.testing.assert_allclose(still, norm(first), atol=1e-4)


def test_without_decay_it_is_sac_on_the_same_network():
    """SAC with that network, distribution and copies learns the same; published decay does not."""
    small = {"num_rounds": 1, "critic.net.trunk.num_blocks": 1, "actor.net.trunk.num_blocks": 0}
    rate = {"actor.learning_rate": 1e-2, "critic.learning_rate": 1e-2}
    published = tiny(simba_sac.simba_sac(), **small, **rate)
    decays = {"actor.optimiser.decay": 0.0, "critic.optimiser.decay": 0.0}
    base = tiny(sac.sac(), **rate)
    actor = replace(
        base.actor,
        net=published.actor.net,
        actions=published.actor.actions,
        reduce=published.actor.reduce,
    )
    critic = Critic(
        learning_rate=1e-2,
        net=published.critic.net,
        returns=published.critic.returns,
        reduce=published.critic.reduce,
        num=1,
    )
    parent = replace(base, actor=actor, critic=critic, temperature=published.temperature)
    found = (learned(x) for x in (parent, config.configure(published, decays), published))
    want, without, decayed = ((x.params, x.slow["critic"], x.temperature) for x in found)
    assert_close(without, want)
    with pytest.raises(AssertionError):
        assert_close(decayed, want)


def test_the_published_settings_normalise_observations_and_learn_twice_a_step():
    hp = simba_sac.simba_sac()
    assert type(hp.norm.obs).__name__ == "Standard"
    assert hp.num_rounds / (hp.num_envs * hp.num_steps) == 2
