"""What a wrapper is, and where it keeps what it must remember."""

from typing import Any, Protocol, runtime_checkable

from jaxac.core import frozen
from jaxac.envs.contract import Env


@runtime_checkable
class Wrapper(Protocol):
    """One change to an environment, as a `@frozen` operator whose numbers are traced."""

    def __call__(self, env: Env) -> Env:
        """`env` with some of its functions and spaces replaced; it reads nothing but `env`.

        Its functions take the params that `env` takes. A state that must remember more is a `Held`.
        It runs under a trace: spaces depend on static fields alone, and nothing branches on the
        rest. Raises `EnvError` for an environment that it cannot serve.
        """
        ...


@frozen
class Held:
    """A state with what a wrapper remembers beside it."""

    env: Any
    memory: Any
