"""Which known files are gone, as far as their own file system can tell: it may not be mounted now. Blocks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from daemon.jobs import files
from daemon.jobs.store import Store


def find_missing(store: Store, roots: Sequence[Path]) -> set[Path]:
    """The known files below these watch folders that are not there. A root that is gone itself says nothing."""
    devices: dict[bytes, int | None] = {}
    missing = set()
    for number, root in enumerate(roots):
        looked_at = tuple(os.fsencode(one).rstrip(b"/") + b"/" for one in roots[:number])
        after = b""
        while some := store.read(partial(files.standing_below, folder=root, after=after)):
            after = some[-1][0]
            for name, device in some:
                if name.startswith(looked_at) or os.path.lexists(name):
                    continue
                here = os.path.dirname(name)  # noqa: PTH120  100,000 values of Path took two seconds
                if here not in devices:
                    devices[here] = _device(Path(os.fsdecode(here)), root)
                if devices[here] == device:
                    missing.add(Path(os.fsdecode(name)))
    return missing


def _device(folder: Path, root: Path) -> int | None:
    """The file system that holds the part of `folder` that stands; None where its root is gone itself."""
    place = folder
    while place != root and not place.is_dir():
        place = place.parent
    return place.stat().st_dev if place.is_dir() else None
