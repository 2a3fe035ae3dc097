"""The watcher against a real file system, real inotify and real writers."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from daemon.errors import UsageError
from daemon.watch.settling import LATE_AFTER
from tests.watch.boxes import QUIET, Box, Clock, Faulty, Knowing, run, until, waits, watching

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


def test_cp_mv_and_ln_are_each_taken_once(inbox: Path, tmp_path: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        shutil.copy(media["mp4"], tmp_path / "moved.mp4")
        shutil.copy(media["mp4"], inbox / "stood there.mp4")
        async with watching(box, inbox):
            await run("cp", "-p", media["mp4"], inbox / "copied.mp4")
            await run("mv", tmp_path / "moved.mp4", inbox)
            await run("ln", media["mp4"], inbox / "linked.mp4")
            await run("ln", "-s", "copied.mp4", inbox / "pointed.mp4")
            await until(lambda: len(box.settled_paths) == 5)
            assert len(set(box.settled_paths)) == 5
            assert box.warnings == []

    asyncio.run(scenario())


def test_a_file_held_open_for_writing_is_not_settled_until_it_is_closed(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "clip.mp4"
        async with watching(box, inbox) as watcher:
            # dd keeps its output open while it waits for more input.
            writer = await asyncio.create_subprocess_exec(
                "dd", f"of={clip}", "status=none", stdin=asyncio.subprocess.PIPE
            )
            assert writer.stdin is not None
            writer.stdin.write(media["mp4"].read_bytes())
            await writer.stdin.drain()
            await until(lambda: waits(watcher, "open for writing"))
            await watcher.rescan()
            assert box.settled_paths == []
            writer.stdin.close()
            await writer.wait()
            await until(lambda: box.settled_paths == [clip])
            await watcher.idle()

    asyncio.run(scenario())


def test_a_close_is_a_reason_to_look_soon_even_where_nothing_was_written_since(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, clock, clip = Box(), Clock(runs=False), inbox / "clip.mp4"
        async with watching(box, inbox, clock=clock) as watcher:
            await watcher.idle()
            with clip.open("wb") as writer:
                writer.write(media["mp4"].read_bytes())
                writer.flush()
                await until(watcher.pending)
                await watcher.rescan()  # what the event showed may have been the empty file
                clock.ahead += QUIET
                await watcher.rescan()
                await until(lambda: waits(watcher, "open for writing"))
            await until(lambda: waits(watcher, "changed less than"))
            clock.ahead += QUIET
            await watcher.rescan()
            await until(lambda: box.settled_paths == [clip])

    asyncio.run(scenario())


def test_a_busy_file_delays_no_other(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            with (inbox / "busy.mp4").open("wb") as busy:
                busy.write(media["mp4"].read_bytes())
                busy.flush()
                await run("cp", media["mp4"], inbox / "other.mp4")
                await until(lambda: box.settled_paths == [inbox / "other.mp4"])
                await until(lambda: waits(watcher, "open for writing"))

    asyncio.run(scenario())


def test_a_temporary_name_is_not_taken_and_its_final_name_is(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            for name in (".clip.mp4.a1B2c3", "clip.mp4.part", ".reeldrop-clip.mp4"):
                await run("cp", media["mp4"], inbox / name)
            await watcher.rescan()
            assert watcher.pending() == ()
            await run("mv", inbox / ".clip.mp4.a1B2c3", inbox / "clip.mp4")
            await until(lambda: box.settled_paths == [inbox / "clip.mp4"])
            await watcher.idle()
            assert box.moves == []

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["mp4", "faststart"])
def test_half_an_mp4_waits_and_is_taken_once_it_is_completed(
    inbox: Path, media: Mapping[str, Path], kind: str
) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "clip.mp4"
        content = media[kind].read_bytes()
        async with watching(box, inbox) as watcher:
            clip.write_bytes(content[: len(content) // 2])
            await until(lambda: waits(watcher, "incomplete"))
            assert box.settled_paths == []
            with clip.open("ab") as rest:
                rest.write(content[len(content) // 2 :])
            await until(lambda: box.settled_paths == [clip])
            assert box.memory[str(clip)].size == len(content)

    asyncio.run(scenario())


def test_zeros_wait_for_as_long_as_they_stand_there_and_are_warned_about_once(inbox: Path) -> None:
    async def scenario() -> None:
        box, clock, clip = Box(), Clock(), inbox / "clip.mp4"
        clip.write_bytes(bytes(4096))
        async with watching(box, inbox, clock=clock) as watcher:
            await until(lambda: waits(watcher, "zeros"))
            for _ in range(3):
                clock.ahead += LATE_AFTER
                await watcher.rescan()
                await until(lambda: box.warnings and waits(watcher, "zeros"))
            assert box.warnings == [(clip, "it still waits: it begins with zeros")]
            clip.unlink()
            await watcher.idle()
            await until(lambda: box.lost == [clip])

    asyncio.run(scenario())


def test_random_bytes_are_rejected_once_and_again_only_when_they_change(inbox: Path) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "noise.mp4"
        async with watching(box, inbox) as watcher:
            clip.write_bytes(b"noise" + os.urandom(600_000))
            await until(lambda: clip in box.rejections)
            assert "first bytes are no mp4" in box.rejections.pop(clip)
            await watcher.rescan()
            assert watcher.pending() == () and box.rejections == {}
            clip.write_bytes(b"other noise" + os.urandom(1000))
            await until(lambda: clip in box.rejections)
            assert box.settled_paths == []

    asyncio.run(scenario())


def test_a_tree_copied_at_once_is_taken_completely(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        tree = tmp_path / "tree"
        for number in range(60):
            folder = tree / f"{number % 5}" / f"{number % 7}"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(media["mp4"], folder / f"{number}.mp4")
        (tree / ".hidden").mkdir()
        shutil.copy(media["mp4"], tree / ".hidden" / "no.mp4")
        box = Box()
        async with watching(box, inbox) as watcher:
            await run("cp", "-r", tree, inbox)
            await until(lambda: len(box.settled_paths) >= 60)
            await run("mv", tree, inbox / "moved in")
            await until(lambda: len(box.settled_paths) >= 120)
            await watcher.idle()
            assert set(Counter(box.settled_paths).values()) == {1}
            assert not any(".hidden" in path.parts for path in box.settled_paths)

    asyncio.run(scenario())


def test_files_in_a_folder_made_after_the_start_are_heard_of(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox):
            for number in range(3):
                clip = inbox / "a" / "b" / f"{number}.mp4"
                clip.parent.mkdir(parents=True, exist_ok=True)
                await run("cp", media["mp4"], clip)
                await until(lambda: clip in box.settled_paths)  # noqa: B023

    asyncio.run(scenario())


BURST = """
import os, sys
clip = open(sys.argv[1], "rb").read()
for number in range(2000):
    with open(f"{sys.argv[2]}/{number}.mp4", "wb") as file:
        file.write(clip)
"""


def test_a_burst_of_two_thousand_files_is_taken_completely_and_each_once(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            await run(sys.executable, "-c", BURST, media["mp4"], inbox)
            await until(lambda: len(box.settled_paths) >= 2000)
            await watcher.rescan()
            await watcher.idle()
            assert set(Counter(box.settled_paths).values()) == {1}
            assert len(box.settled_paths) == 2000

    asyncio.run(scenario())


def test_a_rescan_of_known_files_makes_no_candidates(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box, clip = Knowing(), inbox / "clip.mp4"
        shutil.copy(media["mp4"], clip)
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            box.asked.clear()
            await run("touch", clip)
            await until(lambda: box.asked)
            await watcher.rescan()
            assert set(box.asked) == {str(clip)} and watcher.pending() == ()
            assert box.settled_paths == []

    asyncio.run(scenario())


def test_after_a_rescan_it_is_told_how_many_known_files_it_met(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            for name in ("a.mp4", "b.mp4"):
                shutil.copy(media["mp4"], inbox / name)
            await until(lambda: len(box.settled_paths) == 2)
            (inbox / "c.part").touch()
            await watcher.rescan()
            (inbox / "a.mp4").unlink()
            await watcher.rescan()
            assert box.scans == [(inbox, 0), (inbox, 2), (inbox, 1)]

    asyncio.run(scenario())


def test_a_renamed_file_is_told_as_moved_and_is_no_new_file(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box, clip, renamed = Box(), inbox / "clip.mp4", inbox / "renamed.mp4"
        shutil.copy(media["mp4"], clip)
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            await run("mv", clip, renamed)
            await until(lambda: box.moves == [(clip, renamed)])
            await watcher.rescan()
            await watcher.idle()
            assert box.settled_paths == [clip] and box.lost == []

    asyncio.run(scenario())


def test_a_new_file_in_the_place_of_one_that_was_just_renamed_is_taken(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "clip.mp4"
        shutil.copy(media["mp4"], clip)
        async with watching(box, inbox):
            await until(lambda: box.settled_paths == [clip])
            # Both before the notes of the first are looked at.
            clip.rename(inbox / "older.mp4")
            shutil.copy(media["faststart"], clip)
            await until(lambda: box.settled_paths == [clip, clip])

    asyncio.run(scenario())


def test_a_deleted_file_is_told_as_gone(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "clip.mp4"
        shutil.copy(media["mp4"], clip)
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            clip.unlink()
            await until(lambda: box.lost == [clip])

    asyncio.run(scenario())


def test_only_regular_files_are_taken_and_linked_folders_are_not_entered(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, outside = Box(), tmp_path / "outside"
        outside.mkdir()
        shutil.copy(media["mp4"], outside / "clip.mp4")
        (inbox / "linked folder").symlink_to(outside)
        (inbox / "loop").symlink_to(inbox)
        os.mkfifo(inbox / "pipe.mp4")
        (inbox / "folder.mp4").mkdir()
        async with watching(box, inbox) as watcher:
            os.mkfifo(inbox / "later pipe.mp4")
            (inbox / "later link").symlink_to(outside)
            await run("cp", media["mp4"], outside / "other.mp4")
            await run("cp", media["mp4"], inbox / "clip.mp4")
            await until(lambda: box.settled_paths)
            await watcher.rescan()
            await watcher.idle()
            assert box.settled_paths == [inbox / "clip.mp4"]

    asyncio.run(scenario())


def test_a_watch_folder_given_as_a_link_is_heard_under_its_own_name(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, link = Box(), tmp_path / "link"
        link.symlink_to(inbox)
        async with watching(box, link) as watcher:
            await watcher.idle()
            await run("cp", media["mp4"], inbox / "clip.mp4")
            await until(lambda: box.settled_paths == [link / "clip.mp4"])

    asyncio.run(scenario())


def test_what_is_below_is_left_alone_where_a_rule_does_not_want_it(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        (inbox / "below").mkdir()
        shutil.copy(media["mp4"], inbox / "below" / "stood.mp4")
        async with watching(box, inbox, recursive=False) as watcher:
            await run("cp", media["mp4"], inbox / "below" / "dropped.mp4")
            await run("cp", "-r", inbox / "below", inbox / "more")
            await run("cp", media["mp4"], inbox / "clip.mp4")
            await until(lambda: box.settled_paths)
            await watcher.rescan()
            await watcher.idle()
            assert box.settled_paths == [inbox / "clip.mp4"]

    asyncio.run(scenario())


def test_a_missing_watch_folder_is_a_usage_error_with_the_command_that_makes_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(UsageError, match=r"does not exist. Make it: mkdir -p '.*/not there'"):
            async with watching(Box(), tmp_path / "not there"):
                pytest.fail("started")

    asyncio.run(scenario())
    assert not (tmp_path / "not there").exists()


def test_a_watch_folder_that_vanishes_is_waited_for_and_its_files_are_not_called_gone(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, away = Box(), tmp_path / "away"
        shutil.copy(media["mp4"], inbox / "first.mp4")
        async with watching(box, inbox) as watcher:
            await until(lambda: box.settled_paths == [inbox / "first.mp4"])
            inbox.rename(away)
            await watcher.rescan()
            await watcher.rescan()
            ((path, message),) = box.warnings
            assert path == inbox and "does not exist" in message
            assert box.lost == []
            inbox.mkdir()
            await watcher.rescan()
            await run("cp", media["mp4"], inbox / "second.mp4")
            await until(lambda: box.settled_paths[1:] == [inbox / "second.mp4"])

    asyncio.run(scenario())


def test_files_are_not_called_gone_while_their_watch_folder_is_missing(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, clip, away = Box(), inbox / "clip.mp4", tmp_path / "away"
        shutil.copy(media["mp4"], clip)
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            inbox.rename(away)
            (away / "clip.mp4").unlink()
            await until(lambda: box.warnings)
            await watcher.idle()
            assert box.lost == []

    asyncio.run(scenario())


def test_a_watch_folder_deleted_and_made_again_is_heard_after_the_next_rescan(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            inbox.rmdir()
            await until(lambda: box.warnings)
            inbox.mkdir()
            await watcher.rescan()
            await run("cp", media["mp4"], inbox / "clip.mp4")
            await until(lambda: box.settled_paths == [inbox / "clip.mp4"])

    asyncio.run(scenario())


def test_one_faulty_answer_of_the_inbox_stops_nothing_else(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        faults: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["message"]))
        box = Faulty()
        async with watching(box, inbox):
            await run("cp", media["mp4"], inbox / "bad.mp4")
            await run("cp", media["mp4"], inbox / "good.mp4")
            await until(lambda: box.settled_paths == [inbox / "good.mp4"])
            assert faults and "bad.mp4" in faults[0]

    asyncio.run(scenario())


def test_a_stopped_watcher_tells_nothing_more(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            shutil.copy(media["mp4"], inbox / "clip.mp4")
            await until(watcher.pending)
        assert watcher.pending() == ()
        async with watching(other := Box(), inbox) as again:
            await again.idle()
        assert box.settled_paths == [] and other.settled_paths == [inbox / "clip.mp4"]

    asyncio.run(scenario())
