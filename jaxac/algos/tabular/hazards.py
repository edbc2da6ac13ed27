"""A finite process with costs: the short way leads through hazards, the long way around them."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.algos.tabular.mdp import MDP, grid
from jaxac.core import replace
from jaxac.errors import ConfigError

STEP = 0.05  # reward that every step takes


def hazards(height: int, width: int) -> MDP:
    """A grid whose start and goal are the ends of its first row: +1 at the goal, -0.05 a step.

    Raises `ConfigError` for fewer than two rows or three columns: there would be no other way.
    """
    if height < 2 or width < 3:
        size = f"{height} x {width}"
        raise ConfigError("hazards", f"{size} leaves no way around; take 2 x 3 or more")
    mdp = grid(height, width, goal=(0, width - 1))
    ongoing = ~np.asarray(mdp.terminal)[:, None]
    return replace(mdp, reward=mdp.reward - STEP * ongoing)


def entered(mdp: MDP, height: int, width: int) -> Float[Array, "S A"]:
    """The cost of a step: 1 for entering a cell of the first row between start and goal."""
    del height
    state = jnp.arange(mdp.num_states)
    hazard = (state > 0) & (state < width - 1)
    return mdp.transition @ hazard.astype(jnp.float32)
