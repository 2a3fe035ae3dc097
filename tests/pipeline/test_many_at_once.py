"""Many files at once: written down together, and each as if it had come alone."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import holds, record
from daemon.jobs.states import Move, State
from daemon.pipeline.arrivals import Arrival
from daemon.rules.match import RuleBook

Live = Callable[..., AbstractAsyncContextManager[Any]]

RULES = """\
state: state
limits: {jobs: 1}
defaults: {by: embedded, instruction: trim to 1 s, match: audio, settle: 300ms}
rules:
  - {name: many, watch: in, output: out}
  - {name: held, watch: other, output: out}
"""
FILES = 300


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    for name in ("in", "other"):
        (tmp_path / name).mkdir()
    return tmp_path / "in"


def wav(number: int) -> bytes:
    samples = struct.pack("<I", number) * 50
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, 800, 1600, 2, 16
    )
    return head + struct.pack("<4sI", b"data", len(samples)) + samples


async def taken(life: Any) -> None:
    """Returns once all that is there was looked at; the jobs go on."""
    await life.daemon._rescan()
    await life.daemon._watcher.idle()
    await life.daemon._gathering.idle()


def test_of_many_files_at_once_each_is_a_job_and_equal_ones_share_a_result(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            await life.app.store.write(lambda connection: holds.hold(connection, ["many", "held"], 0.0))
            for number in range(5):
                (inbox / f"early-{number}.wav").write_bytes(wav(number))
            await taken(life)
            await life.app.store.write(lambda connection: holds.resume(connection, ["many"]))
            for number in range(5, FILES):
                (inbox / f"{number}.wav").write_bytes(wav(number))
            for number in (0, 7):
                (inbox / f"twin of {number}.wav").write_bytes(wav(number))
            (inbox / "foreign.wav").write_bytes(b"no sound at all")
            (tmp_path / "other" / "held.wav").write_bytes(wav(FILES))
            await taken(life)
            jobs = life.jobs()
            assert set(Counter(job.source.path for job in jobs).values()) == {1}
            assert len(jobs) == FILES + 4
            states = {job.source.path.name: job.state for job in jobs}
            assert (states["foreign.wav"], states["held.wav"]) == (State.FAILED, State.HELD)
            assert {job.recipe.base for job in jobs} == {
                f"{path.stem}-{job.rule}" for job in jobs for path in [job.source.path]
            }
            told = life.app.store.read(lambda connection: record.timeline_of(connection, jobs[9].id))
            assert told[0].text == f"settled: {jobs[9].source.path} ({jobs[9].source.size} bytes)"

    asyncio.run(work())


def test_a_file_that_left_and_is_back_unchanged_is_a_drop_and_one_that_stayed_is_none(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        clip, folder = inbox / "clip.wav", inbox / "below"
        folder.mkdir()
        for path, number in ((clip, 1), (folder / "deep.wav", 2), (inbox / "stays.wav", 3)):
            path.write_bytes(wav(number))
        async with live(tmp_path, RULES) as life:
            intake = life.app.intake
            await taken(life)
            stats = {path: path.stat() for path in (clip, folder / "deep.wav", inbox / "stays.wav")}

            def known() -> set[str]:
                return {
                    path.name
                    for path, one in stats.items()
                    if intake.is_known(
                        os.fspath(path), (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns)
                    )
                }

            assert known() == {"clip.wav", "deep.wav", "stays.wav"}
            clip.rename(tmp_path / "clip.wav")
            folder.rename(tmp_path / "below")
            await taken(life)
            assert known() == {"stays.wav"}
        async with live(tmp_path, RULES) as life:
            intake = life.app.intake
            assert known() == {"stays.wav"}

    asyncio.run(work())


def test_a_queued_file_rewritten_with_its_old_size_and_time_is_taken_anew(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    """No scan can tell it from what was taken; its job finds out, and gives the file back."""

    async def work() -> None:
        clip = inbox / "clip.wav"
        async with live(tmp_path, RULES) as life:
            await life.app.store.write(lambda connection: holds.hold(connection, ["many"], 0.0))
            clip.write_bytes(wav(1))
            await taken(life)
            found = clip.stat()
            with clip.open("r+b") as file:
                file.write(wav(2))
            os.utime(clip, ns=(found.st_atime_ns, found.st_mtime_ns))
            await taken(life)
            [job] = life.jobs()
            await life.app.store.write(lambda connection: holds.resume(connection, ["many"]))
            await life.app.store.write(
                lambda connection: record.move(connection, job, Move.RETRY, now=time.time())
            )
            life.app.runner.wake()
            await life.rest()
            await life.rest()
            assert [job.state for job in life.jobs()] == [State.SUCCEEDED, State.CANCELLED]
            assert life.jobs()[1].reason_code == "source"

    asyncio.run(work())


def test_files_that_cannot_be_read_to_an_end_keep_no_other_folder_waiting(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    """A fifo that nobody writes: whoever opens it waits, as for a share whose server is gone."""

    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            await taken(life)
            hung = [inbox / f"{number}.wav" for number in range(8)]
            for path in hung:
                os.mkfifo(path)
                match = RuleBook(life.app.config.rules).match(path)
                assert match is not None
                life.app.intake.put(Arrival(match, path, (1, 2, 3, 4)))
                for _ in range(3):  # until it is taken by itself, and not with the next ones
                    await asyncio.sleep(0)
            (tmp_path / "other" / "near.wav").write_bytes(wav(1))
            try:
                async with asyncio.timeout(30):
                    while not life.jobs():  # noqa: ASYNC110  # nobody tells of it
                        await asyncio.sleep(0.005)
            finally:
                await asyncio.to_thread(release, hung)
            assert [job.source.path.name for job in life.jobs()] == ["near.wav"]

    def release(fifos: list[Path]) -> None:
        """Whoever reads one, or will, comes to its end."""
        for fifo in fifos:
            writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
            fifo.unlink()
            fifo.touch()
            os.close(writer)

    asyncio.run(work())
