"""Probe environments: each tests one thing, and its optimum is known in closed form.

After "Debugging RL, Without the Agonizing Pain" (A. Jones 2021), with one that fails whoever treats
truncation as termination, and one that nobody solves without a memory.
`Probe.value(obs, gamma)` is V of the optimal policy, and `Probe.best_return` the undiscounted
return of an episode under it.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Int, Scalar, field, frozen
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.errors import RegistryError, closest

TWO = Discrete(2)


@frozen
class ProbeParams:
    """Traced params of every probe."""

    reward_scale: Scalar = field(1.0, "every reward is multiplied by this")
    max_steps: Int | int = field(1, "steps after which an episode is truncated", within="[1, inf)")


@frozen
class ProbeState:
    """The observation as drawn at reset, and the steps since."""

    cue: Any  # -1, 0 or 1
    time: Int | int


@dataclasses.dataclass(frozen=True)
class Probe:
    """An environment with the closed form of its optimum."""

    env: Env
    observations: tuple[float, ...]  # every observation that occurs
    value: Callable[[float, float], float]  # (observation, gamma) -> V of the optimal policy
    best_return: float  # mean undiscounted return of an episode under the optimal policy
    best_action: Callable[[float], float] | None = None  # observation -> action, if it matters
    without_memory: tuple[float, ...] = ()
    """Observations whose value is only known to who remembers nothing: no episode begins with them,
    or episodes are cut before anyone acts with the memory that they lead to."""


def _probe_env(name, cues, reward, length, action_space, terminates=True, observe=None) -> Env:
    observe = observe or (lambda state: state.cue)

    def obs_of(state):
        return jnp.reshape(jnp.asarray(observe(state), jnp.float32), (1,))

    def reset(key, params):
        del params
        cue = jnp.asarray(cues, jnp.float32)[jax.random.randint(key, (), 0, len(cues))]
        state = ProbeState(cue, jnp.int32(0))
        return state, obs_of(state)

    def step(key, state, action, params):
        del key
        gain = params.reward_scale * reward(state, action)
        state = ProbeState(state.cue, state.time + 1)
        terminated = jnp.asarray(terminates) & (state.time >= length)
        return state, TimeStep(
            obs_of(state), jnp.asarray(gain, jnp.float32), terminated, jnp.zeros((), bool)
        )

    limit = 8 * length if terminates else length
    return Env(
        f"probe/{name}",
        reset,
        step,
        ProbeParams(max_steps=limit),
        Box((1,), -1.0, 1.0),
        action_space,
        lambda params: params.max_steps,
    )


def constant_reward(action_space=TWO) -> Probe:
    """One step, reward 1 whatever is done: V = 1. Fails if the value loss does not learn."""
    env = _probe_env("ConstantReward", (0.0,), lambda s, a: 1.0, 1, action_space)
    return Probe(env, (0.0,), lambda obs, gamma: 1.0, 1.0)


def observed_value(action_space=TWO) -> Probe:
    """One step, the reward is the observation, -1 or 1: V(obs) = obs. Needs a value of obs."""
    env = _probe_env("ObservedValue", (-1.0, 1.0), lambda s, a: s.cue, 1, action_space)
    return Probe(env, (-1.0, 1.0), lambda obs, gamma: obs, 0.0)


def two_step_discount(action_space=TWO) -> Probe:
    """Two steps, reward 1 on the last; obs is the time: V(0) = gamma, V(1) = 1."""
    env = _probe_env(
        "TwoStepDiscount",
        (0.0,),
        lambda s, a: s.time >= 1,
        2,
        action_space,
        observe=lambda s: jnp.minimum(s.time, 1),
    )

    def value(obs, gamma):
        return gamma if obs == 0.0 else 1.0

    return Probe(env, (0.0, 1.0), value, 1.0, without_memory=(1.0,))


def rewarded_action() -> Probe:
    """One step, action 1 pays 1 and action 0 pays -1: V = 1. Needs a policy gradient."""
    env = _probe_env("RewardedAction", (0.0,), lambda s, a: 2.0 * a - 1.0, 1, Discrete(2))
    return Probe(env, (0.0,), lambda obs, gamma: 1.0, 1.0, lambda obs: 1.0)


def observed_action() -> Probe:
    """One step, the action must match the sign of the observation: V = 1. Needs a policy of obs."""

    def reward(state, action):
        return jnp.where((action == 1) == (state.cue > 0), 1.0, -1.0)

    env = _probe_env("ObservedAction", (-1.0, 1.0), reward, 1, Discrete(2))
    return Probe(env, (-1.0, 1.0), lambda obs, gamma: 1.0, 1.0, lambda obs: float(obs > 0))


def continuous_action() -> Probe:
    """One step, reward 1 - (action - obs / 2)^2: V = 1 at action obs / 2. Box actions."""

    def reward(state, action):
        return 1.0 - jnp.square(action[..., 0] - 0.5 * state.cue)

    env = _probe_env("ContinuousAction", (-1.0, 1.0), reward, 1, Box((1,), -1.0, 1.0))
    return Probe(env, (-1.0, 1.0), lambda obs, gamma: 1.0, 1.0, lambda obs: 0.5 * obs)


def truncation(length: int = 4, action_space=TWO) -> Probe:
    """Reward 1 for ever, cut every `length` steps: V = 1 / (1 - gamma) all the same.

    Whoever treats truncation as termination learns less than `length`; whoever bootstraps from the
    first observation of the next episode cannot be told apart here, which is what
    `final_observation` is for.
    """
    env = _probe_env("Truncation", (0.0,), lambda s, a: 1.0, length, action_space, terminates=False)
    return Probe(env, (0.0,), lambda obs, gamma: 1.0 / (1.0 - gamma), float(length))


def final_observation(action_space=TWO) -> Probe:
    """Two states in turn, reward 0 in the first and 1 in the second, cut after the first step.

    The task never ends: V(first) = gamma / (1 - gamma^2) and V(second) = 1 / (1 - gamma^2).
    Episodes start in either state, so both are learned; the bootstrap at the cut must use the state
    that the step led to, not the one that the next episode starts in.
    """

    def phase(state):
        return (state.cue + state.time) % 2

    env = _probe_env(
        "FinalObservation",
        (0.0, 1.0),
        lambda s, a: phase(s),
        1,
        action_space,
        terminates=False,
        observe=phase,
    )

    def value(obs, gamma):
        return (1.0 if obs else gamma) / (1.0 - gamma**2)

    return Probe(env, (0.0, 1.0), value, 0.5, without_memory=(0.0, 1.0))


def recall(length: int = 4) -> Probe:
    """At the last of `length` steps the action must match the sign of the first observation.

    All later observations are 0 and earlier actions do nothing: V(first) = gamma^(length - 1) for
    who remembers it. The last action of who does not is drawn alike after either, so that what it
    pays in one case it costs in the other: its return is 0 on average, whatever it does.
    """

    def reward(state, action):
        matched = jnp.where((action == 1) == (state.cue > 0), 1.0, -1.0)
        return jnp.where(state.time == length - 1, matched, 0.0)

    def observe(state):
        return jnp.where(state.time == 0, state.cue, 0.0)

    env = _probe_env("Recall", (-1.0, 1.0), reward, length, Discrete(2), observe=observe)
    return Probe(env, (-1.0, 1.0), lambda obs, gamma: gamma ** (length - 1), 1.0)


PROBES: dict[str, Callable[[], Probe]] = {
    "ConstantReward": constant_reward,
    "ObservedValue": observed_value,
    "TwoStepDiscount": two_step_discount,
    "RewardedAction": rewarded_action,
    "ObservedAction": observed_action,
    "ContinuousAction": continuous_action,
    "Truncation": truncation,
    "FinalObservation": final_observation,
}
"""For every method."""
MEMORY = {"Recall": recall}
"""For methods with a memory; no other can solve them."""


def ids() -> tuple[str, ...]:
    """Names of the probes."""
    return (*PROBES, *MEMORY)


def make(name: str) -> Env:
    """The probe environment `name`. Raises `RegistryError` for an unknown name."""
    known = {**PROBES, **MEMORY}
    if name not in known:
        raise RegistryError(f"there is no probe {name!r}{closest(name, known)}")
    return known[name]().env
