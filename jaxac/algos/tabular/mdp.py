"""Finite Markov decision processes as arrays, a check of them, and builders of standard ones.

Source: Puterman 1994, "Markov Decision Processes", section 2.1; Sutton & Barto 2018,
"Reinforcement Learning: An Introduction", chapter 3. S is the number of states, A of actions.
Numbers may be traced: `jax.vmap(lambda slip: chain(10, slip))(slips)` is a family of processes.
"""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from jaxac.core import Key, Scalar, frozen
from jaxac.errors import ConfigError, EnvError
from jaxac.fields import Interval

ATOL = 1e-5  # how far a float32 distribution may be from summing to 1

LEFT, RIGHT = 0, 1  # the actions of `chain`, `random_walk` and `ring`
UP, EAST, DOWN, WEST = range(4)  # the actions of `grid`, clockwise
COMPASS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # their (row, column) steps

Cell = tuple[int, int]  # row, column


@frozen
class MDP:
    """A finite Markov decision process; entering a terminal state ends the episode.

    A terminal state is worth 0, whatever its rows of `transition` and `reward` hold: by convention
    a self-loop and zeros.
    """

    transition: Float[Array, "S A S"]  # P(next | state, action); every row sums to 1
    reward: Float[Array, "S A"]  # expected reward of an action, reward units
    terminal: Bool[Array, " S"]
    start: Float[Array, " S"]  # distribution of the first state; none of it on terminal states

    @property
    def num_states(self) -> int:
        """S."""
        return self.reward.shape[-2]

    @property
    def num_actions(self) -> int:
        """A."""
        return self.reward.shape[-1]


def check(mdp: MDP) -> None:
    """Raise `EnvError` naming the first thing wrong with the arrays of one process, on the host."""
    p, r, terminal, start = (
        np.asarray(x) for x in (mdp.transition, mdp.reward, mdp.terminal, mdp.start)
    )
    if r.ndim != 2 or 0 in r.shape:
        raise EnvError(f"an MDP's reward must be [S, A], both at least 1; its shape is {r.shape}")
    s, a = r.shape
    for name, x, shape in (
        ("transition", p, (s, a, s)),
        ("terminal", terminal, (s,)),
        ("start", start, (s,)),
    ):
        if x.shape != shape:
            raise EnvError(f"an MDP's {name} must be {shape} beside {s} states; it is {x.shape}")
    if terminal.dtype != bool:
        raise EnvError(f"an MDP's terminal must be bool; it is {terminal.dtype}")
    if not np.isfinite(r).all():
        raise EnvError(f"an MDP's reward{_first(~np.isfinite(r))} is not a finite number")
    for name, x in (("transition", p), ("start", start)):
        negative = ~(x >= 0)
        if negative.any():
            raise EnvError(f"an MDP's {name}{_first(negative)} is not a probability")
        off = np.asarray(np.abs(x.sum(-1, dtype=np.float64) - 1) > ATOL)
        if off.any():
            raise EnvError(f"an MDP's {name}{_first(off)} does not sum to 1 over the last axis")
    if start[terminal].any():
        raise EnvError(f"an MDP's start{_first(terminal & (start > 0))} begins where all is over")


def chain(length: int, slip: Scalar = 0.0, small: Scalar = 0.0) -> MDP:
    """`length` states in a row: +1 for entering the last, which ends the episode.

    Actions `LEFT` and `RIGHT` go the other way with probability `slip`; the walk starts in state 0,
    where `LEFT` stays and is paid `small`. Without slip the right end is worth
    `gamma ** (length - 2)` from state 0 and staying left `small / (1 - gamma)`.

    Source: RiverSwim of Strehl & Littman 2008, "An analysis of model-based interval estimation for
    Markov decision processes", whose two ends both pay; here the right one ends the episode and
    both directions slip. Raises `ConfigError` for a length below 2 or a slip outside [0, 1].
    """
    _require(length >= 2, "chain.length", f"{length} states; a start and an end are the least")
    require_within("chain.slip", slip, "[0, 1]")
    terminal = np.arange(length) == length - 1
    move = _line(terminal)
    transition = (1.0 - slip) * move + slip * move[:, ::-1]
    stay = np.zeros((length, 2))
    stay[0, LEFT] = 1.0
    return _mdp(transition, _paid(transition, terminal, -1) + small * stay, terminal, 0)


def random_walk(length: int) -> MDP:
    """`length` states between two terminal ones; +1 for entering the right one; starts midway.

    State 0 and state `length + 1` are terminal, so S is `length + 2`. Under the uniform policy
    state i is worth `i / (length + 1)` at gamma 1.

    Source: Sutton & Barto 2018, example 6.2, which has 5 states and no actions; here its coin is
    the uniform policy over `LEFT` and `RIGHT`. Raises `ConfigError` unless `length` is odd.
    """
    _require(length >= 1 and length % 2 == 1, "random_walk.length", f"{length} has no middle state")
    terminal = np.isin(np.arange(length + 2), (0, length + 1))
    transition = _line(terminal)
    return _mdp(transition, _paid(transition, terminal, -1), terminal, length // 2 + 1)


def ring(length: int, speed: Scalar = 1.0, slip: Scalar = 0.0) -> MDP:
    """`length` states in a circle, which never end; +1 a step for being opposite state 0.

    Actions `LEFT` and `RIGHT` go round one step with probability `speed`, else stay; of these moves
    the share `slip` goes the other way. The slower, the longer the start is remembered. Raises
    `ConfigError` for a length below 2, or a speed or slip outside [0, 1].
    """
    _require(length >= 2, "ring.length", f"{length} states are no circle")
    require_within("ring.speed", speed, "[0, 1]")
    require_within("ring.slip", slip, "[0, 1]")
    state = np.arange(length)
    to = np.stack([(state - 1) % length, (state + 1) % length], axis=1)
    move, stay = np.eye(length)[to], np.eye(length)[:, None]
    transition = (1.0 - speed) * stay + speed * ((1.0 - slip) * move + slip * move[:, ::-1])
    reward = np.repeat((state == length // 2)[:, None], 2, axis=1)
    return _mdp(transition, reward, np.zeros(length, bool), 0)


def lock(length: int, num_actions: int = 4) -> MDP:
    """A combination lock: `length` actions in the right order pay 1, any other one breaks it.

    State i is the number of right actions so far, state `length` the broken or opened lock, where
    nothing happens any more; the right action in state i is 3 i mod `num_actions`. Chance alone
    opens it once in `num_actions ** length` episodes of `length` steps. Source: the combination
    locks of Kakade 2003, "On the sample complexity of reinforcement learning", section 8.6.
    Raises `ConfigError` for a length below 1 or fewer than two actions.
    """
    _require(length >= 1, "lock.length", f"{length} is below 1")
    _require(num_actions >= 2, "lock.num_actions", f"{num_actions} leaves nothing to find out")
    state, to = np.arange(length), np.full((length + 1, num_actions), length)
    right = 3 * state % num_actions
    to[state, right] = state + 1
    reward = np.zeros((length + 1, num_actions))
    reward[length - 1, right[-1]] = 1.0
    return _mdp(np.eye(length + 1)[to], reward, np.zeros(length + 1, bool), 0)


def grid(
    height: int,
    width: int,
    walls: Iterable[Cell] = (),
    goal: Cell | None = None,
    start: Cell = (0, 0),
    slip: Scalar = 0.0,
) -> MDP:
    """A maze of cells: +1 for entering `goal`, by default the last cell, which ends the episode.

    Cell (row, column) is state `row * width + column`. Actions are `UP`, `EAST`, `DOWN`, `WEST`; a
    move into a wall or over the border stays. With probability `slip` the move turns by 90 degrees,
    half of it to either side. A wall is a state never entered, marked terminal. Without slip a cell
    d moves from the goal is worth `gamma ** (d - 1)`.

    Source: Russell & Norvig 2010, "Artificial Intelligence", section 17.1, where `slip` is 0.2;
    without its step cost and its pit. Raises `ConfigError` for fewer than two cells, a cell outside
    the grid, a start or goal in a wall, a start at the goal, or a slip outside [0, 1].
    """
    cells = f"a grid of {height} x {width}"
    _require(height >= 1 and width >= 1 and height * width >= 2, "grid", f"{cells} has no path")
    require_within("grid.slip", slip, "[0, 1]")
    goal, walls = (height - 1, width - 1) if goal is None else goal, tuple(walls)
    for name, (row, col) in (("goal", goal), ("start", start), *(("walls", x) for x in walls)):
        inside = 0 <= row < height and 0 <= col < width
        _require(inside, f"grid.{name}", f"({row}, {col}) is outside {cells}")
    _require(goal not in walls, "grid.goal", f"{goal} is a wall")
    _require(start not in walls and start != goal, "grid.start", f"{start} is a wall or the goal")

    state = np.arange(height * width)
    row, col = np.divmod(state, width)
    wall = np.isin(state, [r * width + c for r, c in walls])
    terminal = wall | (state == goal[0] * width + goal[1])
    successor = np.empty((state.size, len(COMPASS)), int)
    for action, (down, right) in enumerate(COMPASS):
        to = np.clip(row + down, 0, height - 1) * width + np.clip(col + right, 0, width - 1)
        successor[:, action] = np.where(wall[to] | terminal, state, to)
    move = np.eye(state.size)[successor]
    aside = 0.5 * (np.roll(move, 1, axis=1) + np.roll(move, -1, axis=1))
    transition = (1.0 - slip) * move + slip * aside
    reward = _paid(transition, terminal, goal[0] * width + goal[1])
    return _mdp(transition, reward, terminal, start[0] * width + start[1])


def garnet(key: Key, num_states: int, num_actions: int, branching: int) -> MDP:
    """A random process in which every action leads to exactly `branching` states; it never ends.

    Successors are drawn without replacement, their probabilities are the parts of the unit interval
    between `branching - 1` uniform cuts, rewards are standard normal, the start is uniform. Pure in
    `key`: `vmap` it over keys for a family.

    Source: Archibald, McKinnon & Thomas 1995, "On the generation of Markov decision processes";
    Bhatnagar et al. 2009, "Natural actor-critic algorithms", TR09-10, section 8. Departs: one
    reward a state and action, not one a transition, without noise. Raises `ConfigError` unless
    the counts are at least 1 and `branching` at most `num_states`.
    """
    _require(num_states >= 1, "garnet.num_states", f"{num_states} is below 1")
    _require(num_actions >= 1, "garnet.num_actions", f"{num_actions} is below 1")
    fits = 1 <= branching <= num_states
    _require(fits, "garnet.branching", f"{branching} successors among {num_states} states")
    key_transition, key_reward = jax.random.split(key)
    shape = (num_states, num_actions)
    draw = jax.random.uniform(key_transition, (*shape, num_states + branching - 1))
    successor = jax.lax.top_k(draw[..., :num_states], branching)[1]
    cut = jnp.sort(draw[..., num_states:], axis=-1)
    part = jnp.diff(cut, axis=-1, prepend=0.0, append=1.0)
    transition = jnp.put_along_axis(
        jnp.zeros((*shape, num_states)), successor, part, axis=-1, inplace=False
    )
    reward = jax.random.normal(key_reward, shape)
    start = jnp.full(num_states, 1.0 / num_states)
    return MDP(transition, reward, jnp.zeros(num_states, bool), start)


def require_within(path: str, x: Scalar, interval: str) -> None:
    """Raise `ConfigError` for a number outside `interval` (`"[0, 1)"`); a traced one passes."""
    if not isinstance(x, Tracer):
        _require(
            float(x) in Interval.parse(interval),
            path,
            f"{float(x):g} is outside the valid range {interval}",
        )


def _line(terminal: np.ndarray) -> np.ndarray:
    state = np.arange(terminal.size)
    to = np.clip(np.stack([state - 1, state + 1], axis=1), 0, terminal.size - 1)
    return np.eye(terminal.size)[np.where(terminal[:, None], state[:, None], to)]


def _paid(transition: Any, terminal: np.ndarray, goal: int) -> Any:
    """Expected reward, +1 for entering `goal`; numpy unless `transition` is traced."""
    return transition[:, :, goal] * ~terminal[:, None]


def _mdp(transition: Any, reward: Any, terminal: np.ndarray, start: int) -> MDP:
    first = np.arange(terminal.size) == start
    p, r, d = (jnp.asarray(x, jnp.float32) for x in (transition, reward, first))
    return MDP(p, r, jnp.asarray(terminal), d)


def _first(bad: np.ndarray) -> str:
    return f"[{', '.join(map(str, np.argwhere(bad)[0]))}]" if bad.ndim else ""


def _require(holds: bool, path: str, problem: str) -> None:
    if not holds:
        raise ConfigError(path, problem)
