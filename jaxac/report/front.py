"""Fronts of several objectives, all to be maximised: what nothing else is better than."""

import numpy as np
from jaxtyping import Bool, Float


def undominated(points: Float[np.ndarray, "P K"]) -> Bool[np.ndarray, " P"]:
    """Which points no other is at least as good as in everything, and better in something."""
    at_least = (points[:, None] >= points[None]).all(-1)
    better = (points[:, None] > points[None]).any(-1)
    return np.asarray(~(at_least & better).any(0))


def hypervolume(points: Float[np.ndarray, "P K"], reference: Float[np.ndarray, " K"]) -> float:
    """The volume between `reference` and the points that are above it in everything.

    Source: Zitzler & Thiele 1998, "Multiobjective optimization using evolutionary algorithms".
    Exact, slice by slice: quick for two or three objectives, not for many.
    """
    above = np.unique(points[(points > reference).all(1)], axis=0)
    if not len(above):
        return 0.0
    if above.shape[1] == 1:
        return float(above.max() - reference[0])
    volume, floor = 0.0, float(reference[-1])
    for height in np.unique(above[:, -1]):
        rest = above[above[:, -1] >= height]
        volume += (float(height) - floor) * hypervolume(rest[:, :-1], reference[:-1])
        floor = float(height)
    return volume


def spacing(points: Float[np.ndarray, "P K"]) -> Float[np.ndarray, " P"]:
    """Crowding distance: how far a point's neighbours are apart, over the span, in all objectives.

    Infinite at the ends of the front. Source: Deb et al. 2002, "NSGA-II", section III-B; C-MORL,
    arXiv:2410.02236, takes the sparse regions of a front by it.
    """
    found = np.zeros(len(points))
    if not len(points):
        return found
    for values in points.T:
        order = np.argsort(values, kind="stable")
        span = max(float(np.ptp(values)), 1e-12)
        found[order[[0, -1]]] = np.inf
        found[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / span
    return found
