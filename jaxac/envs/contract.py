"""The environment contract: pure `reset` and `step`, traced params, and no auto-reset.

jaxac alone adds vectorisation, the time limit and the reset (`jaxac.envs.loop`).
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float

from jaxac.core import Int, Key, frozen


@dataclasses.dataclass(frozen=True)
class Discrete:
    """The integers 0 to n - 1."""

    n: int

    def __str__(self) -> str:
        return f"Discrete({self.n})"


@dataclasses.dataclass(frozen=True)
class Box:
    """Arrays of `shape` with elements between `low` and `high`, each one number or one per element.

    A bound may be infinite.
    """

    shape: tuple[int, ...]
    low: float | tuple[float, ...] = -math.inf
    high: float | tuple[float, ...] = math.inf

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """`low` and `high` as arrays of `shape`."""
        low, high = (np.asarray(x, np.float32) for x in (self.low, self.high))
        low, high = (x.reshape(self.shape) if x.ndim else x for x in (low, high))
        return np.broadcast_to(low, self.shape), np.broadcast_to(high, self.shape)

    def __str__(self) -> str:
        low, high = self.bounds
        span = f"[{low.min():g}, {high.max():g}]" if self.size else "[]"
        return f"Box({'x'.join(map(str, self.shape))}, {span})"


Space = Discrete | Box


@frozen
class TimeStep:
    """What one step of an environment gives.

    `obs` is the true next observation, whatever the flags say. `terminated` means that the task
    ended and nothing follows; `truncated` that the environment itself cut the episode short of an
    end (jaxac adds the time limit, so most environments leave it false).
    """

    obs: Any
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    info: Any = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Env:
    """An environment as pure functions of a key and traced params; it never resets itself."""

    name: str
    reset: Callable[[Key, Any], tuple[Any, Any]]
    """`reset(key, params) -> state, obs`"""
    step: Callable[[Key, Any, Any, Any], tuple[Any, TimeStep]]
    """`step(key, state, action, params) -> state, TimeStep`"""
    params: Any
    """The default params, a pytree of numbers; each leaf may be an axis of a sweep."""
    observation_space: Box
    action_space: Space
    time_limit: Callable[[Any], Int | int]
    """`time_limit(params)`: steps after which an episode is truncated."""
