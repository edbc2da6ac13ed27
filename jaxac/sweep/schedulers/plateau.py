"""Early stopping on a plateau."""

import numpy as np

from jaxac.core import Static, field, frozen
from jaxac.sweep.schedulers.role import Leg


@frozen
class Plateau:
    """A configuration stops when its mean return has not grown for `patience` looks.

    A look is a `looks`-th of the training; growth is more than `growth`, in units of the return.
    """

    patience: Static[int] = field(3, "looks without growth before it stops", within="[1, inf)")
    looks: Static[int] = field(10, "how often it is looked at", within="[2, 1000]")
    growth: Static[float] = field(0.0, "least growth that counts", within="[0, inf)")

    def next(self, facts):
        done = len(facts.legs)
        if facts.open or done == self.looks:
            return []
        configs = facts.configs_of(facts.legs[-1].runs) if done else range(len(facts.plan.configs))
        alive = [c for c in configs if self.grows(facts, c, done)]
        return [Leg(facts.runs_of(alive), (done + 1) / self.looks)] if alive else []

    def grows(self, facts, config: int, done: int) -> bool:
        """Whether one of the last `patience` looks was better than all before."""
        scores = [facts.score(config, (k + 1) / self.looks) for k in range(done)]
        if len(scores) <= self.patience:
            return not scores or scores[-1] > -np.inf
        before, since = max(scores[: -self.patience]), max(scores[-self.patience :])
        return scores[-1] > -np.inf and since > before + self.growth
