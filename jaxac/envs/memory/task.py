"""What tasks of memory have in common: their params."""

from jaxac.core import Int, Scalar, field, frozen
from jaxac.envs.contract import Box, Env, Space


@frozen
class TaskParams:
    """Traced params of every task but the cart-poles."""

    reward_scale: Scalar = field(1.0, "every reward is multiplied by this", within="(-inf, inf)")
    max_steps: Int | int = field(1, "steps after which an episode is truncated", within="[1, inf)")


def task(name, reset, step, num_steps: int, observed: Box, actions: Space, render=None) -> Env:
    """An environment whose episodes, should they not have ended, are cut after `num_steps`."""
    params = TaskParams(max_steps=num_steps)
    return Env(name, reset, step, params, observed, actions, lambda p: p.max_steps, render=render)
