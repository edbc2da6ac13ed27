"""Ctrl-C: once to finish what is under way, twice to stop at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def gentle(told: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C only answers True when asked (and calls `told`); the second raises.

    Outside the main thread, where Python handles no signals, nothing changes.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def first(number, frame):
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        told()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
