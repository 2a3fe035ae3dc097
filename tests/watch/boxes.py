"""An inbox that remembers what it was told, and a watcher at work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.config.fields import WatchMode
from daemon.watch.folders import POLL, Root
from daemon.watch.inbox import Known, Wanted
from daemon.watch.sight import Stamp
from daemon.watch.watcher import PULSE, Watcher

DEADLINE = 20.0
QUIET = 0.1


class Box:
    """An inbox that wants every mp4 and script, and remembers what it was told."""

    def __init__(self, quiet: float | None = QUIET) -> None:
        self.quiet = quiet
        self.memory: dict[str, Stamp] = {}
        self.settled_paths: list[Path] = []
        self.rejections: dict[Path, str] = {}
        self.lost: list[Path] = []
        self.moves: list[tuple[Path, Path]] = []
        self.warnings: list[tuple[Path, str]] = []
        self.wanted_asked: list[Path] = []
        self.empties: list[Path] = []
        self.easings: list[Path] = []
        self.scans: list[tuple[Path, int]] = []

    def wanted(self, path: str) -> Wanted | None:
        self.wanted_asked.append(Path(path))
        return Wanted(self.quiet) if path.endswith((".mp4", ".txt")) else None

    def known(self, found: Sequence[tuple[str, Stamp]]) -> Known:
        known = {(path, stamp) for path, stamp in found if self.memory.get(path) == stamp}
        return Known(known, known)

    def settled(self, path: Path, stamp: Stamp, age: float, content: str | None) -> None:
        self.memory[str(path)] = stamp
        self.settled_paths.append(path)

    def rejected(self, path: Path, stamp: Stamp, age: float, why: str) -> None:
        self.memory[str(path)] = stamp
        self.rejections[path] = why

    def gone(self, path: Path) -> None:
        self.lost.append(path)

    def emptied(self, folder: Path) -> None:
        self.empties.append(folder)

    def eased(self, path: Path) -> None:
        self.easings.append(path)

    def scanned(self, folder: Path, known: int) -> None:
        self.scans.append((folder, known))

    def moved(self, source: Path, target: Path) -> None:
        self.moves.append((source, target))
        if str(source) in self.memory:
            self.memory[str(target)] = self.memory.pop(str(source))

    def warned(self, path: Path, message: str) -> None:
        self.warnings.append((path, message))


class Knowing(Box):
    """Says that it knows whatever it is asked about, and remembers that it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def known(self, found: Sequence[tuple[str, Stamp]]) -> Known:
        self.asked += [path for path, _ in found]
        return Known(set(found), set(found))


class Faulty(Box):
    def wanted(self, path: str) -> Wanted | None:
        if Path(path).stem == "bad":
            raise ZeroDivisionError
        return super().wanted(path)


class Clock:
    """The monotonic clock with a lever, or one that moves by the lever alone."""

    def __init__(self, *, runs: bool = True) -> None:
        self.runs = runs
        self.ahead = 0.0

    def __call__(self) -> float:
        return self.ahead + (time.monotonic() if self.runs else 0.0)


@asynccontextmanager
async def watching(
    box: Box,
    *folders: Path,
    recursive: bool = True,
    mode: WatchMode = "auto",
    clock: Callable[[], float] = time.monotonic,
    poll: float = POLL,
    pulse: float = PULSE,
    follow_links: bool = False,
    uptime: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Watcher]:
    roots = [Root(folder, recursive, mode) for folder in folders]
    watcher = Watcher(
        roots, box, clock=clock, uptime=uptime, poll=poll, pulse=pulse, follow_links=follow_links
    )
    await watcher.start()
    try:
        yield watcher
    finally:
        await watcher.stop()


async def until(holds: Callable[[], object]) -> None:
    """Returns once the condition holds; fails at the deadline. A reason for waiting is told by no event."""
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


def waits(watcher: Watcher, why: str) -> bool:
    return any(why in each.why for each in watcher.pending())
