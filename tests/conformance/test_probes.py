"""Every algorithm finds the closed-form optimum of every probe."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import registry
from jaxac.envs import probes

from .cases import GAMMA, case

EVERY = [(key, kind) for key, r in sorted(registry.records().items()) for kind in r.actions]


@pytest.fixture(params=EVERY, ids=lambda x: f"{x[0]} {x[1]}", scope="module")
def trained(request):
    """For each probe: it, the final state, and the metrics of the first and last chunk."""
    c = case(*request.param)
    after = c.trained()
    lanes = [jax.tree.map(lambda x, i=i: x[i], after) for i in range(c.num_lanes)]
    return c.algorithm, {k: (c.probes[k], *lane) for k, lane in zip(c.probes, lanes, strict=True)}


def test_probe_values_are_the_closed_form(trained):
    algorithm, lanes = trained
    for name, (probe, state, _, metrics) in lanes.items():
        obs = jnp.asarray(probe.observations)[:, None]
        want = [probe.value(o, GAMMA) for o in probe.observations]
        assert metrics["finite"] == 1, name
        np.testing.assert_allclose(
            algorithm.value(state, obs), want, rtol=0.03, atol=0.03, err_msg=name
        )


def test_probe_policies_are_optimal(trained):
    algorithm, lanes = trained
    for name, (probe, state, first, last) in lanes.items():
        if probe.best_action is None:
            continue
        obs = jnp.asarray(probe.observations)[:, None]
        best = np.asarray([probe.best_action(o) for o in probe.observations])
        action = np.asarray(algorithm.act(state, obs)[0])
        slack = 0.0 if action.ndim == 1 else 0.14  # a return of 0.98
        np.testing.assert_allclose(action.reshape(best.shape), best, atol=slack, err_msg=name)
        assert last["eval_return"] > probe.best_return - 0.02, name
        assert first["episode_return"] < probe.best_return, f"{name} had to be learned"


def test_treating_truncation_as_termination_would_be_seen():
    """The probe can fail: the value of four steps is far from that of a task that never ends."""
    probe = probes.truncation()
    assert sum(GAMMA**k for k in range(4)) < 0.4 * probe.value(0.0, GAMMA)
