"""What an edit has to know of the files beside the draft: found out at the edge, before it is carried out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from daemon.studio.operations import Background, Named, Operation, RemoveSilence

Kind = Literal["video", "image", "audio"]

_SPACES: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class Asset:
    """An uploaded file. `hash` is how drafts call it."""

    name: str
    hash: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """`pictures`, `music`: the names of the files in the studio's own folders.

    `silences`: ms of the file, by asset. `screens`: the colour of the screen that somebody stands in front of, by
    asset, "" where there is none. `matting`: whether people can be told from what is behind them here. `people`:
    whether anybody is seen, by asset. `voice`: whether texts can be spoken.
    """

    assets: tuple[Asset, ...] = ()
    pictures: tuple[str, ...] = ()
    music: tuple[str, ...] = ()
    silences: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)
    matting: bool = False
    people: Mapping[str, bool] = field(default_factory=dict)
    voice: bool = False

    def named(self) -> tuple[Named, ...]:
        """All files that an instruction may name."""
        return (
            *(Named(one.name, one.kind) for one in self.assets),
            *(Named(name, "image") for name in self.pictures),
            *(Named(name, "audio") for name in self.music),
        )


def asks_of_sound(operations: Sequence[Operation]) -> bool:
    """Whether the clips' silences have to be known."""
    return any(isinstance(one, RemoveSilence) for one in operations)


def asks_of_screens(operations: Sequence[Operation]) -> bool:
    """Whether it has to be known what the people in the clips stand in front of."""
    return any(isinstance(one, Background) for one in operations)


def plain(name: str) -> str:
    """A file's name as people say it: `Home_Office.JPG` is `home office`."""
    stem = re.sub(r"\.\w{1,5}$", "", name.rpartition("/")[2])
    return _SPACES.sub(" ", stem).strip().casefold()
