"""A finite MDP as an environment: one-hot observations, the process's own numbers as params.

Suite "tabular" of the registry. A name holds sizes (`Chain-7`), so `make` takes any of a family
while `ids` lists one example of each.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.algos.tabular.hazards import entered, hazards
from jaxac.algos.tabular.mdp import MDP, chain, check, garnet, grid, random_walk
from jaxac.algos.tabular.treasure import objectives, treasure
from jaxac.core import Int, field, frozen, replace
from jaxac.envs import Box, Discrete, Env, TimeStep
from jaxac.envs.sketches import walk
from jaxac.errors import ConfigError, RegistryError, closest

MAX_NUMBERS = 10_000_000  # in a named process's `transition`: 40 MB
STEPS_PER_STATE = 10  # the time limit of a named process, for each of its states
GARNET_SEED = 0  # of the one process that a Garnet's name stands for


class Family(NamedTuple):
    """The processes that share the first word of their name."""

    example: str
    count: Callable[..., int]  # numbers in `transition`, of the sizes in the name
    build: Callable[..., MDP]  # of the same sizes
    cost: Callable[..., Array] | None = None  # [S, A], of the process and the sizes
    objectives: Callable[..., Array] | None = None  # [K, S, A], of the same


FAMILIES = {
    "Chain": Family("Chain-10", lambda n: 2 * n**2, chain),
    "Grid": Family("Grid-5x5", lambda h, w: 4 * (h * w) ** 2, grid),
    "Hazards": Family("Hazards-3x6", lambda h, w: 4 * (h * w) ** 2, hazards, entered),
    "Treasure": Family("Treasure-5", lambda n: 4 * (11 * n) ** 2, treasure, objectives=objectives),
    "RandomWalk": Family("RandomWalk-5", lambda n: 2 * (n + 2) ** 2, random_walk),
    "Garnet": Family(
        "Garnet-20x4x3",
        lambda s, a, b: a * s**2,
        lambda s, a, b: garnet(jax.random.key(GARNET_SEED), s, a, b),
    ),
}


@frozen
class EnvParams:
    """The numbers of one process; leaves [R, ...] of R processes of equal S and A are R lanes."""

    mdp: MDP
    max_steps: Int | int = field(
        1000, "environment steps after which an episode is truncated", within="[1, inf)"
    )
    cost: Float[Array, "S A"] | float = field(
        0.0, "of a step, by state and action", within="(-inf, inf)"
    )
    objectives: Float[Array, "K S A"] | float = field(
        0.0, "what a step gives of each objective", within="(-inf, inf)"
    )
    weights: Float[Array, " K"] | float = field(
        0.0, "what each is worth in reward, beside the process's own", within="(-inf, inf)"
    )


def as_env(
    mdp: MDP,
    name: str,
    time_limit: int = 1000,
    width: int | None = None,
    cost: Float[Array, "S A"] | None = None,
    objectives: Float[Array, "K S A"] | None = None,
) -> Env:
    """`mdp` as an environment: obs is the state one-hot, float32 [S]; actions are 0 to A - 1.

    A step pays the expected reward `mdp.reward[state, action]`, not a sample, and terminates on
    entering a terminal state. The env state is the state's index, and params are `EnvParams`.
    With `cost` it is constrained, and a step costs `cost[state, action]`. With `objectives` a step
    also pays their sum, weighed by the param `weights`, at first all 1 / K.
    Pictures show the states in rows of `width` cells, by default in one row.
    Raises `EnvError` for arrays that are no MDP, `ConfigError` for a time limit below 1 step.
    """
    check(mdp)
    constrained = cost is not None

    def observe(state):
        return jax.nn.one_hot(state, mdp.num_states)

    def reset(key, params):
        state = jax.random.categorical(key, jnp.log(params.mdp.start))
        return state, observe(state)

    def step(key, state, action, params):
        p = params.mdp
        following = jax.random.categorical(key, jnp.log(p.transition[state, action]))
        reward, terminated = p.reward[state, action], p.terminal[following]
        if objectives is not None:
            reward += params.weights @ params.objectives[:, state, action]
        never = jnp.zeros((), bool)
        paid = jnp.asarray(params.cost)[state, action] if constrained else 0.0
        return following, TimeStep(observe(following), reward, terminated, never, cost=paid)

    def steps(params):
        return params.max_steps

    def render(state, params):
        return walk(np.asarray(params.mdp.terminal), int(state), width or mdp.num_states)

    observation_space = Box((mdp.num_states,), 0.0, 1.0)
    action_space = Discrete(mdp.num_actions)
    params = EnvParams(mdp, time_limit)
    if cost is not None:
        params = replace(params, cost=cost)
    if objectives is not None:
        even = jnp.full(len(objectives), 1.0 / len(objectives))
        params = replace(params, objectives=objectives, weights=even)
    return Env(
        name,
        reset,
        step,
        params,
        observation_space,
        action_space,
        steps,
        render=render,
        constrained=constrained,
    )


def ids() -> tuple[str, ...]:
    """One name of each family."""
    return tuple(family.example for family in FAMILIES.values())


def make(name: str) -> Env:
    """`Chain-<length>`, `Grid-<height>x<width>`, `RandomWalk-<length>`, `Garnet-<S>x<A>x<b>`, or
    `Hazards-<height>x<width>`, whose steps have a cost, or `Treasure-<columns>` with its two
    objectives.

    A builder's other arguments are its defaults, a Garnet's seed is 0, the time limit is 10 steps
    for each state. Raises `RegistryError` for another name, or for sizes that the builder refuses
    or whose `transition` would hold more than 10 million numbers.
    """
    word, sizes = _parse(name)
    if word not in FAMILIES or not sizes:
        raise RegistryError(f"there is no tabular environment {name!r}{closest(name, ids())}")
    family = FAMILIES[word]
    expected = len(_parse(family.example)[1])
    if len(sizes) != expected:
        shape = f"{expected} size{'s' * (expected > 1)}, as in {family.example!r}"
        raise RegistryError(f"tabular environment {name!r}: {word} takes {shape}")
    if family.count(*sizes) > MAX_NUMBERS:
        limit = f"more than {MAX_NUMBERS:,} transition probabilities; choose a smaller one"
        raise RegistryError(f"tabular environment {name!r} has {limit}")
    try:
        mdp = family.build(*sizes)
    except ConfigError as error:
        raise RegistryError(f"tabular environment {name!r}: {error}") from error
    width = sizes[-1] if word in ("Grid", "Hazards", "Treasure") else None
    cost = family.cost(mdp, *sizes) if family.cost else None
    several = family.objectives(mdp, *sizes) if family.objectives else None
    return as_env(mdp, name, STEPS_PER_STATE * mdp.num_states, width, cost, several)


def _parse(name: str) -> tuple[str, tuple[int, ...]]:
    match = re.fullmatch(r"([A-Za-z]+)-([1-9]\d{0,8}(?:x[1-9]\d{0,8})*)", name, re.ASCII)
    return (match[1], tuple(map(int, match[2].split("x")))) if match else ("", ())
