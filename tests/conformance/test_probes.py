"""Every algorithm finds the closed-form optimum of every probe.

All probes of one kind of action train in one program per algorithm: which probe a lane has is a
traced param of its environment.
"""

import dataclasses
import fnmatch

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config, registry
from jaxac.envs import Box, probes
from jaxac.runners import off_policy

from .cases import one_of

GAMMA = 0.9
LINE = Box((1,), -1.0, 1.0)
OF_BOX = {
    "ConstantReward": probes.constant_reward(LINE),
    "ObservedValue": probes.observed_value(LINE),
    "TwoStepDiscount": probes.two_step_discount(LINE),
    "ContinuousAction": probes.continuous_action(),
    "Truncation": probes.truncation(action_space=LINE),
    "FinalObservation": probes.final_observation(LINE),
}
KINDS = {
    "Discrete": {k: make() for k, make in probes.PROBES.items() if k != "ContinuousAction"},
    "Box": OF_BOX,
}
ANNEALED = {"op": "Linear", "start": 1e-2, "end": 0.0}
ON_POLICY = {
    "gamma": GAMMA,
    "num_envs": 16,
    "num_steps": 8,
    "net.hidden": (16,),
    "entropy_coef": 0.0,
    "optimiser": "Adam",
    "eval_episodes": 64,
    "learning_rate": ANNEALED,
}
OFF_POLICY = {
    "gamma": GAMMA,
    "num_envs": 8,
    "num_steps": 2,
    "eval_episodes": 64,
    "warm_up": 512,
    "batch_size": 64,
    "replay.capacity": 4096,
    "norm.obs": {"op": "Affine", "shift": -0.5},  # at 0 a ReLU without bias is dead
    "num_updates": 1_500,
}
PATTERNS = {
    "*hidden": (32,),
    "*width": 32,
    "*learning_rate": {"op": "Linear", "start": 5e-3, "end": 0.0},
    "*slow.tau": 0.2,
    "slow.every": 10,
    "temperature.start": 1e-4,
    "temperature.learning_rate": 0.0,
    "temperature.value": 0.0,
    "*returns.low": -15.0,
    "*returns.high": 15.0,
}
"""Fields of off-policy methods: entropy is worth next to nothing, or values would hold it."""
SETTINGS = {"ppo": {"num_updates": 150}, "a2c": {"num_updates": 1500}}
"""What a method needs beside that."""
EVERY = [(key, kind) for key, r in sorted(registry.records().items()) for kind in r.actions]


def settings(key):
    """Hyper-parameters of a method with which it solves the probes."""
    hp = registry.defaults(key)
    if not isinstance(hp, off_policy.Settings):
        hp = config.configure(hp, {**ON_POLICY, **SETTINGS[key]})
    else:
        paths = [f.path for f in config.fields(hp)]
        named = {x: v for k, v in PATTERNS.items() for x in fnmatch.filter(paths, k)}
        hp = config.configure(hp, {**OFF_POLICY, **named, **SETTINGS.get(key, {})})
    return config.configure(hp, {"total_steps": hp.num_updates * hp.num_steps * hp.num_envs})


@pytest.fixture(params=EVERY, ids=lambda x: f"{x[0]} {x[1]}", scope="module")
def trained(request):
    """Probes by lane, and the final lanes and their evaluations."""
    key, kind = request.param
    found = KINDS[kind]
    env = one_of([probe.env for probe in found.values()])
    algorithm, hp = registry.make_algorithm(key, env), settings(key)

    @jax.jit
    @jax.vmap
    def run(params):
        state, metrics = algorithm.chunk(algorithm.init(jax.random.key(1), hp, params))
        return state, {**metrics, **algorithm.evaluate(state)}

    states, metrics = run(dataclasses.replace(env.params, which=jnp.arange(len(found))))
    lanes = [jax.tree.map(lambda x, i=i: x[i], (states, metrics)) for i in range(len(found))]
    return algorithm, {k: (found[k], *lane) for k, lane in zip(found, lanes, strict=True)}


def test_probe_values_are_the_closed_form(trained):
    algorithm, lanes = trained
    for name, (probe, state, metrics) in lanes.items():
        obs = jnp.asarray(probe.observations)[:, None]
        want = [probe.value(o, GAMMA) for o in probe.observations]
        assert metrics["finite"] == 1, name
        np.testing.assert_allclose(
            algorithm.value(state, obs), want, rtol=0.03, atol=0.03, err_msg=name
        )


def test_probe_policies_are_optimal(trained):
    algorithm, lanes = trained
    for name, (probe, state, metrics) in lanes.items():
        if probe.best_action is None:
            continue
        obs = jnp.asarray(probe.observations)[:, None]
        best = np.asarray([probe.best_action(o) for o in probe.observations])
        action = np.asarray(algorithm.act(state, obs)[0])
        slack = 0.0 if action.ndim == 1 else 0.1
        np.testing.assert_allclose(action.reshape(best.shape), best, atol=slack, err_msg=name)
        assert metrics["eval_return"] > probe.best_return - 0.02, name
        assert metrics["episode_return"] < probe.best_return, f"{name} had to be learned"


def test_treating_truncation_as_termination_would_be_seen():
    """The probe can fail: the value of four steps is far from that of a task that never ends."""
    probe = probes.truncation()
    assert sum(GAMMA**k for k in range(4)) < 0.4 * probe.value(0.0, GAMMA)
