"""Watching: how soon a drop is queued, a burst, the start-up scan, matching, and what the daemon costs when idle.

    python -m benchmarks.watching RULES

does what is there now under these rules, as `run --once`, and prints how many seconds that took.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import re
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, insert

from benchmarks.lines import Line, Target
from benchmarks.place import ROOT, Place, Sizes
from benchmarks.rounds import Sample, Spread, measured, paired, spread
from daemon.app import DATABASE, App
from daemon.config.globs import entry_regex
from daemon.config.loading import parse
from daemon.config.model import Rule
from daemon.jobs.schema import files
from daemon.jobs.store import Store
from daemon.rules.match import RuleBook
from daemon.watching import Daemon
from tests.heavy.bursts import create, created
from tests.heavy.watched import Watched, running, until

_DROPS: Final = 40
"""At the most; a fifth of the files of the other parts, where they are few."""
_SETTLE: Final = 0.2
"""Seconds."""
_RULES: Final = 1000
_PATHS: Final = 2000
_FOLDER_SIZE: Final = 1000
_BATCH: Final = 10_000

_CLOSE_WRITE: Final = 0x8
_MOVED_TO: Final = 0x80
_HEADER: Final = struct.Struct("iIII")


def watching(place: Place, sizes: Sizes) -> list[Line]:
    """Each figure of a whole daemon, or of the parts named, against what nobody can do without."""
    return [
        *_latency(place, min(_DROPS, sizes.queued // 5)),
        *_matching(sizes),
        _burst(place, sizes),
        *_known(place, sizes),
    ]


def _latency(place: Place, drops: int) -> list[Line]:
    """One drop after the other, told by the daemon's own `--json` and by raw inotify on the same folder."""
    watched = Watched(place.folder / "latency", settle=f"{_SETTLE * 1000:g}ms")
    made = place.folder / "made"
    made.mkdir()
    create(made, "wav", drops + 1)
    with _heard(watched) as ours, _inotify(watched.inbox) as theirs:
        dropped = {}
        for path in sorted(made.iterdir()):
            dropped[path.name] = time.monotonic()
            path.rename(watched.inbox / path.name)
            until(lambda name=path.name: name in ours, f"{path.name} is queued")  # type: ignore[misc]
    # The first one waits for the start.
    names = list(dropped)[1:]
    beyond = [(ours[name] - dropped[name] - _SETTLE) * 1000 for name in names]
    raw = statistics.median((theirs[name] - dropped[name]) * 1000 for name in names)
    ours_said, raw_said = f"{statistics.median(beyond):.2f} ms", f"{raw:.2f} ms raw inotify"
    most = Target(5.0, at_least=False)
    return [Line("drop to queued, beyond the settle time", spread(beyond), "ms", most, ours_said, raw_said)]


@contextmanager
def _heard(watched: Watched) -> Iterator[dict[str, float]]:
    """When the daemon told of each file's job (monotonic seconds), by the file's name."""
    heard: dict[str, float] = {}
    command = [*watched.command, "--json"]
    with (watched.folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    thread = threading.Thread(target=_hear, args=(process.stdout, heard))
    thread.start()
    try:
        # Not before it listens: files that stand there at the start are found by the scan.
        until((watched.folder / "state" / "control.sock").exists, "the daemon starts")
        yield heard
    finally:
        process.kill()
        process.wait()
        thread.join()
        process.stdout.close()


def _hear(lines: IO[bytes], heard: dict[str, float]) -> None:
    for line in lines:
        heard.setdefault(Path(json.loads(line)["source"]).name, time.monotonic())


@contextmanager
def _inotify(folder: Path) -> Iterator[dict[str, float]]:
    """When the kernel told of each file (monotonic seconds), by its name."""
    heard: dict[str, float] = {}
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_CLOEXEC)
    assert fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(folder), _CLOSE_WRITE | _MOVED_TO) >= 0
    thread = threading.Thread(target=_drain, args=(fd, heard))
    thread.start()
    try:
        yield heard
    finally:
        (folder / "end").touch()
        thread.join()
        os.close(fd)


def _drain(fd: int, heard: dict[str, float]) -> None:
    while "end" not in heard:
        told, now = os.read(fd, 65536), time.monotonic()
        at = 0
        while at < len(told):
            *_, length = _HEADER.unpack_from(told, at)
            at += _HEADER.size
            heard[os.fsdecode(told[at : at + length].rstrip(b"\0"))] = now
            at += length


def _matching(sizes: Sizes) -> list[Line]:
    """1,000 rules for a folder each, or all for the same one with a glob each, against one glob's regex a path."""
    chance = random.Random(1)
    apart = [_rule(number, Path(f"/srv/videos/client-{number}"), "video") for number in range(_RULES)]
    together = [
        _rule(number, Path("/srv/videos"), f"*-client{number}-*.{{mp4,mov}}") for number in range(_RULES)
    ]
    numbers = [chance.randrange(2 * _RULES) for _ in range(_PATHS)]
    ways = {
        "a folder each": (apart, [f"/srv/videos/client-{one}/2026/clip-{one}.mp4" for one in numbers]),
        "one folder, a glob each": (
            together,
            [f"/srv/videos/2026/take-client{one}-b.mp4" for one in numbers],
        ),
    }
    regex = re.compile(entry_regex("*-client7-*.{mp4,mov}", ignoring=False))
    lines = []
    for name, (rules, paths) in ways.items():
        book = RuleBook(rules)
        assert sum(book.match(path) is not None for path in paths) == sum(one < _RULES for one in numbers)
        below = [path.removeprefix("/srv/videos/") for path in paths]
        sides: dict[str, Callable[[], Sample]] = {
            "ours": lambda book=book, paths=paths: _each(book.match, paths),  # type: ignore[misc]
            "theirs": lambda below=below: _each(regex.fullmatch, below),  # type: ignore[misc]
        }
        found = paired(sides, sizes.rounds)
        ratio = [a.seconds / b.seconds for a, b in zip(found["ours"], found["theirs"], strict=True)]
        said = {
            side: f"{statistics.median(one.seconds for one in found[side]) * 1e6:.2f} µs" for side in sides
        }
        most = Target(15.0, at_least=False)
        what = f"matching {_RULES:,} rules, {name}"
        lines.append(Line(what, spread(ratio), "x", most, said["ours"], f"{said['theirs']} one regex"))
    return lines


def _each(match: Callable[[str], object], paths: Sequence[str]) -> Sample:
    """A path's cost."""
    sample = measured(lambda: [match(path) for path in paths])
    return Sample(sample.seconds / len(paths), sample.cpu / len(paths))


def _rule(number: int, watch: Path, match: str) -> Rule:
    return Rule(
        name=f"client{number}",
        watch=(watch,),
        match=(match,),
        by="embedded",
        instructions=("trim to 1 s",),
        output=Path(f"/srv/edited/{number}"),
    )


def _burst(place: Place, sizes: Sizes) -> Line:
    found = created(place.folder / "burst", sizes.queued // 2)
    figure = Spread(found.seconds, found.seconds, found.seconds)
    most = Target(15.0, at_least=False)
    lost = "" if found.is_complete else f", {found.files - found.queued:,} lost, {found.twice:,} twice"
    said = f"{found.queued:,} queued{lost}"
    return Line(f"burst of {found.files:,} files, its end to the last queued", figure, "s", most, said)


def _known(place: Place, sizes: Sizes) -> list[Line]:
    """Start-up, memory and idle wakeups with many known files and nothing new."""
    many, none = Watched(place.folder / "known"), Watched(place.folder / "none")
    _fill(many, sizes.queued)
    _fill(none, 0)
    listing = ["find", str(many.inbox), "-type", "f", "-printf", "%p %D %i %s %T@\\n"]
    sides: dict[str, Callable[[], float]] = {
        "many": lambda: _once(many),
        "none": lambda: _once(none),
        "find": lambda: measured(lambda: _quietly(listing)).seconds,
    }
    found = paired(sides, min(3, sizes.rounds))
    # Of few files, less than the difference between two runs.
    ours = [max(0.0, a - b) for a, b in zip(found["many"], found["none"], strict=True)]
    ratio = [a / b for a, b in zip(ours, found["find"], strict=True)]
    with running(many):
        assert many.process is not None
        pid = many.process.pid
        _comes_to_rest(pid)
        held = int(_status(pid, "VmRSS")) / 1000
        before = _wakeups(pid)
        time.sleep(sizes.idle)
        wakeups = (_wakeups(pid) - before) / sizes.idle
    at_most = 90 + 300 * sizes.queued / 1e6
    what = f"{sizes.queued:,} known files"
    return [
        Line(
            f"start-up with {what}, over none",
            spread(ratio),
            "x",
            Target(4.0, at_least=False),
            f"{statistics.median(ours):.2f} s",
            f"{statistics.median(found['find']):.2f} s find",
        ),
        Line(f"memory with {what}", Spread(held, held, held), "MB", Target(at_most, at_least=False)),
        Line("idle wakeups a second", Spread(wakeups, wakeups, wakeups), "/s", Target(1.0, at_least=False)),
    ]


def _fill(watched: Watched, number: int) -> None:
    """Files, and a record that knows them all."""
    rows = []
    for one in range(number):
        folder = watched.inbox / f"{one // _FOLDER_SIZE:04}"
        if one % _FOLDER_SIZE == 0:
            folder.mkdir()
        path = folder / f"clip-{one:06}.wav"
        fd = os.open(path, os.O_CREAT | os.O_CLOEXEC)
        found = os.fstat(fd)
        os.close(fd)
        rows.append(
            {
                "path": path,
                "device": found.st_dev,
                "inode": found.st_ino,
                "size": found.st_size,
                "mtime_ns": found.st_mtime_ns,
                "content": f"{one:032x}",
                "gone_at": None,
            }
        )

    def change(connection: Connection) -> None:
        for begin in range(0, len(rows), _BATCH):
            connection.execute(insert(files), rows[begin : begin + _BATCH])

    (watched.folder / "state").mkdir()
    with Store(watched.folder / "state" / DATABASE) as store:
        store.write_now(change)


def _once(watched: Watched) -> float:
    """Seconds, without the start of the process and its imports."""
    command = [sys.executable, "-m", "benchmarks.watching", str(watched.rules)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.splitlines()[-1])


def _quietly(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


async def _do_once(rules: Path) -> float:
    config = parse(rules.read_text(), rules, {})
    begun = time.perf_counter()
    app = App(config, (), {})
    await Daemon(app).once(asyncio.Event())
    app.close()
    return time.perf_counter() - begun


def _comes_to_rest(pid: int) -> None:
    """Returns once the process has used no time for two seconds."""
    used = -1
    while (now := _ticks(pid)) != used:
        used = now
        time.sleep(2)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _wakeups(pid: int) -> int:
    """Of all its threads."""
    threads = (int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int(_status(f"{pid}/task/{thread}", "voluntary_ctxt_switches")) for thread in threads)


def _status(process: int | str, name: str) -> str:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(_do_once(Path(sys.argv[1])))}\n")
