"""Opening a still picture that somebody else made: four formats, none of which grows out of bounds."""

from __future__ import annotations

import mmap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from daemon.errors import MediaError, MediaTooLarge
from daemon.media.limits import PHOTO_PIXELS, PHOTO_SCANS

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
"""Of the many that Pillow knows, one of which runs a PostScript interpreter."""

_SCAN: Final = b"\xff\xda"

# Pillow itself looks at the size before it makes room, also for each frame of a GIF. Its limit holds for the
# process; nothing here opens larger pictures.
Image.MAX_IMAGE_PIXELS = PHOTO_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture (the first one of an animation), of which nothing is decoded yet.

    Raises MediaTooLarge for more than 120 million pixels, and MediaError for whatever goes wrong while it is
    opened or, within the `with`, decoded.
    """
    said = f"reading {path.name}"
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.format in ("JPEG", "MPO") and _scans(path) > PHOTO_SCANS:
                cause = f"it is a JPEG of more than {PHOTO_SCANS} passes"
                raise MediaTooLarge(said, cause, "Save it again as a usual one.")
            yield image
    except MediaError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError):
        limit = f"it has more than {PHOTO_PIXELS / 1e6:.0f} million pixels"
        raise MediaTooLarge(said, limit, "Make it smaller.") from None
    except UnidentifiedImageError:
        # Its own words name the path in the studio.
        raise MediaError(said, "it is no jpg, png, gif or webp that can be read") from None
    except Exception as error:
        # Broken pictures make Pillow raise nearly anything: OSError, SyntaxError, struct.error, IndexError.
        raise MediaError(said, f"it is no picture that can be read: {error}") from error


def _scans(path: Path) -> int:
    """How many scans a JPEG has, counted up to the limit. Within a scan's own bytes the marker cannot stand."""
    count, at = 0, -1
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while count <= PHOTO_SCANS and (at := content.find(_SCAN, at + 1)) >= 0:
            count += 1
    return count
