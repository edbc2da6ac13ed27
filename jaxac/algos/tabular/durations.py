"""Actions that take unequal time, learned from as they finish.

Source: Yang, He-Yueya & Liang 2025, "Reinforcement Learning for Machine Learning Engineering
Agents", arXiv:2509.01684: duration-aware gradients.

A bandit pays `reward[a]` when action a has finished, `duration[a]` units of time after it was drawn
from the policy pi. A learner climbs what has finished in a window of time T:

    gradient = sum_a count(a) weight(a) reward(a) grad log pi(a),    weight = 1, or duration(a)

with these expected counts of a worker:

    repeated   it draws once, and does the same until the window is over:  T pi(a) / duration(a)
    renewed    it draws anew when it has finished, through all windows:    T pi(a) / mean duration
    restarted  it draws anew; the window's end stops it, and what was not finished is lost

The weight is exact for the first, which is the paper's account of asynchronous learning. For the
second there is nothing to correct, and the weight makes slow actions dear; restarted workers are in
between (`pytest tests/algos/tabular/test_durations.py`).

Departs from it: policies are tables and gradients expected ones; partial credit for progress is
left out, as is the language model.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxac.core import Key, Scalar

Actions = Float[Array, " A"]
Counts = Callable[[Actions], Actions]
"""Expected numbers of each action that a worker finishes in a window, of a policy."""
Weight = Callable[[Actions], Actions]
"""What each action's samples weigh, of durations."""


def repeated(duration: Actions, window: Scalar) -> Counts:
    """Of workers that do the same all through a window."""
    return lambda policy: window * policy / duration


def renewed(duration: Actions, window: Scalar) -> Counts:
    """Of workers that never stop, in the long run."""
    return lambda policy: window * policy / (policy @ duration)


def restarted(duration: Int[Array, " A"], window: int) -> Counts:
    """Of workers that begin anew with each window, of whole units of time."""
    num = duration.shape[0]

    def counts(policy: Actions) -> Actions:
        def longer(table, left):
            after = table[jnp.maximum(left - duration, 0)] + jnp.eye(num)
            fits = (duration <= left).astype(jnp.float32)
            return table.at[left].set((policy * fits) @ after), ()

        none = jnp.zeros((window + 1, num))
        return jax.lax.scan(longer, none, jnp.arange(1, window + 1))[0][window]

    return counts


def finished(
    key: Key, policy: Actions, duration: Int[Array, " A"], window: int, num_windows: int
) -> Float[Array, "W A"]:
    """What one worker that never stops finishes in each of a number of windows, drawn at random."""

    def draw(carry, key):
        time, table = carry
        action = jax.random.categorical(key, jnp.log(policy))
        time = time + duration[action]
        place = (time - 1) // window  # beyond the last window nothing is added
        return (time, table.at[place, action].add(1.0, mode="drop")), ()

    num = window * num_windows
    table = jnp.zeros((num_windows, policy.shape[0]))
    begin = jnp.zeros((), jnp.int32), table
    return jax.lax.scan(draw, begin, jax.random.split(key, num))[0][1]


def alike(duration: Actions) -> Actions:
    """All samples weigh 1."""
    return jnp.ones_like(duration, float)


def by_duration(duration: Actions) -> Actions:
    """Samples weigh as much as they took, over the mean of all actions."""
    return duration / jnp.mean(duration)


def gradient(logits: Actions, reward: Actions, weighted: Actions) -> Actions:
    """Of a softmax policy, where each action's samples count `weighted`.

    With `weighted` the policy itself it is the gradient of the expected reward.
    """
    worth = weighted * reward
    return worth - worth.sum() * jax.nn.softmax(logits)


def climb(
    logits: Actions,
    reward: Actions,
    duration: Actions,
    counts: Counts,
    weight: Weight,
    step: Scalar,
    num_updates: int,
) -> Float[Array, "U A"]:
    """Policies after each update, an expected gradient of `step` over its window's samples."""

    def update(logits, _):
        weighted = counts(jax.nn.softmax(logits)) * weight(duration)
        total = weighted.sum()
        shares = weighted / jnp.where(total > 0.0, total, 1.0)  # nothing may have finished
        logits = logits + step * gradient(logits, reward, shares)
        return logits, jax.nn.softmax(logits)

    return jax.lax.scan(update, logits, length=num_updates)[1]
