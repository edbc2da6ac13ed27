"""What was seen at the start alone is remembered by those with a memory, and by no other."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.envs import probes
from jaxac.errors import ConfigError
from jaxac.nets import Recurrent
from jaxac.nets.memory import ELSTM, RTRL

GAMMA, SEEDS, CHUNKS = 0.9, 4, 5
SETTINGS = {
    "num_envs": 16,
    "optimiser": "Adam",
    "max_grad_norm": 0.5,
    "gamma": GAMMA,
    "eval_episodes": 32,
}


def trained(key, length, updates, rate, changes):
    """Of runs on `Recall`: returns of the last fifth of training and of greedy episodes, values."""
    hp = config.configure(registry.defaults(key), {**SETTINGS, **changes})
    total = updates * hp.num_steps * hp.num_envs
    schedule = {"op": "Linear", "start": rate, "end": 0.0}
    hp = config.configure(
        hp, {"num_updates": updates // CHUNKS, "total_steps": total, "learning_rate": schedule}
    )
    made = registry.make_algorithm(key, probes.recall(length).env)

    @jax.jit
    @jax.vmap
    def run(seed):
        state = made.init(jax.random.key(seed), hp)
        state, metrics = jax.lax.scan(lambda s, _: made.chunk(s), state, length=CHUNKS)
        value = made.value
        assert value is not None
        first = value(state, jnp.array([[-1.0], [1.0]]))
        return metrics["episode_return"][-1], made.evaluate(state)["eval_return"], first

    return run(jnp.arange(SEEDS))


@pytest.mark.parametrize("key", ["recurrent_ppo", "recurrent_a2c"])
def test_those_with_a_memory_recall(key):
    small = {"num_steps": 16, "net.hidden": (16,), "net.core.width": 16}
    returns, greedy, value = trained(key, 4, 100, 1e-2, small)
    assert returns.min() > 0.9
    np.testing.assert_array_equal(greedy, 1.0)
    np.testing.assert_allclose(value, probes.recall(4).value(1.0, GAMMA), atol=0.15)


def test_carried_derivatives_recall_what_a_short_rollout_cuts_off():
    """Rollouts of two steps, and a reward seven steps after what it depends on."""

    def returns(core) -> Any:
        net = Recurrent(core, hidden=(16,))
        return trained("rtrl_ac", 8, 1_500, 5e-3, {"num_steps": 2, "net": net})[0].mean()

    assert returns(RTRL(ELSTM(16))) > 0.7
    assert returns(ELSTM(16)) < 0.3


def test_a_memory_is_not_cut_up():
    hp = config.configure(registry.defaults("recurrent_ppo"), {"minibatches": "ShuffleTransitions"})
    made = registry.make_algorithm("recurrent_ppo", probes.recall().env)
    with pytest.raises(ConfigError, match="use ShuffleEnvironments"):
        made.init(jax.random.key(0), hp)
