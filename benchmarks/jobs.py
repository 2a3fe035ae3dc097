"""Small jobs: our client's calls for a job against the same calls by bash, curl and jq."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

from benchmarks.lines import Line, Target
from benchmarks.place import Place, Sizes, missing, unheard
from benchmarks.rounds import Run, Sample, measured, paired, speed_ratio, spread
from daemon.nemo import wire
from daemon.nemo.client import Client, StreamLimits
from daemon.nemo.transport import Transport

SLOTS: Final = 16
_PROCESSES: Final = (4, 8, 16)
_MORE: Final = 4
"""Ours does so many times the script's jobs in a round, so that a round of either lasts for seconds."""
_LIMITS: Final = StreamLimits(quiet=60, whole=60)
_SCRIPT: Final = Path(__file__).with_name("job.sh")


def jobs(place: Place, sizes: Sizes) -> list[Line]:
    """Ours one at a time and 16 at once; the script one at a time and by `xargs -P`, the best of which counts."""
    results = place.folder / "results"
    many = sizes.jobs * _MORE
    with asyncio.Runner() as runner:
        slots = [Transport() for _ in range(SLOTS)]

        def by_us(at_once: int) -> Run:
            return lambda: measured(lambda: runner.run(_share(place, slots[:at_once], many, results)))

        def by_script(processes: int) -> Run:
            return lambda: measured(lambda: _script(place, processes, sizes.jobs, results))

        sides = {"one": _each(by_us(1), many, results), "many": _each(by_us(SLOTS), many, results)}
        lacking = missing("bash", "curl", "jq", "xargs")
        if not lacking:
            for processes in (1, *_PROCESSES):
                sides[f"-P{processes}"] = _each(by_script(processes), sizes.jobs, results)
        found = paired(sides, sizes.rounds)
        for transport in slots:
            runner.run(transport.close())
    return [*_against_script(found, lacking), *_alone(found["one"], found["many"])]


async def one_job(client: Client, place: Place, results: Path) -> None:
    """A job's calls, as the script makes them."""
    session = (await client.create_session("en")).session_id
    await client.upload(session, place.clip.path, place.clip.content, unheard)
    await client.run(session, "trim to 1 s", _LIMITS, lambda _: None)
    draft = (await client.look(session)).draft
    render = f"render_{uuid4().hex}"
    await client.submit_render(render, session, draft, "mp4", "high")
    look = await client.render(render)
    assert look.status == wire.RENDER_DONE, "the server is done with a render when it is asked"
    await client.download(render, look.url, results / f"{render}.mp4", unheard)


async def _share(place: Place, slots: Sequence[Transport], jobs: int, results: Path) -> None:
    """The slots take jobs until none is left, each over its own transport."""
    left = iter(range(jobs))

    async def work(transport: Transport) -> None:
        for _ in left:
            await one_job(place.client(transport), place, results)

    async with asyncio.TaskGroup() as group:
        for transport in slots:
            group.create_task(work(transport))


def _script(place: Place, processes: int, jobs: int, results: Path) -> None:
    command = ["xargs", "-n", "1", "-P", str(processes), "bash", str(_SCRIPT), place.url]
    numbers = "\n".join(map(str, range(jobs)))
    subprocess.run([*command, str(place.clip.path), str(results)], input=numbers, text=True, check=True)


def _each(run: Run, jobs: int, results: Path) -> Run:
    """The run's cost for one job, with an empty folder for its results."""

    def whole() -> Sample:
        results.mkdir()
        sample = run()
        shutil.rmtree(results)
        return Sample(sample.seconds / jobs, sample.cpu / jobs)

    return whole


def _against_script(found: dict[str, list[Sample]], lacking: str) -> Iterator[Line]:
    many, one = found["many"], found["one"]
    at_once = f"jobs/s, {SLOTS} at once, x the script's best -P"
    alone = "jobs/s, one at a time, x the script, one at a time"
    if lacking:
        yield Line(at_once, None, "x", Target(5), job_words(many), skipped=lacking)
        yield Line(alone, None, "x", None, job_words(one), skipped=lacking)
        return
    parallel = (found[f"-P{processes}"] for processes in _PROCESSES)
    best = [min(round, key=lambda sample: sample.seconds) for round in zip(*parallel, strict=True)]
    yield Line(at_once, speed_ratio(many, best), "x", Target(5), job_words(many), job_words(best))
    script = found["-P1"]
    yield Line(alone, speed_ratio(one, script), "x", None, job_words(one), job_words(script))


def _alone(one: Sequence[Sample], many: Sequence[Sample]) -> Iterator[Line]:
    what = f"jobs/s, {SLOTS} at once, x one at a time"
    yield Line(what, speed_ratio(many, one), "x", Target(1), job_words(many), job_words(one))
    for name, samples in (("one at a time", one), (f"{SLOTS} at once", many)):
        figure = spread([1000 * sample.cpu for sample in samples])
        yield Line(f"CPU a job, {name}", figure, "ms", Target(20, at_least=False))


def job_words(samples: Sequence[Sample]) -> str:
    """Of samples for one job each."""
    seconds = statistics.median(one.seconds for one in samples)
    cpu = statistics.median(one.cpu for one in samples)
    return f"{1 / seconds:,.1f} jobs/s, {1000 * cpu:.1f} CPU ms"
