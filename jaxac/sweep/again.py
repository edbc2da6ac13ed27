"""The best configuration again, on seeds that chose nothing: what may be reported."""

import dataclasses

from jaxac import config
from jaxac.errors import SweepError
from jaxac.report.results import Results
from jaxac.store import files
from jaxac.sweep import progress as display
from jaxac.sweep import run as running
from jaxac.sweep.spec import Sweep, held_sweep

FOLDER = "report"


def report(
    results: Results,
    num_seeds: int = 10,
    progress: display.Reporter | None = None,
    workers: int | None = None,
) -> list[Results]:
    """Train the best configuration of each algorithm on each environment on fresh seeds.

    The seeds are the first `num_seeds` above all that the sweep used, so what is found owes nothing
    to the luck of the ones that chose. Runs go to `report/` in the run directory, one folder a
    task, and go on there if they were interrupted. Raises `SweepError` if no configuration has
    finished.
    """
    found = []
    for task, sweep in sweeps(results, num_seeds).items():
        found.append(running.run(sweep, results.path / FOLDER / task, progress, workers))
    return found


def sweeps(results: Results, num_seeds: int) -> dict[str, Sweep]:
    """The sweeps of `report`, by the name of their folder."""
    manifest, table = results.manifest, results.table()
    tuned = held_sweep(manifest, results.path)
    first = max(tuned.seed_list) + 1
    constants = {k: v for k, v in tuned.env_params.items() if isinstance(v, int | float)}
    found = {}
    for number, (algorithm, env) in enumerate(manifest["tasks"]):
        own = {i for i, c in enumerate(manifest["configs"]) if c["task"] == number}
        columns = zip(table["config"], table["seeds"], strict=True)
        ranked = [int(c) for c, count in columns if c in own and count > 0]
        if not ranked:
            raise SweepError(
                f"{results.path}: no configuration of {algorithm} on {env} has finished, so none "
                "is the best; `jaxac resume` goes on with the sweep"
            )
        swept = config.numbers(manifest["configs"][ranked[0]]["swept"])
        point = {k: v for k, v in swept.items() if k not in ("algorithm", "env")}
        found[files.file_name(f"{algorithm}-{env}")] = dataclasses.replace(
            tuned,
            algorithm=algorithm,
            env=env,
            seeds=range(first, first + num_seeds),
            configs=[point],
            space={},
            env_params=constants,
            scheduler="Everything",
            name=f"report of {tuned.name}" if tuned.name else "",
        )
    return found
