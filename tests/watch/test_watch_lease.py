from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.watch.inspection import inspect, inspect_open, stamp_of
from daemon.watch.lease import Lease, ignore_lease_signals, writer_of
from daemon.watch.sight import Busy, Content, Gone, Seen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")

WRITER = "import sys; f = open(sys.argv[1], 'ab'); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def clip(tmp_path: Path, media: dict[str, Path]) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(media["mp4"].read_bytes())
    return path


def asked(path: Path) -> Lease:
    fd = os.open(path, os.O_RDONLY)
    try:
        return writer_of(fd)
    finally:
        os.close(fd)


def test_a_file_is_busy_while_a_process_holds_it_open_for_writing_and_free_after(clip: Path) -> None:
    ignore_lease_signals()
    assert asked(clip) is Lease.FREE
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, clip], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"open\n"
        assert asked(clip) is Lease.BUSY
        assert inspect(str(clip)) == Busy(stamp_of(str(clip)) or pytest.fail("no stamp"))
        writer.communicate()
    assert asked(clip) is Lease.FREE


def test_a_reader_does_not_make_a_file_busy(clip: Path) -> None:
    ignore_lease_signals()
    with clip.open("rb"):
        assert asked(clip) is Lease.FREE


def test_the_lease_is_given_back_at_once(clip: Path) -> None:
    ignore_lease_signals()
    reader = os.open(clip, os.O_RDONLY)
    try:
        assert writer_of(reader) is Lease.FREE
        os.close(os.open(clip, os.O_WRONLY | os.O_NONBLOCK))  # EWOULDBLOCK while a lease is out
    finally:
        os.close(reader)


# A child inherits an ignored signal, and would be guarded before it begins.
HOLDER = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_DFL)
from daemon.watch.lease import ignore_lease_signals
if sys.argv[2] == "safe":
    ignore_lease_signals()
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("guard", "ending"), [("safe", 0), ("unsafe", -signal.SIGIO)])
def test_a_writer_that_opens_during_the_lease_does_not_end_us(clip: Path, guard: str, ending: int) -> None:
    """The unguarded half shows that the danger is real here, so that the other half means something."""
    command = [sys.executable, "-c", HOLDER, str(clip), guard]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError):
            os.open(clip, os.O_WRONLY | os.O_NONBLOCK)
        holder.communicate()
        assert holder.returncode == ending


ASKER = """
import os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_DFL)
from daemon.watch.lease import ignore_lease_signals, writer_of
if sys.argv[2] != "unguarded":
    ignore_lease_signals()
fd = os.open(sys.argv[1], os.O_RDONLY)
if sys.argv[2] == "stranger":
    os.setuid(65534)
print(writer_of(fd).value)
"""


def test_without_the_guard_no_lease_is_taken(clip: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASKER, clip, "unguarded"], stdout=subprocess.PIPE, check=True
    )
    assert told.stdout == b"unknown\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_of_somebody_else_cannot_be_asked_about(clip: Path) -> None:
    told = subprocess.run([sys.executable, "-c", ASKER, clip, "stranger"], stdout=subprocess.PIPE, check=True)
    assert told.stdout == b"unknown\n"


def test_looking_at_a_fifo_a_folder_or_nothing_neither_blocks_nor_finds_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    for name in ("pipe.mp4", "folder.mp4", "dangling.mp4", "missing.mp4"):
        assert inspect(str(tmp_path / name)) == Gone()


def test_a_file_replaced_or_written_during_the_look_counts_as_being_written(clip: Path) -> None:
    ignore_lease_signals()
    fd = os.open(clip, os.O_RDONLY)
    try:
        assert isinstance(inspect_open(fd, str(clip), lambda: True), Seen)
        other = clip.with_name("other.mp4")
        other.write_bytes(b"other")
        other.rename(clip)
        assert inspect_open(fd, str(clip), lambda: True) == Busy(
            stamp_of(str(clip)) or pytest.fail("no stamp")
        )
        clip.unlink()
        assert inspect_open(fd, str(clip), lambda: True) == Gone()
    finally:
        os.close(fd)


def test_a_link_to_a_clip_stands_for_the_clip(clip: Path) -> None:
    ignore_lease_signals()
    link = clip.with_name("link.mp4")
    link.symlink_to(clip)
    sight = inspect(str(link))
    assert isinstance(sight, Seen)
    assert sight.stamp == stamp_of(str(clip))
    assert sight.alone and sight.finding.content is Content.WHOLE
