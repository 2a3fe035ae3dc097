"""What was delivered into a folder, as its sidecars tell: a record that was lost, or a daemon elsewhere, left them.

A sidecar counts where its media stands beside it with the size that it names. Whether the bytes are still the
same is looked at before they are served.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from daemon.deliver.folder import HIDDEN
from daemon.jobs.model import Delivery

_LARGEST: Final = 8 << 20
"""Bytes of a sidecar at the most: other programs' JSON files may lie in the folder."""
_HASH: Final = "xxh3-128:"


def deliveries_in(folder: Path, known: Container[str] = ()) -> Iterator[Delivery]:
    """The deliveries that a folder's own sidecars tell of; none where it cannot be read.

    `known`: paths of media, without their endings, whose sidecars are passed over.
    """
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.name.endswith(".json")]
    except OSError:
        return
    for name in names:
        path = folder / name
        if name.startswith(HIDDEN) or str(path.with_suffix("")) in known:
            continue
        if (found := _told(path)) is not None:
            yield found


def deliveries_below(folder: Path, known: Container[str] = ()) -> Iterator[Delivery]:
    """The same of a folder and of all below it; folders behind symbolic links are not entered."""
    for here, _, _ in os.walk(folder):
        yield from deliveries_in(Path(here), known)


def _told(path: Path) -> Delivery | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return _delivery(json.loads(path.read_bytes()), path.parent)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # another program's file, or one that somebody wrote in


def _delivery(told: Any, folder: Path) -> Delivery | None:
    result, content = told["result"], told["source"]["content"]
    media = folder / Path(result["file"]).name
    if not content.startswith(_HASH) or not result["hash"].startswith(_HASH):
        return None
    if media.stat().st_size != result["size"]:
        return None
    return Delivery(
        content=content.removeprefix(_HASH),
        key=str(told["instructions_key"]),
        job=str(told["job"]),
        media=media,
        media_hash=result["hash"].removeprefix(_HASH),
        size=int(result["size"]),
        at=datetime.fromisoformat(told["times"]["delivered"]).timestamp(),
    )
