"""How much a large transfer adds to the process's memory: a new process for each, so that peaks do not mix.

    python -m benchmarks.memory URL send|fetch FILE

prints the bytes by which its peak rose above what it held after a first small transfer.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.lines import Line, Target
from benchmarks.place import ROOT, Place, Sizes, unheard
from benchmarks.rounds import spread
from daemon.deliver.folder import hash_file
from daemon.nemo import wire
from daemon.nemo.transport import Transport

_LIMIT_MB = 16.0


def memory(place: Place, sizes: Sizes) -> list[Line]:
    """Growth of our process, in MB, by direction and size; the spread is that of three processes."""
    lines = []
    for mib in sizes.memory:
        with place.big_file(mib) as given:
            for what, word in (("upload", "send"), ("download", "fetch")):
                grown = [_grown(place, word, given.path) for _ in range(min(3, sizes.rounds))]
                target = Target(_LIMIT_MB, at_least=False)
                lines.append(Line(f"memory growth, {what} of {mib} MiB", spread(grown), "MB", target))
    return lines


def _grown(place: Place, word: str, path: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", place.url, word, str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout) / 1e6


async def _transfer(url: str, word: str, path: Path) -> int:
    transport = Transport()
    target = path.with_suffix(".got")

    small = path.with_name("clip.mp4")
    contents = {given: hash_file(given) for given in (path, small)}

    async def send(given: Path) -> None:
        to = url + wire.UPLOAD.format(session="1")
        await transport.upload("upload", to, {}, given, contents[given], unheard)

    async def fetch(given: Path) -> None:
        await transport.download("download", f"{url}/files/{given.name}", {}, target, unheard)
        target.unlink()

    move = send if word == "send" else fetch
    await move(small)
    before = _status("VmRSS")
    await move(path)
    after = _status("VmHWM")
    await transport.close()
    return after - before


def _status(name: str) -> int:
    """Bytes. From /proc: `ru_maxrss` would begin with the peak of whoever started the process."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(_transfer(sys.argv[1], sys.argv[2], Path(sys.argv[3])))}\n")
