"""Where inotify is used up: every file is taken all the same, and a person is told what to raise."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from daemon.watch.inbox import Known
from daemon.watch.sight import Stamp
from tests.watch.apart import apart, limit
from tests.watch.boxes import Box, run, until, watching

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

POLL = 0.2


def test_forty_folders_with_twenty_watches_are_taken_completely_and_told_of_once(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        folders = [inbox / f"{number}" / "deeper" for number in range(20)]
        for folder in folders:
            folder.mkdir(parents=True)
            shutil.copy(media["mp4"], folder / "stood.mp4")
        limit("watches", 20)
        async with watching(box, inbox, poll=POLL) as watcher:
            await until(lambda: len(box.settled_paths) == 20)
            ((path, message),) = box.warnings
            assert path == inbox
            assert "it needs 41 of them: 21 of its 41 folders are looked at every 0.2 s" in message
            assert "sudo sysctl fs.inotify.max_user_watches=524288" in message
            for folder in folders:
                await run("cp", media["mp4"], folder / "dropped.mp4")
                await run("cp", media["mp4"], folder.parent / "dropped.mp4")
                (folder / "new").mkdir()
                await run("cp", media["mp4"], folder / "new" / "dropped.mp4")
            await until(lambda: len(box.settled_paths) == 80)
            await watcher.idle()
            assert len(set(box.settled_paths)) == 80 and len(box.warnings) == 1
            limit("watches", 200)
            await until(lambda: box.easings == [inbox])

    apart(scenario)


def test_without_an_inotify_instance_all_folders_are_polled_until_there_is_one(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        (inbox / "below").mkdir()
        limit("instances", 0)
        async with watching(box, inbox, poll=POLL):
            await until(lambda: box.warnings)
            ((path, message),) = box.warnings
            assert path == inbox and "no inotify instance is left" in message
            assert "sudo sysctl fs.inotify.max_user_instances=" in message
            await run("cp", media["mp4"], inbox / "below" / "clip.mp4")
            await until(lambda: len(box.settled_paths) == 1)
            limit("instances", 10)
            await until(lambda: box.easings == [inbox])

    apart(scenario)


def test_a_forced_poll_uses_no_watch_and_takes_every_file(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        (inbox / "below").mkdir()
        limit("watches", 0)
        limit("instances", 0)
        async with watching(box, inbox, mode="poll", poll=POLL) as watcher:
            await watcher.idle()
            await run("cp", media["mp4"], inbox / "below" / "clip.mp4")
            await until(lambda: box.settled_paths == [inbox / "below" / "clip.mp4"])
            assert box.warnings == []

    apart(scenario)


class Polled(Box):
    """Asked once in each poll of a folder of fifty files."""

    def __init__(self) -> None:
        super().__init__()
        self.polls = 0

    def known(self, found: Sequence[tuple[str, Stamp]]) -> Known:
        self.polls += 1
        return super().known(found)


def test_idle_polls_make_no_candidates_and_a_poll_never_overtakes_itself(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Polled()
        for number in range(50):
            shutil.copy(media["mp4"], inbox / f"{number}.mp4")
        async with watching(box, inbox, mode="poll", poll=0.05) as watcher:
            await until(lambda: len(box.settled_paths) == 50)
            polls = box.polls
            await until(lambda: box.polls >= polls + 5)
            assert watcher.pending() == () and len(box.settled_paths) == 50

    asyncio.run(scenario())
