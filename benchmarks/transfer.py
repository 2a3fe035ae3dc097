"""One large file up and one down, against curl and stock httpx; and how the event loop fares meanwhile."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import httpx

from benchmarks.lines import Line, Target
from benchmarks.place import Given, Place, Sizes, missing, unheard
from benchmarks.rounds import Run, Sample, cpu_seconds, measured, paired, speed_ratio, spread
from daemon.nemo import wire
from daemon.nemo.transport import Transport

_SESSION: Final = "1"
_BEAT: Final = 0.001
"""Seconds after which the loop is asked to call; how late it does is the lag."""


def upload(place: Place, sizes: Sizes) -> list[Line]:
    """Ours, `curl -F` and `httpx.AsyncClient().post(files=…)` send the same file to the same server."""
    with asyncio.Runner() as runner, place.big_file(sizes.mib) as given:
        transport, stock = Transport(), httpx.AsyncClient()
        sides: dict[str, Run] = {
            "ours": lambda: measured(lambda: runner.run(_send(place, transport, given))),
            "stock": lambda: measured(lambda: runner.run(_send_stock(place, stock, given))),
        }
        if not missing("curl"):
            url = place.url + wire.UPLOAD.format(session=_SESSION)
            sides["curl"] = lambda: _curl("-o", os.devnull, "-F", f"files=@{given.path}", url)
        found = paired(sides, sizes.rounds)
        runner.run(transport.close())
        runner.run(stock.aclose())
    what = f"upload {sizes.mib} MiB"
    return [
        _compared(f"{what}, x curl -F", found, "curl", sizes, Target(0.9)),
        _compared(f"{what}, x stock httpx", found, "stock", sizes, Target(1.3)),
    ]


def download(place: Place, sizes: Sizes) -> list[Line]:
    """Ours, `curl -o`, and `curl -o` with what ours does besides: the file is on the disk when it returns."""
    ours, theirs = place.folder / "ours", place.folder / "theirs"
    with asyncio.Runner() as runner, place.big_file(sizes.mib) as given:
        transport = Transport()
        url = f"{place.url}/files/{given.path.name}"
        sides: dict[str, Run] = {
            "ours": _removing(ours, lambda: measured(lambda: runner.run(_fetch(transport, url, ours)))),
        }
        if not missing("curl"):
            sides["curl"] = _removing(theirs, lambda: _curl("-o", str(theirs), url))
            sides["synced"] = _removing(theirs, lambda: _synced(theirs, _curl("-o", str(theirs), url)))
        found = paired(sides, sizes.rounds)
        runner.run(transport.close())
    what = f"download {sizes.mib} MiB"
    return [
        _compared(f"{what}, x curl -o", found, "curl", sizes, Target(0.75)),
        _compared(f"{what}, x curl -o and fsync", found, "synced", sizes, None),
    ]


def lag(place: Place, sizes: Sizes) -> list[Line]:
    """How late the event loop calls while a file goes up, in ms; stock httpx reads the file on the loop."""
    with asyncio.Runner() as runner, place.big_file(sizes.mib) as given:
        transport, stock = Transport(), httpx.AsyncClient()
        late = paired(
            {
                "ours": lambda: runner.run(_lateness(lambda: _send(place, transport, given))),
                "stock": lambda: runner.run(_lateness(lambda: _send_stock(place, stock, given))),
            },
            sizes.rounds,
        )
        runner.run(transport.close())
        runner.run(stock.aclose())
    figure = spread([_percentile(one, 99) for one in late["ours"]])
    theirs = f"stock httpx {_lag_words(late['stock'])}"
    what = f"loop lag, upload of {sizes.mib} MiB, p99"
    return [Line(what, figure, "ms", Target(20, at_least=False), _lag_words(late["ours"]), theirs)]


async def _send(place: Place, transport: Transport, given: Given) -> None:
    await place.client(transport).upload(_SESSION, given.path, given.content, unheard)


async def _send_stock(place: Place, stock: httpx.AsyncClient, given: Given) -> None:
    url = place.url + wire.UPLOAD.format(session=_SESSION)
    with given.path.open("rb") as file:
        answer = await stock.post(url, files={"files": file}, timeout=600)
    answer.raise_for_status()


async def _fetch(transport: Transport, url: str, target: Path) -> None:
    await transport.download("download", url, {}, target, unheard)


def _curl(*arguments: str) -> Sample:
    """Curl's own time, which leaves out the start of its process."""
    before = cpu_seconds()
    command = ["curl", "-q", "-sSf", "-w", "%{time_total}", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Sample(float(done.stdout), cpu_seconds() - before)


def _synced(path: Path, sample: Sample) -> Sample:
    def sync() -> None:
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    more = measured(sync)
    return Sample(sample.seconds + more.seconds, sample.cpu + more.cpu)


def _removing(path: Path, run: Run) -> Run:
    """What was fetched is removed after the run: its pages must not be written while another side is measured."""

    def whole() -> Sample:
        try:
            return run()
        finally:
            path.unlink()

    return whole


async def _lateness(send: Callable[[], Awaitable[None]]) -> list[float]:
    """Seconds by which the loop was late for each beat while `send` ran."""
    loop = asyncio.get_running_loop()
    late: list[float] = []
    sent = False

    def ask() -> None:
        loop.call_later(_BEAT, beat, loop.time() + _BEAT)

    def beat(due: float) -> None:
        if not sent:
            late.append(loop.time() - due)
            ask()

    ask()
    await send()
    sent = True
    return late or [0.0]


def _percentile(late: Sequence[float], percent: int) -> float:
    """In ms."""
    ordered = sorted(late)
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _lag_words(rounds: Sequence[Sequence[float]]) -> str:
    every = [one for late in rounds for one in late]
    return (
        f"p50 {_percentile(every, 50):.2f}, p99 {_percentile(every, 99):.2f}, max {1000 * max(every):.1f} ms"
    )


def _compared(
    what: str, found: dict[str, list[Sample]], other: str, sizes: Sizes, target: Target | None
) -> Line:
    ours = _speed_words(found["ours"], sizes.mib)
    if other not in found:
        return Line(what, None, "x", target, ours, skipped=missing("curl"))
    figure = speed_ratio(found["ours"], found[other])
    return Line(what, figure, "x", target, ours, _speed_words(found[other], sizes.mib))


def _speed_words(samples: Sequence[Sample], mib: int) -> str:
    seconds = statistics.median(one.seconds for one in samples)
    cpu = statistics.median(one.cpu for one in samples)
    return f"{mib / seconds:,.0f} MiB/s, {cpu:.2f} CPU s"
