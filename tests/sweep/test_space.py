import numpy as np
import pytest

from jaxac.errors import SweepError
from jaxac.fields import Choice, LogUniform, Uniform
from jaxac.sweep import space
from jaxac.sweep.space import Axis, parse_axis

SEARCHES = {
    "rate": LogUniform(1e-4, 1e-2),
    "lam": Uniform(0.8, 1.0),
    "net": Choice(([64, 64], [256, 256])),
}
AXES = {name: Axis(search) for name, search in SEARCHES.items()}


def test_grid_is_every_combination_with_the_last_axis_fastest():
    axes = {"a": Axis(Uniform(0.0, 1.0), 3), "b": Axis(Choice(("x", "y")))}
    got = [(p["a"], p["b"]) for p in space.grid(axes)]
    assert got == [(0.0, "x"), (0.0, "y"), (0.5, "x"), (0.5, "y"), (1.0, "x"), (1.0, "y")]


def test_a_log_axis_of_a_grid_is_evenly_spaced_in_logarithm():
    (axis,) = ({"r": Axis(LogUniform(1e-4, 1e-2), 3)},)
    np.testing.assert_allclose([p["r"] for p in space.grid(axis)], [1e-4, 1e-3, 1e-2])


def test_a_grid_of_nothing_is_one_point():
    assert space.grid({}) == [{}]


@pytest.mark.parametrize("sampler", space.SAMPLERS)
def test_samplers_stay_in_range_and_repeat_with_their_seed(sampler):
    points = space.draw(AXES, sampler, 64, 7)
    assert points == space.draw(AXES, sampler, 64, 7) != space.draw(AXES, sampler, 64, 8)
    assert space.draw({}, sampler, 2, 7) == [{}, {}]
    assert len(points) == 64
    for p in points:
        assert (
            1e-4 <= p["rate"] <= 1e-2
            and 0.8 <= p["lam"] <= 1.0
            and p["net"] in SEARCHES["net"].values
        )


@pytest.mark.parametrize("sampler", ["lhs", "sobol"])
def test_sobol_and_latin_hypercubes_cover_each_axis_evenly(sampler):
    """In each axis, 16 points fall one into each sixteenth, and choices are taken equally often."""
    points = space.draw(AXES, sampler, 16, 0)
    for name in ("rate", "lam"):
        axis = AXES[name]
        edges = [axis(k / 16) for k in range(17)]
        counts, _ = np.histogram([p[name] for p in points], edges)
        np.testing.assert_array_equal(counts, 1)
    assert sum(p["net"] == [64, 64] for p in points) == 8


def test_sobol_may_stop_short_of_a_power_of_two():
    assert space.draw(AXES, "sobol", 5, 0) == space.draw(AXES, "sobol", 8, 0)[:5]


@pytest.mark.parametrize(
    ("data", "want"),
    [
        ({"low": 1, "high": 2}, Axis(Uniform(1, 2))),
        ({"low": 1e-3, "high": 1e-1, "log": True}, Axis(LogUniform(1e-3, 1e-1))),
        ({"low": 0, "high": 1, "num": 3}, Axis(Uniform(0, 1), 3)),
        ({"choices": [1, 2]}, Axis(Choice((1, 2)))),
        ([1, 2], Axis(Choice((1, 2)))),
        ("default", Axis(Uniform(5, 6))),
        ({"choices": [1], "when": {"a": "b"}}, Axis(Choice((1,)), None, {"a": ("b",)})),
        (
            {"low": 1, "high": 2, "when": {"net.hidden": [[8, 8], [4]]}},
            Axis(Uniform(1, 2), None, {"net.hidden": ([8, 8], [4])}),
        ),
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
        ({"low": 0, "high": 1, "when": "a"}, "is not a table"),
        ({"low": 0, "high": 1, "wen": {}}, "did you mean when"),
    ],
)
def test_a_wrong_axis_is_named_with_its_mistake(data, words):
    with pytest.raises(SweepError, match="x") as caught:
        parse_axis("x", data, None)
    assert words in str(caught.value)


def test_search_ranges_have_the_words_of_a_file():
    for axis in AXES.values():
        back = parse_axis("x", space.axis_words(axis.search), None)
        assert back == axis


def conditional():
    lam = {"low": 0.9, "high": 1.0, "num": 2, "when": {"credit": "GAE"}}
    words = {
        "credit": ["GAE", {"op": "NStep", "n": 3}],
        "credit.lam": lam,
        "deep": {"choices": [1, 2], "when": {"credit.lam": 1.0, "algorithm": ["ppo", "a2c"]}},
    }
    return {name: parse_axis(name, x, None) for name, x in words.items()}


def test_an_axis_applies_only_where_its_conditions_hold_and_a_grid_has_no_point_twice():
    n_step = {"credit": {"op": "NStep", "n": 3}}
    assert space.grid(conditional(), {"algorithm": "ppo"}) == [
        {"credit": "GAE", "credit.lam": 0.9},
        {"credit": "GAE", "credit.lam": 1.0, "deep": 1},
        {"credit": "GAE", "credit.lam": 1.0, "deep": 2},
        n_step,
    ]
    assert all("deep" not in p for p in space.grid(conditional(), {"algorithm": "sac"}))
    points = space.draw(conditional(), "sobol", 64, 0, {"algorithm": "ppo"})
    assert {"credit.lam" in p for p in points if p["credit"] == "GAE"} == {True}
    assert [p for p in points if p["credit"] != "GAE"] == [n_step] * 32


def test_an_operator_in_a_condition_is_named_by_its_class():
    axes = {"x": parse_axis("x", {"low": 0, "high": 1, "when": {"credit": "NStep"}}, None)}
    (point,) = space.draw(axes, "random", 1, 0, {"credit": {"op": "NStep", "n": 7}})
    assert list(point) == ["x"]


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"x": {"credits": "GAE"}}, "did you mean credit"),
        ({"x": {"y": 1}, "y": {"x": 1}}, "x needs y needs x"),
    ],
)
def test_a_condition_that_cannot_be_decided_is_refused(when, words):
    axes = {k: parse_axis(k, {"low": 0, "high": 1, "when": x}, None) for k, x in when.items()}
    with pytest.raises(SweepError) as caught:
        space.check_conditions(axes, {"credit": "GAE"})
    assert words in str(caught.value)
