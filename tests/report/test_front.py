"""Fronts against definitions, one point after the other."""

import numpy as np

from jaxac.report.front import hypervolume, spacing, undominated

RNG = np.random.default_rng(0)


def test_a_point_stays_unless_another_beats_it():
    for _ in range(20):
        points = RNG.integers(0, 5, (12, 3)).astype(float)
        want = [not any((q >= p).all() and (q > p).any() for q in points) for p in points]
        np.testing.assert_array_equal(undominated(points), want)


def test_the_hypervolume_is_the_share_of_a_box_that_is_dominated():
    points = RNG.random((8, 3))
    draws = RNG.random((200_000, 3))
    share = (draws[:, None] <= points[None]).all(-1).any(1).mean()
    np.testing.assert_allclose(hypervolume(points, np.zeros(3)), share, atol=5e-3)
    assert hypervolume(points, np.ones(3)) == 0.0
    square = np.asarray([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [0.5, 0.5]])
    assert hypervolume(square, np.zeros(2)) == 3.0 + 2.0 + 1.0


def test_crowding_is_the_distance_of_the_neighbours():
    points = np.asarray([[0.0, 10.0], [1.0, 6.0], [4.0, 5.0], [10.0, 0.0]])
    got = spacing(points)
    assert np.isinf(got[[0, 3]]).all()
    np.testing.assert_allclose(got[1:3], [0.4 + 0.5, 0.9 + 0.6])
