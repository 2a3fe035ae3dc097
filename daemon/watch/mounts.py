"""Which file system a folder lies on, whether it tells of changes, and what shows the same folder twice.

Read from /proc/self/mountinfo (proc_pid_mountinfo(5)); on a system without it nothing is known, and all
folders count as telling.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_TABLE: Final = Path("/proc/self/mountinfo")

# fmt: off
_SILENT: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "smb2", "ncpfs", "afs", "coda", "ceph", "lustre", "beegfs",
    "orangefs", "pvfs2", "gfs2", "ocfs2", "gpfs", "glusterfs", "davfs", "autofs", "fuse",
    "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "wslfs",
})
# fmt: on
"""Somebody else than this kernel may change what lies there, and then no inotify event comes.

Measured on nfs, cifs and the remote side of sshfs; the others are of their kind: network and cluster file
systems, folders shared with a virtual machine's host, and what an own program serves (fuse). `fuseblk` is none
of them: a local disk behind a program.
"""

_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of the table. `root`: the folder of the file system that is shown at `point`."""

    point: str
    kind: str
    device: str
    root: str

    @property
    def silent(self) -> bool:
        """Whether changes may happen there that no event tells of."""
        return self.kind.partition(".")[0] in _SILENT


class Place(NamedTuple):
    """Where a folder really lies, whatever path leads there: its file system, and the path inside it."""

    device: str
    path: str


class Mounts:
    """What is mounted where. Of two at one point the later one is seen."""

    def __init__(self, mounts: Iterable[Mount] = ()) -> None:
        self._at = {mount.point: mount for mount in mounts}

    def at(self, point: str) -> Mount | None:
        """What is mounted at this very path, which holds no links."""
        return self._at.get(point)

    def over(self, path: str) -> Mount | None:
        """The mount that a path without links lies on."""
        while (found := self._at.get(path)) is None and path != "/":
            path = os.path.dirname(path)  # noqa: PTH120  # a Path for every folder of a scan is slow
        return found

    def below(self, path: str) -> frozenset[Mount]:
        """What is mounted below a path without links, and what the path itself lies on."""
        above = path if path.endswith("/") else f"{path}/"
        over = self.over(path)
        inside = {mount for point, mount in self._at.items() if point.startswith(above)}
        return frozenset(inside if over is None else {*inside, over})

    def place(self, path: str) -> Place:
        """Where a path without links lies."""
        mount = self.over(path)
        if mount is None:
            return Place("", path)
        rest = path[len(mount.point) :].strip("/")
        return Place(mount.device, f"{mount.root.rstrip('/')}/{rest}".rstrip("/") or "/")

    def shows(self, mount: Mount, path: str) -> bool:
        """Whether a mount shows a part of the tree at `path` once more, or the folder that holds it."""
        device, inside = self.place(path)
        return mount.device == device and (is_below(mount.root, inside) or is_below(inside, mount.root))


def is_below(path: str, top: str) -> bool:
    """Whether `path` is `top` or lies below it; both absolute and normal."""
    return path == top or path.startswith(top if top.endswith("/") else f"{top}/")


def read_mounts() -> Mounts:
    """What is mounted now, as this process sees it."""
    try:
        return parse_mounts(_TABLE.read_bytes())
    except OSError:
        return Mounts()


def parse_mounts(table: bytes) -> Mounts:
    """The lines of mountinfo: id, parent, major:minor, root, point, options, more…, "-", kind, source, options."""
    mounts = []
    for line in table.splitlines():
        front, _, back = line.partition(b" - ")
        fields = front.split(b" ")
        if len(fields) >= 5 and back:
            device, root, point = fields[2].decode(), _path(fields[3]), _path(fields[4])
            mounts.append(Mount(point, back.split(b" ")[0].decode(), device, root))
    return Mounts(mounts)


def _path(field: bytes) -> str:
    return os.fsdecode(_ESCAPED.sub(lambda octal: bytes([int(octal[1], 8)]), field))
