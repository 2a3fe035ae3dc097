"""The whole daemon's jobs: intake, record with its commits, every step, delivery. For information."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Final

from benchmarks.jobs import SLOTS, job_words
from benchmarks.lines import Line
from benchmarks.place import TOKEN, Place, Sizes
from benchmarks.rounds import Sample, cpu_seconds, spread
from daemon.app import App
from daemon.config.loading import parse
from daemon.jobs.states import State
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.hooks import Happening, JobChanged
from daemon.rules.match import RuleBook

_RULES: Final = """\
version: 1
state: {folder}/state
api: {{url: "{url}", token: "{token}"}}
limits: {{jobs: {slots}}}
timing: {{poll: 10ms, confirm: 1ms}}
rules:
  - name: benchmark
    watch: {folder}/in
    instruction: trim to 1 s
    output: {folder}/out
"""


def pipeline(place: Place, sizes: Sizes) -> list[Line]:
    """Settled clips of different content put into a daemon's intake, until all are delivered."""
    samples = asyncio.run(_daemon(place, sizes))
    figure = spread([1 / sample.seconds for sample in samples])
    return [Line(f"whole daemon, {SLOTS} at once", figure, "jobs/s", None, job_words(samples))]


async def _daemon(place: Place, sizes: Sizes) -> list[Sample]:
    """A job's cost in each round, after one that opens the slots' connections and proves the account."""
    folder = place.folder / "daemon"
    (folder / "in").mkdir(parents=True)
    rules = _RULES.format(folder=folder, url=place.url, token=TOKEN, slots=SLOTS)
    app = App(parse(rules, folder / "rules.yaml", {}), (), {})
    samples = []
    try:
        async with app.working():
            for number in range(sizes.rounds + 1):
                clips = [_clip(place, folder / "in", f"{number}-{job}") for job in range(sizes.jobs)]
                used, begun = cpu_seconds(), time.perf_counter()
                await _deliver(app, clips)
                seconds, cpu = time.perf_counter() - begun, cpu_seconds() - used
                samples.append(Sample(seconds / sizes.jobs, cpu / sizes.jobs))
    finally:
        app.close()
        shutil.rmtree(folder)
    return samples[1:]


async def _deliver(app: App, clips: list[Path]) -> None:
    """Raises RuntimeError with the reason of the first job that is not delivered."""
    left = set(clips)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def look(happening: Happening) -> None:
        if not isinstance(happening, JobChanged) or ended.done():
            return
        job = happening.job
        if job.state is State.SUCCEEDED:
            left.discard(job.source.path)
            if not left:
                ended.set_result(None)
        elif job.state not in (State.QUEUED, State.RUNNING):
            ended.set_exception(RuntimeError(f"{job.source.path.name} is {job.state.value}: {job.reason}"))

    book = RuleBook(app.config.rules)
    forget = app.listen(look)
    for clip in clips:
        match = book.match(clip)
        assert match is not None
        found = clip.stat()
        stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        app.intake.put(Arrival(match, clip, stat))
    try:
        await ended
    finally:
        forget()


def _clip(place: Place, folder: Path, name: str) -> Path:
    """The clip and a name in it that players skip: content that was delivered is served from its result."""
    path = folder / f"{name}.mp4"
    path.write_bytes(place.clip.path.read_bytes() + b"\0\0\0\x18free" + name.encode().ljust(16))
    return path
