"""Sources are moved or deleted only as what was uploaded; a kill in between neither loses nor doubles them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.deliver import dispose, folder
from daemon.errors import DeliveryError, SourceGone
from daemon.jobs.model import Source

BYTES = bytes(range(256)) * 800


def standing(path: Path) -> Source:
    """The source as it was when it was uploaded: now."""
    found = path.stat()
    stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return Source(path, *stat, content=folder.hash_file(path))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "in" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(BYTES)
    path.chmod(0o640)
    os.utime(path, ns=(10**18, 10**18 + 123_456_789))
    return standing(path)


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """Another file system, of 512 kB."""
    place = tmp_path / "mounted"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "reeldrop-test", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a file system")
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def names(where: Path) -> set[str]:
    return {path.name for path in where.iterdir()}


def test_a_moved_source_is_the_same_file_elsewhere(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "archive" / "sub"
    assert dispose.move(source, into, "j1") == into / "clip.mp4"
    found = (into / "clip.mp4").stat()
    assert (found.st_ino, found.st_mtime_ns) == (source.inode, source.mtime_ns)
    assert names(into) == {"clip.mp4"} and names(source.path.parent) == set()


def test_a_source_reaches_another_file_system_whole_with_its_times_and_its_mode(
    source: Source, tmpfs: Path
) -> None:
    os.chown(source.path, 12345, 23456)
    target = dispose.move(source, tmpfs / "archive", "j1")
    assert target.read_bytes() == BYTES
    found = target.stat()
    assert (found.st_mtime_ns, found.st_mode & 0o777) == (source.mtime_ns, 0o640)
    assert (found.st_uid, found.st_gid) == (12345, 23456)
    assert names(target.parent) == {"clip.mp4"} and names(source.path.parent) == set()
    assert dispose.at(source, target).content == source.content


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_overwritten(
    source: Source, tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links on this file system")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    into = tmp_path / "archive"
    into.mkdir()
    (into / "clip.mp4").write_bytes(b"x" * source.size)
    (into / "clip-2.mp4").symlink_to(source.path)
    assert dispose.move(source, into, "j1") == into / "clip-3.mp4"
    assert (into / "clip.mp4").read_bytes() == b"x" * source.size
    assert (into / "clip-3.mp4").read_bytes() == BYTES
    assert names(into) == {"clip.mp4", "clip-2.mp4", "clip-3.mp4"}


def test_a_list_of_links_is_still_one_under_another_name(tmp_path: Path) -> None:
    path, into = tmp_path / "in" / "x.urls.txt", tmp_path / "archive"
    for place in (path.parent, into):
        place.mkdir()
        (place / path.name).write_bytes(place.name.encode())
    assert dispose.move(standing(path), into, "j1") == into / "x-2.urls.txt"


@pytest.mark.parametrize(
    "name", [b"\xff\xfe caf\xe9.mp4", "Ünï 🎬 e\u0301.mp4".encode(), b"-rf *.mp4", b"a\nb"]
)
def test_every_name_a_file_can_have_is_kept(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / "in" / os.fsdecode(name)
    path.parent.mkdir()
    path.write_bytes(BYTES)
    into = tmp_path / "archive"
    into.mkdir()
    (into / path.name).write_bytes(b"another")
    target = dispose.move(standing(path), into, "j1")
    assert os.fsencode(target.name) == os.fsencode(f"{path.stem}-2{path.suffix}")
    assert target.read_bytes() == BYTES and (into / path.name).read_bytes() == b"another"


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 2))


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _replace(path: Path) -> None:
    found = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"y" * found.st_size)
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("real.mp4"))
    path.symlink_to("real.mp4")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_touch, "changed since"),
        (_append, "changed since"),
        (_replace, "changed since"),
        (_link, "is a link"),
        (Path.unlink, "no longer there"),
    ],
)
def test_what_is_no_longer_what_was_uploaded_is_left_alone(
    source: Source, tmp_path: Path, change: object, said: str
) -> None:
    assert callable(change)
    change(source.path)
    before = {path.name: path.read_bytes() for path in source.path.parent.iterdir()}
    with pytest.raises(SourceGone, match=said):
        dispose.delete(source)
    with pytest.raises(SourceGone, match=said):
        dispose.move(source, tmp_path / "archive", "j1")
    assert {path.name: path.read_bytes() for path in source.path.parent.iterdir()} == before
    assert not (tmp_path / "archive").exists()


def test_deleting_takes_one_name_away_and_nothing_else(source: Source) -> None:
    beside = source.path.with_name("beside.mp4")
    os.link(source.path, beside)
    dispose.delete(source)
    assert names(source.path.parent) == {"beside.mp4"} and beside.read_bytes() == BYTES


def test_a_full_archive_keeps_the_source_and_no_half_copy_until_there_is_space(
    source: Source, tmpfs: Path
) -> None:
    (tmpfs / "fill").write_bytes(b"z" * 400_000)
    with pytest.raises(DeliveryError, match="Make space there") as caught:
        dispose.move(source, tmpfs / "archive", "j1")
    assert caught.value.retryable and str(tmpfs) in str(caught.value)
    assert source.path.read_bytes() == BYTES and names(tmpfs / "archive") == set()
    (tmpfs / "fill").unlink()
    assert dispose.move(source, tmpfs / "archive", "j1").read_bytes() == BYTES


def test_an_archive_on_a_read_only_file_system_keeps_the_source(source: Source, tmpfs: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    with pytest.raises(DeliveryError, match="Read-only"):
        dispose.move(source, tmpfs / "archive", "j1")
    assert source.path.read_bytes() == BYTES


def test_an_archive_that_is_a_file_keeps_the_source_and_says_so(source: Source, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("mine")
    with pytest.raises(DeliveryError, match="archive"):
        dispose.move(source, tmp_path / "archive", "j1")
    assert source.path.read_bytes() == BYTES and (tmp_path / "archive").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("locked", ["in", "archive"])
def test_a_folder_without_rights_keeps_the_source_where_it_is(
    source: Source, tmp_path: Path, locked: str
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / locked).chmod(0o555)
    with pytest.raises(DeliveryError):
        dispose.move(source, tmp_path / "archive", "j1")
    (tmp_path / locked).chmod(0o755)
    assert names(tmp_path / "archive") == set() and source.path.read_bytes() == BYTES


def test_a_source_that_lies_in_its_archive_already_stays(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").symlink_to("in")
    assert dispose.move(source, source.path.parent, "j1") == source.path
    assert dispose.move(source, tmp_path / "archive", "j1") == source.path

    def another_device(*_: object, **__: object) -> bool:
        raise OSError(18, "Invalid cross-device link")

    # One folder mounted twice: the two have different device numbers, and no link leads from one to the other.
    monkeypatch.setattr(os, "link", another_device)
    monkeypatch.setattr(Path, "samefile", lambda *_: False)
    assert dispose.move(source, tmp_path / "archive", "j1") == source.path
    assert names(source.path.parent) == {"clip.mp4"} and source.path.read_bytes() == BYTES


def test_what_was_moved_before_is_found_under_the_name_it_got(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "archive"
    assert dispose.moved_to(source, into) is None
    into.mkdir()
    (into / "clip.mp4").write_bytes(b"another")
    target = dispose.move(source, into, "j1")
    assert dispose.moved_to(source, into) == target == into / "clip-2.mp4"


def test_a_copy_that_is_not_what_was_uploaded_is_thrown_away_and_the_source_stays(
    source: Source, tmpfs: Path
) -> None:
    with pytest.raises(SourceGone, match="its copy"):
        dispose.move(replace(source, content="0" * 32), tmpfs / "archive", "j1")
    assert source.path.read_bytes() == BYTES and names(tmpfs / "archive") == set()


MOVER = """
import json, os, signal, sys
from pathlib import Path
from daemon.deliver import dispose
from daemon.jobs.model import Source

def move(asked):
    path, into, seen = Path(asked["source"][0]), Path(asked["into"]), 0

    def look(event, args):
        nonlocal seen
        if event == "open" and args[0] != str(into) or event.split(".")[0] not in ("os", "shutil", "open"):
            return
        if event == "open" and asked["write"]:
            asked["write"] = False
            with path.open("ab") as file:
                file.write(b"more")
        seen += 1
        if seen == asked["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)
    try:
        dispose.move(Source(path, *asked["source"][1:]), into, "j1")
        print(seen, flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        move(json.loads(line))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print("killed" if os.WTERMSIG(status) == signal.SIGKILL else status, flush=True)
"""
Mover = Callable[..., str]


@pytest.fixture
def mover() -> Iterator[Mover]:
    """Moves in a process of its own, killed at its `kill`-th call on the disk; `write`: somebody else writes to the
    source once it has its second name. Answers `killed`, an error's name, or how many calls there were."""
    with subprocess.Popen(
        [sys.executable, "-c", MOVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        told, heard = process.stdin, process.stdout

        def move(source: Source, into: Path, *, kill: int = 0, write: bool = False) -> str:
            kept = [
                str(source.path),
                source.device,
                source.inode,
                source.size,
                source.mtime_ns,
                source.content,
            ]
            asked = {"source": kept, "into": str(into), "kill": kill, "write": write}
            print(json.dumps(asked), file=told, flush=True)
            return heard.readline().strip()

        yield move


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_kill_at_any_call_neither_loses_nor_doubles_the_source(
    source: Source, tmp_path: Path, request: pytest.FixtureRequest, mover: Mover, elsewhere: bool
) -> None:
    top: Path = request.getfixturevalue("tmpfs") if elsewhere else tmp_path
    kept = shutil.copy2(source.path, tmp_path / "kept.mp4")
    calls = int(mover(source, top / "whole"))
    assert calls >= 4
    shutil.rmtree(top / "whole")
    for kill in range(1, calls + 1):
        shutil.copy2(kept, source.path)
        again, into = standing(source.path), top / f"archive-{kill}"
        assert mover(again, into, kill=kill) == "killed"
        whole = [path for path in (source.path, into / "clip.mp4") if path.exists()]
        assert whole and all(path.read_bytes() == BYTES for path in whole)
        if source.path.exists():
            dispose.move(again, into, "j1")
        assert dispose.moved_to(again, into) == into / "clip.mp4"
        assert names(into) == {"clip.mp4"} and names(source.path.parent) == set()
        shutil.rmtree(into)


def test_a_source_that_is_written_to_while_it_is_moved_stays(
    source: Source, tmp_path: Path, mover: Mover
) -> None:
    assert mover(source, tmp_path / "archive", write=True) == "SourceGone"
    assert source.path.read_bytes() == BYTES + b"more"
    assert names(tmp_path / "archive") == set()
