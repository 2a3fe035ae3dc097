"""Bursts of files into a folder that a whole daemon watches, more than the kernel's queue of events holds.

    python -m tests.heavy.bursts --files 50000

prints for each kind of burst how many files were queued, how many of them twice, and how long after the end of
the burst (or after the daemon could go on) the last one was. Exit code 1 where a file was lost or taken twice.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.heavy.watched import Watched, running, until

STALLED: Final = 60.0
"""Seconds without a new job after which the rest counts as lost: no rescan comes as soon as that."""

CREATE: Final = """
import os, struct, sys
folder, ending, files = sys.argv[1], sys.argv[2], int(sys.argv[3])
head = b"RIFF" + struct.pack("<I", 1016) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 48000, 96000, 2, 16)
head += b"data" + struct.pack("<I", 980)
for number in range(files):
    file = os.open(f"{folder}/{number:06}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(file, head + struct.pack("<I", number + 1) * 245)
    os.close(file)
"""
RENAME: Final = """
import os, sys
folder, old, new, files = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
for number in range(files):
    os.rename(f"{folder}/{number:06}.{old}", f"{folder}/{number:06}.{new}")
"""


@dataclass(frozen=True)
class Outcome:
    """`seconds`: from the end of the burst, or from SIGCONT, to the last job that was written down."""

    what: str
    files: int
    queued: int
    twice: int
    seconds: float

    @property
    def is_complete(self) -> bool:
        return self.queued == self.files and not self.twice

    def __str__(self) -> str:
        told = f"{self.queued:,} of {self.files:,} queued, {self.twice:,} twice"
        return f"{self.what}: {told}, the last {self.seconds:.1f} s after the end"


def create(folder: Path, ending: str, files: int) -> None:
    """1 kB wavs of distinct content, by a program of its own."""
    subprocess.run([sys.executable, "-c", CREATE, str(folder), ending, str(files)], check=True)


def rename(folder: Path, old: str, new: str, files: int) -> None:
    subprocess.run([sys.executable, "-c", RENAME, str(folder), old, new, str(files)], check=True)


def goes_up_to(number: Callable[[], int], wanted: int) -> None:
    """Waits until that many are there, or no more come."""
    seen, at = -1, time.monotonic()
    while (now := number()) < wanted and time.monotonic() - at < STALLED:
        if now != seen:
            seen, at = now, time.monotonic()
        time.sleep(0.3)


def outcome(what: str, watched: Watched, files: Sequence[Path], seconds: Callable[[], float]) -> Outcome:
    """Once whatever was dropped before a last file is queued or lost."""
    last = watched.inbox / "last.wav"
    create(watched.folder, "last.wav", 1)
    made = watched.folder / "000000.last.wav"
    with made.open("ab") as file:
        # With the content of the first file it was now and then taken for that one, renamed once more.
        file.write(b"last")
    spent = seconds()
    made.rename(last)
    until(lambda: last in watched.taken(), "a file dropped after all others is queued", STALLED)
    until(lambda: not watched.pending(), "nothing is pending", STALLED)
    taken = watched.taken()
    queued = sum(path in taken for path in files)
    return Outcome(what, len(files), queued, sum(taken.values()) - 1 - queued, spent)


def burst(what: str, folder: Path, act: Callable[[Watched], Sequence[Path]], *, stopped: bool) -> Outcome:
    """Runs `act`, which returns what has to be queued afterwards, beside the daemon or while it is stopped."""
    with running(Watched(folder, settle="1s")) as watched:
        files, ended = acted(watched, act, stopped=stopped)
        goes_up_to(watched.count, len(files))
        return outcome(
            what, watched, files, lambda: max((job.at for job in watched.queued()), default=ended) - ended
        )


def acted(
    watched: Watched, act: Callable[[Watched], Sequence[Path]], *, stopped: bool
) -> tuple[Sequence[Path], float]:
    """What `act` returns, and when it ended or the daemon could go on, in epoch seconds."""
    assert watched.process is not None
    if stopped:
        watched.process.send_signal(signal.SIGSTOP)
    files = act(watched)
    ended = time.time()
    if stopped:
        watched.process.send_signal(signal.SIGCONT)
    return files, ended


def created(folder: Path, files: int, *, stopped: bool = False) -> Outcome:
    def act(watched: Watched) -> Sequence[Path]:
        create(watched.inbox, "wav", files)
        return named(watched, "wav", files)

    return burst(told(files, "files created", stopped), folder, act, stopped=stopped)


def renamed(folder: Path, files: int, *, stopped: bool = False) -> Outcome:
    """From a temporary name to the final one, as many downloads do."""

    def act(watched: Watched) -> Sequence[Path]:
        create(folder, "wav.part", files)
        for path in folder.glob("*.part"):
            path.rename(watched.inbox / path.name)
        rename(watched.inbox, "wav.part", "wav", files)
        return named(watched, "wav", files)

    return burst(told(files, "files renamed from .part", stopped), folder, act, stopped=stopped)


def renamed_when_queued(folder: Path, files: int, *, stopped: bool = False) -> Outcome:
    """Renaming is no drop: the jobs follow, and none is added."""

    def act(watched: Watched) -> Sequence[Path]:
        rename(watched.inbox, "wav", "new.wav", files)
        return named(watched, "new.wav", files)

    with running(Watched(folder, settle="1s")) as watched:
        create(watched.inbox, "wav", files)
        goes_up_to(watched.count, files)
        paths, ended = acted(watched, act, stopped=stopped)
        wanted = set(paths)
        goes_up_to(lambda: len(wanted & set(watched.taken())), files)
        spent = time.time() - ended
        return outcome(told(files, "queued files renamed", stopped), watched, paths, lambda: spent)


def named(watched: Watched, ending: str, files: int) -> list[Path]:
    return [watched.inbox / f"{number:06}.{ending}" for number in range(files)]


def told(files: int, what: str, stopped: bool) -> str:
    return f"{files:,} {what}{', the daemon stopped meanwhile' if stopped else ''}"


WAYS: Final = (created, renamed, renamed_when_queued)


def measured(way: Callable[..., Outcome], files: int, *, stopped: bool, below: Path | None = None) -> Outcome:
    """In a temporary folder. Four renames for five files."""
    with tempfile.TemporaryDirectory(prefix="reeldrop-burst-", dir=below) as folder:
        count = files if way is created else files * 4 // 5
        return way(Path(folder) / "daemon", count, stopped=stopped)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made")
    parser.add_argument("ways", nargs="*", default=[way.__name__ for way in WAYS])
    asked = parser.parse_args()
    # Whoever is told to end takes the daemon along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    complete = True
    for way in WAYS:
        for stopped in (False, True) if way.__name__ in asked.ways else ():
            found = measured(way, asked.files, stopped=stopped, below=asked.folder)
            print(found, flush=True)
            complete = complete and found.is_complete
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
