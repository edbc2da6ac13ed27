"""Wrappers that change how long an episode is, and how the next one starts."""

import dataclasses

from jaxac.core import Int, Static, field, frozen
from jaxac.envs import resets
from jaxac.envs.wrappers.action import ActionRepeat
from jaxac.envs.wrappers.observation import TimeAware
from jaxac.envs.wrappers.reward import DelayedReward, SparseReward
from jaxac.errors import EnvError

COUNTING = (ActionRepeat, DelayedReward, SparseReward, TimeAware)
"""They count to the time limit that was there before them."""


@frozen
class TimeLimit:
    """Another time limit in place of the environment's.

    An environment that cuts its episodes itself still does. Raises `EnvError` after a wrapper that
    counts to the limit, which would go on counting to the old one.
    """

    max_steps: Int | int = field(
        1000, "steps after which an episode is truncated", within="[1, inf)"
    )

    def __call__(self, env):
        for before in env.wrappers:
            if isinstance(before, COUNTING):
                name = type(before).__name__
                raise EnvError(
                    f"TimeLimit comes after {name} on {env.name}, which counts to the time limit "
                    f"before it; put TimeLimit before {name}"
                )
        return dataclasses.replace(env, time_limit=lambda params: self.max_steps)


@frozen
class ResetPool:
    """New episodes start from one of `size` first states that are made once a run."""

    size: Static[int] = field(256, "first states kept", within="[1, inf)")

    def __call__(self, env):
        return dataclasses.replace(env, resets=resets.Pool(self.size))


@frozen
class Resets:
    """Another plan of resets in place of the environment's."""

    plan: resets.Resets = field(resets.WhenNeeded(), "how the next first state is found")

    def __call__(self, env):
        return dataclasses.replace(env, resets=self.plan)
