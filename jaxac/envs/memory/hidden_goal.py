"""Several trials in one episode, with a goal that is hidden and stays where it is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from jaxtyping import Int as IntOf

from jaxac.core import Int, frozen
from jaxac.envs.canvas import BLUE, GREEN, PALE
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.memory.task import task
from jaxac.envs.picture import cells_picture

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # up, down, left, right as (row, column)


@frozen
class Search:
    """Where the goal is, the agent, and how far the trial has come."""

    goal: Any  # int32 (row, column)
    place: Any  # int32 (row, column)
    trial: Int | int  # trials that are over
    time: Int | int  # steps of this trial
    found: Any  # bool: the agent is at the goal, and its next step begins a trial


def hidden_goal(name: str, size: int, num_trials: int) -> Env:
    """Find the goal on a grid, `num_trials` times from the corner; it is seen when it is reached.

    A trial is over at the goal, which pays 1 / trials, or after as many steps as lead to the far
    corner, 2 (size - 1). From the goal any action leads back to the corner. Observed are row and
    column, one-hot, and whether this is the goal.

    After the navigation tasks of Duan et al. 2016, arXiv:1611.02779 (RL^2), and Wang et al. 2016,
    arXiv:1611.05763; the grid is ours. As trials begin alike, whoever remembers nothing enters at
    most 2 (size - 1) of the size^2 - 1 cells in each, and so gets 2 / (size + 1) at most. (One's
    last action would be a memory of one step: `LastStep` breaks that bound.)
    """
    most = 2 * (size - 1)

    def observe(state):
        row, column = (jax.nn.one_hot(state.place[i], size) for i in range(2))
        return jnp.concatenate([row, column, state.found[None].astype(jnp.float32)])

    def reset(key, params):
        del params
        cell = jax.random.randint(key, (), 1, size**2)
        state = begin(jnp.stack([cell // size, cell % size]))
        return state, observe(state)

    def step(key, state, action, params):
        del key
        moved = jnp.clip(state.place + jnp.asarray(MOVES, jnp.int32)[action], 0, size - 1)
        found = (moved == state.goal).all() & ~state.found
        late = ~found & (state.time + 1 >= most) & ~state.found
        back = state.found | late
        place = jnp.where(back, 0, moved)
        time = jnp.where(back, 0, state.time + 1)
        trial = state.trial + (found | late).astype(jnp.int32)
        state = Search(state.goal, place, trial, time, found)
        reward = params.reward_scale * found / num_trials
        return state, TimeStep(observe(state), reward, trial >= num_trials, jnp.zeros((), bool))

    def render(state, params):
        del params
        cells = np.zeros((size, size, 3))
        for i, place in enumerate((state.place, state.goal)):
            cells[int(place[0]), int(place[1]), i] = 1.0
        cells[..., 2] = 1.0
        return cells_picture(cells, (BLUE, GREEN, PALE))

    space, num_steps = Box((2 * size + 1,), 0.0, 1.0), num_trials * (most + 1)
    return task(name, reset, step, num_steps, space, Discrete(len(MOVES)), render)


def begin(goal: IntOf[Array, "2"]) -> Search:
    """The state before the first step."""
    zero = jnp.int32(0)
    return Search(goal, jnp.zeros(2, jnp.int32), zero, zero, jnp.zeros((), bool))
