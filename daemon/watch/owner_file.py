"""The owner file of a watch folder on its disk, and the process that stands for an owner. All may block."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from daemon.watch import owner as law
from daemon.watch.owner import MOST_BYTES, NAME, Owner, Standing

_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class OwnerFile:
    """The owner file of one watch folder. All methods may block."""

    def __init__(self, folder: Path, mine: Owner) -> None:
        self.folder = folder
        self.path = folder / NAME
        self.mine = mine
        self._was_mounted = False

    def standing(self) -> Standing | None:
        """What stands there; None: no file. Raises OSError where the folder cannot be read."""
        return look(self.path)

    def above(self) -> Iterator[tuple[Path, Standing]]:
        """Owner files of others in the folders above, on this device, whose daemons take what is below."""
        device = self.device()
        for folder in Path(os.path.realpath(self.folder)).parents:
            if device is None or device_of(folder) != device:
                return
            with suppress(OSError):
                found = look(folder / NAME)
                if found and found.owner and found.owner.recursive and not self._is_mine(found):
                    yield folder / NAME, found

    def place(self) -> bool:
        """Puts our file where none stands. Raises OSError.

        False: look again after a pause. Another one was quicker, or the file system has no links, and two
        could have come at once.
        """
        made = self._write()
        try:
            os.link(made, self.path)
        except (FileExistsError, FileNotFoundError):
            # Whoever has the folder may just have cleared ours away.
            return False
        except OSError:
            if not os.path.lexists(self.path):
                made.replace(self.path)
            return False
        finally:
            made.unlink(missing_ok=True)
        return True

    def replace(self) -> None:
        """Puts our file in another's place; look again after a pause. Raises OSError."""
        made = self._write()
        try:
            with suppress(FileNotFoundError):
                made.replace(self.path)
        finally:
            made.unlink(missing_ok=True)

    def beat(self) -> Standing | None:
        """Renews our heartbeat; another's file, if one stands there. Raises OSError where it cannot be kept."""
        try:
            file = os.open(self.path, os.O_RDWR | _FLAGS)
        except FileNotFoundError:
            if self._was_mounted and not self._is_mounted():
                # Nothing is put below a mount point: a share that is to be mounted there may ask for an empty one.
                raise OSError(errno.ENODEV, "it is not mounted") from None
            return None if self.place() else self.standing()
        except OSError:
            # What cannot be written may still say that another one has come.
            found = self.standing()
            if found is not None and not self._is_mine(found):
                return found
            raise
        try:
            text = os.read(file, MOST_BYTES + 1)
            found = _standing(text, os.fstat(file))
            if not self._is_mine(found):
                return found
            self.mine = replace(self.mine, heartbeat=_now())
            os.pwrite(file, self.mine.line, 0)
        finally:
            os.close(file)
        return None

    def remove(self) -> None:
        """Takes our own file away."""
        with suppress(OSError):
            found = self.standing()
            if found is not None and self._is_mine(found):
                self.path.unlink()

    def left(self) -> Iterator[tuple[Path, Standing]]:
        """What daemons that were killed while they put their file have left beside it. Raises OSError."""
        for path in self.folder.glob(f"{NAME}-*"):
            with suppress(OSError):
                found = look(path)
                if found is not None and not self._is_mine(found):
                    yield path, found

    def device(self) -> int | None:
        """The file system that the folder lies on; None where that cannot be seen."""
        return device_of(self.folder)

    def _is_mine(self, found: Standing) -> bool:
        return found.owner is not None and found.owner.id == self.mine.id

    def _write(self) -> Path:
        self._was_mounted = self._is_mounted()
        self.mine = replace(self.mine, heartbeat=_now())
        made = self.path.with_name(f"{NAME}-{self.mine.id}")
        try:
            file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o644)
            try:
                # Whatever the umask: other people's daemons have to read whose the folder is.
                with suppress(OSError):
                    os.fchmod(file, 0o644)
                os.write(file, self.mine.line)
            finally:
                os.close(file)
        except OSError:
            with suppress(OSError):
                made.unlink(missing_ok=True)
            raise
        return made

    def _is_mounted(self) -> bool:
        device = self.device()
        return device is not None and device != device_of(Path(os.path.realpath(self.folder)).parent)


def look(path: Path) -> Standing | None:
    """The owner file at `path`; None: none stands there. Raises OSError where that cannot be seen."""
    try:
        file = os.open(path, os.O_RDONLY | _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO):
            raise
        return _standing(b"", path.lstat())
    try:
        status = os.fstat(file)
        text = os.read(file, MOST_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
        return _standing(text, status)
    finally:
        os.close(file)


def we(state: Path, every: float = law.BEAT) -> Owner:
    """This process, as an owner."""
    now = _now()
    return Owner(
        host=socket.gethostname(),
        process=os.getpid(),
        state=str(state),
        since=now,
        heartbeat=now,
        every=every,
        recursive=True,
        id=uuid.uuid4().hex[:16],
        machine=_machine(),
        boot=_first_line("/proc/sys/kernel/random/boot_id"),
        space=_space(),
        started=_started(os.getpid()) or 0,
    )


def runs(owner: Owner) -> bool | None:
    """Whether the process of an owner on this kernel still runs; None where that cannot be seen."""
    try:
        os.kill(owner.process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        # Somebody else's process: it is there, and /proc may be hidden from us.
        pass
    started = _started(owner.process)
    return None if started is None else started == owner.started


def _standing(text: bytes, status: os.stat_result) -> Standing:
    return Standing(law.read(text), text, status.st_ino, status.st_mtime_ns)


def _now() -> str:
    """With a part of a second that is always there: a heartbeat is as long as the one before it."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def device_of(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def _machine() -> str:
    """A digest, since machine-id(5) asks not to show the id itself."""
    name = _first_line("/etc/machine-id")
    return hashlib.sha256(f"reeldrop {name}".encode()).hexdigest()[:16] if name else ""


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(process: int) -> int | None:
    """When a process began, in clock ticks since the boot; 0 for one that has ended and is not yet cleared away."""
    stat_line = _first_line(f"/proc/{process}/stat")
    # Its name, in brackets, may hold anything: proc(5), fields 3 and 22.
    rest = stat_line.rpartition(")")[2].split()
    if len(rest) < 20:
        return None
    return 0 if rest[0] in "ZX" else int(rest[19])


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""
