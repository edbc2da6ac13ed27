"""How often a batch's state is saved: so often that it costs next to nothing."""

SHARE = 0.03  # of the training's time, at most


class Pace:
    """Says when a checkpoint is due, by what the last one took and the training since.

    When states are saved changes no result: a batch that goes on from an older one trains the same
    chunks again.
    """

    def __init__(self):
        self._cost, self._since = 0.0, 0.0  # seconds
        self.total = 0.0  # seconds that went into saving

    def is_due(self, seconds: float) -> bool:
        """Whether one is due after a chunk that took `seconds`; after the first chunk, always."""
        self._since += seconds
        return self._cost <= SHARE * self._since

    def saved(self, seconds: float) -> None:
        """One was made, and took `seconds`."""
        self._cost, self._since = seconds, 0.0
        self.total += seconds
