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
from jaxac.envs.resets import BY_PLATFORM, Resets


@dataclasses.dataclass(frozen=True)
class Discrete:
    """The integers 0 to n - 1."""

    n: int

    def __str__(self) -> str:
        return f"Discrete({self.n})"


@dataclasses.dataclass(frozen=True)
class Box:
    """Arrays of `shape` and `dtype` between `low` and `high`, each one number or one per element.

    A bound may be infinite.
    """

    shape: tuple[int, ...]
    low: float | tuple[float, ...] = -math.inf
    high: float | tuple[float, ...] = math.inf
    dtype: str = "float32"

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
        dtype = "" if self.dtype == "float32" else f", {self.dtype}"
        return f"Box({'x'.join(map(str, self.shape))}, {span}{dtype})"


Space = Discrete | Box
Observations = Box | dict[str, Box]
"""One array, or several by name: `policy` is what the policy sees, `critic` what the value sees
if that is more (privileged state), `action_mask` [n] which discrete actions are legal now."""


def view(observations: Any, name: str) -> Any:
    """What the policy (`"policy"`) or the value (`"critic"`) sees of an observation or its space.

    A value that is given nothing of its own sees what the policy sees.
    """
    if not isinstance(observations, dict):
        return observations
    return observations[name] if name in observations else observations["policy"]


@frozen
class TimeStep:
    """What one step of an environment gives.

    `obs` is the true next observation, whatever the flags say; `reward` is a number, or [A] with
    agents. `terminated` means that the task
    ended and nothing follows; `truncated` that the environment itself cut the episode short of an
    end (jaxac adds the time limit, so most environments leave it false). `cost` is what a
    constraint bounds, where the environment is `constrained`.
    """

    obs: Any
    reward: Float[Array, "*agents"]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    info: Any = ()
    cost: Float[Array, ""] | float = 0.0


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
    observation_space: Observations
    action_space: Space
    time_limit: Callable[[Any], Int | int]
    """`time_limit(params)`: steps after which an episode is truncated."""
    resets: Resets = BY_PLATFORM
    """How the loop finds the first state of the next episode."""
    num_agents: int | None = None
    """With agents, obs, action and reward have a leading agent axis [A]; an episode ends for all
    at once. None is a single agent without that axis."""
    render: Callable[[Any, Any], np.ndarray] | None = None
    """`render(state, params) -> [H, W, 3]` uint8: a picture of one state, drawn on the host."""
    wrappers: tuple[Any, ...] = ()
    """What `jaxac.envs.wrap` changed, in order."""
    unwrapped: "Env | None" = None
    """The environment before any of it."""
    constrained: bool = False
    """Whether steps have a `cost`, which methods with a constraint keep low."""
