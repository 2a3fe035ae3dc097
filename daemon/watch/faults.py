"""What keeps a folder or a file from being watched or read, in words for people, with the command that mends it."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
from pathlib import Path
from typing import Final

from daemon.errors import UsageError

_WATCHES: Final = "max_user_watches"
_INSTANCES: Final = "max_user_instances"
_ENOUGH: Final = {_WATCHES: 524_288, _INSTANCES: 1024}
"""What distributions that raise the limits set them to; a watch takes about 1 kB of the kernel's memory."""


def watch_error(path: str, error: OSError) -> UsageError:
    """The one line for a folder that cannot be watched, with the command that mends it."""
    operation = f"watch {path}"
    quoted = shlex.quote(path)
    if error.errno == errno.ENOENT:
        return UsageError(operation, "the folder does not exist", f"Make it: mkdir -p {quoted}")
    if error.errno == errno.ENOTDIR:
        return UsageError(operation, "it is a file, not a folder")
    if error.errno == errno.EACCES:
        return UsageError(operation, "this user may not read it", _allow(path, "rx"))
    return UsageError(operation, error.strerror or str(error))


def unreadable(path: str, error: OSError, *, folder: bool = False) -> str:
    """Why a file or a folder cannot be read."""
    what = "the folder cannot be read" if folder else "it cannot be read"
    told = f"{what} ({error.strerror or error})"
    if error.errno not in (errno.EACCES, errno.EPERM):
        return told
    shut = _shut_folder(path)
    return f"{told}. {_allow(path, 'rx' if folder else 'r') if shut is None else _allow(shut, 'x')}"


def used_up(error: OSError, unheard: int, folders: int, poll: float) -> str | None:
    """What to say where inotify is used up for `unheard` of `folders`; None for every other error."""
    if error.errno == errno.ENOSPC:
        limit, what, needed = _WATCHES, "watch", f"it needs {folders:,} of them"
    elif error.errno == errno.EMFILE:
        limit, what, needed = _INSTANCES, "instance", "it needs 1"
    else:
        return None
    now = _limit(limit)
    wanted = max(_ENOUGH[limit], 2 * (now + folders))
    return (
        f"no inotify {what} is left ({now:,} for all programs of this user), and {needed}: "
        f"{unheard:,} of its {folders:,} folders are looked at every {poll:g} s instead. "
        f"Raise the limit: sudo sysctl fs.inotify.{limit}={wanted}"
    )


def _limit(name: str) -> int:
    """The limit in force: the one of the machine, or a lower one of the user namespace."""
    kinds = {_WATCHES: "max_inotify_watches", _INSTANCES: "max_inotify_instances"}
    found = []
    for path in (Path("/proc/sys/fs/inotify", name), Path("/proc/sys/user", kinds[name])):
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):
            continue
    return min(found, default=0)


def _allow(path: str, rights: str) -> str:
    return f"Let it be read: sudo setfacl -m u:{_user()}:{rights} {shlex.quote(path)}"


def _shut_folder(path: str) -> str | None:
    """The folder above `path` that this user may not enter, if it is that which keeps the path from being read."""
    above = [str(folder) for folder in reversed(Path(path).parents)]
    return next((folder for folder in above if not os.access(folder, os.X_OK)), None)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
