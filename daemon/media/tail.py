"""Whether the end of a media file can be played: what is reserved on a disk and not yet written cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from daemon.errors import MediaError
from daemon.media.ffmpeg import Ffmpeg, source

_SECONDS: Final = 2
"""Of sound and picture that are decoded."""
_LIMIT_S: Final = 60.0


def decodes_to_its_end(path: Path, ffmpeg: Callable[[], Ffmpeg]) -> bool:
    """Whether the last two seconds of a video or a sound are decoded without a fault; blocks for up to a minute."""
    look = ["-xerror", "-sseof", f"-{_SECONDS}", "-i", source(path), "-map", "0:v?", "-map", "0:a?"]
    try:
        ffmpeg().run([*look, "-f", "null", "-"], timeout_s=_LIMIT_S)
    except MediaError:
        return False
    return True
