"""Files as they are: linked, replaced, restored with old times, named in every way a file system allows."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.watch.boxes import Box, run, until, watching

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

COMPOSED = unicodedata.normalize("NFC", "Müller.mp4")
DECOMPOSED = unicodedata.normalize("NFD", "Müller.mp4")


def test_each_name_of_a_hard_linked_file_is_a_file(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            shutil.copy(media["mp4"], inbox / "one.mp4")
            os.link(inbox / "one.mp4", inbox / "two.mp4")
            await until(lambda: len(box.settled_paths) == 2)
            assert box.memory[str(inbox / "one.mp4")] == box.memory[str(inbox / "two.mp4")]
            (inbox / "one.mp4").unlink()
            await until(lambda: box.lost == [inbox / "one.mp4"])
            await watcher.rescan()
            assert watcher.pending() == ()

    asyncio.run(scenario())


def test_a_file_replaced_by_rename_settles_again_under_its_name(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, clip = Box(), inbox / "clip.mp4"
        shutil.copy(media["mp4"], clip)
        shutil.copy(media["faststart"], tmp_path / "outside.mp4")
        shutil.copy(media["mov"], inbox / ".clip.mp4.Ab12Cd")
        async with watching(box, inbox):
            await until(lambda: box.settled_paths == [clip])
            (tmp_path / "outside.mp4").replace(clip)
            await until(lambda: box.settled_paths == [clip, clip])
            (inbox / ".clip.mp4.Ab12Cd").replace(clip)
            await until(lambda: box.settled_paths == [clip, clip, clip])
            assert box.lost == [] and box.moves == []

    asyncio.run(scenario())


@pytest.mark.parametrize("when", [0, 4_000_000_000], ids=["1970", "2096"])
def test_old_and_future_times_change_nothing_about_settling(
    inbox: Path, media: Mapping[str, Path], when: int
) -> None:
    async def scenario() -> None:
        box = Box(quiet=0.5)
        source = inbox.parent / "source.mp4"
        shutil.copy(media["mp4"], source)
        os.utime(source, (when, when))
        async with watching(box, inbox):
            began = time.monotonic()
            await run("cp", "-p", source, inbox / "clip.mp4")
            await until(lambda: box.settled_paths == [inbox / "clip.mp4"])
            assert time.monotonic() - began >= 0.5
            assert box.memory[str(inbox / "clip.mp4")].mtime_ns == when * 10**9

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "name",
    [
        "n" * 251 + ".mp4",
        os.fsdecode(b"caf\xe9 \xff.mp4"),
        "line\nbreak.mp4",
        "\u202eright to left.mp4",
        " two  spaces .mp4",
        "-rf.mp4",
    ],
    ids=["255 bytes", "not UTF-8", "line break", "right to left", "spaces", "dash"],
)
def test_every_name_that_a_file_system_allows_is_taken_renamed_and_told_as_gone(
    inbox: Path, media: Mapping[str, Path], name: str
) -> None:
    async def scenario() -> None:
        box, clip, below = Box(), inbox / name, inbox / name[:-4]
        below.mkdir()
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            await run("cp", "--", media["mp4"], clip)
            await until(lambda: box.settled_paths == [clip])
            await run("mv", "--", clip, below / name)
            await until(lambda: box.moves == [(clip, below / name)])
            await watcher.rescan()
            (below / name).unlink()
            await until(lambda: box.lost == [below / name])

    asyncio.run(scenario())


def test_a_name_in_two_spellings_of_unicode_is_two_files_and_a_change_between_them_a_rename(
    inbox: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box = Box()
        async with watching(box, inbox) as watcher:
            await watcher.idle()
            for name in (COMPOSED, DECOMPOSED):
                await run("cp", media["mp4"], inbox / name)
            await until(lambda: len(box.settled_paths) == 2)
            assert set(box.settled_paths) == {inbox / COMPOSED, inbox / DECOMPOSED}
            (inbox / COMPOSED).unlink()
            await until(lambda: box.lost == [inbox / COMPOSED])
            (inbox / DECOMPOSED).rename(inbox / COMPOSED)
            await until(lambda: box.moves == [(inbox / DECOMPOSED, inbox / COMPOSED)])

    asyncio.run(scenario())


def test_a_rename_that_changes_the_case_alone_is_a_rename(inbox: Path, media: Mapping[str, Path]) -> None:
    async def scenario() -> None:
        box, upper, lower = Box(), inbox / "CLIP.MP4.mp4", inbox / "clip.mp4.mp4"
        shutil.copy(media["mp4"], upper)
        async with watching(box, inbox) as watcher:
            await until(lambda: box.settled_paths == [upper])
            upper.rename(lower)
            await until(lambda: box.moves == [(upper, lower)])
            await watcher.rescan()
            await watcher.idle()
            assert box.settled_paths == [upper] and box.lost == []

    asyncio.run(scenario())


def test_sockets_fifos_and_devices_are_passed_over_and_a_fifo_that_takes_a_files_place_is_not_waited_for(
    inbox: Path, media: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        box = Box(quiet=0.3)
        monkeypatch.chdir(inbox)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("socket.mp4")
            async with watching(box, inbox) as watcher:
                os.mkfifo(inbox / "fifo.mp4")
                shutil.copy(media["mp4"], inbox / "turns.mp4")
                await until(watcher.pending)
                (inbox / "turns.mp4").unlink()
                os.mkfifo(inbox / "turns.mp4")
                await run("cp", media["mp4"], inbox / "clip.mp4")
                await until(lambda: box.settled_paths == [inbox / "clip.mp4"])
                await watcher.idle()
                assert len(box.settled_paths) == 1

    asyncio.run(scenario())


def test_links_out_of_the_watch_folder_and_to_folders_are_not_followed(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, outside = Box(), tmp_path / "outside"
        outside.mkdir()
        shutil.copy(media["mp4"], outside / "clip.mp4")
        (inbox / "out.mp4").symlink_to(outside / "clip.mp4")
        (inbox / "folder").symlink_to(outside)
        async with watching(box, inbox) as watcher:
            (inbox / "later.mp4").symlink_to(outside / "clip.mp4")
            (inbox / "later folder").symlink_to(outside)
            await run("cp", media["mp4"], inbox / "clip.mp4")
            (inbox / "in.mp4").symlink_to("clip.mp4")
            await until(lambda: len(box.settled_paths) == 2)
            await watcher.rescan()
            await watcher.idle()
            assert set(box.settled_paths) == {inbox / "clip.mp4", inbox / "in.mp4"}

    asyncio.run(scenario())


def test_links_that_are_followed_are_heard_never_lead_in_circles_and_are_gone_with_their_link(
    inbox: Path, tmp_path: Path, media: Mapping[str, Path]
) -> None:
    async def scenario() -> None:
        box, outside = Box(), tmp_path / "outside"
        (outside / "deep").mkdir(parents=True)
        shutil.copy(media["mp4"], outside / "stood.mp4")
        shutil.copy(media["mp4"], tmp_path / "single.mp4")
        (inbox / "folder").symlink_to(outside)
        (inbox / "folder again").symlink_to(outside / "deep")
        (inbox / "own").symlink_to(inbox)
        (inbox / "above").symlink_to(tmp_path)
        (inbox / "itself").symlink_to("itself")
        (outside / "deep" / "back").symlink_to(outside)
        (outside / "deep" / "home").symlink_to(inbox)
        (inbox / "single.mp4").symlink_to(tmp_path / "single.mp4")
        async with watching(box, inbox, follow_links=True) as watcher:
            await until(lambda: len(box.settled_paths) == 2)
            await watcher.idle()
            await run("cp", media["mp4"], outside / "deep" / "dropped.mp4")
            await until(lambda: len(box.settled_paths) == 3)
            later = tmp_path / "later"
            later.mkdir()
            shutil.copy(media["mp4"], later / "clip.mp4")
            (inbox / "later").symlink_to(later)
            await until(lambda: inbox / "later" / "clip.mp4" in box.settled_paths)
            await watcher.rescan()
            await watcher.idle()
            assert len(box.settled_paths) == 4
            assert inbox / "folder" / "stood.mp4" in box.settled_paths
            (inbox / "later").unlink()
            await until(lambda: box.empties == [inbox / "later"])
            await run("cp", media["mp4"], later / "unheard.mp4")
            await run("cp", media["mp4"], inbox / "last.mp4")
            await until(lambda: box.settled_paths[4:] == [inbox / "last.mp4"])

    asyncio.run(scenario())
