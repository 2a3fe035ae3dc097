"""The studio's own folders: pictures and music of the user's, which come before what is drawn and made here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.errors import RenderError
from daemon.media.types import Kind, kind_of
from daemon.studio.facts import plain

_MOST: Final = 1000
_DEEPEST: Final = 2


@dataclass(frozen=True, slots=True)
class Library:
    """Folders, or None. A file is called by its path below its folder; `calm/river.mp3` belongs to a mood."""

    pictures_folder: Path | None = None
    music_folder: Path | None = None

    def pictures(self) -> tuple[str, ...]:
        return tuple(_names(self.pictures_folder, "image"))

    def music(self) -> tuple[str, ...]:
        return tuple(_names(self.music_folder, "audio"))

    def picture(self, name: str) -> Path:
        """Raises RenderError where it is not there (any more)."""
        return _found(self.pictures_folder, name, self.pictures(), "picture")

    def sound(self, name: str) -> Path:
        """Raises RenderError where it is not there (any more)."""
        return _found(self.music_folder, name, self.music(), "sound")

    def scene(self, name: str) -> Path | None:
        """The user's own picture of this name, if there is one: it comes before the drawn scene."""
        own = next((one for one in self.pictures() if plain(one) == plain(name)), None)
        return None if own is None else self.picture(own)


def _names(folder: Path | None, kind: Kind) -> Iterator[str]:
    """At most 1,000, in order; what is hidden is left out."""
    if folder is None:
        return
    found = 0
    for path, below, files in os.walk(folder):
        depth = len(Path(path).relative_to(folder).parts)
        below[:] = sorted(one for one in below if not one.startswith(".")) if depth < _DEEPEST else []
        for name in sorted(files):
            if not name.startswith(".") and kind_of(name) == kind:
                yield Path(path, name).relative_to(folder).as_posix()
                found += 1
                if found == _MOST:
                    return


def _found(folder: Path | None, name: str, names: tuple[str, ...], what: str) -> Path:
    # A draft may be edited by hand: only what is listed is opened.
    if folder is None or name not in names:
        raise RenderError(
            "rendering", f"the {what} {name} is not in the studio's folder", f"Put it in {folder} again"
        )
    return folder / name
