"""MAC: an actor-critic for the average reward whose batches have a random, mostly short length.

Source: Suttle, Bedi, Patel, Sadler, Koppel & Manocha 2023, "Beyond Exponentially Fast Mixing in
Average-Reward Reinforcement Learning via Multi-Level Monte Carlo Actor-Critic", arXiv:2301.12083.

    J ~ Geometric(1/2); walk 2^J steps if that is at most max_steps, else one; g_j is the mean of
    the first 2^j samples; g = g_0 + 2^J (g_J - g_(J-1)), or g_0 alone
    x <- x + step g / sqrt(sum of |g|^2 so far),  for the gain, the critic and the actor

The mean of g is that of the longest average, g_K with 2^K = max_steps, for K + 2^-K steps in the
mean. So the start of a batch is forgotten without knowing how fast the process mixes.
`pytest tests/algos/tabular/test_mac.py` enumerates both.

Not reproduced: that training does better than with fixed batches. On a slow ring of six states
(speed 0.1, 40,000 steps, eight seeds) where the best gain is 0.381, MAC reached 0.317 and an
actor-critic of batches of 8 that goes on where the last one ended 0.376; a chain that is never
restarted forgets its start anyway, and the estimate is noisy. What holds is tested: from a fixed
start the estimate's error after equal samples is smaller than that of a fixed batch.

Departs from it: a table for critic and actor; all three steps are normed as the actor's is; where
2^J is too long one step is walked.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.tabular.mdp import MDP
from jaxac.core import Int, Key, Scalar, frozen
from jaxac.errors import ConfigError

TINY = 1e-12  # keeps the first step finite where nothing was learned from
T = TypeVar("T")
Roll = Callable[[Key, Int, int], tuple[Int, Any]]  # key, state, num_steps: last state, samples
Estimator = Callable[[Key, Int, Roll], tuple[Int, Any, Int]]  # last state, estimate, steps walked


@frozen
class Learned:
    """What an actor-critic learns of one process."""

    gain: Float[Array, ""]  # reward a step
    value: Float[Array, " S"]  # bias, up to a constant
    logits: Float[Array, "S A"]


def combine(samples: T, level: int) -> T:
    """The estimate of level `level` from [2^level, ...] samples; of level 0 the one sample."""

    def of(x):
        if level == 0:
            return x[0]
        return x[0] + 2.0**level * (x.mean(0) - x[: 2 ** (level - 1)].mean(0))

    return jax.tree.map(of, samples)


def multilevel(max_steps: int) -> Estimator:
    """The paper's estimator. Raises `ConfigError` unless `max_steps` is a power of two."""
    top = max_steps.bit_length() - 1
    if max_steps != 2**top:
        raise ConfigError("max_steps", f"{max_steps} is not a power of two")

    def walk(level, roll, key, state):
        state, samples = roll(key, state, 2**level)
        return state, combine(samples, level), jnp.int32(2**level)

    def estimate(key, state, roll):
        key_level, key_roll = jax.random.split(key)
        level = jax.random.geometric(key_level, 0.5).astype(jnp.int32)
        branches = [functools.partial(walk, level, roll) for level in range(top + 1)]
        return jax.lax.switch(jnp.where(level > top, 0, level), branches, key_roll, state)

    return estimate


def batch(num_steps: int) -> Estimator:
    """The mean of a batch of fixed length: of 1, the ordinary actor-critic."""

    def estimate(key, state, roll):
        state, samples = roll(key, state, num_steps)
        return state, jax.tree.map(lambda x: x.mean(0), samples), jnp.int32(num_steps)

    return estimate


def roll_with(mdp: MDP, learned: Learned) -> Roll:
    """Walks under the learned policy; a sample is the direction of each part, as a `Learned`.

    Source: the paper's f (gain), g (critic) and h (actor), of the temporal difference
    reward - gain + V(next) - V(state).
    """

    def roll(key, state, num_steps):
        def step(state, key):
            key_act, key_move = jax.random.split(key)
            action = jax.random.categorical(key_act, learned.logits[state])
            following = jax.random.categorical(key_move, jnp.log(mdp.transition[state, action]))
            surprise = mdp.reward[state, action] - learned.gain
            error = surprise + learned.value[following] - learned.value[state]
            score = jax.grad(lambda z: jax.nn.log_softmax(z[state])[action])(learned.logits)
            at_state = jax.nn.one_hot(state, mdp.num_states)
            return following, Learned(surprise, error * at_state, error * score)

        return jax.lax.scan(step, state, jax.random.split(key, num_steps))

    return roll


def actor_critic(
    key: Key,
    mdp: MDP,
    estimator: Estimator,
    steps: tuple[Scalar, Scalar, Scalar],  # sizes, of gain, critic and actor
    num_updates: int,
    start: Learned | None = None,
) -> tuple[Learned, Int]:
    """What is learned after each update [U, ...], and the environment steps taken by then [U].

    Starts from zeros unless `start` is given, in a state drawn from `mdp.start`.
    """
    s, a = mdp.reward.shape
    begin = start or Learned(jnp.zeros(()), jnp.zeros(s), jnp.zeros((s, a)))
    sizes = jax.tree.unflatten(jax.tree.structure(begin), steps)

    def update(carry, key):
        learned, squares, state, walked = carry
        state, g, count = estimator(key, state, roll_with(mdp, learned))
        squares = jax.tree.map(lambda q, x: q + jnp.square(x).sum(), squares, g)
        learned = jax.tree.map(
            lambda x, size, g, q: x + size * g / jnp.sqrt(q + TINY), learned, sizes, g, squares
        )
        return (learned, squares, state, walked + count), (learned, walked + count)

    key_start, key_run = jax.random.split(key)
    state = jax.random.categorical(key_start, jnp.log(mdp.start))
    carry = begin, jax.tree.map(lambda _: jnp.zeros(()), begin), state, jnp.int32(0)
    return jax.lax.scan(update, carry, jax.random.split(key_run, num_updates))[1]


def expected_steps(max_steps: int) -> Scalar:
    """Mean number of steps of one estimate: log2(max_steps) + 1 / max_steps."""
    top = max_steps.bit_length() - 1
    return top + 2.0**-top
