"""What the targets of an actor-critic's critics are made of, and the one that most methods have."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jaxtyping import Array

from jaxac.core import Key, Metrics, frozen
from jaxac.data.replay import Batch
from jaxac.heads.returns import Returns


class Nets(NamedTuple):
    """What a learner has learned, as functions; `key` feeds whatever is drawn."""

    alpha: Any
    returns: Returns
    policy: Callable[..., tuple[Array, Array]]
    """`policy(key, obs) -> action, log_prob`"""
    proposal: Callable[..., tuple[Array, Array]]
    """the same of the slow policy, for targets"""
    out: Callable[..., Array]
    """`out(key, obs, action) -> [E, B, K]` of all critics"""
    slow_out: Callable[..., Array]
    """`slow_out(key, obs, action) -> [B, K]`, of the slow critics' reduction"""


@runtime_checkable
class Backup(Protocol):
    """From a batch to what the critics are trained towards; a learned part stands beside it."""

    def init(self, key: Key, obs: Any, action: Array, num: int) -> Any:
        """Memory before any data, for observations and actions [N, ...] and `num` critics."""
        ...

    def __call__(self, key: Key, memory: Any, nets: Nets, batch: Batch) -> Any:
        """The target of each transition, as `nets.returns.loss` takes it."""
        ...

    def learn(self, key: Key, memory: Any, nets: Nets, batch: Batch) -> tuple[Any, Metrics]:
        """Memory after a batch."""
        ...


@frozen
class OneStep:
    """r + d (Z'(s', a') - alpha log pi(a'|s')). Source: arXiv:1812.05905, eq. 5 and 6."""

    def init(self, key, obs, action, num):
        return ()

    def __call__(self, key, memory, nets, batch):
        key_action, key_out, key_backup = jax.random.split(key, 3)
        action, log_prob = nets.proposal(key_action, batch.final_obs)
        out = nets.slow_out(key_out, batch.final_obs, action)
        shift = batch.reward - batch.discount * nets.alpha * log_prob
        return nets.returns.backup(key_backup, out, shift, batch.discount)

    def learn(self, key, memory, nets, batch):
        return memory, {}
