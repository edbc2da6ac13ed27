"""Checks of an environment that runs: values, ends of episodes, masks, determinism and pictures."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import strong
from jaxac.envs.check.guard import Failure, attempt
from jaxac.envs.check.lanes import LANES, PLAIN, Extremes, Record, chance, over_lanes, steps
from jaxac.envs.check.program import draws
from jaxac.envs.check.record import boxes
from jaxac.envs.check.report import Finding
from jaxac.envs.check.tracing import Traces, action_of
from jaxac.envs.check.trees import is_key, kind_of, leaves
from jaxac.envs.contract import Env

LIMITS = (3, 5)  # time limits that are tried
FEW, SOME = 2, 8  # ends of episodes, and steps before them, that a verdict needs
ROUNDING = 1e-5  # of a bound


@dataclasses.dataclass(frozen=True)
class Runs:
    """What came of running an environment, on the host."""

    traces: Traces
    first: Any  # (state, obs) after reset, [N, ...], on the device
    seen: Extremes
    record: Record
    again: Any  # the same two from the same arguments
    limited: dict[int, Record]  # by time limit, if one of the params sets it

    @property
    def records(self) -> list[Record]:
        """All runs that differ."""
        return [self.record, *self.limited.values()]

    @property
    def ends(self) -> int:
        """Episodes that ended by themselves."""
        return int((self.record.terminated | self.record.truncated).sum())


def run(t: Traces, key: Any, num_steps: int, in_turn: bool) -> tuple[Runs | None, list[Finding]]:
    """Compile and run, or say what keeps from it."""

    def first_states(keys, params):
        return jax.tree.map(strong, over_lanes(t.env.reset, in_turn)(keys, params))

    keys = jax.random.split(key, LANES)
    first = attempt(lambda: jax.jit(first_states).lower(keys, t.params))
    if isinstance(first, Failure):
        return None, [Finding("vmap", "reset", str(first))]
    first = attempt(lambda x: jax.block_until_ready(_compiled(x)(keys, t.params)), first)
    if isinstance(first, Failure):
        return None, [Finding("run-fails", "reset", str(first))]
    drawn = chance(key, t.env, num_steps)
    lowered = attempt(lambda: jax.jit(steps(t.env, in_turn)).lower(drawn, first, t.params))
    if isinstance(lowered, Failure):
        return None, [Finding("vmap", "step", str(lowered))]
    across = attempt(_across_params, t, key)
    if isinstance(across, Failure):
        return None, [Finding("vmap", "two params at once", str(across))]
    program = _compiled(lowered)

    def once(params):
        out = jax.device_get(program(drawn, first, params))
        jax.effects_barrier()
        return out

    set_limit = limit_setter(t.env, t.params)
    each = [t.params, t.params, *map(set_limit, LIMITS)] if set_limit else [t.params, t.params]
    outs = attempt(lambda: list(map(once, each)))
    if isinstance(outs, Failure):
        return None, [Finding("run-fails", "step", str(outs))]
    (seen, record), again, *limited = outs
    records = {n: x for n, (_, x) in zip(LIMITS, limited, strict=False)}
    return Runs(t, first, seen, record, again, records), []


def _compiled(lowered: Any) -> Callable[..., Any]:
    """Compiled without optimisation, since it runs a few times only."""
    on_cpu = jax.default_backend() == "cpu"
    return lowered.compile({"xla_backend_optimization_level": 0} if on_cpu else None)


def _across_params(t: Traces, key: Any) -> Any:
    """Reset and step under two keys and params, as two lanes of a sweep do, abstractly."""
    rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct((2, *x.shape), x.dtype), t.params)
    action = jnp.zeros(action_of(t.env).shape, action_of(t.env).dtype)

    def one(key, params):
        state, _ = t.env.reset(key, params)
        return t.env.step(key, jax.tree.map(strong, state), action, params)

    return jax.eval_shape(jax.vmap(one), jax.random.split(key, 2), rows)


def limit_setter(env: Env, params: Any) -> Callable[[int], Any] | None:
    """Steps to params with that time limit, if exactly one of the params is the limit."""
    flat, tree = jax.tree.flatten(params)

    def with_leaf(i: int, value: int) -> Any:
        changed = jnp.asarray(value, flat[i].dtype)
        return jax.tree.unflatten(tree, [*flat[:i], changed, *flat[i + 1 :]])

    def is_limit(i: int) -> bool:
        if jnp.ndim(flat[i]) or is_key(flat[i]) or flat[i].dtype == bool:
            return False
        limits = [attempt(env.time_limit, with_leaf(i, n)) for n in LIMITS]
        return not any(isinstance(x, Failure) for x in limits) and tuple(limits) == LIMITS

    found = [i for i in range(len(flat)) if is_limit(i)]
    return (lambda n: with_leaf(found[0], n)) if len(found) == 1 else None


def values(r: Runs) -> Iterator[Finding]:
    """Observations and rewards are finite; if not at extreme actions alone, that is said."""
    for name, obs in leaves(r.first[1], ""):
        where, finite = f"obs{name}", np.asarray(r.record.finite[name])
        if not np.isfinite(np.asarray(obs, np.float32)).all():
            yield Finding("obs-nan", f"{where} after reset", "it is NaN or infinite")
        else:
            yield from _not_finite("obs-nan", where, finite, r.record.elapsed)
    reward = np.isfinite(r.record.reward).reshape(*r.record.terminated.shape, -1).all(-1)
    yield from _not_finite("reward-nan", "reward", reward, r.record.elapsed)


def _not_finite(kind: str, where: str, finite: Any, elapsed: Any) -> Iterator[Finding]:
    if finite.all():
        return
    kind = kind if not finite[:, :PLAIN].all() else "action-bounds"
    at = " with actions at the bounds of their space" if kind == "action-bounds" else ""
    step, count = elapsed[~finite].min(), (~finite).sum()
    problem = f"it is NaN or infinite{at}: {count} times, first {step} steps into an episode"
    yield Finding(kind, f"{where} after step", problem)


def bounds(r: Runs) -> Iterator[Finding]:
    """Observations stay within their box."""
    for name, box in boxes(r.traces.env.observation_space).items():
        low, high = box.bounds
        under = low - r.seen.low[name] - ROUNDING * np.maximum(1, abs(low))
        above = r.seen.high[name] - high - ROUNDING * np.maximum(1, abs(high))
        excess = np.maximum(under, above)
        outside = excess > 0
        if outside.any():
            i = np.unravel_index(np.argmax(np.where(outside, excess, 0.0)), excess.shape)
            worst = (r.seen.low if under[i] > above[i] else r.seen.high)[name][i]
            element = f"[{', '.join(map(str, i))}]" if i else ""
            low, high = (np.broadcast_to(x, excess.shape)[i] for x in (low, high))
            problem = f"it reaches {worst:g}, the space says [{low:g}, {high:g}]"
            others = f"; {outside.sum() - 1} more elements leave it" if outside.sum() > 1 else ""
            yield Finding("obs-bounds", f"obs{name}{element}", problem + others)


def flags(r: Runs) -> Iterator[Finding]:
    """An episode is not terminated and truncated by one step."""
    both = sum(int((x.terminated & x.truncated).sum()) for x in r.records)
    if both:
        yield Finding("both-flags", "step", f"terminated and truncated are both true, {both} times")


def masks(r: Runs) -> Iterator[Finding]:
    """An action is legal wherever one has to be taken."""
    none = ~np.asarray(r.record.legal)
    if none.any():
        taken = (np.asarray(r.record.elapsed) - 1)[none].min()
        problem = f"no action is legal, first {taken} steps into an episode"
        yield Finding("mask-empty", "obs['action_mask']", problem)


def deterministic(r: Runs) -> Iterator[Finding]:
    """The same program with the same arguments gives the same numbers."""
    pairs = zip(jax.tree.leaves((r.seen, r.record)), jax.tree.leaves(r.again), strict=True)
    if any(not np.array_equal(x, y, equal_nan=True) for x, y in pairs):
        problem = "two runs from the same state, actions and keys give different numbers"
        yield Finding("nondeterministic", "step", problem)


def resets(r: Runs) -> Iterator[Finding]:
    """What a step that ends an episode returns is where it led, not a first state."""
    over = _all(r, lambda x: x.terminated | x.truncated)
    if over.sum() < FEW or (~over).sum() < SOME:
        return
    clock = next(_restarted(r, over), None)
    likely = max(map(_like_resets, r.records))
    if clock is not None:
        problem = f"{clock} counts steps, and starts again where an episode ends"
        yield Finding("auto-reset", "step", problem)
    elif _ends_alone_are_drawn(r, over):
        problem = "obs depends on the key where an episode ends, and nowhere else"
        yield Finding("auto-reset", "step", problem)
    elif likely:
        problem = f"state and obs are like those of a reset at all {likely} ends of episodes"
        yield Finding("auto-reset-likely", "step", problem)


def _restarted(r: Runs, over: Any) -> Iterator[str]:
    """Leaves of the state that count steps until the episode ends, and then are as after reset."""
    for path, leaf in leaves(r.first[0], "state"):
        if path in r.record.clocks and len(set(np.asarray(leaf).tolist())) == 1:
            before, after = (_all(r, lambda x, i=i, p=path: x.clocks[p][i]) for i in (0, 1))
            start, counted = int(leaf[0]), before + 1
            if (after == np.where(over, start, counted)).all() and (counted != start).all():
                yield path


def _ends_alone_are_drawn(r: Runs, over: Any) -> bool:
    both, matters = (_all(r, lambda x: x.both_over), _all(r, lambda x: x.key_matters))
    if both.sum() < FEW or matters[~over].any():
        return False
    like_reset = _all(r, lambda x: x.like_reset)
    return bool(matters[both].mean() > 0.5 and like_reset[both].all())


def _like_resets(record: Record) -> int:
    """How many ends of episodes look like resets, if all of them and few other steps do; else 0."""
    over, like_reset = record.terminated | record.truncated, np.asarray(record.like_reset)
    enough = over.sum() > FEW and (~over).any()
    all_do = enough and like_reset[over].all() and like_reset[~over].mean() < 0.5
    return int(over.sum()) if all_do else 0


def _all(r: Runs, of: Callable[[Record], Any]) -> Any:
    """One entry of every record, [steps]."""
    return np.concatenate([np.asarray(of(x)).ravel() for x in r.records])


def time_limit(r: Runs) -> Iterator[Finding]:
    """The time limit is not reported as a termination."""

    def ended(record: Record, step: int) -> Any:
        return np.asarray(record.terminated)[np.asarray(record.elapsed) == step]

    if r.limited:
        short, long = LIMITS
        at = [ended(r.limited[a], b) for a, b in ((short, short), (long, short), (long, long))]
        if all(x.size for x in at) and at[0].all() and not at[1].all() and at[2].all():
            problem = f"with a time limit of {short}, every episode terminates at step {short}"
            yield Finding("time-limit-terminates", "step", f"{problem}; {long} for {long}")
        return
    limit = int(r.traces.env.time_limit(r.traces.params))
    lengths = np.asarray(r.record.elapsed)[np.asarray(r.record.terminated)]
    if limit > 1 and lengths.size >= LANES and (lengths == limit).all():
        problem = f"all {lengths.size} episodes terminate at step {limit}, which is the time limit"
        yield Finding("time-limit-terminates", "step", problem)


def keys_in_state(r: Runs) -> Iterator[Finding]:
    """A key in the state that draws are made from moves on."""
    for origin in draws(r.traces.step):
        stored = sorted(path for path in origin if path.startswith("state"))
        if not stored or origin & {"key", "action"}:
            continue
        if not any(np.asarray(r.record.changed[path]).any() for path in stored):
            problem = (
                "step draws from it and never changes it: each step of an episode draws the same"
            )
            yield Finding("key-repeats", ", ".join(stored), problem)
            return


def render(r: Runs) -> Iterator[Finding]:
    """A picture is [H, W, 3] uint8."""
    if r.traces.env.render is None:
        return
    state = jax.tree.map(lambda x: x[0], r.first[0])
    picture = attempt(r.traces.env.render, state, r.traces.params)
    if isinstance(picture, Failure):
        yield Finding("render-fails", "render", str(picture))
    elif not isinstance(picture, np.ndarray | jax.Array):
        yield Finding("render-image", "render", f"it returns {kind_of(picture)}")
    elif picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        problem = f"it returns {picture.dtype} {list(picture.shape)}"
        yield Finding("render-image", "render", problem)


CHECKS = (
    values, bounds, flags, masks, deterministic, resets, time_limit, keys_in_state, render,
)  # fmt: skip
