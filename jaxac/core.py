"""The one contract every algorithm meets, and the one way to build a pytree."""

import copy
import dataclasses
from collections.abc import Callable
from typing import (
    Annotated,
    Any,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypeVar,
    dataclass_transform,
    runtime_checkable,
)

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree
from jaxtyping import Int as IntOf
from jaxtyping import Key as KeyOf

from jaxac.errors import ConfigError
from jaxac.errors import JaxacError as JaxacError
from jaxac.fields import field as field
from jaxac.fields import meta
from jaxac.plain import check

T = TypeVar("T")
Static: TypeAlias = Annotated[T, "static"]
Key: TypeAlias = KeyOf[Array, ""]
Params: TypeAlias = PyTree[Array]
Metrics: TypeAlias = dict[str, Float[Array, ""]]
Int: TypeAlias = IntOf[Array, ""]
Flag: TypeAlias = Bool[Array, ""]


@runtime_checkable
class Schedule(Protocol):
    """A value that changes while a run trains; it may stand wherever a `Scalar` may."""

    def value_at(self, progress: Float[Array, ""]) -> Float[Array, ""]:
        """The value when the share `progress` in [0, 1] of `total_steps` is done."""
        ...


MAX_COUNT = 2**31 - 1
"""Largest number of a static field: programs count in 32 bits."""

Scalar: TypeAlias = Float[Array, ""] | float


@dataclass_transform(frozen_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Frozen dataclass that is a pytree: `Static[...]` fields are structure, the rest leaves.

    Not `jax.tree_util.register_dataclass`: its structures compare equal across classes (seen in
    jax 0.10.2), so two operators with like-named fields would pass for one program.

    Constructing one raises `ConfigError` for a number outside its field's valid range.
    Raises `JaxacError` for annotations that are text, which would hide `Static`.
    """
    for name, value in list(vars(cls).items()):
        if isinstance(value, dataclasses.Field):  # one declaration may serve several classes
            setattr(cls, name, copy.copy(value))
    cls.__post_init__ = _check_ranges  # pyright: ignore[reportAttributeAccessIssue]
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]
    if any(isinstance(f.type, str) for f in fields):
        raise JaxacError(
            f"{cls.__name__} has annotations that are text, which hide `Static`; write the types "
            "themselves, and drop `from __future__ import annotations`"
        )
    static = [f.name for f in fields if is_static(f)]
    data = [f.name for f in fields if not is_static(f)]

    def flatten_with_keys(obj):
        keyed = [(jax.tree_util.GetAttrKey(n), getattr(obj, n)) for n in data]
        return keyed, tuple(getattr(obj, n) for n in static)

    def flatten(obj):
        return [getattr(obj, n) for n in data], tuple(getattr(obj, n) for n in static)

    def unflatten(aux, leaves):
        obj = object.__new__(cls)
        for name, value in (*zip(data, leaves, strict=True), *zip(static, aux, strict=True)):
            object.__setattr__(obj, name, value)
        return obj

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls


def is_frozen(x: Any) -> bool:
    """Whether `x` is an instance of a `@frozen` class."""
    return is_frozen_class(type(x))


def is_frozen_class(cls: type) -> bool:
    """Whether `cls` was made by `@frozen`."""
    return getattr(cls, "__post_init__", None) is _check_ranges


def is_static(f: dataclasses.Field) -> bool:
    """Whether a field was declared `Static[...]`."""
    return "static" in getattr(f.type, "__metadata__", ())


def replace(obj: T, **changes: Any) -> T:
    """A copy of a frozen object with some fields changed."""
    return dataclasses.replace(obj, **changes)  # pyright: ignore[reportArgumentType]


def _check_ranges(self) -> None:
    for f in dataclasses.fields(self):
        check_range(f, getattr(self, f.name), f"{type(self).__name__}.{f.name}")


def check_range(f: dataclasses.Field, value: Any, path: str) -> None:
    """Raise `ConfigError` if a concrete number in `value` leaves the valid range of field `f`.

    Arrays on a device and traced values pass: they were checked when they were numbers.
    """
    within = meta(f).within
    if within is None:
        return
    check(value, path)
    if is_frozen(value):  # a schedule: what it ranges over is checked, not how
        value = [getattr(value, x.name) for x in dataclasses.fields(value) if not meta(x).within]
    for leaf in jax.tree.leaves(value):
        numbers = np.ravel(leaf) if isinstance(leaf, int | float | np.ndarray | np.generic) else ()
        bad = [x for x in map(float, numbers) if x not in within]
        if bad:
            raise ConfigError(
                path, f"{bad[0]:g} is outside the valid range {within}; {meta(f).doc}"
            )
        if is_static(f) and isinstance(leaf, int) and leaf > MAX_COUNT:
            raise ConfigError(path, f"{leaf:,} is more than {MAX_COUNT:,}; {meta(f).doc}")


def scheduled(hp: T, progress: Float[Array, ""]) -> T:
    """`hp` with every schedule in it replaced by its value at `progress`."""

    def is_schedule(x):
        return isinstance(x, Schedule)

    return jax.tree.map(
        lambda x: x.value_at(progress) if is_schedule(x) else x, hp, is_leaf=is_schedule
    )


class Algorithm(NamedTuple):
    """Pure functions of one run. `vmap` them over states and a lane is one run of a sweep."""

    init: Callable[..., Any]
    """`init(key, hp, env_params=None) -> state`; the environment's own params by default."""
    chunk: Callable[[Any], tuple[Any, Metrics]]
    """`chunk(state) -> state, metrics`: `hp.num_updates` updates in one scan."""
    evaluate: Callable[[Any], Metrics]
    """`evaluate(state) -> metrics` over complete episodes; leaves the run's own draws alone."""
    act: Callable[..., tuple[Any, Any]]
    """`act(state, obs, carry=None, key=None) -> action, carry` for obs [N, ...]; the
    deterministic policy without a key, a sample with one."""
    env_steps: Callable[[Any], int]
    """`env_steps(hp)`: environment steps of one chunk, on the host."""
    value: Callable[[Any, Any], Array] | None = None
    """`value(state, obs)` [N]: the return that is expected of the policy from first observations
    obs [N, ...], discounted, in units of reward (scaled if rewards are). Diagnostics; for methods
    with a critic."""


class Mean(NamedTuple):
    """A metric that averages events (episodes, say), not updates: a sum and a count."""

    total: Float[Array, ""]
    events: Float[Array, ""]


def algorithm(
    init: Callable[[Key, Any, Any], Any],
    update: Callable[[Any], tuple[Any, dict[str, Any]]],
    evaluate: Callable[[Any], Metrics],
    act: Callable[..., tuple[Any, Any]],
    steps_per_update: Callable[[Any], int],
    env_params: Any = (),
    value: Callable[[Any, Any], Array] | None = None,
) -> Algorithm:
    """Tie the functions of one run into an `Algorithm`.

    Every number in `hp` is stored as a strong float, and every one in `env_params` as a strong
    array, so a second chunk never recompiles. A chunk's metrics are means over its updates; a
    `Mean` with no event is NaN there. The metric `finite` is 1 while every loss and norm of the
    chunk was a finite number, else 0: a lane with 0 has diverged. `first_bad` then says where: at
    update u the metric number m in alphabetical order, as u * (number of metrics) + m; else it is
    -1.
    """

    def start(key, hp, params=None):
        params = env_params if params is None else params
        return init(key, jax.tree.map(_strong_float, hp), jax.tree.map(strong, params))

    def chunk(state):
        state, metrics = jax.lax.scan(lambda s, _: update(s), state, length=state.hp.num_updates)
        bad = jnp.stack([_bad(metrics[name]) for name in sorted(metrics)], axis=1).ravel()
        finite = ~bad.any()
        first_bad = jnp.where(finite, -1, jnp.argmax(bad)).astype(jnp.float32)
        means = {k: _reduce(v) for k, v in metrics.items()}
        return state, {
            **means,
            "finite": finite.astype(jnp.float32),
            "first_bad": first_bad,
        }

    def env_steps(hp):
        return hp.num_updates * steps_per_update(hp)

    return Algorithm(start, chunk, evaluate, act, env_steps, value)


def _bad(metric):
    """At which updates [U] a metric was no finite number."""
    leaves = [~jnp.isfinite(x) for x in jax.tree.leaves(metric)]
    return jnp.stack([x.reshape(x.shape[0], -1).any(1) for x in leaves]).any(0)


def together(metric: Any) -> Any:
    """A metric of several updates [U] as one: their mean, or all their events."""
    if isinstance(metric, Mean):
        return Mean(metric.total.sum(0), metric.events.sum(0))
    return metric.mean(0)


def _reduce(metric):
    metric = together(metric)
    if not isinstance(metric, Mean):
        return metric
    total, events = metric
    return jnp.where(events > 0, total / jnp.maximum(events, 1), jnp.nan)


def _strong_float(x):
    return jnp.asarray(x, jnp.float32)


def strong(x: Any) -> Array:
    """An array of the same dtype that is not weakly typed, so that a second call is not traced."""
    x = jnp.asarray(x)
    return jax.lax.convert_element_type(x, x.dtype)
