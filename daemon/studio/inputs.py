"""What one run of ffmpeg reads: files named by a scene, and the arguments that open them, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import RenderError
from daemon.studio.library import Library
from daemon.studio.scene import Bed, Mark


class Inputs:
    """ffmpeg's inputs; the graph calls them by their numbers."""

    def __init__(self) -> None:
        self.args: list[str] = []
        self.count = 0

    def add(self, *args: str) -> int:
        """One more, by the arguments that open it; its number."""
        self.args += args
        self.count += 1
        return self.count - 1


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files lie that a scene names: uploaded ones by their content's hash, the user's own by name."""

    asset: Callable[[str], Path]
    library: Library

    def clip(self, asset: str, title: str = "") -> Path:
        """Raises RenderError where it is gone."""
        path = self.asset(asset)
        if not path.is_file():
            raise RenderError("rendering", f"the file {title or asset} is gone")
        return path

    def mark(self, mark: Mark) -> Path:
        """Raises RenderError where it is gone."""
        return self.clip(mark.asset) if mark.asset else self.library.picture(mark.own)

    def bed(self, bed: Bed) -> Path | None:
        """The sound to lay under the clip; None where it is to be made. Raises RenderError where it is gone."""
        if bed.asset:
            return self.clip(bed.asset)
        return self.library.sound(bed.own) if bed.own else None
