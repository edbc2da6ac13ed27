"""What commands print of algorithms and environments."""

import json
import textwrap
from typing import Any

import numpy as np

from jaxac import config, registry
from jaxac.cli.columns import columns
from jaxac.envs import params as params_of
from jaxac.envs.contract import Env
from jaxac.envs.wrap import wrappers_of
from jaxac.envs.wrappers import words as wrapper_words
from jaxac.report import tables


def algorithm(key: str, as_json: bool) -> str:
    """An algorithm's fields, defaults, ranges and paper, as text or JSON."""
    record, hp = registry.record(key), registry.defaults(key)
    rows = []
    for f in config.fields(hp):
        value = type(f.value).__name__ if f.kind == "operator" else f.value
        rows.append(
            {
                "field": f.path,
                "default": config.to_json(value),
                "kind": f.kind,
                "range": "" if f.meta.within is None else str(f.meta.within),
                "search": _search(f.meta.search),
                "doc": f.meta.doc,
                "choices": sorted(config.choices(hp, f.path)) if f.kind == "operator" else [],
            }
        )
    if as_json:
        return json.dumps({**registry.as_dict(record), "fields": rows}, indent=1)
    head = [("field", "default", "kind", "range", "search", "doc")]
    for row in rows:
        others = [c for c in row["choices"] if c != row["default"]]
        doc = row["doc"] + (f" (or {', '.join(others)})" if others else "")
        default = tables.format_value(row["default"])
        head.append((row["field"], default, row["kind"], row["range"], row["search"], doc))
    paper = record.paper
    notes = "\n".join(
        textwrap.fill(d, 98, initial_indent="  - ", subsequent_indent="    ")
        for d in record.deviations
    )
    return (
        f"{key}: {record.summary}\n{paper.authors}, {paper.year}: {paper.title} ({paper.id})\n"
        f"actions: {' or '.join(record.actions)}\nknown deviations:\n{notes}\n\n"
        f"{columns(head)}\n\n"
        "traced: a sweep runs all its values in one program; static: each value is a program"
    )


def _search(search: Any) -> str:
    if search is None:
        return ""
    if hasattr(search, "values"):
        return tables.format_value(list(search.values))
    name = "log " if type(search).__name__ == "LogUniform" else ""
    return f"{name}{search.low:g} to {search.high:g}"


def environment(env: Env, as_json: bool) -> str:
    """All that is known of an environment, with its wrappers in order, as text or JSON."""
    space = env.observation_space
    names = space if isinstance(space, dict) else {"": space}
    params = {name: config.to_json(x) for name, x in params_of.env_params(env.params)}
    facts = {
        "name": env.name,
        "observations": ", ".join(f"{k} {v}".strip() for k, v in names.items()),
        "actions": str(env.action_space),
        "time limit": int(env.time_limit(env.params)),
        "agents": env.num_agents,
        "resets": wrapper_words.call(_short(env.resets)),
    }
    wrappers = [wrapper_words.table(x) for x in wrappers_of(env.params)]
    if as_json:
        return json.dumps({**facts, "wrappers": wrappers, "params": params})
    lines = [f"{k}: {'one' if v is None else v}" for k, v in facts.items()]
    calls = [f"  {i}. {wrapper_words.call(x)}" for i, x in enumerate(wrappers, 1)]
    if calls:
        lines += ["wrappers, the first nearest to the environment:", *calls]
    return "\n".join([*lines, "params (traced: each is a sweep axis):", *_params(params)])


def _short(operator: Any) -> dict[str, Any]:
    return {**config.to_json(operator), "op": type(operator).__name__}


def _params(params: dict[str, Any]) -> list[str]:
    def short(x):
        size = np.size(x)
        return f"array of {size}" if size > 16 else tables.format_value(x)

    return [f"  {k} = {short(v)}" for k, v in params.items()] or ["  none"]
