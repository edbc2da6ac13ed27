"""jumanji (1.1): its games, packing, routing and logic tasks.

The environments are un-reset. Most of jumanji reports its time limit as a termination; its limit is
lifted here, so that all it still reports is an end of the task, and is a traced param instead.
Actions of several parts are one number, the last part counting fastest, and the mask of legal ones
is flattened alike. An observation of one array is kept as it is, of several is one float32 vector;
`step_count`, the clock of the time limit, is not seen.
"""

import math
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Int, field, frozen
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.resets import WhenNeeded
from jaxac.errors import RegistryError, closest

ENDLESS = 10_000
LIMITS = {
    "BinPack-v2": 20,  # items
    "CVRP-v1": 40,  # two visits a node
    "FlatPack-v0": 25,  # blocks
    "Game2048-v1": ENDLESS,
    "GraphColoring-v1": 20,  # nodes
    "Knapsack-v1": 50,  # items
    "Minesweeper-v0": 90,  # squares without a mine
    "Sudoku-v0": 81,  # squares
    "Sudoku-very-easy-v0": 81,
    "TSP-v1": 20,  # cities
}
"""Steps after which a task without a limit of its own has ended by itself, 2048 aside."""
LIMITED = (
    *("Cleaner-v0", "Maze-v0", "PacMan-v1", "RubiksCube-v0", "RubiksCube-partly-scrambled-v0"),
    *("SlidingTilePuzzle-v0", "Snake-v1", "Tetris-v0"),
)
AGENTS = ("LevelBasedForaging-v0", "RobotWarehouse-v0")  # each agent with a view of its own
LEFT_OUT = (
    "Connector-v3",  # 5^10 joint actions, and no view tells agents apart
    "JobShop-v0",  # 21^10 joint actions
    "MMST-v0",  # 36^3 joint actions
    "MultiCVRP-v0",  # its actions and its mask disagree
    "SearchAndRescue-v0",  # its rewards read its own time limit
    "Sokoban-v0",  # downloads its levels
)
NEVER = 2**31 - 1  # steps
UNBOUNDED = ("position",)  # of TSP: -1 before the first city, where its spec says 0


@frozen
class JumanjiParams:
    """Traced params of every task."""

    max_steps: Int | int = field(
        1000, "steps after which an episode is truncated", within="[1, inf)"
    )


def ids() -> tuple[str, ...]:
    """Names of the jumanji tasks that jaxac can train on."""
    return tuple(sorted((*LIMITS, *LIMITED, *AGENTS)))


def make(name: str) -> Env:
    """The jumanji task `name`; obs of one with a mask are a dict `policy`, `action_mask`.

    Raises `RegistryError` for an unknown name, `EnvError` if jumanji is missing.
    """
    if name not in ids():
        raise RegistryError(f"jumanji has no environment {name!r}{closest(name, ids())}")
    env = extras.load("jumanji", "jumanji").make(name)
    limit: Any = getattr(env, "time_limit", LIMITS.get(name))
    env.time_limit = NEVER
    parts = np.asarray(env.action_spec.num_values)
    num_agents = len(parts) if name in AGENTS else None
    joint = parts.ndim == 1 and num_agents is None

    def decode(action):
        return jnp.stack(jnp.unravel_index(action, tuple(parts))) if joint else action

    def observe(observation):
        fields = observation._asdict()
        mask = fields.pop("action_mask", None)
        fields.pop("step_count", None)
        arrays = jax.tree.leaves(tuple(fields.values()))
        flat = [jnp.ravel(x).astype(jnp.float32) for x in arrays]
        policy = arrays[0] if len(arrays) == 1 else jnp.concatenate(flat)
        if mask is None:
            return policy
        return {"policy": policy, "action_mask": _joint(mask, parts) if joint else mask}

    def reset(key, params):
        del params
        state, timestep = env.reset(key)
        return state, observe(timestep.observation)

    def step(key, state, action, params):
        del key, params  # the state has a key of its own
        state, timestep = env.step(state, decode(action))
        reward = jnp.asarray(timestep.reward, jnp.float32)
        if num_agents is not None:
            reward = jnp.broadcast_to(reward, (num_agents,))
        obs, truncated = observe(timestep.observation), jnp.zeros((), bool)
        return state, TimeStep(obs, reward, timestep.last(), truncated)

    low, high = (
        observe(_bound(env.observation_spec, *end))
        for end in (("minimum", -math.inf), ("maximum", math.inf))
    )
    first = jax.eval_shape(lambda key: reset(key, None)[1], jax.random.key(0))
    return Env(
        name,
        reset,
        step,
        JumanjiParams(max_steps=limit),
        jax.tree.map(partial(_box, num_agents), first, low, high),
        Discrete(int(parts[0]) if num_agents else math.prod(parts.ravel().tolist())),
        lambda params: params.max_steps,
        resets=WhenNeeded(),
        num_agents=num_agents,
        render=partial(_render, env),
    )


def _joint(mask: Any, parts: np.ndarray) -> Any:
    """Which joint actions are legal, [product of parts], by a mask of them or one for each part."""
    if mask.shape == tuple(parts):
        return mask.ravel()
    return reduce(lambda a, b: (a[:, None] & b).ravel(), mask)


def _bound(spec: Any, end: str, default: float) -> Any:
    """The lowest or highest observation that a spec allows."""
    if not spec._specs:
        return np.broadcast_to(getattr(spec, end, default), spec.shape)
    parts = {k: _bound(x, "" if k in UNBOUNDED else end, default) for k, x in spec._specs.items()}
    return spec._constructor(**parts)


def _box(num_agents: int | None, like: Any, low: Any, high: Any) -> Box:
    """The space of an array, or of one agent's part of it."""

    def plain(end):
        end = np.asarray(end if num_agents is None else end[0], np.float32).ravel()
        return end[0].item() if (end == end[0]).all() else tuple(end.tolist())

    shape = like.shape if num_agents is None else like.shape[1:]
    return Box(shape, plain(low), plain(high), like.dtype.name)


def _render(env: Any, state: Any, params: Any) -> np.ndarray:
    """jumanji's own picture, drawn on no screen."""
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    del params
    viewer_class = extras.load("jumanji", "jumanji.viewer").Viewer
    viewer = next(x for x in vars(env).values() if isinstance(x, viewer_class))
    viewer._get_fig_ax = partial(type(viewer)._get_fig_ax, viewer, show=False)
    figures = []
    viewer._display = figures.append
    with plt.ioff():
        env.render(jax.tree.map(jnp.asarray, state))
        figures[0].set_dpi(50)
        canvas = FigureCanvasAgg(figures[0])
        canvas.draw()
        env.close()
    return np.asarray(canvas.buffer_rgba())[..., :3]
