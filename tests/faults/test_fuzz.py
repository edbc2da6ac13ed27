"""Whatever a person or a file says is accepted, or refused by a message that names it."""

import random

import pytest

from jaxac import plain
from jaxac.errors import ConfigError
from jaxac.sweep import spec
from tests.faults import fuzz

COUNT = 500


def test_damaged_input_is_refused_by_name_or_accepted_and_nothing_else():
    counts, wrong = fuzz.fuzzed(COUNT)
    told = [f"{x.case.kind}: {x.case.told} gave {x.why[:300]!a}" for x in wrong]
    assert not wrong, "\n".join(told)
    assert counts["rejected"] > 0.7 * COUNT and counts["accepted"] > 0.02 * COUNT


def test_every_entrance_is_tried_and_cases_are_the_same_each_time():
    one, two = (list(fuzz.cases(100)) for _ in range(2))
    assert [(x.kind, x.told, x.names) for x in one] == [(x.kind, x.told, x.names) for x in two]
    assert {x.kind for x in one} == set(fuzz.KINDS)
    assert [x.told for x in fuzz.cases(100, seed=1)] != [x.told for x in one]


def test_sweeps_are_in_order_before_they_are_damaged():
    for seed in range(200):
        spec.Sweep(**fuzz.some_words(random.Random(seed)))


def error(message):
    def run(_):
        raise ConfigError("gamma", message)

    return run


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (lambda _: None, "accepted"),
        (error("7 is too large"), "rejected"),
        (error("x" * 2_000), "wrong"),
        (lambda _: 1 / 0, "wrong"),
        (lambda _: plain.check(fuzz.nested(100, table=False), "beta"), "wrong"),
    ],
)
def test_the_judge_wants_a_short_message_that_names_the_field(tmp_path, run, verdict):
    case = fuzz.Case("configure", "gamma", ("gamma",), run)
    assert fuzz.tried(case, tmp_path).verdict == verdict


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (fuzz.nested(100_000, table=False), "more than 32 levels"),
        (fuzz.nested(100_000, table=True), "more than 32 levels"),
        (fuzz.ring(), "more than 32 levels"),
        (10**400, "1,329 bits"),
        ("\ud800", "not valid Unicode"),
        ("x" * 10_001, "10,001 characters"),
        ({"x" * 201: 1}, "201 characters"),
        ({3: 1}, "3 is not a name"),
        (b"x", "is a bytes"),
        ([fuzz.Vicious()], "this Vicious is a Vicious"),
    ],
    ids=range(10),
)
def test_what_is_not_plain_is_refused(value, words):
    with pytest.raises(ConfigError, match="field") as caught:
        plain.check({"field": value}, "")
    assert words in str(caught.value) and len(str(caught.value)) < 300


def test_a_small_value_that_unfolds_to_a_large_one_is_refused(monkeypatch):
    monkeypatch.setattr(plain, "MAX_SIZE", 50_000)
    value = [1]
    for _ in range(30):
        value = [value] * 10
    with pytest.raises(ConfigError, match="field: this holds more than 50,000 values"):
        plain.check(value, "field")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1\nb" + ".b" * 50_000 + " = 1", "more than 64 parts (at line 2)"),
        ('a = 1\n["b"' + ' . "b"' * 50_000 + "]", "more than 64 parts (at line 2)"),
        ("a = 1\nb = 1" + "0" * 5_000, "thousands of digits (at line 2)"),
        ("a = 1\nb = " + "[" * 50_000, "nests too deeply, most of it (at line 2)"),
        ("a = 1\nb = x\n", "(at line 2"),
    ],
    ids=range(5),
)
def test_toml_that_cannot_be_read_is_told_by_its_line(text, words):
    with pytest.raises(ValueError) as caught:
        plain.toml(text)
    assert words in str(caught.value) and len(str(caught.value)) < 200


def test_a_sweep_file_without_end_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(spec, "MAX_FILE", 1_000)
    file = tmp_path / "long.toml"
    file.write_text("#" * 1_001)
    with pytest.raises(spec.SweepError, match=r"long\.toml.*it has more than 1,000 bytes"):
        spec.from_toml(file)
