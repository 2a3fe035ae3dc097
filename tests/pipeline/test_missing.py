"""Which known files are gone: found by a look at each, unless a scan has met them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.jobs import files
from daemon.jobs.model import Source
from daemon.jobs.store import Store
from daemon.pipeline.missing import find_missing


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "jobs.db") as store:
        yield store


def known(store: Store, *paths: Path) -> None:
    """Files that stand there, and are known."""
    sources = []
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        found = path.stat()
        stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        sources.append(Source(path, *stat, content="0" * 32))
    store.write_now(lambda connection: files.remember(connection, sources))


def test_a_file_that_a_scan_did_not_meet_is_missing(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "in"
    gone, stays, beside = root / "day 1" / "gone.mp4", root / "stays.mp4", tmp_path / "in 2" / "other.mp4"
    known(store, gone, stays, beside)
    assert find_missing(store, root, [], met=2) == set()
    gone.unlink()
    beside.unlink()
    assert find_missing(store, root, [], met=1) == {gone}


def test_where_a_scan_met_as_many_as_are_known_none_is_looked_at_again(store: Store, tmp_path: Path) -> None:
    clip = tmp_path / "in" / "clip.mp4"
    known(store, clip)
    clip.unlink()
    # Gone since that scan: the note of that is on its way.
    assert find_missing(store, clip.parent, [], met=1) == set()


def test_a_file_below_two_watch_folders_is_looked_at_with_the_first_of_them(
    store: Store, tmp_path: Path
) -> None:
    inner, outer = tmp_path / "in" / "inner", tmp_path / "in"
    clip = inner / "clip.mp4"
    known(store, clip)
    clip.unlink()
    assert find_missing(store, inner, [], met=0) == {clip}
    assert find_missing(store, outer, [inner], met=0) == set()


def test_a_watch_folder_that_is_gone_says_nothing_of_its_files(store: Store, tmp_path: Path) -> None:
    clip = tmp_path / "in" / "clip.mp4"
    known(store, clip)
    clip.unlink()
    clip.parent.rmdir()
    assert find_missing(store, clip.parent, [], met=0) == set()
