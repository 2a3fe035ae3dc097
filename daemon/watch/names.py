"""Names that are never input: temporary files of known writers, junk of known systems, our own. Pure.

The list was collected from the writers themselves (rsync, lftp, browsers, Syncthing, editors, file managers).
A plain file that starts with a dot is not on it: a rule may name one.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

OWN_PREFIX: Final = ".reeldrop-"
"""What every hidden file of our own starts with."""

_ENDINGS: Final = frozenset(
    {"part", "partial", "crdownload", "download", "filepart", "tmp", "!qb", "!sync", "lftp-pget-status"}
)
_TEMPORARY: Final = re.compile(
    r"""
      \..+\.[a-z0-9]{6}                   # rsync: .NAME.XXXXXX
    | \.in\..+                            # lftp, ProFTPD
    | \.~lock\..* | ~\$.* | \..*\.sw[a-z] # office programs, vim
    | \.~tmp~ | \.rsync-partial
    | \.syncthing\..* | ~syncthing~.* | \.stfolder | \.stversions | \.sync.*
    | \.fuse_hidden.* | \.nfs.*
    | \.ds_store | \._.* | \.spotlight-v100 | \.trashes | thumbs\.db | desktop\.ini
    | @eadir | \#recycle | \.dropbox\.cache
    | \.reeldrop-.*
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_BEGINNINGS: Final = frozenset(".~@#tTdD")


def is_temporary_name(name: str) -> bool:
    """Whether a file of this name, whatever its folder, is never input."""
    _, dot, ending = name.rpartition(".")
    # The regex only for what may begin so: asked of every file of every scan, it took as long as the list of them.
    if dot and ending.lower() in _ENDINGS:
        return True
    return name[:1] in _BEGINNINGS and _TEMPORARY.fullmatch(name) is not None


def is_skipped_folder(name: str) -> bool:
    """Whether nothing below a folder of this name is ever input: junk, and all that start with a dot."""
    return name.startswith(".") or is_temporary_name(name)


def is_temporary(relative: PurePath) -> bool:
    """Whether the file at `relative`, seen from its watch folder, is never input."""
    return is_temporary_name(relative.name) or any(is_skipped_folder(part) for part in relative.parts[:-1])
