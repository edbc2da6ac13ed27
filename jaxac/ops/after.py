"""After a round of learning: what is done to a learner as a whole, such as resets, projections."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxac.core import Key, frozen


@runtime_checkable
class After(Protocol):
    """A change of a learner, which has `params`, `opt_state`, `slow` and the number of `step`s."""

    def __call__(self, key: Key, learner: Any, fresh: Callable[[Key], Any]) -> Any:
        """The learner to go on with; `fresh(key)` is one that has learned nothing."""
        ...


@frozen
class Nothing:
    """The learner as it is."""

    def __call__(self, key, learner, fresh):
        return learner
