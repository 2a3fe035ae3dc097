"""What the kernel does not tell, or tells nobody: each is found all the same."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from tests.watch.apart import apart, mount, unmount, unprivileged
from tests.watch.boxes import Box, Knowing, run, until, watching

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

SOON = 0.1
NEVER = 3600.0

BURST = """
import os, sys
clip = open(sys.argv[1], "rb").read()
folder = sys.argv[2]
for number in range(9000):
    os.close(os.open(f"{folder}/{number % 2}.bin", os.O_CREAT | os.O_WRONLY))
for number in range(200):
    with open(f"{folder}/{number}.mp4", "wb") as file:
        file.write(clip)
os.makedirs(f"{folder}/below/deeper")
os.rename(f"{folder}/renamed", f"{folder}/anew")
open(f"{folder}/below/deeper/clip.mp4", "wb").write(clip)
"""


def test_what_a_full_kernel_queue_lost_is_found_at_once(
    inbox: Path, media: Mapping[str, Path], tmp_path: Path
) -> None:
    script = tmp_path / "burst.py"
    script.write_text(BURST)

    async def scenario() -> None:
        box = Box()
        (inbox / "renamed").mkdir()
        async with watching(box, inbox, pulse=NEVER, poll=NEVER) as watcher:
            await watcher.idle()
            # PyDLL keeps the interpreter's lock: until the burst is over no thread of ours reads the queue.
            command = f"'{sys.executable}' '{script}' '{media['mp4']}' '{inbox}'"
            assert ctypes.PyDLL(None).system(command.encode()) == 0
            await until(lambda: len(box.settled_paths) == 201)
            # What was made, or renamed, while nobody listened is listened to now.
            for folder in ("below/deeper", "anew"):
                await run("cp", media["mp4"], inbox / folder / "later.mp4")
            await until(lambda: len(box.settled_paths) == 203)
            assert set(Counter(box.settled_paths).values()) == {1}
            assert box.warnings == []

    asyncio.run(scenario())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_has_died_is_replaced_and_what_it_missed_is_found(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox, pulse=SOON) as watcher:
            await watcher.idle()
            (reader,) = [one for one in threading.enumerate() if isinstance(one, InotifyFD)]
            assert reader.ident is not None
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(reader.ident), ctypes.py_object(SystemExit)
            )
            await run("cp", media["mp4"], inbox / "missed.mp4")  # its note kills the reader
            await until(lambda: box.settled_paths == [inbox / "missed.mp4"])
            assert not reader.is_alive()
            await run("cp", media["mp4"], inbox / "later.mp4")
            await until(lambda: box.settled_paths[1:] == [inbox / "later.mp4"])

    asyncio.run(scenario())


def test_after_a_suspension_every_folder_is_scanned(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box, clip, slept = Knowing(), inbox / "clip.mp4", 0.0
        shutil.copy(media["mp4"], clip)
        async with watching(box, inbox, pulse=SOON, uptime=lambda: time.monotonic() + slept) as watcher:
            await watcher.idle()
            box.asked.clear()
            slept = 60.0
            await until(lambda: box.asked == [str(clip)])

    asyncio.run(scenario())


def test_a_watch_folder_that_is_deleted_and_made_again_is_heard_again_by_itself(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox, pulse=SOON) as watcher:
            await watcher.idle()
            for number in range(3):
                shutil.rmtree(inbox)
                await until(lambda: len(box.warnings) == number + 1)  # noqa: B023
                path, message = box.warnings[-1]
                assert path == inbox and "its rules wait" in message and "does not exist" in message
                inbox.mkdir()
                clip = inbox / f"{number}.mp4"
                await run("cp", media["mp4"], clip)
                await until(lambda: clip in box.settled_paths)  # noqa: B023
                await until(lambda: len(box.easings) == number + 1)  # noqa: B023

    asyncio.run(scenario())


@pytest.mark.parametrize("above", [False, True], ids=["itself", "a folder above it"])
def test_a_watch_folder_that_is_renamed_away_and_back_is_waited_for(
    tmp_path: Path, media: Mapping[str, Path], above: bool
) -> None:
    inbox = tmp_path / "above" / "in"
    inbox.mkdir(parents=True)
    moved = inbox.parent if above else inbox

    async def scenario() -> None:
        box, first = Box(), inbox / "first.mp4"
        shutil.copy(media["mp4"], first)
        async with watching(box, inbox, pulse=SOON):
            await until(lambda: box.settled_paths == [first])
            moved.rename(tmp_path / "away")
            await until(lambda: box.warnings)
            for path in (tmp_path / "away").rglob("first.mp4"):
                path.unlink()
            await run("cp", media["mp4"], next((tmp_path / "away").rglob("."), tmp_path))
            (tmp_path / "away").rename(moved)
            await until(lambda: box.easings)
            await run("cp", media["mp4"], inbox / "second.mp4")
            await until(lambda: inbox / "second.mp4" in box.settled_paths)
            assert box.lost == [] and box.empties == []

    asyncio.run(scenario())


def test_a_folder_moved_out_is_told_with_all_that_was_in_it_and_no_longer_heard(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, below, away = Box(), inbox / "below", tmp_path / "away"
        (below / "deeper").mkdir(parents=True)
        shutil.copy(media["mp4"], below / "deeper" / "clip.mp4")
        async with watching(box, inbox) as watcher:
            await until(lambda: box.settled_paths)
            (below / "waits.mp4").write_bytes(b"")
            await until(watcher.pending)
            below.rename(away)
            await until(lambda: box.empties == [below])
            assert watcher.pending() == ()
            await run("cp", media["mp4"], away / "deeper" / "other.mp4")
            await run("cp", media["mp4"], inbox / "last.mp4")
            await until(lambda: box.settled_paths[1:] == [inbox / "last.mp4"])
            assert box.lost == []

    asyncio.run(scenario())


def test_a_folder_renamed_inside_keeps_its_files_and_is_heard_under_its_new_name(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, old, new = Box(), inbox / "old", inbox / "up" / "new"
        (old / "deeper").mkdir(parents=True)
        new.parent.mkdir()
        shutil.copy(media["mp4"], old / "deeper" / "clip.mp4")
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            await run("mv", old, new)
            await until(lambda: box.moves == [(old / "deeper" / "clip.mp4", new / "deeper" / "clip.mp4")])
            await watcher.idle()
            await run("cp", media["mp4"], new / "deeper" / "later.mp4")
            await until(lambda: box.settled_paths[1:] == [new / "deeper" / "later.mp4"])
            assert box.lost == [] and box.empties == []

    asyncio.run(scenario())


def test_a_file_moved_out_is_told_as_gone_and_one_moved_to_another_root_is_taken_there(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, other = Box(), tmp_path / "other"
        other.mkdir()
        for name in ("a.mp4", "b.mp4"):
            shutil.copy(media["mp4"], inbox / name)
        async with watching(box, inbox, other) as watcher:
            await watcher.idle()
            (inbox / "a.mp4").rename(tmp_path / "a.mp4")
            (inbox / "b.mp4").rename(other / "b.mp4")
            await until(lambda: sorted(box.lost) == [inbox / "a.mp4", inbox / "b.mp4"])
            await until(lambda: other / "b.mp4" in box.settled_paths)
            assert box.moves == []

    asyncio.run(scenario())


def test_a_folder_that_cannot_be_read_is_told_with_the_command_that_helps_and_read_once_it_can_be(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, shut = Box(), inbox / "shut"
        shut.mkdir()
        shutil.copy(media["mp4"], shut / "clip.mp4")
        shut.chmod(0)
        async with watching(box, inbox):
            await until(lambda: box.warnings)
            ((path, message),) = box.warnings
            assert path == shut and "sudo setfacl -m u:" in message and ":rx " in message
            shut.chmod(0o700)
            await until(lambda: box.settled_paths == [shut / "clip.mp4"])
            await until(lambda: box.easings == [shut])

    unprivileged(scenario)


def test_a_file_that_cannot_be_read_is_told_at_once_and_taken_once_it_can_be(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "it's.mp4"
        shutil.copy(media["mp4"], clip)
        clip.chmod(0)
        async with watching(box, inbox):
            await until(lambda: box.warnings)
            ((path, message),) = box.warnings
            assert path == clip and "Permission denied" in message and "sudo setfacl -m u:" in message
            clip.chmod(0o600)
            await until(lambda: box.settled_paths == [clip])

    unprivileged(scenario)


def test_an_unmounted_watch_folder_is_waited_for_and_heard_once_it_is_mounted_again(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        mount("-t", "tmpfs", "none", inbox)
        shutil.copy(media["mp4"], inbox / "first.mp4")
        async with watching(box, inbox, pulse=SOON) as watcher:
            await until(lambda: box.settled_paths == [inbox / "first.mp4"])
            await watcher.idle()
            unmount(inbox)
            await until(lambda: box.warnings)
            assert f"what was mounted at {inbox} is gone" in box.warnings[0][1]
            await watcher.rescan()
            mount("-t", "tmpfs", "none", inbox)
            await until(lambda: box.easings == [inbox])
            await run("cp", media["mp4"], inbox / "second.mp4")
            await until(lambda: box.settled_paths[1:] == [inbox / "second.mp4"])
            assert box.lost == [] and box.empties == [] and len(box.warnings) == 1

    apart(scenario)


def test_a_note_of_a_file_that_is_not_there_shows_at_once_that_the_folder_was_moved_away(
    inbox: Path, media: Mapping[str, Path], tmp_path: Path
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox, pulse=NEVER, poll=NEVER) as watcher:
            await watcher.idle()
            away = inbox.rename(tmp_path / "away")
            await run("cp", media["mp4"], away / "clip.mp4")
            await until(lambda: [path for path, _ in box.warnings] == [inbox])

    asyncio.run(scenario())


def test_what_is_mounted_below_a_watch_folder_is_heard_also_when_it_is_mounted_anew(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, card = Box(), inbox / "card"
        card.mkdir()
        async with watching(box, inbox, pulse=SOON) as watcher:
            await watcher.idle()
            for number in range(3):
                mount("-t", "tmpfs", "none", card)
                shutil.copy(media["mp4"], card / f"{number}.mp4")
                await until(lambda: card / f"{number}.mp4" in box.settled_paths)  # noqa: B023
                await run("cp", media["mp4"], card / f"{number} later.mp4")
                await until(lambda: card / f"{number} later.mp4" in box.settled_paths)  # noqa: B023
                await watcher.idle()
                unmount(card)
            assert box.lost == [] and box.empties == []

    apart(scenario)


def test_a_bind_mount_of_the_watch_folder_or_a_part_of_it_is_not_entered_a_second_time(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, outside = Box(), tmp_path / "outside"
        for folder in (inbox / "part", inbox / "again", inbox / "loop", inbox / "other", outside):
            folder.mkdir()
        mount("--bind", inbox / "part", inbox / "again")
        mount("--rbind", inbox, inbox / "loop")
        mount("--bind", outside, inbox / "other")
        async with watching(box, inbox, pulse=SOON) as watcher:
            await watcher.idle()
            await run("cp", media["mp4"], inbox / "part" / "clip.mp4")
            await run("cp", media["mp4"], outside / "other.mp4")
            await until(lambda: len(box.settled_paths) == 2)
            await watcher.rescan()
            await watcher.idle()
            assert sorted(box.settled_paths) == [inbox / "other" / "other.mp4", inbox / "part" / "clip.mp4"]

    apart(scenario)


def test_a_file_of_which_no_event_told_turns_its_file_system_to_polling_and_says_so_once(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, lower = Box(), tmp_path / "lower"
        for name in ("lower", "upper", "work"):
            (tmp_path / name).mkdir()
        # What is written below an overlay is seen through it, and no event tells of it there.
        layers = f"lowerdir={lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
        mount("-t", "overlay", "none", "-o", layers, inbox)
        async with watching(box, inbox, poll=0.2) as watcher:
            await watcher.idle()
            await run("cp", media["mp4"], lower / "silent.mp4")
            await watcher.rescan()
            await until(lambda: box.settled_paths == [inbox / "silent.mp4"])
            ((path, message),) = box.warnings
            assert path == inbox and "no event told of" in message and "every 0.2 s" in message
            for name in ("second.mp4", "third.mp4"):
                await run("cp", media["mp4"], lower / name)
                await until(lambda: inbox / name in box.settled_paths)  # noqa: B023
            await watcher.rescan()
            await watcher.idle()
            assert len(box.warnings) == 1 and len(box.settled_paths) == 3

    apart(scenario)


def test_a_rescan_in_the_middle_of_writing_distrusts_nothing(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            for number in range(20):
                await run("cp", media["mp4"], inbox / f"{number}.mp4")
                await watcher.rescan()
                os.utime(inbox / f"{number}.mp4", (0, 0))
                await watcher.rescan()
            await until(lambda: len(set(box.settled_paths)) == 20)
            os.utime(inbox / "0.mp4", (1, 1))
            await watcher.rescan()
            await watcher.idle()
            assert box.warnings == []

    asyncio.run(scenario())
