"""The T-maze: a sign at the start says which way to turn at the end."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Int, frozen
from jaxac.envs.canvas import BLUE, GREEN, PALE
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.memory.task import task
from jaxac.envs.picture import cells_picture

LOST = 0.1 / 4.0  # what Bakker's agents pay for a wrong turn or a wasted step, over what they win
LEFT, AHEAD, RIGHT = range(3)


@frozen
class Maze:
    """Where the goal is, and the agent."""

    right: Any  # bool
    place: Int | int  # steps from the start


def t_maze(name: str, length: int) -> Env:
    """A corridor of `length` steps, then a turn: actions are left, ahead and right.

    The sign is seen at the start, later only whether this is the junction: (sign left, sign right,
    corridor, junction). The right turn pays 1, the wrong one -0.025, and either ends the episode;
    a step that moves nothing costs 0.025.

    Source: Bakker 2001, Reinforcement learning with long short-term memory, section 4.1, rewards
    over 4. Departs from it: no action leads back. Without a memory (1 - 0.025) / 2 can be had.
    """

    def observe(state):
        at = jnp.where(state.place == 0, state.right.astype(jnp.int32), 2)
        return jax.nn.one_hot(jnp.where(state.place == length, 3, at), 4)

    def reset(key, params):
        del params
        state = Maze(jax.random.bernoulli(key), jnp.int32(0))
        return state, observe(state)

    def step(key, state, action, params):
        del key
        junction = state.place == length
        moves = jnp.where(junction, action != AHEAD, action == AHEAD)
        won = junction & (action == jnp.where(state.right, RIGHT, LEFT))
        gain = jnp.where(won, 1.0, jnp.where(moves & ~junction, 0.0, -LOST))
        state = Maze(state.right, jnp.minimum(state.place + moves.astype(jnp.int32), length))
        ended = junction & moves
        return state, TimeStep(
            observe(state), params.reward_scale * gain, ended, jnp.zeros((), bool)
        )

    def render(state, params):
        del params
        cells = np.zeros((3, length + 1, 3))
        cells[1, int(state.place), 0] = 1.0
        cells[2 if state.right else 0, length, 1] = 1.0
        cells[1, :, 2] = cells[:, length, 2] = 1.0
        return cells_picture(cells, (BLUE, GREEN, PALE))

    return task(name, reset, step, 4 * (length + 1), Box((4,), 0.0, 1.0), Discrete(3), render)
