"""A record with many queued jobs: start-up, picking, memory, and bytes on the disk.

    python -m benchmarks.record STATE URL

starts a daemon's parts on that state folder in a new process, without letting a job begin, and prints as JSON how
long that took, what the process holds then, and how many jobs it can pick in a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from benchmarks.lines import Line, Target
from benchmarks.place import ROOT, Place, Sizes
from benchmarks.rounds import Spread, paired, spread
from daemon.app import DATABASE, App
from daemon.config.loading import parse
from daemon.jobs import files
from daemon.jobs import record as jobs
from daemon.jobs.model import Job, Recipe, Source
from daemon.jobs.states import Move
from daemon.jobs.store import Store

_FEW: Final = 1000
_PICKS: Final = 300
_BATCH: Final = 5000
_INBOX: Final = Path("/home/somebody/Videos/inbox/office/2026")
_RULES: Final = """
state: {state}
api: {{url: "{url}", token: benchmark}}
rules: [{{name: office, watch: {inbox}, output: {output}, instruction: trim to 1 s}}]
"""
_RECIPE: Final = Recipe(
    instructions=("remove my background and replace it with a home office scene",),
    skill="reeldrop",
    skill_version="1",
    by="service",
    language="en",
    folder=Path("/home/somebody/Videos/edited/2026"),
    base="",
    on_conflict="rename",
    file_mode=None,
    format="auto",
    quality="high",
    attempts=5,
    first=10.0,
    longest=900.0,
    again="copy",
)


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until jobs may run, bytes that the process holds then, picks a second."""

    seconds: float
    held: int
    picks: float


@dataclass(frozen=True, slots=True)
class Filled:
    """A state folder with queued jobs. Bytes of the database: with the jobs alone, and with what a drop adds."""

    state: Path
    jobs_alone: int
    whole: int


def record(place: Place, sizes: Sizes) -> list[Line]:
    """Against an empty record, and (picking) against one with 1,000 jobs or, if that is less, a tenth."""
    many, few = sizes.queued, min(_FEW, max(1, sizes.queued // 10))
    filled = {number: _fill(place.folder / f"record-{number}", number) for number in (0, few, many)}
    starts: dict[str, Callable[[], Start]] = {
        str(number): partial(_start, one.state, place.url) for number, one in filled.items()
    }
    found = paired(starts, min(5, sizes.rounds))
    empty, some, full = found["0"], found[str(few)], found[str(many)]
    later = [max(0.0, b.seconds - a.seconds) for a, b in zip(empty, full, strict=True)]
    grown = [max(0.0, (b.held - a.held) / many) for a, b in zip(empty, full, strict=True)]
    ratio = [b.picks / a.picks for a, b in zip(some, full, strict=True)]
    jobs_alone = (filled[many].jobs_alone - filled[0].jobs_alone) / many
    whole = (filled[many].whole - filled[0].whole) / many
    most = partial(Target, at_least=False)
    return [
        Line(
            f"start-up, {many:,} queued, over empty",
            spread(later),
            "s",
            most(2.0),
            _seconds(full),
            _seconds(empty),
        ),
        Line(
            f"picks/s, {many:,} queued, x {few:,}",
            spread(ratio),
            "x",
            Target(0.8),
            _picks(full),
            _picks(some),
        ),
        Line("memory growth a queued job", spread(grown), "B", most(200.0)),
        Line(
            "disk a queued job, row and indexes", Spread(jobs_alone, jobs_alone, jobs_alone), "B", most(400.0)
        ),
        Line("disk a queued job, known file and log line too", Spread(whole, whole, whole), "B"),
    ]


def _fill(state: Path, number: int) -> Filled:
    state.mkdir()
    path = state / DATABASE
    made = [_job(one) for one in range(number)]
    _write(path, made, jobs.add_job)
    alone = path.stat().st_size
    _write(path, made, _as_dropped)
    return Filled(state, alone, path.stat().st_size)


def _write(path: Path, made: list[Job], write: Callable[[Connection, Job], None]) -> None:
    def change(connection: Connection, some: list[Job]) -> None:
        for job in some:
            write(connection, job)

    with Store(path) as store:
        for begin in range(0, len(made), _BATCH):
            store.write_now(partial(change, some=made[begin : begin + _BATCH]))


def _as_dropped(connection: Connection, job: Job) -> None:
    files.remember(connection, [job.source])
    jobs.note(connection, job.id, f"settled: {job.source.path} ({job.source.size:,} bytes)", job.created_at)


def _job(number: int) -> Job:
    at = 1.76e9 + number / 100
    path, stem = _INBOX / f"clip-{number:06}.mp4", f"clip-{number:06}-office"
    source = Source(path, 64_768, 10**7 + number, 5 * 10**7 + number, int(at * 1e9), os.urandom(16).hex())
    return Job(
        id=jobs.new_id(),
        rule="office",
        source=source,
        recipe=replace(_RECIPE, base=stem),
        key="0123456789abcdef" * 2,
        estimate=50.0,
        begun_at=at,
        created_at=at,
        updated_at=at,
    )


def _start(state: Path, url: str) -> Start:
    command = [sys.executable, "-m", "benchmarks.record", str(state), url]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return Start(**json.loads(done.stdout.splitlines()[-1]))


async def _started(state: Path, url: str) -> Start:
    folder = state.parent
    rules = _RULES.format(state=state, url=url, inbox=folder / "inbox", output=folder / "edited")
    config = parse(rules, folder / "rules.yaml", {})
    begun = time.perf_counter()
    app = App(config, (), {})
    async with app.working():
        # Nothing is awaited from here on, so that no job begins.
        seconds, held = time.perf_counter() - begun, _held()
        now, begun = time.time(), time.perf_counter()
        picked = [app.store.write_now(partial(jobs.claim, now=now)) for _ in range(_PICKS)]
        picks = _PICKS / (time.perf_counter() - begun)

        def put_back(connection: Connection) -> None:
            for job in picked:
                if job is not None:
                    jobs.move(connection, job, Move.RECOVER, now=job.updated_at)

        app.store.write_now(put_back)
        app.close()
        sys.stdout.write(json.dumps({"seconds": seconds, "held": held, "picks": picks}) + "\n")
        sys.stdout.flush()
        os._exit(0)  # not as a daemon ends, which would let its jobs begin first
    raise AssertionError


def _held() -> int:
    """Bytes."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _seconds(starts: list[Start]) -> str:
    return f"{spread([one.seconds for one in starts]).median:.2f} s"


def _picks(starts: list[Start]) -> str:
    return f"{spread([one.picks for one in starts]).median:,.0f} picks/s"


if __name__ == "__main__":
    asyncio.run(_started(Path(sys.argv[1]), sys.argv[2]))
