"""Pictures that follow one another as one input of ffmpeg, however many there are.

An input of its own for each costs 4 MB of memory and an overlay each (measured: 39 parts of titles, 1080p); one list
for ffmpeg's concat demuxer holds the picture that is shown and the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from daemon.media.ffmpeg import source

_FINEST: Final = 1000
"""Pictures a second that the demuxer counts in: its own 25 would round every time to 40 ms."""


def write(path: Path, shown: Iterable[tuple[str, float]]) -> list[str]:
    """Write the list of (file beside it, seconds) to `path`; the ffmpeg input that plays it from 0 on. The pictures
    are of one size."""
    lines, last = ["ffconcat version 1.0"], ""
    for name, d_s in shown:
        lines += _entry(name, d_s)
        last = name
    # A picture's own length counts for nothing at the end of the list: it is there once more.
    lines += _entry(last, 1.0)
    path.write_text("\n".join(lines) + "\n", "ascii")
    return ["-threads", "1", "-f", "concat", "-safe", "0", "-i", source(path)]


def _entry(name: str, d_s: float) -> list[str]:
    return [f"file {name}", f"option framerate {_FINEST}", f"duration {d_s:.6f}"]
