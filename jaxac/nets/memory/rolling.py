"""What is in view of each step of a rollout: earlier ones of its episode, up to a distance."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def in_view(
    there: Float[Array, "N W"], reset: Bool[Array, "T N"]
) -> tuple[Bool[Array, "T N S"], Int[Array, "T S"]]:
    """Of W kept steps, the oldest first, and T new ones: which are in view, and how far back.

    Each of the T has in view itself and the W before it, S = W + T, but for those of an earlier
    episode and those that were not `there` (0).
    """
    num, window = reset.shape[0], there.shape[1]
    episode = jnp.cumsum(reset, axis=0)  # 0 is the one that is kept of
    kept = jnp.zeros((window, reset.shape[1]), episode.dtype)
    same = episode[:, None] == jnp.concatenate([kept, episode])  # [T, S, N]
    known = jnp.concatenate([there.T > 0, jnp.ones(reset.shape, bool)])
    distance = window + jnp.arange(num)[:, None] - jnp.arange(window + num)
    near = (distance >= 0) & (distance <= window)
    return jnp.moveaxis(same & known & near[..., None], 2, 1), distance


def joined(kept: Float[Array, "N W *rest"], new: Float[Array, "T N *rest"]) -> Array:
    """Kept and new steps in time order, [W + T, N, ...]."""
    return jnp.concatenate([jnp.moveaxis(kept, 1, 0), new])


def windows(
    steps: Float[Array, "S N *rest"], view: Bool[Array, "T N S"]
) -> Float[Array, "T N W *rest"]:
    """What is kept after each of T steps: the last W = S - T, zeros for what is not in view."""
    num, window = view.shape[0], steps.shape[0] - view.shape[0]
    at = 1 + jnp.arange(num)[:, None] + jnp.arange(window)
    seen = jnp.take_along_axis(view, at[:, None], axis=2)
    rolled = jnp.moveaxis(steps[at], 1, 2)
    return rolled * seen.reshape(seen.shape + (1,) * (rolled.ndim - 3)).astype(rolled.dtype)
