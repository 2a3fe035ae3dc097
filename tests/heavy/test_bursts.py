"""Nothing is lost: bursts beyond the kernel's queue of events, too few watches, roots that go and come back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.heavy.bursts import WAYS, Outcome, create, measured
from tests.heavy.watched import Watched, running, until

pytestmark = pytest.mark.heavy

FILES = int(os.environ.get("REELDROP_BURST", "5000"))
"""`python -m tests.heavy.bursts` takes ten times as many."""
OVERFLOWING = 12_000
"""A file makes two events, four of five are renamed, and the kernel keeps 16,384 for who is stopped."""
FEW_WATCHES = ("unshare", "-Ur", "sh", "-c", 'echo 20 > /proc/sys/user/max_inotify_watches; exec "$@"', "sh")


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_of_a_burst_every_file_is_queued_once(
    way: Callable[..., Outcome], stopped: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(way, max(FILES, OVERFLOWING) if stopped else FILES, stopped=stopped)
    with capsys.disabled():
        print(f"\n{found}")
    assert found.is_complete, found


def drop(folder: Path, ending: str, number: int = 3) -> list[Path]:
    """New wavs. Of the same `ending` and folder's name, the content is the same."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"{ending}.part"
    made.mkdir()
    create(made, "wav", number)
    dropped = []
    for path in sorted(made.iterdir()):
        with path.open("ab") as file:
            file.write(f"{folder.name}-{ending}".encode())
        dropped.append(path.rename(folder / f"{ending}-{path.name}"))
    made.rmdir()
    return dropped


def are_queued_once(watched: Watched, files: list[Path]) -> None:
    until(lambda: set(files) <= set(watched.taken()), f"all are queued: {missing(watched, files)}")
    until(lambda: not watched.pending(), "nothing is pending")
    assert watched.taken() == Counter(files)


def missing(watched: Watched, files: list[Path]) -> str:
    lost = set(files) - set(watched.taken())
    return f"{len(lost)} of {len(files)} are missing"


@contextmanager
def mounted(folder: Path, *what: str) -> Iterator[None]:
    subprocess.run(["mount", *what, str(folder)], check=True)
    try:
        yield
    finally:
        # A look of the daemon may hold it for a moment.
        until(lambda: unmounts(folder), f"{folder} is unmounted")


def unmounts(folder: Path) -> bool:
    return subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount"
)


def test_of_forty_folders_with_twenty_watches_every_file_is_queued(tmp_path: Path) -> None:
    if subprocess.run([*FEW_WATCHES, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespace can be made")
    watched = Watched(tmp_path / "daemon", prefix=FEW_WATCHES)
    folders = [watched.inbox / f"folder-{number}" for number in range(40)]
    for folder in folders:
        folder.mkdir()
    with running(watched):
        are_queued_once(watched, [file for folder in folders for file in drop(folder, "later")])


def test_of_forty_folders_made_later_with_twenty_watches_every_file_is_queued(tmp_path: Path) -> None:
    if subprocess.run([*FEW_WATCHES, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespace can be made")
    with running(Watched(tmp_path / "daemon", prefix=FEW_WATCHES)) as watched:
        folders = [watched.inbox / f"folder-{number}" for number in range(40)]
        first = [file for folder in folders for file in drop(folder, "first")]
        are_queued_once(watched, first)
        are_queued_once(watched, [*first, *(file for folder in folders for file in drop(folder, "second"))])


def test_in_a_root_deleted_and_made_again_every_file_is_queued(tmp_path: Path) -> None:
    with running(Watched(tmp_path / "daemon")) as watched:
        first = drop(watched.inbox, "first")
        are_queued_once(watched, first)
        shutil.rmtree(watched.inbox)
        second = drop(watched.inbox, "second")
        are_queued_once(watched, [*first, *second])
        are_queued_once(watched, [*first, *second, *drop(watched.inbox, "third")])


def test_in_a_root_moved_away_and_back_every_file_is_queued_once(tmp_path: Path) -> None:
    with running(Watched(tmp_path / "daemon")) as watched:
        first = drop(watched.inbox, "first")
        are_queued_once(watched, first)
        away = watched.inbox.rename(tmp_path / "away")
        drop(away, "second")
        away.rename(watched.inbox)
        second = sorted(watched.inbox.glob("second*"))
        are_queued_once(watched, [*first, *second])
        are_queued_once(watched, [*first, *second, *drop(watched.inbox, "third")])


@needs_mount
def test_in_a_tmpfs_unmounted_and_mounted_again_every_file_is_queued_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path / "daemon")
    medium = tmp_path / "medium"
    medium.mkdir()
    with mounted(medium, "-t", "tmpfs", "tmpfs"), ExitStack() as ends:
        with mounted(watched.inbox, "--bind", str(medium)):
            ends.enter_context(running(watched))
            first = drop(watched.inbox, "first")
            are_queued_once(watched, first)
        drop(medium, "second")
        with mounted(watched.inbox, "--bind", str(medium)):
            second = sorted(watched.inbox.glob("second*"))
            are_queued_once(watched, [*first, *second])
            are_queued_once(watched, [*first, *second, *drop(watched.inbox, "third")])


@needs_mount
def test_in_a_new_tmpfs_over_the_root_every_file_is_queued(tmp_path: Path) -> None:
    with running(Watched(tmp_path / "daemon")) as watched:
        first = drop(watched.inbox, "first")
        are_queued_once(watched, first)
        with mounted(watched.inbox, "-t", "tmpfs", "tmpfs"):
            second = drop(watched.inbox, "second")
            are_queued_once(watched, [*first, *second])
            are_queued_once(watched, [*first, *second, *drop(watched.inbox, "third")])
