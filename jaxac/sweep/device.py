"""The device that a sweep trains on: cores, and how much memory is left and used."""

import os
from typing import Any

import jax
import psutil


def cores() -> list[int]:
    """The cores that this process may use; all of them where the system does not say (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def host() -> Any:
    """The processor, whose memory holds what does not fit on an accelerator."""
    return jax.devices("cpu")[0]


def is_cpu() -> bool:
    """Whether sweeps train on the processor."""
    return jax.default_backend() == "cpu"


def name() -> str:
    """What the device calls itself; a processor with its number of cores."""
    kind = jax.devices()[0].device_kind
    return f"{kind} {len(cores())} cores" if is_cpu() else kind


def free_bytes() -> int:
    """Memory that programs may still take: of the accelerator, or of the machine for a CPU."""
    stats = _stats()
    if stats is None:
        return psutil.virtual_memory().available
    return stats["bytes_limit"] - stats["bytes_in_use"]


def used_bytes() -> int:
    """Memory in use on the accelerator, or by this process and its workers on a CPU."""
    stats = _stats()
    if stats is not None:
        return stats["bytes_in_use"]
    own = psutil.Process()
    return sum(map(_resident, [own, *own.children(recursive=True)]))


def is_out_of_memory(error: Exception) -> bool:
    """Whether a program failed for lack of memory; XLA has no error of its own for that.

    A CPU says `INTERNAL: … Out of memory allocating`, accelerators say `RESOURCE_EXHAUSTED`.
    """
    return "RESOURCE_EXHAUSTED" in str(error) or "out of memory" in str(error).lower()


def _stats() -> dict[str, int] | None:
    return jax.local_devices()[0].memory_stats()


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended meanwhile
        return 0
