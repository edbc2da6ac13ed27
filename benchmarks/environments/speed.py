"""What the contract costs: our loop and the suite's own vmapped, scanned rollout, in turns."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.environments.originals import Original
from jaxac.envs import Env, loop
from jaxac.envs.sampling import random_action

ROUNDS = 9
SECONDS = 0.5  # about what one timed rollout takes


@dataclasses.dataclass(frozen=True)
class Run:
    """A compiled rollout."""

    program: Any
    first: Any

    def seconds(self, length: int) -> float:
        """What `length` steps take."""
        begin = time.perf_counter()
        jax.block_until_ready(self.program(jax.random.key(1), self.first, jnp.int32(length)))
        return time.perf_counter() - begin

    @property
    def text(self) -> str:
        """The compiled program."""
        return self.program.as_text()


def ratio(env: Env, original: Original | None, num_envs: int) -> dict[str, Any]:
    """Environment steps per second of both, and the median ratio ours / theirs of all rounds."""
    runs = {"ours": ours(env, num_envs)}
    if original is not None:
        runs["theirs"] = theirs(env, original, num_envs)
    steps, rounds = in_turns(runs, num_envs)
    found: dict[str, Any] = {"num_envs": num_envs, "steps": steps, "rounds": ROUNDS}
    for name in runs:
        found[f"{name}_per_second"] = per_second(steps, [r[name] for r in rounds])
    if original is not None:
        ratios = [r["theirs"] / r["ours"] for r in rounds]
        found["ratio"] = round(statistics.median(ratios), 3)
        found["ratio_min"], found["ratio_max"] = round(min(ratios), 3), round(max(ratios), 3)
    return found


def in_turns(runs: dict[str, Run], num_envs: int) -> tuple[int, list[dict[str, float]]]:
    """Steps of one rollout, and the seconds that each took, round by round."""
    length = max(_length(run, num_envs) for run in runs.values())
    return num_envs * length, [
        {name: run.seconds(length) for name, run in runs.items()} for _ in range(ROUNDS)
    ]


def per_second(steps: int, seconds: list[float]) -> int:
    """The median rate."""
    return round(steps / statistics.median(seconds))


def ours(env: Env, num_envs: int) -> Run:
    """jaxac's loop under random actions."""

    def one(key, envs):
        key_act, key_env = jax.random.split(key)
        action = _actions(key_act, env, num_envs)
        envs, outcome = loop.step(key_env, env, env.params, envs, action)
        return envs, outcome.reward.mean()

    def start(key):
        return loop.start(key, env, env.params, num_envs)

    return compiled(one, start)


def theirs(env: Env, original: Original, num_envs: int) -> Run:
    """The suite's own rollout under the same actions."""

    def one(key, states):
        key_act, key_env = jax.random.split(key)
        action = _actions(key_act, env, num_envs)
        states, reward = original.advance(jax.random.split(key_env, num_envs), states, action)
        return states, reward.mean()

    return compiled(one, lambda key: original.start(jax.random.split(key, num_envs)))


def compiled(one: Callable[[Any, Any], Any], start: Callable[[Any], Any]) -> Run:
    """`one(key, states) -> states, number`, repeated; the number of steps is not compiled in."""
    first = jax.jit(start)(jax.random.key(0))

    def rollout(key, first, length):
        def body(t, carried):
            states, total = carried
            states, reward = one(jax.random.fold_in(key, t), states)
            return states, total + reward

        return jax.lax.fori_loop(0, length, body, (first, jnp.zeros(())))

    lowered = jax.jit(rollout).lower(jax.random.key(1), first, jnp.int32(0))
    return Run(lowered.compile(), first)


def _length(run: Run, num_envs: int) -> int:
    """Steps per environment that take about `SECONDS`."""
    run.seconds(2)
    length = 8
    while True:
        took = run.seconds(length)
        if took > SECONDS / 8 or length * num_envs > 2**24:
            return max(8, int(length * SECONDS / took))
        length *= 4


def _actions(key: jax.Array, env: Env, num_envs: int) -> jax.Array:
    """Random actions that need no observation: which are legal is the suite's business here."""
    keys = jax.random.split(key, num_envs)
    return jax.vmap(lambda key: random_action(key, env, None))(keys)
