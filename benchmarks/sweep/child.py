"""A sweep in a process of its own: its words come from the input, its times go to the output."""

import time

BEGIN = time.monotonic()  # before anything is imported

import json  # noqa: E402
import sys  # noqa: E402

import jaxac  # noqa: E402
from jaxac.sweep import plan as planning  # noqa: E402
from jaxac.sweep.progress import Quiet  # noqa: E402
from jaxac.sweep.spec import Sweep  # noqa: E402


class Clock(Quiet):
    """Writes down when what happened, in seconds since the start."""

    def __init__(self):
        self.first = 0.0
        self.chunks: list[tuple[float, float, int]] = []  # end, seconds, batch
        self.notes: list[tuple[float, str]] = []

    def noted(self, text):
        self.notes.append((round(now(), 1), text))

    def training(self, batch):
        self.first = self.first or now()

    def advanced(self, facts, told):
        self.chunks.append((now(), told.seconds, told.batch.id))

    @property
    def covered(self) -> float:
        """Seconds in which any chunk was under way."""
        covered, end = 0.0, 0.0
        for start, stop in sorted((at - took, at) for at, took, _ in self.chunks):
            covered += max(0.0, stop - max(start, end))
            end = max(end, stop)
        return covered

    @property
    def share_between(self) -> float:
        """Of the time from a chunk to the next of its batch, the share before that one begins."""
        gaps, seconds = 0.0, 0.0
        last: dict[int, float] = {}
        for at, took, batch in self.chunks:
            gap = at - took - last.get(batch, -60.0)
            if gap < 5.0:  # else it has changed over to another process
                gaps, seconds = gaps + max(0.0, gap), seconds + took
            last[batch] = at
        return gaps / (gaps + seconds) if seconds else 0.0


def now() -> float:
    """Seconds since the start of Python."""
    return time.monotonic() - BEGIN


def main() -> None:
    """Run the sweep that is asked for."""
    words, out, workers = json.loads(sys.stdin.read())
    sweep, clock = Sweep(**words), Clock()
    begin = now()
    plan = planning.make_plan(sweep)
    planned = now() - begin
    results = jaxac.run(sweep, out, clock, workers)
    begin = now()
    table = jaxac.load(out).table()
    opened = now() - begin
    found = {
        "env_steps": results.env_steps,
        "programs": len(plan.groups),
        "width": plan.groups[0].width,
        "compiles": results.compiles,
        "plan_s": planned,
        "compile_s": results.seconds["compile"],
        "until_first_chunk_s": clock.first,
        "until_first_result_s": clock.chunks[0][0],
        "training_s": clock.chunks[-1][0] - clock.first,
        "chunks_s": results.seconds["run"],
        "covered_s": clock.covered,
        "share_between_chunks": clock.share_between,
        "share_of_states": results.seconds["states"] / results.seconds["run"],
        "table_s": opened,
        "iqm": float(table["IQM"].iloc[0]),
        "notes": clock.notes,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
