import dataclasses
import math

import pytest

from jaxac.fields import Choice, Interval, LogUniform, Meta, Uniform, field, meta

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("[0, 1]", (0, 0.0, 0.5, 1), (-1e-9, 1.0000001, NAN, INF, -INF)),
        ("(0, 1)", (1e-9, 0.999), (0, 1, -1, 2, NAN)),
        ("[0, 1)", (0, 0.999), (1, NAN)),
        ("(0, 1]", (1e-9, 1), (0, NAN)),
        ("[1, inf)", (1, 1e300), (0.5, INF, NAN)),
        ("(0, inf]", (1e-300, INF), (0, -1, NAN)),
        ("(-inf, inf)", (-1e300, 0, 1e300), (INF, -INF, NAN)),
        (" [ -2.5 , 1e-3 ] ", (-2.5, 1e-3), (-2.51, 2e-3)),
    ],
)
def test_interval_contains_what_its_notation_says(text, inside, outside):
    interval = Interval.parse(text)
    assert [x for x in inside if x not in interval] == []
    assert [x for x in outside if x in interval] == []


@pytest.mark.parametrize("text", ["[0, 1]", "(0, 1)", "[1, inf)", "(-inf, 0.25]"])
def test_interval_is_written_as_it_is_read(text):
    assert str(Interval.parse(text)) == text


@pytest.mark.parametrize("text", ["", "0, 1", "[0, 1", "[0; 1]", "[0, 1, 2]", "[a, b]", "{0, 1}"])
def test_interval_refuses_other_notations(text):
    with pytest.raises(ValueError):
        Interval.parse(text)


def test_uniform_at_quantiles():
    assert [Uniform(-1.0, 3.0)(u) for u in (0.0, 0.25, 0.5, 1.0)] == [-1.0, 0.0, 1.0, 3.0]


def test_log_uniform_at_quantiles():
    values = [LogUniform(1e-4, 1e-2)(u) for u in (0.0, 0.25, 0.5, 1.0)]
    assert values == pytest.approx([1e-4, 10**-3.5, 1e-3, 1e-2], rel=1e-12)


def test_choice_gives_each_value_an_equal_share_of_the_quantiles():
    pick = Choice(("a", "b", "c", "d"))
    assert "".join(pick(i / 8) for i in range(9)) == "aabbccddd"


def test_field_declares_doc_range_and_search():
    @dataclasses.dataclass
    class Something:
        x: float = field(0.5, "a\n   doc", within="[0, 1]", search=(0.1, 0.2))
        y: float = field(0.5, "another", search=Uniform(0.0, 1.0))
        z: float = 3.0

    x, y, z = dataclasses.fields(Something)
    assert meta(x) == Meta("a doc", Interval(0.0, 1.0), Choice((0.1, 0.2)))
    assert meta(y) == Meta("another", None, Uniform(0.0, 1.0))
    assert meta(z) == Meta("", None, None)
    assert Something().x == 0.5
