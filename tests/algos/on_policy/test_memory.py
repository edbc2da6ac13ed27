"""What was seen at the start alone is remembered by those with a memory, and by no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.envs import probes
from jaxac.errors import ConfigError

GAMMA, UPDATES = 0.9, 60
PROBE = probes.recall(4)
SETTINGS = {
    "num_envs": 16,
    "num_steps": 16,
    "net.hidden": (16,),
    "optimiser": "Adam",
    "learning_rate": {"op": "Linear", "start": 1e-2, "end": 0.0},
    "max_grad_norm": 0.5,
    "gamma": GAMMA,
    "num_updates": UPDATES,
    "eval_episodes": 32,
}
CORES = {
    "recurrent_ppo": {"net.core.width": 16},
    "recurrent_a2c": {"net.core.width": 16},
    "rtrl_ac": {"net.core.core.width": 16, "num_updates": 2 * UPDATES},
}


def trained(key, changes):
    """The return of greedy episodes after training, and values of the first observations."""
    hp = config.configure(registry.defaults(key), {**SETTINGS, **changes})
    hp = config.configure(hp, {"total_steps": hp.num_updates * hp.num_steps * hp.num_envs})
    made = registry.make_algorithm(key, PROBE.env)

    @jax.jit
    def run(seed):
        state, _ = made.chunk(made.init(jax.random.key(seed), hp))
        return made.evaluate(state)["eval_return"], made.value(state, jnp.array([[-1.0], [1.0]]))

    return run(0)


@pytest.mark.parametrize("key", CORES)
def test_those_with_a_memory_recall(key):
    result, value = trained(key, CORES[key])
    assert result == PROBE.best_return
    np.testing.assert_allclose(value, PROBE.value(1.0, GAMMA), atol=0.1)


def test_a_memory_is_not_cut_up():
    hp = config.configure(registry.defaults("recurrent_ppo"), {"minibatches": "ShuffleTransitions"})
    with pytest.raises(ConfigError, match="use ShuffleEnvironments"):
        registry.make_algorithm("recurrent_ppo", PROBE.env).init(jax.random.key(0), hp)
