import numpy as np
import pytest

from jaxac.errors import SweepError
from jaxac.fields import Choice, LogUniform, Uniform
from jaxac.sweep import space
from jaxac.sweep.space import GridAxis, parse_axis

AXES = {
    "rate": LogUniform(1e-4, 1e-2),
    "lam": Uniform(0.8, 1.0),
    "net": Choice(([64, 64], [256, 256])),
}


def test_grid_is_every_combination_with_the_last_axis_fastest():
    axes = {"a": GridAxis(Uniform(0.0, 1.0), 3), "b": Choice(("x", "y"))}
    got = [(p["a"], p["b"]) for p in space.grid(axes)]
    assert got == [(0.0, "x"), (0.0, "y"), (0.5, "x"), (0.5, "y"), (1.0, "x"), (1.0, "y")]


def test_a_log_axis_of_a_grid_is_evenly_spaced_in_logarithm():
    (axis,) = ({"r": GridAxis(LogUniform(1e-4, 1e-2), 3)},)
    np.testing.assert_allclose([p["r"] for p in space.grid(axis)], [1e-4, 1e-3, 1e-2])


def test_a_grid_of_nothing_is_one_point():
    assert space.grid({}) == [{}]


@pytest.mark.parametrize("sampler", space.SAMPLERS.values())
def test_samplers_stay_in_range_and_repeat_with_their_seed(sampler):
    points = sampler(AXES, 64, 7)
    assert points == sampler(AXES, 64, 7) != sampler(AXES, 64, 8)
    assert len(points) == 64
    for p in points:
        assert (
            1e-4 <= p["rate"] <= 1e-2 and 0.8 <= p["lam"] <= 1.0 and p["net"] in AXES["net"].values
        )


def test_sobol_covers_each_axis_evenly():
    """In each axis, 16 points fall one into each sixteenth, and choices are taken equally often."""
    points = space.sobol(AXES, 16, 0)
    for name in ("rate", "lam"):
        axis = AXES[name]
        edges = [axis(k / 16) for k in range(17)]
        counts, _ = np.histogram([p[name] for p in points], edges)
        np.testing.assert_array_equal(counts, 1)
    assert sum(p["net"] == [64, 64] for p in points) == 8


def test_sobol_may_stop_short_of_a_power_of_two():
    assert space.sobol(AXES, 5, 0) == space.sobol(AXES, 8, 0)[:5]


@pytest.mark.parametrize(
    ("data", "want"),
    [
        ({"low": 1, "high": 2}, Uniform(1, 2)),
        ({"low": 1e-3, "high": 1e-1, "log": True}, LogUniform(1e-3, 1e-1)),
        ({"low": 0, "high": 1, "num": 3}, GridAxis(Uniform(0, 1), 3)),
        ({"choices": [1, 2]}, Choice((1, 2))),
        ([1, 2], Choice((1, 2))),
        ("default", Uniform(5, 6)),
    ],
)
def test_axes_in_the_words_of_a_file(data, want):
    assert parse_axis("x", data, Uniform(5, 6)) == want


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (3, "is not an axis"),
        ({"low": 1}, "x.high"),
        ({"low": 2, "high": 1}, "not below"),
        ({"low": 0, "high": 1, "log": True}, "low > 0"),
        ({"low": 0, "high": 1, "step": 1}, "unknown word 'step'"),
        ({"low": 0, "high": float("inf")}, "finite"),
        ({"low": 0, "high": 1, "log": 1}, "true or false"),
        ({"low": 0, "high": 1, "num": 0}, "positive whole"),
        ({"choices": []}, "not empty"),
        ({"choices": [1], "low": 0}, "stands alone"),
        ("default", "no search range"),
    ],
)
def test_a_wrong_axis_is_named_with_its_mistake(data, words):
    with pytest.raises(SweepError, match="x") as caught:
        parse_axis("x", data, None)
    assert words in str(caught.value)


def test_search_ranges_have_the_words_of_a_file():
    for axis in AXES.values():
        back = parse_axis("x", space.axis_words(axis), None)
        assert back == axis
