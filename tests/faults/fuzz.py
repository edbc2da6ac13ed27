"""Mutated sweeps: each starts from valid words and has one place that is damaged.

`cases(count, seed)` is deterministic. A case says what was damaged and how to run it; a run is
`"accepted"`, `"rejected"` (a `JaxacError`, or the command line's status 1 or 2, whose message names
what was damaged) or `"wrong"`, with the reason.
"""

import contextlib
import dataclasses
import datetime
import decimal
import functools
import io
import itertools
import json
import math
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxac import config, registry
from jaxac.cli.main import main
from jaxac.envs import wrappers
from jaxac.errors import JaxacError
from jaxac.fields import Choice, LogUniform, Uniform
from jaxac.ops.credit import GAE
from jaxac.ops.surrogate import Clip
from jaxac.sweep import spec
from jaxac.sweep.plan import make_plan

SECONDS = 2.0  # of the processor that a case may take
LETTERS = 1_000  # that a message may have

KINDS = {"configure": 25, "operator": 5, "python": 25, "json": 15, "toml": 15, "command": 15}
"""Entrances, and how many of a hundred cases come in by each."""

WORDS: dict[str, Any] = {
    "algorithm": "ppo",
    "env": "CartPole-v1",
    "total_steps": 1000,
    "seeds": 2,
    "configs": 2,
    "sampler": "sobol",
    "sampler_seed": 0,
    "evaluations": 4,
    "tuned": False,
    "scheduler": {"op": "Halving", "eta": 2.0, "rungs": 2},
    "lanes": 4,
    "name": "mine",
    "fixed": {"num_envs": 4, "surrogate": {"op": "Clip", "low": 0.1}, "net.hidden": [8]},
    "space": {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "credit": {"choices": ["GAE", {"op": "NStep", "n": 3}], "when": {"gamma": 0.9}},
        "gamma": [0.9, 0.99],
    },
    "env_params": {"gravity": {"low": 5.0, "high": 15.0}, "length": 0.5},
    "wrappers": ["TimeAware", {"op": "StickyActions", "prob": 0.5}],
}
FLAGS = {
    "--env": "CartPole-v1",
    "--total-steps": "1000",
    "--evaluations": "4",
    "--seeds": "2",
    "--seed": "0",
    "--lanes": "2",
    "--wrap": "FrameStack(num=2)",
    "--learning-rate": "1e-3",
    "--net.hidden": "[8, 8]",
    "--num-envs": "4",
    "--surrogate": "Clip",
    "--env.gravity": "9.0",
}


class Case(NamedTuple):
    """One damaged input."""

    kind: str
    told: str  # the field, and what it was made
    names: tuple[str, ...]  # the message has one of them
    run: Callable[[Path], Any]  # in a folder of its own; a command's status and what it said


class Outcome(NamedTuple):
    """What became of a case."""

    case: Case
    verdict: str  # accepted | rejected | wrong
    why: str
    seconds: float


class Vicious:
    """An object that cannot even be shown."""

    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __repr__


@functools.cache
def algorithms() -> dict[str, Any]:
    """Every registered algorithm's plain defaults."""
    return {key: registry.defaults(key) for key in sorted(registry.records())}


def nested(depth: int, table: bool, key: str = "op") -> Any:
    """A list in a list in a list, or tables."""
    found: Any = 1
    for _ in range(depth):
        found = {key: found} if table else [found]
    return found


def ring() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


TEXTS = (
    "",
    " ",
    "x",
    "🙂",
    "\u202eesrever",
    "a\0b",
    "\ud800",
    "\udcff",
    "ﬁeld",
    "ppo\n",
    "x" * 100_000,
    "🙂" * 10_000,
    "clip",
    "Clipp",
    "GAE",
    "None",
    "nan",
    "-inf",
    "1e400",
    ":",
    "x:",
    ":x",
    ".:x",
    "..x:y",
    "a\0b:c",
    "\ud800:x",
    "os:system",
    "no_such_module:Clip",
    "jaxac.ops.surrogate:Clip",
    "jaxac.ops.surrogate:no",
    "json:decoder",
    "Clip(low=",
    "Clip(low=0.1)",
    "FrameStack(num=0)",
    "FrameStack(num=" + "[" * 5_000 + ")",
    "../../x",
    "probe/",
    "/",
    "probe/No",
    "default",
    "$(reboot)",
    "%s%n",
)
NUMBERS = (
    -1,
    0,
    1,
    2,
    0.5,
    -0.5,
    1.5,
    7,
    1e-400,
    1e-320,
    1e308,
    -1e308,
    math.nan,
    math.inf,
    -math.inf,
    2**31 - 1,
    2**31,
    2**63,
    2**64,
    -(2**63),
    10**12,
    10**15,
    10**400,
    -(10**400),
    10**5000,
    True,
    False,
)
DEPTHS = (30, 1_000, 10_000, 100_000)
BOXES: tuple[Callable[[], Any], ...] = (
    lambda: None,
    list,
    dict,
    lambda: [1, 2],
    lambda: [[8]],
    lambda: [None],
    lambda: ["x", 3],
    lambda: [0.5, "Linear"],
    lambda: [math.nan],
    lambda: [10**400],
    lambda: [-1],
    lambda: [[1], [1, 2]],
    lambda: [1] * 100_000,
    lambda: {"op": "Clip"},
    lambda: {"op": "Clip", "low": 7},
    lambda: {"op": "Linear", "start": "x"},
    lambda: {"op": "NStep", "n": 10**400},
    lambda: {"op": None},
    lambda: {"op": ["Clip"]},
    lambda: {"op": "os:system"},
    lambda: {"": 1},
    lambda: {"nobody": 1},
    lambda: {"a..b": 1},
    lambda: {".": 1},
    lambda: {"gamma": 0.9, "🙂": 1},
    lambda: {str(i): i for i in range(20_000)},
    lambda: {"low": 2.0, "high": 1.0},
    lambda: {"low": 0.0, "high": 1.0, "log": True},
    lambda: {"low": 0.1, "high": 10**400},
    lambda: {"low": -1e308, "high": 1e308},
    lambda: {"low": 0.1, "high": math.inf},
    lambda: {"low": 0.1, "high": 0.2, "num": 10**12},
    lambda: {"low": 0.1, "high": 0.2, "when": {"nobody": 1}},
    lambda: {"low": 0.1, "high": 0.2, "when": ["env"]},
    lambda: {"low": "0.1", "high": 0.2},
    lambda: {"low": 0.1, "high": 0.2, "log": 1},
    lambda: {"choices": []},
    lambda: {"choices": "abc"},
    lambda: {"choices": [0.5, nested(500, table=True)]},
    *(functools.partial(nested, depth, table) for depth in DEPTHS for table in (False, True)),
)
OBJECTS: tuple[Callable[[], Any], ...] = (
    lambda: b"bytes",
    object,
    Vicious,
    lambda: len,
    lambda: {1, 2},
    lambda: 1j,
    lambda: decimal.Decimal("1e999999"),
    lambda: datetime.date(2026, 1, 2),
    lambda: (x for x in "ab"),
    lambda: range(10**12),
    lambda: range(10**400),
    lambda: np.float64("nan"),
    lambda: np.int64(-3),
    lambda: np.zeros((2, 2)),
    lambda: np.array(["x"]),
    lambda: np.array([None]),
    lambda: np.datetime64("2026-01-02"),
    lambda: Clip,
    Clip,
    lambda: Clip(low=0.3),
    GAE,
    lambda: Uniform(1.0, 0.0),
    lambda: Uniform("a", None),
    lambda: LogUniform(0.0, 1.0),
    lambda: LogUniform(0.5, 10**400),
    lambda: Choice(()),
    lambda: Choice((nested(10_000, table=False),)),
    lambda: {3: 4},
    lambda: {None: 1},
    lambda: {("a", "b"): 1},
    lambda: {Vicious(): 1},
    lambda: [Vicious()],
    ring,
    wrappers.TimeAware,
    lambda: [wrappers.TimeAware],
)


def plain_value(rng: random.Random) -> Any:
    """What JSON and TOML could hold, or nearly."""
    kind = rng.randrange(3)
    return rng.choice(NUMBERS) if kind == 0 else rng.choice(TEXTS) if kind == 1 else _box(rng)


def _box(rng: random.Random) -> Any:
    return rng.choice(BOXES)()


def any_value(rng: random.Random) -> Any:
    """Those, and Python's objects."""
    return rng.choice(OBJECTS)() if rng.random() < 0.3 else plain_value(rng)


def damaged_name(rng: random.Random, name: str) -> str:
    """A dotted name, misspelt or misshapen."""
    place = rng.randrange(len(name))
    ways = (
        name[:place] + name[place + 1 :],
        name + ".",
        "." + name,
        name.replace(".", "..") if "." in name else name + "..x",
        name[:place] + "🙂" + name[place:],
        name[:place] + "\0" + name[place:],
        name[:place] + "\ud800" + name[place:],
        name.upper(),
        name + ".x",
        name + ".x" * 1_000,
        name + ".x" * 100_000,
        name * 1_000,
        "",
        ".",
        "." * 10_000,
        "__class__",
        f"{name}.__dict__",
        "op",
    )
    return rng.choice(ways)


def show(value: Any) -> str:
    """A value in few letters, whatever it is."""
    try:
        return re.sub(r" at 0x\w+", "", ascii(value))[:60]
    except Exception as error:
        return f"{type(value).__name__} ({type(error).__name__})"


def _named(name: str) -> tuple[str, ...]:
    """How a message may call a dotted name: by its parts, or as Python writes it."""
    parts = [x for x in name.split(".")[:3] if x.strip()]
    return (
        name[:20],
        "''",
        ascii(name)[1:20],
        *(x[:20] for x in parts),
        *(repr(x)[1:15] for x in parts),
    )


def configuring(rng: random.Random) -> Case:
    """One field of an algorithm, in `configure`."""
    key, hp = rng.choice(list(algorithms().items()))
    slots = [x.path for x in config.fields(hp) if x.kind == "operator"]
    changes: dict[str, Any] = {}
    if rng.random() < 0.5:
        slot = rng.choice(slots)
        changes[slot] = rng.choice(sorted(config.choices(hp, slot)))
        hp = config.configure(hp, changes)
    path = rng.choice([x.path for x in config.fields(hp)])
    if rng.random() < 0.2:
        name, value = damaged_name(rng, path), 1.0
        names = _named(name)
    else:
        name, value = path, any_value(rng)
        names = (path,)
    told = f"{key}: {show(name)} = {show(value)}"
    return Case("configure", told, names, lambda _: config.configure(hp, {name: value}))


def operator(rng: random.Random) -> Case:
    """One argument of an operator that is made in Python."""
    hp = rng.choice(list(algorithms().values()))
    made = type(rng.choice([hp, *(x.value for x in config.fields(hp) if x.kind == "operator")]))
    names = [f.name for f in dataclasses.fields(made)]
    if not names:
        return operator(rng)
    name, value = rng.choice(names), any_value(rng)
    told = f"{made.__name__}({name}={show(value)})"
    return Case("operator", told, (f"{made.__name__}.{name}",), lambda _: made(**{name: value}))


def json_data(rng: random.Random) -> Case:
    """One field of a configuration as `to_json` writes it."""
    key, hp = rng.choice(list(algorithms().items()))
    data = json.loads(config.canonical(config.to_json(hp)))
    owner, path = data, []
    while True:
        name = rng.choice(sorted(owner))
        path.append(name)
        if not isinstance(owner[name], dict) or rng.random() < 0.3:
            break
        owner = owner[name]
    names: tuple[str, ...] = tuple(path)
    if rng.random() < 0.2:
        fresh = damaged_name(rng, name)
        owner[fresh] = owner.pop(name)
        names += _named(fresh)
        told = f"{key}: {'.'.join(path)} is called {show(fresh)}"
    else:
        owner[name] = plain_value(rng)
        told = f"{key}: {'.'.join(path)} = {show(owner[name])}"
    return Case("json", told, names, lambda _: config.from_json(data, hp))


def _copy(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: _copy(v) for k, v in x.items()}
    return [_copy(v) for v in x] if isinstance(x, list) else x


def some_words(rng: random.Random) -> dict[str, Any]:
    """The words of a sweep that is in order."""
    words = _copy(WORDS)
    for word in ("scheduler", "lanes", "fixed", "env_params", "wrappers", "tuned"):
        if rng.random() < 0.5:
            del words[word]
    words["algorithm"] = rng.choice(["ppo", "a2c", ["ppo", "a2c"], "tests.sweep.tiny:RECORD"])
    words["env"] = rng.choice(["CartPole-v1", "probe/ConstantReward", "gymnax/CartPole-v1"])
    tiny = words["algorithm"] == "tests.sweep.tiny:RECORD"
    if tiny:
        words["space"].pop("credit")
        words["space"].pop("gamma")
        words.pop("fixed", None)
        words.pop("wrappers", None)
    if "probe" in words["env"]:
        words.pop("env_params", None)
    if rng.random() < 0.1:
        words["configs"] = [{"learning_rate": 0.1}, {"learning_rate": 0.5}]
        words.pop("scheduler", None)
        del words["space"]
    return words


def damaged_words(
    rng: random.Random, value: Callable[[random.Random], Any]
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """(what was damaged, its names, a sweep's words)."""
    words = some_words(rng)
    word = rng.choice(sorted(words))
    path, names, owner, key = word, (word,), words, word
    while isinstance(owner[key], dict | list) and owner[key] and rng.random() < 0.7:
        owner = owner[key]
        places = sorted(owner) if isinstance(owner, dict) else list(range(len(owner)))
        key = rng.choice(places)
        path, names = f"{path}.{key}", (*names, *(x for x in str(key).split(".")[-1:]))
    if isinstance(owner, dict) and owner is not words and rng.random() < 0.2:
        fresh = damaged_name(rng, str(key))
        owner[fresh] = owner.pop(key)
        return f"{path} is called {show(fresh)}", (*names, *_named(fresh)), words
    owner[key] = value(rng)
    if isinstance(owner[key], dict):
        names += tuple(show(k).strip("'")[:15] for k in owner[key])[:5]
    extra = {"env": ("environment", "probe"), "algorithm": ("module",)}.get(word, ())
    return f"{path} = {show(owner[key])}", (*names, *extra), words


def python_words(rng: random.Random) -> Case:
    """A sweep in Python, planned."""
    told, names, words = damaged_words(rng, any_value)
    return Case("python", told, names, lambda _: make_plan(spec.Sweep(**words)))


def toml_text(value: Any) -> str:
    """A value in TOML; what has no place in it as nothing, which is an error."""
    levels = 0
    while type(value) in (list, dict) and len(value) == 1 and levels < 200_000:
        (inner,) = value if isinstance(value, list) else value.values()
        if type(inner) is not type(value) or (isinstance(value, dict) and "op" not in value):
            break
        value, levels = inner, levels + 1
        table = isinstance(inner, dict)
    if levels > 20:
        left, right = ("{op=", "}") if table else ("[", "]")
        return left * levels + "1" + right * levels
    for _ in range(levels):
        value = {"op": value} if table else [value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"1{'0' * int(math.log10(value))}" if value > 10**300 else str(value)[:5000]
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=value.isascii())
    if isinstance(value, list):
        return f"[{', '.join(map(toml_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(k)} = {toml_text(v)}' for k, v in value.items())}}}"
    return ""


def toml_file(rng: random.Random) -> Case:
    """A sweep file, planned."""
    told, names, words = damaged_words(rng, plain_value)
    lines = [f"{k} = {toml_text(v)}" for k, v in words.items()]
    if rng.random() < 0.3:
        told, names = "the text", ("line", "sweep file")
        place = rng.randrange(len(lines))
        damage = (
            lines[place],
            "= 1",
            "\0",
            "\ufeff",
            "[" * 100_000,
            "[[x]]\n[x]",
            "a" + ".a" * 100_000 + " = 1",
            "[" + "a." * 20_000 + "a]",
            '"' + "x" * 1_000_000,
            "x = 1" + "0" * 5_000,
            "when = 2026-01-02",
            "x = 0x" + "f" * 100_000,
            "total_step = 5",
            "\u202e = 3",
            "\udcff",
        )
        extra = rng.choice(damage)
        lines.insert(place, extra)
        names += ("word", lines[place + 1].partition(" ")[0])
        told = f"a line {show(extra)}"
    data = "\n".join(lines).encode("utf-8", "surrogatepass")

    def run(folder: Path) -> Any:
        file = folder / "mine.toml"
        file.write_bytes(data)
        return make_plan(spec.from_toml(file))

    return Case("toml", told, (*names, "(at line"), run)


def command(rng: random.Random) -> Case:
    """A command line that plans."""
    flags = dict(FLAGS)
    for flag in [x for x in flags if x != "--env" and rng.random() < 0.6]:
        del flags[flag]
    algorithm = rng.choice(["ppo", "a2c"])
    flag = rng.choice(["ALGORITHM", *flags])
    value = plain_value(rng)
    text = value if isinstance(value, str) else toml_text(value)
    told, names = (
        f"{flag} {show(text)}",
        (
            flag.lstrip("-").lower(),
            flag.rpartition(".")[2],
            *(_named(text) if len(text) > 2 else ()),
        ),
    )
    names += ("probe",) if flag == "--env" else ()
    if flag == "ALGORITHM":
        algorithm = text
    elif rng.random() < 0.2:
        fresh = "--" + damaged_name(rng, flag[2:])
        flags[fresh] = flags.pop(flag)
        told, names = f"{flag} is called {show(fresh)}", (*names, *_named(fresh[2:]))
    else:
        flags[flag] = text
    names = (*names, *(x.replace("-", "_") for x in names))
    joined = rng.random() < 0.5
    words = [x for k, v in flags.items() for x in ([f"{k}={v}"] if joined else [k, v])]
    if rng.random() < 0.1:
        words = [*words, rng.choice(["--", "--x", "", "x", "-h🙂", "--seeds", "--\0=1", "--=1"])]
        told, names = (
            f"{told}, then {show(words[-1])}",
            (
                *names,
                f"{words[-1].rpartition('=')[0] or words[-1]}:",
                *_named(words[-1].strip("-").partition("=")[0]),
                "argument",
            ),
        )

    def run(_: Path) -> tuple[int, str]:
        said, status = io.StringIO(), 0
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            try:
                status = main(["train", algorithm, "--dry-run", "--no-measure", "--quiet", *words])
            except SystemExit as end:
                status = int(end.code or 0)
        return status, said.getvalue().rpartition("jaxac: ")[2]

    return Case("command", told, (*names, "usage"), run)


MAKERS = {
    "configure": configuring,
    "operator": operator,
    "python": python_words,
    "json": json_data,
    "toml": toml_file,
    "command": command,
}


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """The first `count` cases of a seed; what a case is depends on its number alone."""
    row = list(itertools.chain.from_iterable([k] * n for k, n in KINDS.items()))
    random.Random(seed).shuffle(row)
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        yield MAKERS[row[number % len(row)]](rng)


def tried(case: Case, folder: Path) -> Outcome:
    """Run a case and judge it."""
    begin = time.process_time()
    verdict, why = "accepted", ""
    try:
        found = case.run(folder)
        if case.kind == "command" and found[0]:
            verdict, why = _judged(case, found[1])
            if found[0] not in (1, 2) or "Traceback" in found[1]:
                verdict = "wrong"
    except JaxacError as error:
        verdict, why = _judged(case, str(error))
    except Exception as error:
        verdict, why = "wrong", f"{type(error).__name__}: {str(error)[:200]}"
    seconds = time.process_time() - begin
    if seconds > SECONDS:
        verdict, why = "wrong", f"{seconds:.1f} s; {why}"
    return Outcome(case, verdict, why, seconds)


def _judged(case: Case, message: str) -> tuple[str, str]:
    named = any(len(x) > 1 and x in message for x in case.names)
    if len(message) > LETTERS and not message.startswith("usage:"):
        return "wrong", f"{len(message):,} letters: {message[:100]}"
    return ("rejected" if named else "wrong"), message


def fuzzed(count: int, seed: int = 0) -> tuple[Counter[str], list[Outcome]]:
    """How many of `count` cases were accepted, rejected and wrong, and those that were wrong."""
    counts: Counter[str] = Counter(accepted=0, rejected=0, wrong=0)
    wrong = []
    make_plan(spec.Sweep(**WORDS))  # what is loaded on first use is no case's time
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(count, seed):
            found = tried(case, Path(folder))
            counts[found.verdict] += 1
            if found.verdict == "wrong":
                wrong.append(found)
    return counts, wrong
