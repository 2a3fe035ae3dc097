"""Where benchmarks run: a temporary folder, files to send, and the server, all gone afterwards."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.deliver.folder import hash_file
from daemon.media.ffmpeg import find_ffmpeg
from daemon.nemo.account import TokenAccount
from daemon.nemo.client import Attribution, Client
from daemon.nemo.transport import Transport

ROOT: Final = Path(__file__).parents[1]
TOKEN: Final = "benchmark"
SKILL: Final = "reeldrop"
VERSION: Final = "1"
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. `mib`: a transfer; `memory`: the transfers whose memory is looked at, in MiB.

    `jobs`: what the script does in a round; ours does more in the same time. `queued`: jobs in a full record.
    `idle`: seconds for which an idle daemon is looked at.
    """

    mib: int
    memory: tuple[int, ...]
    rounds: int
    jobs: int
    queued: int
    idle: float


@dataclass(frozen=True, slots=True)
class Given:
    """A file to send; `content` is its xxh3-128."""

    path: Path
    size: int
    content: str


@dataclass(frozen=True, slots=True)
class Place:
    """`folder`: files of the benchmarks; those in `served` are at `url`/files/NAME."""

    folder: Path
    served: Path
    url: str
    clip: Given

    def client(self, transport: Transport) -> Client:
        return Client(transport, TokenAccount(self.url, lambda: TOKEN), Attribution(SKILL, VERSION))

    @contextmanager
    def big_file(self, mib: int) -> Iterator[Given]:
        """A file of bytes that do not compress, served under its name, in the page cache; removed afterwards."""
        path = self.served / f"{mib}.bin"
        block = random.Random(mib).randbytes(MIB)
        with path.open("wb") as file:
            for _ in range(mib):
                file.write(block)
        try:
            yield _given(path)
        finally:
            path.unlink()


@contextmanager
def place(below: Path | None) -> Iterator[Place]:
    """A new temporary folder with a small clip in it, and a server that ends with us."""
    with tempfile.TemporaryDirectory(prefix="reeldrop-bench-", dir=below) as made:
        folder = Path(made)
        served = folder / "served"
        served.mkdir()
        clip = served / "clip.mp4"
        _make_clip(clip)
        command = [sys.executable, "-m", "benchmarks.server", str(served)]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            yield Place(folder, served, f"http://127.0.0.1:{port}", _given(clip))
            server.communicate()


def missing(*programs: str) -> str:
    """Which of these programs this machine lacks, in words; empty where it has them all."""
    lacking = [name for name in programs if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else ""


def unheard(_: float) -> None:
    """The progress is asked for, as the daemon does, and told to nobody."""


def _given(path: Path) -> Given:
    return Given(path, path.stat().st_size, hash_file(path))


def _make_clip(path: Path) -> None:
    """1.5 s of picture and sound, as a phone's clip in small."""
    sources = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=25:duration=1.5"]
    sources += ["-f", "lavfi", "-i", "sine=duration=1.5"]
    command = [str(find_ffmpeg()), "-v", "error", *sources, "-pix_fmt", "yuv420p", "-shortest", str(path)]
    subprocess.run(command, check=True)
