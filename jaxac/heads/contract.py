"""What an action head is."""

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from jaxac.core import Key

Batch = Float[Array, "*batch"]


@runtime_checkable
class Head(Protocol):
    """A distribution over actions whose parameters `out` [..., size] a network gives.

    The policy's action may live in units of its own; `decode` gives what the environment takes.
    """

    def layer(self) -> nn.Module:
        """The last layer: features [..., F] -> out [..., size]."""
        ...

    def sample(self, key: Key, out: Array) -> Array:
        """One action per row of `out`."""
        ...

    def mode(self, out: Array) -> Array:
        """The deterministic action."""
        ...

    def log_prob(self, out: Array, action: Array) -> Batch:
        """Log-probability (density) of an action of this head, nats."""
        ...

    def entropy(self, out: Array) -> Batch:
        """Entropy of the distribution, nats."""
        ...

    def kl(self, out: Array, other: Array) -> Batch:
        """KL(`out` || `other`) of two distributions of this head, nats."""
        ...

    def decode(self, action: Array) -> Any:
        """The environment's action."""
        ...


@runtime_checkable
class Maskable(Protocol):
    """A head of discrete actions, some of which may be illegal at times."""

    @property
    def num_actions(self) -> int:
        """Number of actions, legal or not."""
        ...

    def mask(self, out: Array, legal: Bool[Array, "*batch n"]) -> Array:
        """Parameters of the same distribution given that the action is `legal`."""
        ...
