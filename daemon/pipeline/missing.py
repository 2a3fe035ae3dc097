"""Which known files are gone, as far as their own file system can tell. Blocks; changes nothing.

It may not be mounted now, its server not answer, or a folder be closed to this user: that says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from daemon.jobs import files
from daemon.jobs.store import Store


def find_missing(store: Store, root: Path, but: Sequence[Path], met: int) -> set[Path]:
    """The known files below a watch folder that are not there, those below the folders `but` left out.

    None where a scan has `met` as many as are known: a look at each of 100,000 again took as long as the scan. A
    root that is gone itself says nothing.
    """
    if store.read(partial(files.count_below, folder=root)) == met:
        return set()
    devices: dict[bytes, int | None] = {}
    left_out = tuple(os.fsencode(one).rstrip(b"/") + b"/" for one in but)
    missing, after = set[Path](), b""
    while some := store.read(partial(files.standing_below, folder=root, after=after)):
        after = some[-1][0]
        for name, device in some:
            if name.startswith(left_out) or not _is_absent(name):
                continue
            here = os.path.dirname(name)  # noqa: PTH120  100,000 values of Path took two seconds
            if here not in devices:
                devices[here] = _device(Path(os.fsdecode(here)), root)
            if devices[here] == device:
                missing.add(Path(os.fsdecode(name)))
    return missing


def _is_absent(path: bytes | Path) -> bool:
    """Whether certainly nothing stands there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _device(folder: Path, root: Path) -> int | None:
    """The file system that holds the part of `folder` that stands; None where that cannot be told."""
    place = folder
    while place != root and _is_absent(place):
        place = place.parent
    try:
        return place.stat().st_dev
    except OSError:
        return None
