"""What the contract costs: our loop and the suite's own vmapped, scanned rollout, in turns."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax

from benchmarks.environments.originals import Original
from jaxac.envs import Env, loop
from jaxac.envs.sampling import random_action

ROUNDS = 7
SECONDS = 0.6  # about what one timed rollout takes


def ratio(env: Env, original: Original, num_envs: int) -> dict[str, Any]:
    """Environment steps per second of both, and the median ratio ours / theirs of all rounds."""
    keys = jax.random.split(jax.random.key(0), num_envs)
    programs: dict[str, tuple[Callable, Any]] = {
        "ours": (_ours(env, num_envs), loop.start(jax.random.key(0), env, env.params, num_envs)),
        "theirs": (_theirs(env, original, num_envs), original.start(keys)),
    }
    length = _length(*programs["ours"], num_envs)
    compiled = {}
    for name, (program, first) in programs.items():
        compiled[name] = jax.jit(program, static_argnums=2), first
        _time(*compiled[name], length)
    rounds = [{k: _time(*compiled[k], length) for k in compiled} for _ in range(ROUNDS)]
    steps = num_envs * length
    ratios = [r["theirs"] / r["ours"] for r in rounds]
    return {
        "num_envs": num_envs,
        "steps": steps,
        "ours_per_second": round(steps / statistics.median(r["ours"] for r in rounds)),
        "theirs_per_second": round(steps / statistics.median(r["theirs"] for r in rounds)),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "rounds": ROUNDS,
    }


def _length(program: Callable, first: Any, num_envs: int) -> int:
    """Steps per environment that take about `SECONDS`."""
    run, length = jax.jit(program, static_argnums=2), 16
    while True:
        _time(run, first, length)
        took = min(_time(run, first, length) for _ in range(2))
        if took > SECONDS / 8 or length * num_envs > 2**24:
            return max(16, int(length * SECONDS / took))
        length *= 4


def _time(run: Callable, first: Any, length: int) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(run(jax.random.key(1), first, length))
    return time.perf_counter() - begin


def _actions(key: jax.Array, env: Env, num_envs: int) -> jax.Array:
    """Random actions that need no observation: legal ones are the suite's business here."""
    plain = None
    keys = jax.random.split(key, num_envs)
    return jax.vmap(lambda key: random_action(key, env, plain))(keys)


def _ours(env: Env, num_envs: int) -> Callable:
    def program(key, first, length):
        def one(envs, key):
            key_act, key_env = jax.random.split(key)
            action = _actions(key_act, env, num_envs)
            envs, outcome = loop.step(key_env, env, env.params, envs, action)
            return envs, outcome.reward.mean()

        return jax.lax.scan(one, first, jax.random.split(key, length))

    return program


def _theirs(env: Env, original: Original, num_envs: int) -> Callable:
    def program(key, first, length):
        def one(states, key):
            key_act, key_env = jax.random.split(key)
            action = _actions(key_act, env, num_envs)
            states, reward = original.advance(jax.random.split(key_env, num_envs), states, action)
            return states, reward.mean()

        return jax.lax.scan(one, first, jax.random.split(key, length))

    return program
