"""Every algorithm finds the closed-form optimum of every probe."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import registry
from jaxac.envs import probes

from .cases import GAMMA, case, lane, on_host

EVERY = [(key, kind) for key, r in sorted(registry.records().items()) for kind in r.actions]


@pytest.fixture(params=EVERY, ids=lambda x: f"{x[0]} {x[1]}", scope="module")
def trained(request):
    """Values, actions and memories of a state at observations [N], and for each probe: it, the
    final state, and the metrics of the first and last chunk."""
    c = case(*request.param)
    after, rows = on_host(c.trained()), max(len(p.observations) for p in c.probes.values())

    @jax.jit
    def at(state, obs):
        value = c.algorithm.value(state, obs) if c.algorithm.value else jnp.full(rows, jnp.nan)
        return value, *c.algorithm.act(state, obs)

    def found(state, observations):
        obs = np.resize(np.asarray(observations, np.float32), rows)[:, None]  # one program for all
        value, action, memory = jax.tree.map(np.asarray, at(state, obs))
        return value[: len(observations)], action[: len(observations)], memory

    return found, {k: (probe, *lane(after, i)) for i, (k, probe) in enumerate(c.probes.items())}


def test_probe_values_are_the_closed_form(trained):
    found, lanes = trained
    for name, (probe, state, _, metrics) in lanes.items():
        value, _, memory = found(state, probe.observations)
        unknown = probe.without_memory if jax.tree.leaves(memory) else ()
        known = np.asarray([o not in unknown for o in probe.observations])
        known &= ~np.isnan(value)  # of methods that learn no value
        want = np.asarray([probe.value(o, GAMMA) for o in probe.observations])
        assert metrics["finite"] == 1, name
        np.testing.assert_allclose(value[known], want[known], rtol=0.03, atol=0.03, err_msg=name)


def test_probe_policies_are_optimal(trained):
    found, lanes = trained
    for name, (probe, state, first, last) in lanes.items():
        if probe.best_action is None:
            continue
        best = np.asarray([probe.best_action(o) for o in probe.observations])
        _, action, _ = found(state, probe.observations)
        slack = 0.0 if action.ndim == 1 else 0.14  # a return of 0.98
        np.testing.assert_allclose(action.reshape(best.shape), best, atol=slack, err_msg=name)
        assert last["eval_return"] > probe.best_return - 0.02, name
        assert first["episode_return"] < probe.best_return, f"{name} had to be learned"


def test_treating_truncation_as_termination_would_be_seen():
    """The probe can fail: the value of four steps is far from that of a task that never ends."""
    probe = probes.truncation()
    assert sum(GAMMA**k for k in range(4)) < 0.4 * probe.value(0.0, GAMMA)
