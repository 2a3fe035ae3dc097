from __future__ import annotations

from pathlib import PurePath

import pytest

from daemon.watch.names import OWN_PREFIX, is_skipped_folder, is_temporary


@pytest.mark.parametrize(
    "name",
    [
        ".clip.mp4.aB3x9Z",
        "clip.mp4.part",
        "clip.mp4.partial",
        "clip.mp4.crdownload",
        "clip.mp4.download",
        "clip.mp4.filepart",
        "clip.mp4.TMP",
        "clip.mp4.!qB",
        "clip.mp4.!Sync",
        ".in.clip.mp4",
        ".in.clip.mp4.",
        "clip.mp4.lftp-pget-status",
        ".syncthing.clip.mp4.tmp",
        "~syncthing~clip.mp4.tmp",
        ".SyncID",
        ".~lock.script.md#",
        "~$script.md",
        ".script.md.swp",
        ".fuse_hidden0000a1",
        ".nfs000000000012",
        ".DS_Store",
        "._clip.mp4",
        "Thumbs.db",
        "desktop.ini",
        ".reeldrop-owner",
        ".reeldrop-clip.mp4",
        ".~tmp~/clip.mp4",
        ".rsync-partial/clip.mp4",
        ".stversions/clip.mp4",
        ".Trashes/501/clip.mp4",
        "@eaDir/clip.mp4/SYNOVIDEO.mp4",
        "#recycle/clip.mp4",
        ".dropbox.cache/clip.mp4",
        "clip.mp4.download/clip.mp4",
        "day one/.hidden/clip.mp4",
    ],
)
def test_names_that_writers_and_systems_leave_behind_are_never_input(name: str) -> None:
    assert is_temporary(PurePath(name))


@pytest.mark.parametrize(
    "name",
    [
        "clip.mp4",
        "a.b.c/clip v1.2.mp4",
        "party.mp4",
        "download.mp4",
        "tmp/clip.mp4",
        "clip.tmp.mp4",
        "~/clip.mp4",
        "视频/剪辑.mp4",
        "in.clip.mp4",
        "clip\nwith a line.mp4",
    ],
)
def test_names_that_only_resemble_temporary_ones_are_input(name: str) -> None:
    assert not is_temporary(PurePath(name))


def test_a_dot_file_is_left_to_the_rules_but_a_dot_folder_is_skipped() -> None:
    assert not is_temporary(PurePath(".hidden.mp4"))
    assert is_skipped_folder(".hidden")


def test_our_own_hidden_files_are_never_input() -> None:
    assert is_temporary(PurePath("out") / f"{OWN_PREFIX}abc.mp4")
