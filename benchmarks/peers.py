"""What lets peers run beside jaxac on today's packages."""

from typing import Any


def five_values(env: Any) -> Any:
    """gymnax's environment with a `step` of five values, as before its version 1.

    Rejax is written for those.
    """

    def step(*args: Any) -> tuple[Any, ...]:
        obs, state, reward, terminated, truncated, info = type(env).step(env, *args)
        return obs, state, reward, terminated | truncated, info

    env.step = step
    return env
