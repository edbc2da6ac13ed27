"""Rank the configurations of a sweep, and render the ranking as Markdown, CSV or LaTeX.

`frame` is long-form: one row per `config`, `seed`, `step` (environment steps) and `metric`, with
its `value`; NaN stands for none. `configs` is indexed by config, one column per swept
hyper-parameter. `status` is indexed by `(config, seed)` and holds a state of `STATES`; without it,
every run in `frame` counts as done. Equal inputs give equal bytes, whatever the order of rows.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxac.errors import JaxacError
from jaxac.report import stats

STATES = ("done", "running", "pending", "stopped", "diverged")
COLUMNS = ("config", "seed", "step", "metric", "value")
SCORES = ("IQM", "low", "high", "mean")
RESULTS = (*SCORES, "seeds", "missing", "stopped", "diverged", "step")
TEX_NAMES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
Escape = Callable[[str], str]


def final_scores(frame: pd.DataFrame, metric: str, status: pd.Series | None = None) -> pd.DataFrame:
    """`config, seed, step, value` of each finished run: `metric` at the last step that has it.

    A run without a value has no row. Raises JaxacError if a column is missing or a state unknown.
    """
    lacking = [c for c in COLUMNS if c not in frame]
    if lacking:
        raise JaxacError(f"frame lacks the columns {', '.join(lacking)}; it needs long form")
    config, seed, step, metrics, values = (np.asarray(frame[c]) for c in COLUMNS)
    values = values.astype(np.float64)
    named = (metrics == metric) & ~np.isnan(values)
    if status is not None:
        named &= np.isin(_states(status, config, seed), ("done", "stopped"))
    kept = np.flatnonzero(named)
    kept = kept[np.lexsort((step[kept], seed[kept], config[kept]))]
    runs = np.stack([config[kept], seed[kept]])
    last = kept[np.append((runs[:, 1:] != runs[:, :-1]).any(axis=0), True)[: len(kept)]]
    columns = {"config": config, "seed": seed, "step": step, "value": values}
    return pd.DataFrame({name: column[last] for name, column in columns.items()})


def curves(frame: pd.DataFrame, metric: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Per config: its steps `[K]`, and `metric` there as `[K, seeds]`, NaN for none."""
    kept = np.asarray(frame["metric"] == metric) & np.asarray(frame["value"].notna())
    config, seed, step, value = (
        np.asarray(frame[c])[kept] for c in ("config", "seed", "step", "value")
    )
    order = np.argsort(config, kind="stable")
    found, starts = np.unique(config[order], return_index=True)
    result = {}
    for number, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=False):
        steps, i = np.unique(step[rows], return_inverse=True)
        seeds, j = np.unique(seed[rows], return_inverse=True)
        values = np.full((len(steps), len(seeds)), np.nan)
        values[i, j] = value[rows]
        result[number] = steps, values
    return result


def by_env(
    frame: pd.DataFrame, configs: pd.DataFrame, status: pd.Series | None = None
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, pd.Series | None]]:
    """The parts of a sweep whose scores compare, each as `(env, frame, configs, status)`.

    A part is on one environment, which the column `env` of `configs` names; without that column
    there is one part, and `env` is empty.
    """
    if "env" not in configs:
        yield "", frame, configs, status
        return
    for env, some in configs.groupby("env", sort=False):
        numbers = some.index.tolist()
        here = frame.loc[frame["config"].isin(numbers)]
        states = None if status is None else status.loc[status.index.isin(numbers, level=0)]
        yield str(env), here, some, states


def rank(
    frame: pd.DataFrame,
    configs: pd.DataFrame,
    status: pd.Series | None = None,
    metric: str = "eval_return",
) -> pd.DataFrame:
    """One row per config, best first: `rank, config`, the swept columns, then `RESULTS`.

    The score of a run is its last value (`final_scores`); `IQM`, `mean` and the 95% bootstrap
    interval `low`..`high` are over a config's finished runs, in units of the metric. `seeds` counts
    these, `stopped` those among them that a scheduler ended early (there is no such column if there
    are none), `diverged` those lost to divergence, `missing` the rest, not finished or without a
    value. `step` is the environment step that all counted runs reached. A config with no finished
    run has no rank and no scores. A config with a diverged run comes after all configs without, one
    that was stopped after those that were not, the longest trained first; ties go by config number.
    A hyper-parameter named like a result is shown as `hp.<name>`.

    Raises JaxacError as `final_scores` does.
    """
    scores = final_scores(frame, metric, status)
    owner, step, value = (np.asarray(scores[c]) for c in ("config", "step", "value"))
    total, stopped, diverged = _run_counts(frame, status)

    numbers = configs.index.tolist()
    rows = [slice(*np.searchsorted(owner, [config, config + 1])) for config in numbers]
    intervals = stats.iqm_intervals([value[one] for one in rows])
    found: list[dict[str, Any]] = []
    for config, one, (low, high) in zip(numbers, rows, intervals.tolist(), strict=True):
        seeds, lost = len(value[one]), diverged[config]
        counts = {"seeds": seeds, "missing": total[config] - lost - seeds}
        counts |= {"stopped": stopped[config], "diverged": lost}
        scores = {**_summary(step[one], value[one]), "low": low, "high": high}
        found.append({"config": config, **scores, **counts})
    found.sort(key=_place)

    order = [r["config"] for r in found]
    scored = np.array([r["seeds"] > 0 for r in found], dtype=bool)
    ranks = pd.Series(np.cumsum(scored), dtype="Int64").where(pd.Series(scored, dtype=bool))
    columns: dict[str, Any] = {"rank": ranks, "config": order}
    for name in configs:
        label = f"hp.{name}" if name in ("rank", "config", *RESULTS) else str(name)
        columns[label] = configs[name].loc[order].reset_index(drop=True)
    shown = [name for name in RESULTS if name != "step" and (name != "stopped" or any(stopped))]
    columns |= {name: [r[name] for r in found] for name in shown}
    columns["step"] = pd.array([r["step"] for r in found], dtype="Int64")
    return pd.DataFrame(columns)


def render(table: pd.DataFrame, fmt: str, top: int | None = None) -> str:
    """The table of `rank`, or its first `top` rows, as text that ends in a newline.

    `fmt` is `md` (GitHub pipes), `latex` (booktabs) or `csv`. The first two round, and embolden
    each IQM that lies within the best config's interval, if that config has no diverged run. CSV
    keeps every digit, writes lists as JSON, and nothing for none.

    Raises JaxacError for another `fmt`.
    """
    if fmt not in WRITERS:
        raise JaxacError(f"no table format {fmt!r}; there are {', '.join(sorted(WRITERS))}")
    return WRITERS[fmt](table, len(table) if top is None else top)


def format_value(value: Any) -> str:
    """A hyper-parameter as short text: 4 significant digits, `3e-5`, `[64, 64]`, `-` for none.

    An operator is its name and fields, `NStep(n=5)`.
    """
    if isinstance(value, Mapping) and "op" in value:
        fields = ", ".join(f"{k}={format_value(v)}" for k, v in value.items() if k != "op")
        return f"{value['op']}({fields})" if fields else str(value["op"])
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"[{', '.join(format_value(v) for v in value)}]"
    if _is_none(value):
        return "-"
    if not isinstance(value, (float, np.floating)) or not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether all that is not none is a number, and something is."""
    present = [v for v in values if not _is_none(v)]
    return bool(present) and all(
        isinstance(v, (int, float, np.integer, np.floating)) and not isinstance(v, bool)
        for v in present
    )


def natural_key(text: str) -> list[str | int]:
    """Sorts `[64, 64]` before `[64, 64, 64]` before `[256, 256]`, and none last."""
    parts = re.split(r"(\d+)", text.strip("[]") if text != "-" else "\U0010ffff")
    return [int(part) if part.isdecimal() else part for part in parts]


def _states(status: pd.Series, config: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The state of each `(config, seed)`; NaN for a run that `status` does not know."""
    unknown = sorted({str(state) for state in status} - set(STATES))
    if unknown:
        raise JaxacError(f"unknown status {unknown[0]!r}; there are {', '.join(STATES)}")
    return np.asarray(status.reindex(pd.MultiIndex.from_arrays([config, seed])))


def _run_counts(
    frame: pd.DataFrame, status: pd.Series | None
) -> tuple[Counter[int], Counter[int], Counter[int]]:
    """Runs, stopped runs and diverged runs of each config."""
    if status is None:
        runs = set(zip(frame["config"].tolist(), frame["seed"].tolist(), strict=True))
        return Counter(config for config, _ in runs), Counter(), Counter()
    owner = np.asarray(status.index.get_level_values(0))
    stopped, lost = (owner[np.asarray(status) == x].tolist() for x in ("stopped", "diverged"))
    return Counter(owner.tolist()), Counter(stopped), Counter(lost)


def _summary(step: np.ndarray, value: np.ndarray) -> dict[str, Any]:
    if len(value) == 0:
        return {name: float("nan") for name in SCORES} | {"step": None}
    scores = {"IQM": float(stats.iqm(value)), "mean": float(stats.mean(value))}
    return scores | {"step": int(step.min())}


def _place(row: dict[str, Any]) -> tuple[bool, bool, float, float, int]:
    scored = row["seeds"] > 0  # without scores the IQM is NaN, which has no order
    short = -row["step"] if row["stopped"] and scored else -math.inf
    score = -row["IQM"] if scored else 0.0
    return row["diverged"] > 0, not scored, short, score, row["config"]


def _is_none(value: Any) -> bool:
    return value is None or ((np.isscalar(value) or value is pd.NA) and bool(pd.isna(value)))


def _score_format(table: pd.DataFrame) -> str:
    """1 decimal from 100 up, 2 below, and 3 digits where 2 decimals would leave next to none."""
    sizes = table[list(SCORES)].abs().to_numpy(np.float64)
    largest = sizes[np.isfinite(sizes)].max(initial=0.0)
    return "z.1f" if largest >= 100.0 else "z.2f" if largest >= 0.1 or largest == 0.0 else ".3g"


def _cells(table: pd.DataFrame, top: int, none: str, strong: str, escape: Escape):
    """Header and rows of text, escaped, the leading IQMs put into `strong` (a `%` template)."""
    spec = _score_format(table)
    leads = bool(len(table)) and table["diverged"].iloc[0] == 0 and table["seeds"].iloc[0] > 0
    bar = np.fmin(table["low"].iloc[0], table["IQM"].iloc[0]) if leads else np.inf

    def text(name: str, value: Any) -> str:
        if _is_none(value):
            return none
        if name in SCORES:
            return escape(format(value, spec))
        return escape(f"{value:,}" if name == "step" else format_value(value))

    rows = []
    for record in table.head(top).to_dict("records"):
        row = {str(name): text(str(name), value) for name, value in record.items()}
        if not record["diverged"] and not record.get("stopped") and record["IQM"] >= bar:
            row["IQM"] = strong % row["IQM"]
        rows.append(list(row.values()))
    return [escape(str(name)) for name in table], rows


def _is_right(table: pd.DataFrame) -> list[bool]:
    """Which columns align right: those of numbers."""
    return [name in ("rank", *RESULTS) or is_numeric(table[name]) for name in table]


def _markdown(table: pd.DataFrame, top: int) -> str:
    header, rows = _cells(table, top, "-", "**%s**", escape_markdown)
    return pipes(header, rows, _is_right(table))


def pipes(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """A Markdown table of escaped cells; `right` says which columns align right."""
    widths = [max(3, *(len(row[i]) for row in [header, *rows])) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = zip(cells, widths, right, strict=True)
        return f"| {' | '.join(c.rjust(w) if r else c.ljust(w) for c, w, r in padded)} |\n"

    rule = ["-" * (w - 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)]
    return "".join(map(line, [header, rule, *rows]))


def _latex(table: pd.DataFrame, top: int) -> str:
    header, rows = _cells(table, top, "--", r"\textbf{%s}", _escape_latex)
    spec = "".join("r" if r else "l" for r in _is_right(table))
    body = "".join(" & ".join(row) + " \\\\\n" for row in rows)
    head = f"\\begin{{tabular}}{{{spec}}}\n\\toprule\n{' & '.join(header)} \\\\\n\\midrule\n"
    return f"{head}{body}\\bottomrule\n\\end{{tabular}}\n"


def _csv(table: pd.DataFrame, top: int) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, (list, tuple, dict, np.ndarray)):
            return json.dumps(value, default=lambda v: v.tolist())
        return value

    shown = table.head(top)
    columns = {c: shown[c].map(plain) if shown[c].dtype == object else shown[c] for c in shown}
    return pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")


def escape_markdown(text: str) -> str:
    """Text as a cell of a Markdown table."""
    return re.sub(r"([\\|*`<])", r"\\\1", text).replace("\n", " ")


def _escape_latex(text: str) -> str:
    """Escapes what TeX reads as commands; numbers get a true minus and a power of ten."""
    power = re.fullmatch(r"(-?[\d.]+)e(-?\d+)", text)
    if power:
        return rf"${power[1]} \times 10^{{{power[2]}}}$"
    if re.fullmatch(r"-[\d.,]+", text):
        return f"$-${text[1:]}"
    return re.sub(r"[\\~^<>|&%$#_{}]", lambda m: TEX_NAMES.get(m[0], f"\\{m[0]}"), text)


WRITERS: dict[str, Callable[[pd.DataFrame, int], str]] = {
    "md": _markdown,
    "csv": _csv,
    "latex": _latex,
}
