"""Storage: what is kept of a transition, and how it is read back."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Int32

from jaxac.core import frozen
from jaxac.data import ring as rings
from jaxac.data.ring import Ring
from jaxac.envs.contract import Env


@frozen
class Transition:
    """What was seen, done and received. `final_obs` is from before any auto-reset."""

    obs: Any
    action: Any  # in the policy's units
    reward: Float[Array, "*batch"]
    terminated: Bool[Array, "*batch"]
    truncated: Bool[Array, "*batch"]
    final_obs: Any
    age: Int32[Array, "*batch"]  # time steps since the episode began, 0 for its first

    @property
    def done(self) -> Bool[Array, "*batch"]:
        """Whether the episode ended here, for either reason."""
        return self.terminated | self.truncated


@runtime_checkable
class Storage(Protocol):
    """How the observations of transitions are kept in a ring, and read off it again."""

    @property
    def lookback(self) -> int:
        """Earlier time steps that are read with each one."""
        ...

    def check(self, env: Env) -> None:
        """Raise `EnvError` for an environment whose observations cannot be kept like this."""
        ...

    def keep(self, transition: Transition) -> Transition:
        """What is kept, of leading axes [N], [T, N]."""
        ...

    def obs(self, ring: Ring, place: Int32[Array, "*batch"]) -> Any:
        """What was seen at a place of a ring of transitions."""
        ...

    def final_obs(self, ring: Ring, place: Int32[Array, "*batch"]) -> Any:
        """What the step at a place led to."""
        ...


@frozen
class Whole:
    """Both observations of every transition as they are."""

    @property
    def lookback(self):
        return 0

    def check(self, env):
        del env

    def keep(self, transition):
        return transition

    def obs(self, ring, place):
        return rings.read(ring, place, of=lambda row: row.obs)

    def final_obs(self, ring, place):
        return rings.read(ring, place, of=lambda row: row.final_obs)
