"""Folders of which no event tells, as on a network share: what is written to a folder is seen through bindfs."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.watch.apart import apart, unmount
from tests.watch.boxes import Box, until, watching

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(shutil.which("bindfs") is None, reason="bindfs is not installed"),
]

POLL = 0.3


@contextmanager
def shared(folder: Path, point: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`folder` is seen at `point` as long as the server, which is yielded, runs."""
    with subprocess.Popen(["bindfs", "-f", folder, point]) as server:
        try:
            while not point.is_mount():
                assert server.poll() is None
            yield server
        finally:
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)
            server.terminate()


def drop(path: Path) -> None:
    path.write_text("cut it to the beat")


def test_a_share_below_a_local_watch_folder_is_polled_and_the_rest_is_listened_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        box, inbox, far = Box(), tmp_path / "in", tmp_path / "far"
        for folder in (inbox / "share", inbox / "local", far / "deep"):
            folder.mkdir(parents=True)
        with shared(far, inbox / "share"):
            async with watching(box, inbox, poll=POLL) as watcher:
                await watcher.idle()
                drop(far / "deep" / "far.txt")
                drop(inbox / "local" / "near.txt")
                await until(lambda: len(box.settled_paths) == 2)
                far_clip = inbox / "share" / "deep" / "far.txt"
                assert set(box.settled_paths) == {far_clip, inbox / "local" / "near.txt"}
            async with watching(box, inbox, poll=3600.0) as watcher:
                await watcher.idle()
                drop(far / "deep" / "unseen.txt")
                drop(inbox / "local" / "heard.txt")
                await until(lambda: inbox / "local" / "heard.txt" in box.settled_paths)
                assert len(box.settled_paths) == 3 and box.warnings == []

    apart(scenario)


def test_a_share_whose_server_dies_is_told_and_its_files_are_not_gone_and_it_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        box, inbox, far = Box(), tmp_path / "in", tmp_path / "far"
        for folder in (inbox / "share", far / "deep"):
            folder.mkdir(parents=True)
        drop(far / "deep" / "first.txt")
        async with watching(box, inbox, poll=POLL) as watcher:
            with shared(far, inbox / "share") as server:
                await until(lambda: len(box.settled_paths) == 1)
                server.kill()
                await until(lambda: box.warnings)
                assert any("endpoint is not connected" in message for _, message in box.warnings)
                await watcher.rescan()
                unmount(inbox / "share")
            with shared(far, inbox / "share"):
                drop(far / "deep" / "second.txt")
                await until(lambda: inbox / "share" / "deep" / "second.txt" in box.settled_paths)
                await until(lambda: {path for path, _ in box.warnings} == set(box.easings))
            assert box.lost == [] and box.empties == []

    apart(scenario)


def test_a_watch_folder_on_a_share_whose_server_dies_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        box, share, far = Box(), tmp_path / "share", tmp_path / "far"
        share.mkdir()
        (far / "in").mkdir(parents=True)
        with shared(far, share) as server:
            async with watching(box, share / "in", poll=POLL) as watcher:
                drop(far / "in" / "first.txt")
                await until(lambda: len(box.settled_paths) == 1)
                server.kill()
                await until(lambda: box.warnings)
                assert "its rules wait" in box.warnings[0][1]
                await watcher.rescan()
                unmount(share)
                with shared(far, share):
                    await until(lambda: box.easings == [share / "in"])
                    drop(far / "in" / "second.txt")
                    await until(lambda: share / "in" / "second.txt" in box.settled_paths)
                assert box.lost == [] and len(box.warnings) == 1

    apart(scenario)


def test_a_share_that_hangs_keeps_no_other_folder_waiting(tmp_path: Path) -> None:
    """Its server stands still: whoever looks at one of its files waits until it goes on."""

    async def scenario() -> None:
        box, share, far, local = Box(), tmp_path / "share", tmp_path / "far", tmp_path / "local"
        for folder in (share, far, local):
            folder.mkdir()
        box.quiet = 1.0
        with shared(far, share) as server:
            async with watching(box, share, local, poll=POLL) as watcher:
                for number in range(20):
                    drop(share / f"far {number}.txt")
                await until(lambda: len(watcher.pending()) == 20)
                server.send_signal(signal.SIGSTOP)
                try:
                    drop(local / "near.txt")
                    await until(lambda: box.settled_paths == [local / "near.txt"])
                finally:
                    server.send_signal(signal.SIGCONT)
                await until(lambda: len(box.settled_paths) == 21)

    apart(scenario)


def test_forced_events_are_listened_to_on_a_share_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        box, inbox, far = Box(), tmp_path / "in", tmp_path / "far"
        inbox.mkdir()
        far.mkdir()
        with shared(far, inbox):
            async with watching(box, inbox, mode="events", poll=3600.0) as watcher:
                await watcher.idle()
                drop(inbox / "clip.txt")
                await until(lambda: box.settled_paths == [inbox / "clip.txt"])

    apart(scenario)
