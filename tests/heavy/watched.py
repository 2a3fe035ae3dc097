"""A whole `reeldrop run` as far as "queued": ffmpeg never ends but at a file's end, so the one slot stays taken."""

from __future__ import annotations

import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from daemon.control.socket import ask
from daemon.errors import ReeldropError
from daemon.media.ffmpeg import find_ffmpeg

DEADLINE = 120.0
ROOT = Path(__file__).parents[2]
RULES = """\
state: state
limits: {{jobs: 1}}
studio: {{ffmpeg: {ffmpeg}}}
defaults: {{settle: {settle}, match: [media, text]}}
watching: {{rescan: {rescan}}}
rules:
"""
RULE = "  - {{name: {name}, watch: {watch}, output: {output}, instruction: trim to 1 s}}\n"
STUCK = """\
#!/bin/sh
case " $* " in
  *" -sseof "*) ;;
  *" -i "*) exec sleep infinity ;;
esac
exec {ffmpeg} "$@"
"""


class Queued(NamedTuple):
    """A job of the record. `at`: when it was written down, in epoch seconds."""

    path: Path
    size: int
    at: float


def until(holds: Callable[[], object], what: str, limit: float = DEADLINE) -> None:
    """Waits for other processes; the pause is only how often it is asked."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"not within {limit:g} s: {what}"
        time.sleep(0.05)


class Watched:
    """The daemon of one folder: `inbox` is watched by the rule `inbox`, further `watch` by rules of their names."""

    def __init__(
        self,
        folder: Path,
        *,
        settle: str = "500ms",
        rescan: str = "5m",
        watch: Mapping[str, Path] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.inbox = folder / "in"
        self.inbox.mkdir(parents=True)
        self._prefix = prefix
        self.process: subprocess.Popen[bytes] | None = None
        stuck = folder / "ffmpeg"
        stuck.write_text(STUCK.format(ffmpeg=shlex.quote(str(find_ffmpeg()))))
        stuck.chmod(0o755)
        rules = RULES.format(ffmpeg=stuck, settle=settle, rescan=rescan)
        for name, root in (watch or {"inbox": self.inbox}).items():
            rules += RULE.format(name=name, watch=root, output=folder / "out" / name)
        self.rules = folder / "rules.yaml"
        self.rules.write_text(rules)

    @property
    def log(self) -> str:
        path = self.folder / "daemon.log"
        return path.read_text() if path.exists() else ""

    @property
    def command(self) -> list[str]:
        return [*self._prefix, sys.executable, "-m", "daemon", "run", "--config", str(self.rules)]

    def start(self) -> None:
        """Returns once every folder is watched."""
        greeted = self.log.count(": watching ")
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log)
        until(lambda: self.log.count(": watching ") > greeted or self.ended(), "the daemon watches")
        assert not self.ended(), self.log

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def queued(self, below: Path | None = None) -> list[Queued]:
        """All jobs, or those of files below a folder."""
        path = self.folder / "state" / "jobs.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT path, size, created_at FROM jobs").fetchall()
        found = [Queued(Path(path.decode()), size, at) for path, size, at in rows]
        return [one for one in found if below is None or below in one.path.parents]

    def count(self) -> int:
        path = self.folder / "state" / "jobs.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            (number,) = database.execute("SELECT count(*) FROM jobs").fetchone()
        assert isinstance(number, int)
        return number

    def taken(self, below: Path | None = None) -> Counter[Path]:
        """How often each file was taken."""
        return Counter(one.path for one in self.queued(below))

    def pending(self, below: Path | None = None) -> dict[Path, str]:
        """The files that are no job yet, and why."""
        told: list[dict[str, Any]] = list(ask(self.folder / "state", "pending"))
        found = {Path(one["path"]): str(one["why"]) for one in told}
        return {path: why for path, why in found.items() if below is None or below in path.parents}

    def why(self, path: Path) -> str:
        """What a file that is no job waits for, but for its quiet time; "" if nothing was said of it yet."""
        try:
            told = self.pending().get(path, "")
        except ReeldropError:
            return ""
        return "" if told.startswith("it changed less than") else told


@contextmanager
def running(watched: Watched) -> Iterator[Watched]:
    watched.start()
    try:
        yield watched
    finally:
        watched.kill()
