"""A record with many queued jobs: start-up, picking, memory, and bytes on the disk.

    python -m benchmarks.record STATE

picks jobs of that state folder's record in a new process, and prints how many bytes it held then.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from benchmarks.lines import Line, Target
from benchmarks.place import ROOT, TOKEN, Place, Sizes
from benchmarks.rounds import Sample, Spread, measured, paired, speed_ratio, spread
from daemon.accounts import attribution, service_account
from daemon.app import DATABASE, LONGEST_SHUT
from daemon.config.loading import parse
from daemon.control.socket import ask
from daemon.jobs import accounts, files
from daemon.jobs import record as jobs
from daemon.jobs.model import Job, Recipe, Source
from daemon.jobs.store import Store

_FEW: Final = 1000
_PICKS: Final = 200
_IN_TURN: Final = 10
_TURNS: Final = 10
"""Picks from one record before it is the other's turn, and turns in a round: a commit waits for the disk, and so for
what all others write."""
_LIMIT: Final = 120.0
"""Seconds for a daemon to be ready; far more than any start takes."""
_CALM: Final = 0.3
"""Seconds without any work of the daemon after which it has come to rest."""
_NUMBER: Final = "000000"
"""In the first job's name: its copies have their own."""
_INBOX: Final = Path("/home/somebody/Videos/inbox/office/2026")
_RULES: Final = """
state: {state}
api: {{url: "{url}", token: {token}}}
rules: [{{name: office, watch: {inbox}, output: {output}, instruction: trim to 1 s}}]
"""
_RECIPE: Final = Recipe(
    instructions=("remove my background and replace it with a home office scene",),
    skill="reeldrop",
    skill_version="1",
    by="service",
    language="en",
    folder=Path("/home/somebody/Videos/edited/2026"),
    base=f"clip-{_NUMBER}-office",
    on_conflict="rename",
    file_mode=None,
    format="auto",
    quality="high",
    attempts=5,
    first=10.0,
    longest=900.0,
    again="copy",
)
# By the column: what a copy of the first job has of its own. All else is as the first one has it.
_OWN: Final = {
    "id": "lower(hex(randomblob(6)))",
    "path": f"CAST(replace(CAST(path AS TEXT), '{_NUMBER}', printf('%06d', n)) AS BLOB)",
    "base": f"replace(base, '{_NUMBER}', printf('%06d', n))",
    "inode": "inode + n",
    "mtime_ns": "mtime_ns + n * 10000000",
    "content": "lower(hex(randomblob(16)))",
    "begun_at": "begun_at + n / 100.0",
    "created_at": "created_at + n / 100.0",
    "updated_at": "updated_at + n / 100.0",
}
_COUNTED: Final = (
    "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < :last)"
)
_FILES: Final = """
    INSERT INTO files (path, device, inode, size, mtime_ns, content)
    SELECT path, device, inode, size, mtime_ns, content FROM jobs WHERE id != :first
"""
_LOG: Final = """
    INSERT INTO timeline (job, at, text)
    SELECT copy.id, copy.created_at, replace(line.text, CAST(first.path AS TEXT), CAST(copy.path AS TEXT))
    FROM jobs AS first JOIN timeline AS line ON line.job = first.id JOIN jobs AS copy ON copy.id != first.id
    WHERE first.id = :first
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """A state folder with queued jobs. Bytes of the database: with the jobs alone, and with what a drop adds."""

    state: Path
    jobs_alone: int
    whole: int


@dataclass(frozen=True, slots=True)
class Start:
    """A daemon's start: seconds until it was ready, and the most bytes that it has held once it came to rest."""

    seconds: float
    held: int


def record(place: Place, sizes: Sizes) -> list[Line]:
    """Against an empty record, and (picking) against one with 1,000 jobs or, if that is less, a tenth."""
    many, few = sizes.queued, min(_FEW, max(1, sizes.queued // 10))
    filled = {number: _fill(place, number) for number in (0, few, many)}
    rounds = min(3, sizes.rounds)
    starts: dict[str, Callable[[], Start]] = {
        name: partial(_start, place, filled[number].state) for name, number in (("empty", 0), ("full", many))
    }
    started = paired(starts, rounds)
    empty, full = started["empty"], started["full"]
    some, all_of = _picks(filled[few].state, filled[many].state, rounds * _TURNS)
    at_rest = [max(0.0, (b.held - a.held) / many) for a, b in zip(empty, full, strict=True)]
    after = max(0.0, (_held_after(filled[many].state) - _held_after(filled[few].state)) / (many - few))
    most = partial(Target, at_least=False)
    return [
        Line(
            f"start-up, {many:,} queued, over empty",
            spread([max(0.0, b.seconds - a.seconds) for a, b in zip(empty, full, strict=True)]),
            "s",
            most(2.0),
            _seconds(full),
            _seconds(empty),
        ),
        Line(
            f"picks/s, {many:,} queued, x {few:,}",
            speed_ratio(all_of, some),
            "x",
            Target(0.8),
            _speed(all_of),
            _speed(some),
        ),
        Line("memory growth a queued job, started", spread(at_rest), "B", most(200.0)),
        Line(f"memory growth a queued job, {_PICKS} picked", Spread(after, after, after), "B", most(200.0)),
        *_disk(filled[0], filled[many], many),
    ]


def _disk(empty: Filled, full: Filled, number: int) -> Iterator[Line]:
    most = Target(400.0, at_least=False)
    alone = (full.jobs_alone - empty.jobs_alone) / number
    whole = (full.whole - empty.whole) / number
    yield Line("disk a queued job, row and indexes", Spread(alone, alone, alone), "B", most)
    yield Line("disk a queued job, known file and log line too", Spread(whole, whole, whole), "B", most)


def _fill(place: Place, number: int) -> Filled:
    """A record with so many jobs, and a gate that is shut: what is looked at is the queue, not the work on it.

    The first job is written as the daemon writes it, the others are its copies.
    """
    state = place.folder / f"record-{number}"
    state.mkdir()
    path = state / DATABASE
    first = _first()
    config = parse(_rules(place, state), state / "rules.yaml", {})
    account, until = service_account(config, {}, attribution({})).id, time.time() + LONGEST_SHUT
    with Store(path) as store:
        store.write_now(lambda connection: accounts.paced(connection, account, 4.0, 1, until))
        if number:
            store.write_now(partial(_queue, first=first, number=number))
    alone = path.stat().st_size
    if number:
        with Store(path) as store:
            store.write_now(partial(_as_dropped, first=first))
    return Filled(state, alone, path.stat().st_size)


def _queue(connection: Connection, first: Job, number: int) -> None:
    jobs.add_job(connection, first)
    columns = [column for (column,) in connection.execute(text("SELECT name FROM pragma_table_info('jobs')"))]
    own = ", ".join(_OWN.get(column, column) for column in columns)
    copies = f"{_COUNTED} INSERT INTO jobs ({', '.join(columns)}) SELECT {own} FROM jobs, counter WHERE id = :first"
    if number > 1:
        connection.execute(text(copies), {"first": first.id, "last": number - 1})


def _as_dropped(connection: Connection, first: Job) -> None:
    """What else a drop writes down: the file is known, and the job's log begins."""
    files.remember(connection, [first.source])
    told = f"settled: {first.source.path} ({first.source.size:,} bytes)"
    jobs.note(connection, first.id, told, first.created_at)
    for copies in (_FILES, _LOG):
        connection.execute(text(copies), {"first": first.id})


def _first() -> Job:
    at = 1.76e9 + 1 / 3
    source = Source(
        _INBOX / f"clip-{_NUMBER}.mp4", 64_768, 10**7, 5 * 10**7, int(at * 1e9), os.urandom(16).hex()
    )
    return Job(
        id=jobs.new_id(),
        rule="office",
        source=source,
        recipe=_RECIPE,
        key=os.urandom(16).hex(),
        estimate=50.0,
        begun_at=at,
        created_at=at,
        updated_at=at,
    )


def _rules(place: Place, state: Path) -> str:
    inbox, output = place.folder / "inbox", place.folder / "edited"
    inbox.mkdir(exist_ok=True)
    return _RULES.format(state=state, url=place.url, token=TOKEN, inbox=inbox, output=output)


def _start(place: Place, state: Path) -> Start:
    """Starts `reeldrop run` on a watch folder in which nothing lies, and asks it what `status` asks."""
    rules = state / "rules.yaml"
    rules.write_text(_rules(place, state))
    with _told_ready() as (address, link):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "daemon", "run", "--config", str(rules)]
        environ = {**os.environ, "NOTIFY_SOCKET": address}
        with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL) as daemon:
            try:
                link.recv(1024)
                seconds = time.perf_counter() - begun
                for question in ("pending", "troubles", "approvals"):
                    list(ask(state, question))
                _await_rest(daemon.pid)
                return Start(seconds, _held(daemon.pid, "VmHWM"))
            finally:
                daemon.kill()  # nothing is at work, and it would say that it stops


@contextmanager
def _told_ready() -> Iterator[tuple[str, socket.socket]]:
    """A socket on which a daemon tells that it is ready, as it tells systemd, and its address."""
    name = f"reeldrop-bench-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(f"\0{name}")
        link.settimeout(_LIMIT)
        yield f"@{name}", link


def _await_rest(process: int) -> None:
    last = -1
    while (used := _ticks(process)) != last:
        last = used
        time.sleep(_CALM)


def _ticks(process: int) -> int:
    """CPU of a process until now."""
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(told[11]) + int(told[12])


def _picks(few: Path, many: Path, rounds: int) -> tuple[list[Sample], list[Sample]]:
    """Picks from both records in turn."""
    with Store(few / DATABASE) as some, Store(many / DATABASE) as all_of:
        sides = {"few": partial(_pick, some, _IN_TURN), "many": partial(_pick, all_of, _IN_TURN)}
        found = paired(sides, rounds)
    return found["few"], found["many"]


def _pick(store: Store, number: int) -> Sample:
    """Picks so many jobs, each with a commit of its own."""
    now = time.time()
    return measured(lambda: [store.write_now(partial(jobs.claim, now=now)) for _ in range(number)])


def _held_after(state: Path) -> int:
    command = [sys.executable, "-m", "benchmarks.record", str(state)]
    return int(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _held_here(state: Path) -> int:
    with Store(state / DATABASE) as store:
        _pick(store, _PICKS)
        return _held(os.getpid(), "VmRSS")


def _held(process: int, name: str) -> int:
    """Bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _seconds(starts: list[Start]) -> str:
    return f"{spread([one.seconds for one in starts]).median:.2f} s"


def _speed(picks: list[Sample]) -> str:
    return f"{_IN_TURN / spread([one.seconds for one in picks]).median:,.0f} picks/s"


if __name__ == "__main__":
    sys.stdout.write(f"{_held_here(Path(sys.argv[1]))}\n")
