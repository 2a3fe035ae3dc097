"""What the tests of files that belong together share."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from PIL import Image

MakeClip = Callable[[str], Path]
Live = Callable[..., AbstractAsyncContextManager[Any]]


async def settle(life: Any) -> None:
    """Returns once all that lies in the folders now was looked at, and all jobs have ended."""
    await life.daemon._rescan()
    await life.daemon._all_done()


async def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)


def picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), (shade, 0, 0)).save(path)
    return path


def uploads(folder: Path) -> list[list[str]]:
    """The names of the files in each of the embedded studio's sessions."""
    found = (json.loads(path.read_text()) for path in sessions(folder))
    return sorted([one["filename"] for one in session["files"]] for session in found)


def sessions(folder: Path) -> Iterator[Path]:
    return (folder / "state" / "studio").rglob("session.json")
