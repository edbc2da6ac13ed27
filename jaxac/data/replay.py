"""A replay buffer: transitions of N environments in time order, and batches drawn from them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int32

from jaxac.core import Key, Scalar, Static, field, frozen, replace
from jaxac.data import ring as rings
from jaxac.data.laws import Law, Uniform
from jaxac.data.ring import Extent, Ring
from jaxac.data.storage import Storage, Transition, Whole
from jaxac.errors import ConfigError


@frozen
class Batch:
    """Transitions of one or several steps, [B, ...]."""

    obs: Any
    action: Any
    reward: Float[Array, " B"]  # of the first step, and later ones discounted
    discount: Float[Array, " B"]  # of the value of `final_obs`: 0 if the task terminated before it
    final_obs: Any  # what the last step led to, through truncation but past no end
    weight: Float[Array, " B"]  # of the loss, at most 1
    place: Int32[Array, " B"]


@frozen
class Sequence:
    """Stretches of time of single environments, [L, B, ...], time first."""

    transition: Transition
    reset: Bool[Array, "L B"]  # an episode begins here, within the stretch
    held: Bool[Array, "L B"]  # false past the newest time step
    weight: Float[Array, " B"]
    place: Int32[Array, " B"]  # of the first step

    @property
    def unbroken(self) -> Bool[Array, "L B"]:
        """Held, and of the episode that the stretch begins in: chunks of actions cross no end."""
        return self.held & (jnp.cumsum(self.reset, axis=0) == 0)


@frozen
class Buffer:
    """Transitions, and what the law remembers of them."""

    ring: Ring
    memory: Any


@frozen
class Replay:
    """The plan of a replay buffer."""

    capacity: Static[int] = field(
        100_000, "transitions kept, of all environments together", within="[1, inf)"
    )
    num_steps: Static[int] = field(
        1, "rewards in a target before the critic takes over", within="[1, inf)", search=(1, 3, 5)
    )
    law: Law = field(Uniform(), "which transitions are drawn")
    storage: Storage = field(Whole(), "how observations are kept")

    def init(self, example: Transition, num_rows: int) -> Buffer:
        """An empty buffer for transitions like `example` [N, ...], added `num_rows` at a time.

        Raises `ConfigError` where they do not fit.
        """
        num_envs = example.reward.shape[0]
        blocks = self.capacity // (num_envs * num_rows)
        if blocks * num_rows <= self.storage.lookback or blocks < 1:
            raise ConfigError(
                "replay.capacity",
                f"{self.capacity:,} transitions do not hold {num_rows} steps of {num_envs} "
                f"environments and {self.storage.lookback} before them",
            )
        ring = rings.empty(self.storage.keep(example), blocks * num_rows)
        return Buffer(ring, self.law.init(blocks * num_rows * num_envs))

    def add(self, buffer: Buffer, transitions: Transition) -> Buffer:
        """The buffer with transitions [T, N, ...] added, in place of the oldest."""
        ring = buffer.ring
        capacity, num_envs = ring.shape
        num = transitions.reward.shape[0]

        def places(first, count):
            time = (first + jnp.arange(count)) % capacity
            return (time[:, None] * num_envs + jnp.arange(num_envs)).ravel()

        fresh = places(ring.written, num)
        gone = places(ring.written + num, self.storage.lookback)
        ring = rings.add(ring, self.storage.keep(transitions))
        return Buffer(ring, self.law.added(buffer.memory, fresh, gone))

    def extent(self, buffer: Buffer, length: int = 1) -> Extent:
        """Where stretches of `length` may begin."""
        ring = buffer.ring
        capacity, num_envs = ring.shape
        filled = jnp.minimum(ring.filled, capacity - self.storage.lookback)
        oldest = (ring.written - filled) % capacity
        return Extent(oldest, jnp.maximum(filled - length + 1, 1), capacity, num_envs)

    def sample(
        self,
        key: Key,
        buffer: Buffer,
        num: int,
        gamma: Scalar,
        scale: Callable[[Array], Array] = lambda reward: reward,
    ) -> Batch:
        """`num` transitions, drawn with replacement. Nothing may be drawn before the first `add`.

        `scale` is applied to each reward. Rewards are summed over `num_steps`, fewer where an
        episode ends before, or at the newest transitions. Source: Sutton & Barto 2018, eq. 7.1,
        without correction for the policy.
        """
        place, weight = self.law.draw(key, buffer.memory, self.extent(buffer), num)
        return self.batch(buffer, place, weight, gamma, scale)

    def batch(
        self,
        buffer: Buffer,
        place: Int32[Array, " B"],
        weight: Float[Array, " B"],
        gamma: Scalar,
        scale: Callable[[Array], Array] = lambda reward: reward,
    ) -> Batch:
        """The transitions at given places."""
        ring = buffer.ring
        left = rings.steps_after(ring, place)
        action, reward, terminated, done = rings.read(
            ring, place, of=lambda row: (row.action, row.reward, row.terminated, row.done)
        )
        reward = scale(reward)
        last, discount = jnp.zeros_like(place), jnp.full(reward.shape, gamma, jnp.float32)
        for k in range(1, self.num_steps):
            goes_on = ~done & (k <= left)
            later = rings.read(ring, place, k, lambda row: (row.reward, row.terminated, row.done))
            reward = reward + jnp.where(goes_on, discount * scale(later[0]), 0.0)
            discount = jnp.where(goes_on, discount * gamma, discount)
            terminated = terminated | (goes_on & later[1])
            done, last = ~goes_on | later[2], last + goes_on
        capacity, num_envs = ring.shape
        end = (place + last * num_envs) % (capacity * num_envs)
        return Batch(
            self.storage.obs(ring, place),
            action,
            reward,
            discount * ~terminated,
            self.storage.final_obs(ring, end),
            weight,
            place,
        )

    def sequences(self, key: Key, buffer: Buffer, num: int, length: int) -> Sequence:
        """`num` stretches of `length` time steps, for agents with memory and chunks of actions."""
        place, weight = self.law.draw(key, buffer.memory, self.extent(buffer, length), num)
        ring = buffer.ring
        capacity, num_envs = ring.shape
        steps = jnp.arange(length)[:, None]
        held = steps <= rings.steps_after(ring, place)
        each = (place + steps * num_envs) % (capacity * num_envs)
        row: Transition = rings.read(ring, each)
        row = replace(
            row, obs=self.storage.obs(ring, each), final_obs=self.storage.final_obs(ring, each)
        )
        reset = jnp.concatenate([jnp.zeros_like(held[:1]), row.done[:-1]])
        return Sequence(row, reset, held, weight, place)

    def learned(
        self, buffer: Buffer, place: Int32[Array, " B"], error: Float[Array, " B"]
    ) -> Buffer:
        """The buffer after transitions were learned from with absolute TD `error`."""
        return replace(buffer, memory=self.law.learned(buffer.memory, place, error))


def transition(obs: Any, action: Any, outcome: Any) -> Transition:
    """What is remembered of a step of N environments, or of a rollout; `outcome` is the loop's."""
    return Transition(
        obs,
        action,
        outcome.reward,
        outcome.terminated,
        outcome.truncated,
        outcome.final_obs,
        outcome.episode_length - 1,
    )


def example(obs: Any, action: Any) -> Transition:
    """Something of the shape of a transition of N environments, to make an empty buffer of."""
    num = jax.tree.leaves(obs)[0].shape[0]
    zero, false = jnp.zeros(num), jnp.zeros(num, bool)
    return Transition(obs, action, zero, false, false, obs, jnp.zeros(num, jnp.int32))
