"""Several trials in one episode, with a goal that is hidden and stays where it is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
    trial: Int | int
    time: Int | int  # steps of this trial
    found: Any  # bool: by the last step


def hidden_goal(name: str, size: int, num_trials: int) -> Env:
    """Find the goal on a grid, `num_trials` times from the corner; it is seen when it is reached.

    A trial ends at the goal, which pays 1 / trials, or after as many steps as lead to the far
    corner, 2 (size - 1). Observed are row and column one-hot, whether the last step found the goal,
    and whether a trial begins.

    After the navigation tasks of Duan et al. 2016, arXiv:1611.02779 (RL^2), and Wang et al. 2016,
    arXiv:1611.05763; the grid is ours. In a trial whoever does not remember the ones before finds
    the goal with probability 2 (size - 1) / (size^2 - 1) = 2 / (size + 1) at most.
    """
    most = 2 * (size - 1)

    def observe(state):
        row, column = (jax.nn.one_hot(state.place[i], size) for i in range(2))
        flags = jnp.stack([state.found, state.time == 0]).astype(jnp.float32)
        return jnp.concatenate([row, column, flags])

    def reset(key, params):
        del params
        cell = jax.random.randint(key, (), 1, size**2)
        zero = jnp.int32(0)
        goal = jnp.stack([cell // size, cell % size])
        state = Search(goal, jnp.zeros(2, jnp.int32), zero, zero, jnp.zeros((), bool))
        return state, observe(state)

    def step(key, state, action, params):
        del key
        place = jnp.clip(state.place + jnp.asarray(MOVES, jnp.int32)[action], 0, size - 1)
        found = (place == state.goal).all()
        over = found | (state.time + 1 >= most)
        trial = state.trial + over.astype(jnp.int32)
        time = jnp.where(over, 0, state.time + 1)
        state = Search(state.goal, jnp.where(over, 0, place), trial, time, found)
        reward = params.reward_scale * found / num_trials
        return state, TimeStep(observe(state), reward, trial >= num_trials, jnp.zeros((), bool))

    def render(state, params):
        del params
        cells = np.zeros((size, size, 3))
        for i, place in enumerate((state.place, state.goal)):
            cells[int(place[0]), int(place[1]), i] = 1.0
        cells[..., 2] = 1.0
        return cells_picture(cells, (BLUE, GREEN, PALE))

    space = Box((2 * size + 2,), 0.0, 1.0)
    return task(name, reset, step, num_trials * most, space, Discrete(len(MOVES)), render)
