"""Compiled programs, kept between processes in the user's cache directory."""

from pathlib import Path

import jax
import platformdirs


def folder() -> Path:
    """Where jax keeps compiled programs: where it was told to, or jaxac's own place."""
    told = _told()
    return Path(told) if told else platformdirs.user_cache_path("jaxac") / "xla"


def enable() -> None:
    """Keep every compiled program of this process, unless jax is told not to.

    jax's own settings win: `JAX_COMPILATION_CACHE_DIR` for another place,
    `JAX_ENABLE_COMPILATION_CACHE=false` for none.
    """
    if _told() is None:
        jax.config.update("jax_compilation_cache_dir", str(folder()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def size() -> tuple[int, int]:
    """How many files the cache holds, and their bytes."""
    sizes = [x.stat().st_size for x in folder().glob("*") if x.is_file()]
    return len(sizes), sum(sizes)


def _told() -> str | None:
    return jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
