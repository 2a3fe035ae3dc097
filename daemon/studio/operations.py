"""What an instruction can ask for, as values. Times are integer ms, shares 0..1, colours `#rrggbb`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Position = Literal["top", "center", "bottom"]
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right", "center"]
Absent = Literal["music", "text", "captions", "sound", "narration", "watermark", "crossfades", "background"]
"""`background`: what was put behind the person goes, and their own is there again."""

Mood = Literal["calm", "upbeat", "cinematic", "corporate"]
MOODS: Final[tuple[Mood, ...]] = ("calm", "upbeat", "cinematic", "corporate")

BackdropName = Literal[
    "home-office", "office", "studio", "beach", "living-room", "library", "city", "forest", "mountains", "sunset",
    "space", "abstract",
]  # fmt: skip
"""The scenes that can be drawn."""

CALM: Final[Mood] = "calm"
BED_VOLUME: Final = 0.35
LOUDNESS: Final = -14.0
"""LUFS, what the large video sites play at."""

MARK_WIDTH: Final = 0.18
"""A watermark's width as a share of the frame's."""

MARK_OPACITY: Final = 0.8


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the timeline in ms, counted as a slice is: negative from the end, `end` None to the end."""

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Only these stretches stay."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """These stretches go."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class AddText:
    """Words over the picture."""

    text: str
    position: Position
    span: Span


@dataclass(frozen=True, slots=True)
class AddMusic:
    """A bed under the whole timeline. `volume` 0..1.

    `mood` None: such as fits the clip. `file`: the name of a sound of the user's own among the files.
    """

    mood: Mood | None = CALM
    volume: float = BED_VOLUME
    file: str = ""


@dataclass(frozen=True, slots=True)
class Normalise:
    """The clips' own sound to one loudness, in LUFS."""

    loudness: float = LOUDNESS


@dataclass(frozen=True, slots=True)
class Speed:
    """How much faster than now: 2.0 is half as long."""

    factor: float


@dataclass(frozen=True, slots=True)
class Reshape:
    """Another aspect ratio, the free area filled with the blurred picture."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Resize:
    """The picture's shorter side in pixels; a picture is never enlarged."""

    short: int


@dataclass(frozen=True, slots=True)
class CropTo:
    """The largest part of this aspect ratio stays, from the middle."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CropSides:
    """What goes at each side, as shares of the picture."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


@dataclass(frozen=True, slots=True)
class Rotate:
    """Degrees clockwise: 90, 180 or 270."""

    degrees: int


@dataclass(frozen=True, slots=True)
class Flip:
    """Mirrored, left to right (`horizontal`) or upside down."""

    axis: Literal["horizontal", "vertical"]


@dataclass(frozen=True, slots=True)
class Fade:
    """The whole comes out of black at its start and goes into it at its end, the sound with it. 0: not there."""

    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """The clips' own sound louder or quieter, in dB."""

    gain: float


@dataclass(frozen=True, slots=True)
class Crossfade:
    """The clips melt into one another for so long. 0: they are cut hard."""

    length: int


@dataclass(frozen=True, slots=True)
class EachPicture:
    """How long every still picture stands."""

    length: int


@dataclass(frozen=True, slots=True)
class RemoveSilence:
    """Pauses that last at least `longest` go, but for a breath at each side."""

    longest: int


@dataclass(frozen=True, slots=True)
class Background:
    """What is to be behind the person.

    `what`: a scene's name, a colour, or the name of the user's own picture among the files ("" where none was
    named); nothing for blur and transparent.
    """

    kind: Literal["scene", "colour", "picture", "blur", "transparent"]
    what: str = ""


@dataclass(frozen=True, slots=True)
class Watermark:
    """A picture of the user's own over the whole: `picture` its name among the files, "" where none was named."""

    picture: str = ""
    corner: Corner = "bottom-right"
    opacity: float = MARK_OPACITY
    width: float = MARK_WIDTH


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: ms, and its words, lines parted by a line feed."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Captions:
    """The cues of a subtitle file, burned in."""

    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture of one moment instead of a video; `at` None: one that is told well by a picture."""

    at: int | None = None


@dataclass(frozen=True, slots=True)
class Promo:
    """A video of its own from a script. `length` None: as long as it takes to read it. `mood` None: no music."""

    script: str
    length: int | None = None
    width: int = 16
    height: int = 9
    mood: Mood | None = None
    narrated: bool = False


@dataclass(frozen=True, slots=True)
class Without:
    """None of this is to be in the result; nothing to do where there is none. `sound`: the clips' own."""

    what: Absent


Operation = (
    Keep | Remove | RemoveSilence | Speed | Crossfade | EachPicture | Reshape | Resize | CropTo | CropSides | Rotate
    | Flip | Fade | Background | Watermark | AddText | Captions | AddMusic | Normalise | Volume | Thumbnail | Promo
    | Without
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A file that an instruction may name: one that was uploaded, or one of the studio's own folders."""

    name: str
    kind: Literal["video", "image", "audio"]
