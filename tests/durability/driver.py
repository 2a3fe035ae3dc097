"""Runs `reeldrop` with its edges wrapped, to record its boundaries or to die at one of them.

`python -m tests.durability.driver` imports the product once and then forks a process for each order: a line of
JSON on stdin, a line with its exit status on stdout (negative: the signal that ended it).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.durability import edges
from tests.durability.edges import Boundary, Passing, When
from tests.durability.studio import ROOT

LONGEST: Final = 60
"""Seconds after which a process that hangs is ended by SIGALRM."""
_LOADED: Final = (
    *("daemon.__main__", "daemon.cli.running", "alembic.command", "anyio._backends._asyncio", "sniffio"),
    *("imageio_ffmpeg", "encodings.idna", "encodings.utf_8_sig"),
)
"""What each run would load again; that took half of its time."""


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process kills itself: before or after the call."""

    when: When
    boundary: Boundary

    def __str__(self) -> str:
        return f"killed {self.when} {self.boundary}"


class Driver:
    """The process that forks, from the outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, arguments: Sequence[str], log: Path, death: Death | None = None) -> int:
        """The exit status of `reeldrop` with these arguments, to its end or its `death`."""
        return self._order(arguments=list(arguments), log=str(log), death=death and asdict(death))

    def record(self, arguments: Sequence[str], log: Path, into: Path) -> tuple[int, list[Boundary]]:
        """The exit status, and every boundary that was met, in order. `into`: a file for them."""
        status = self._order(arguments=list(arguments), log=str(log), record=str(into))
        return status, [Boundary(**json.loads(line)) for line in into.read_text().splitlines()]

    def _order(self, **order: Any) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def driver(home: Path) -> Iterator[Driver]:
    """A driver whose user is at home in `home`, until the block ends."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NEMO_")}
    # Threads of numpy's own would be there when it forks.
    environ |= {"HOME": str(home), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.durability.driver"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environ) as process:
        yield Driver(process)


def main() -> None:
    edges.wrap()
    for module in _LOADED:
        importlib.import_module(module)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(_run(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(
    arguments: list[str], log: str, death: dict[str, Any] | None = None, record: str | None = None
) -> int:
    """In the forked process."""
    signal.alarm(LONGEST)
    for stream, path in ((0, os.devnull), (1, log), (2, log)):
        os.dup2(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), stream)
    if record is not None:
        edges.tell(_recorder(Path(record)))
    elif death is not None:
        edges.tell(_killer(death["when"], Boundary(**death["boundary"])))
    sys.argv = ["reeldrop", *arguments]
    try:
        importlib.import_module("daemon.__main__").main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _recorder(into: Path) -> Passing:
    into.touch()

    def passing(when: When, boundary: Boundary) -> None:
        if when == "before":
            with into.open("a") as file:
                file.write(json.dumps(asdict(boundary)) + "\n")

    return passing


def _killer(when: When, where: Boundary) -> Passing:
    def passing(now: When, boundary: Boundary) -> None:
        if (now, boundary) == (when, where):
            os.kill(os.getpid(), signal.SIGKILL)

    return passing


if __name__ == "__main__":
    main()
