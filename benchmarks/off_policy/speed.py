"""SAC's updates per second, in rounds that take turns with what they are compared with."""

import functools
import importlib.metadata
import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import five_values
from jaxac import config, registry
from jaxac.algos.off_policy import sac

ENV = "Pendulum-v1"
ROUNDS = 15
NARROW, WIDE = (64, 64), (256, 256)


def ours(hidden: tuple[int, int], capacity: int, updates: int) -> Callable[[], None]:
    """A round of `updates` updates of one run that is past its warm-up."""
    env = registry.make_env(ENV)
    algorithm = sac.make(env)
    hp = config.configure(
        sac.sac(),
        {
            "actor.net.trunk.hidden": hidden,
            "critic.net.trunk.hidden": hidden,
            "replay.capacity": capacity,
            "warm_up": 0,
            "num_updates": updates,
        },
    )
    assert hp.batch_size == 256 and hp.num_envs == hp.num_steps == hp.critic_steps == 1
    chunk = jax.jit(algorithm.chunk, donate_argnums=0)
    return repeat(jax.jit(algorithm.init)(jax.random.key(0), hp), lambda state: chunk(state)[0])


def rejax(hidden: tuple[int, int], capacity: int, updates: int) -> Callable[[], None]:
    """The same of Rejax: one environment, one update to a step, batches of 256."""
    import gymnax
    from rejax import SAC

    env, params = gymnax.make(ENV)
    theirs = SAC.create(
        env=five_values(env),
        env_params=params,
        agent_kwargs={"hidden_layer_sizes": hidden},
        num_envs=1,
        buffer_size=capacity,
        fill_buffer=0,
        batch_size=256,
    )

    @functools.partial(jax.jit, donate_argnums=0)
    def chunk(state):
        return jax.lax.fori_loop(0, updates, lambda _, s: theirs.train_iteration(s), state)

    return repeat(jax.jit(theirs.init_state)(jax.random.PRNGKey(0)), chunk)


def repeat(state: Any, chunk: Callable[[Any], Any]) -> Callable[[], None]:
    """A call that goes on from where the last one ended, and waits for the end."""
    held = [state]

    def once() -> None:
        held[0] = jax.block_until_ready(chunk(held[0]))

    return once


def interleaved(calls: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, np.ndarray]:
    """Seconds of each call in each round [rounds]; each is called once before, to compile."""
    for call in calls.values():
        call()
    seconds: dict[str, list[float]] = {k: [] for k in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)
    return {k: np.asarray(v) for k, v in seconds.items()}


def spread(x: np.ndarray) -> dict[str, float]:
    """Least, median and most, of three digits."""
    low, middle, high = np.quantile(x, (0.0, 0.5, 1.0))
    return {k: float(f"{v:.3g}") for k, v in (("low", low), ("median", middle), ("high", high))}


def against_rejax() -> dict[str, Any]:
    """Updates per second of both, and how many times as many ours are, for three buffers."""
    rows = []
    for capacity, updates in ((20_000, 1_000), (131_072, 300), (1_000_000, 60)):
        calls = {
            "jaxac": ours(NARROW, capacity, updates),
            "rejax": rejax(NARROW, capacity, updates),
        }
        seconds = interleaved(calls)
        rows.append(
            {
                "capacity": capacity,
                "updates_a_round": updates,
                **{f"{k}_updates_per_s": spread(updates / s) for k, s in seconds.items()},
                "ratio": spread(seconds["rejax"] / seconds["jaxac"]),
            }
        )
        print(rows[-1], flush=True)
    return {"rejax": importlib.metadata.version("rejax"), "hidden": NARROW, "rows": rows}


def flops(hidden: tuple[int, int], batch: int) -> int:
    """Of the matrix products of an update: 3 observed numbers, 1 action, two critics.

    A pass of a network is 2 m n per row and layer. The target takes a pass of the policy and one of
    each critic; the critics' step a pass, and twice that backwards but for the first layer's input;
    the policy's step the same of the policy, and of each critic a pass and one back to the action.
    """

    def layers(sizes: tuple[int, ...]) -> list[int]:
        return [2 * batch * m * n for m, n in itertools.pairwise(sizes)]

    actor, critic = layers((3, *hidden, 2)), layers((4, *hidden, 1))
    target = sum(actor) + 2 * sum(critic)
    critics = 2 * (3 * sum(critic) - critic[0])
    policy = 3 * sum(actor) - actor[0] + 2 * 2 * sum(critic)
    return target + critics + policy


def product(rows: int, inner: int, columns: int, num: int) -> Callable[[], Any]:
    """`num` products of [rows, inner] with [inner, columns] in a row, none to be left out."""
    key_a, key_b = jax.random.split(jax.random.key(0))
    a = jax.random.normal(key_a, (rows, inner))
    b = jax.random.normal(key_b, (inner, columns)) / jnp.sqrt(inner)

    @jax.jit
    def run(a, b):
        return jax.lax.fori_loop(0, num, lambda _, x: x @ b, a)

    return lambda: jax.block_until_ready(run(a, b))


def against_products() -> dict[str, Any]:
    """FLOP per second in SAC's wide update, as a share of those of bare products on this machine.

    The products are of the update's own size, 256 in each direction, and of 2,048.
    """
    updates, own, large = 200, 6_000, 8
    work = {
        "sac": updates * flops(WIDE, 256),
        "own": own * 2 * 256**3,
        "large": large * 2 * 2_048**3,
    }
    seconds = interleaved(
        {
            "sac": ours(WIDE, 20_000, updates),
            "own": product(256, 256, 256, own),
            "large": product(2_048, 2_048, 2_048, large),
        }
    )
    rate = {k: work[k] / seconds[k] / 1e9 for k in work}
    return {
        "hidden": WIDE,
        "mflop_an_update": round(flops(WIDE, 256) / 1e6, 1),
        "updates_per_s": spread(updates / seconds["sac"]),
        **{f"{k}_gflops": spread(v) for k, v in rate.items()},
        "share_of_own": spread(rate["sac"] / rate["own"]),
        "share_of_large": spread(rate["sac"] / rate["large"]),
    }
