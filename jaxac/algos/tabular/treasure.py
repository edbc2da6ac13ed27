"""Deep sea treasure: two objectives, of which the deeper treasures give more and take longer."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.algos.tabular.mdp import MDP, grid
from jaxac.core import replace
from jaxac.errors import ConfigError

TREASURES = (1.0, 2.0, 3.0, 5.0, 8.0, 16.0, 24.0, 50.0, 74.0, 124.0)
DEPTHS = (1, 2, 3, 4, 4, 4, 7, 7, 9, 10)


def treasure(columns: int) -> MDP:
    """The first `columns` of the ten, without rewards: what counts is in `objectives`.

    The submarine starts at the top left and moves by a cell; a treasure, the sea bed of its column,
    ends the episode. Source: Vamplew et al. 2011, "Empirical evaluation methods for multiobjective
    reinforcement learning algorithms", section 4.1. Raises `ConfigError` unless 2 to 10 columns.
    """
    if not 2 <= columns <= len(TREASURES):
        raise ConfigError("treasure", f"{columns} columns; there are 2 to {len(TREASURES)}")
    depths = DEPTHS[:columns]
    rock = [(r, c) for c, depth in enumerate(depths) for r in range(depth + 1, depths[-1] + 1)]
    mdp = grid(depths[-1] + 1, columns, walls=rock)
    terminal = np.asarray(mdp.terminal) | (_prizes(columns) > 0.0)
    stay = np.eye(terminal.size, dtype=np.float32)[:, None]
    transition = np.where(terminal[:, None, None], stay, np.asarray(mdp.transition))
    return replace(
        mdp,
        transition=jnp.asarray(transition),
        terminal=jnp.asarray(terminal),
        reward=jnp.zeros_like(mdp.reward),
    )


def objectives(mdp: MDP, columns: int) -> Float[Array, "2 S A"]:
    """What a step gives: the treasure that it leads to, and -1 for the time that it takes."""
    ongoing = ~mdp.terminal[:, None]
    prize = mdp.transition @ jnp.asarray(_prizes(columns)) * ongoing
    return jnp.stack([prize, -1.0 * ongoing * jnp.ones_like(prize)])


def _prizes(columns: int) -> Float[np.ndarray, " S"]:
    depths = DEPTHS[:columns]
    prizes = np.zeros((depths[-1] + 1, columns), np.float32)
    prizes[list(depths), range(columns)] = TREASURES[:columns]
    return prizes.ravel()
