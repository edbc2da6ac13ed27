"""Write a run directory that later versions must read: `python -m tests.store.golden.make`.

Half of a small sweep: one batch at its end, one under way. Run it once for each schema of the
ledger, when that schema is released, and commit what it writes.
"""

import shutil
from pathlib import Path

import jaxac
from jaxac.store.schema import SCHEMA
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

SWEEP = Sweep(
    algorithm="a2c",
    env="probe/ConstantReward",
    total_steps=200,
    evaluations=2,
    seeds=2,
    sampler="grid",
    lanes=2,
    fixed={"net.hidden": [4], "num_envs": 2, "num_steps": 5},
    space={"learning_rate": [1e-3, 1e-2]},
)


class Stop(Quiet):
    """Stops in the second batch."""

    def advanced(self, facts, told):
        if (told.batch.id, told.chunk) == (1, 0):
            raise KeyboardInterrupt


def main() -> None:
    """Write `schema-N/run`, and what reading it shows."""
    folder = Path(__file__).parent / f"schema-{SCHEMA}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        jaxac.run(SWEEP, folder / "run", Stop(), workers=0)
    except KeyboardInterrupt:
        (folder / "shown.csv").write_text(shown(folder / "run"))


def shown(path: Path) -> str:
    """What a person reads of it."""
    found = jaxac.load(path)
    return found.table().to_csv(index=False) + found.frame().to_csv(index=False)


if __name__ == "__main__":
    main()
