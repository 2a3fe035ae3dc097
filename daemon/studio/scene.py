"""A draft read into frozen values, in seconds: what the renderer works from (pure).

Keys that are not known are ignored, and what is missing or of the wrong type takes its default: a draft
may have been edited by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from daemon.errors import RenderError
from daemon.nemo.wire import AUDIO_TRACK, TEXT_TRACK, VIDEO_TRACK, JsonObject
from daemon.studio import titles
from daemon.studio.moving import Backdrop, is_colour
from daemon.studio.operations import CALM, MARK_OPACITY, MARK_WIDTH, MOODS, Mood

SLOWEST: Final = 0.1
FASTEST: Final = 10.0
BACKGROUNDS: Final = frozenset({"scene", "colour", "picture", "blur", "transparent"})
_QUIETEST_LUFS: Final = -40.0
_MOST_GAIN_DB: Final = 30.0
_MOST_CROPPED: Final = 0.98


@dataclass(frozen=True, slots=True)
class Turn:
    """Degrees clockwise: 90, 180 or 270."""

    degrees: int


@dataclass(frozen=True, slots=True)
class Crop:
    """The shares of the picture that go at each side."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Mirror:
    """Left to right, or (`upright` False) upside down."""

    upright: bool


Step = Turn | Crop | Mirror


@dataclass(frozen=True, slots=True)
class Background:
    """What stands behind a clip's figure instead of its footage. `what`: the scene's name or #rrggbb, by
    `kind`; `asset` or `own`: a picture, by its content's hash or its name in the studio's folder; `screen`: #rrggbb
    of the green or blue screen that the footage has, "" for none."""

    kind: str
    what: str
    asset: str
    own: str
    screen: str


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of an uploaded file. Plays `d_s` seconds, reading `d_s * speed` of the file after `from_s`.

    `loudness`: the LUFS its sound is brought to, None to leave it; `gain`: dB by which it is changed.
    `geometry`: what is done to the picture before it is fitted into the frame. `crossfade_s`: what it shares with
    the clip before. `backdrop`: what is drawn instead of a file.
    """

    asset: str
    title: str
    d_s: float
    from_s: float
    speed: float
    still: bool
    blur: bool
    silent: bool
    loudness: float | None
    gain: float = 0.0
    geometry: tuple[Step, ...] = ()
    crossfade_s: float = 0.0
    backdrop: Backdrop | None = None
    background: Background | None = None


@dataclass(frozen=True, slots=True)
class Bed:
    """Music under the clip. `volume` 0.35 is the level that `graph` calls usual.

    `asset` or `own`: an uploaded file, or one of the studio's folder, instead of music that is made.
    """

    start_s: float
    d_s: float
    volume: float
    duck: bool
    seed: int
    mood: Mood = CALM
    asset: str = ""
    own: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A picture over the whole: `asset` an uploaded one, `own` one of the studio's folder; `width` a share."""

    asset: str
    own: str
    corner: str
    opacity: float
    width: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text of a narration, and the time it has."""

    text: str
    start_s: float
    d_s: float


@dataclass(frozen=True, slots=True)
class Text:
    """`style`: kinetic, caption, or "" for one that stands still. What follows it is for kinetic ones alone."""

    text: str
    start_s: float
    d_s: float
    position: str
    style: str = ""
    role: str = "line"
    colour: str = ""
    accent: str = titles.ACCENT
    stressed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """All of a draft. `width`, `height`, `fps` are 0 where the draft does not say. Without `pictures` the
    clips are sound alone. `fade_in_s`, `fade_out_s`: out of and into black and silence."""

    d_s: float
    width: int
    height: int
    fps: float
    pictures: bool
    clips: tuple[Clip, ...]
    bed: Bed | None
    texts: tuple[Text, ...]
    mark: Mark | None = None
    spoken: tuple[Spoken, ...] = ()
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0

    @property
    def is_transparent(self) -> bool:
        """Whether a clip keeps the transparency around its figure."""
        return any(one.background is not None and one.background.kind == "transparent" for one in self.clips)

    @property
    def loudness(self) -> float | None:
        """The LUFS the whole is brought to: what a clip asks for, else -14 with music or a narration, else as it is."""
        asked = next((clip.loudness for clip in self.clips if clip.loudness is not None), None)
        if asked is not None or (self.bed is None and not self.spoken):
            return asked
        return -14.0


def read_scene(draft: JsonObject) -> Scene:
    """Read a draft. Raises RenderError when it has nothing that could be rendered."""
    shown = list(_segments(draft, VIDEO_TRACK))
    videos = [_clip(d, m) for d, m in shown if m.get("kind") != "watermark"]
    audio = list(_segments(draft, AUDIO_TRACK))
    sounds = [_clip(d, m) for d, m in audio if m.get("kind") not in ("bgm", "narration")]
    spoken = [(d, m) for d, m in audio if m.get("kind") == "narration" and m.get("text")]
    beds = [_bed(d, m) for d, m in audio if m.get("kind") == "bgm"]
    clips = tuple(videos or sounds)
    if not clips:
        raise RenderError("reading the draft", "it holds no clip", "Upload a clip first")
    nameless = next((clip for clip in clips if not clip.asset and clip.backdrop is None), None)
    if nameless is not None:
        raise RenderError(
            "reading the draft", f"the segment {nameless.title or 'without title'} names no file"
        )
    meta = draft.get("m")
    size: Mapping[str, Any] = meta if isinstance(meta, Mapping) else {}
    clips = (replace(clips[0], crossfade_s=0.0), *clips[1:])
    played = sum(clip.d_s - clip.crossfade_s for clip in clips)
    fade = size.get("fade")
    fades: Mapping[str, Any] = fade if isinstance(fade, Mapping) else {}
    return Scene(
        d_s=_number(draft, "d", played * 1000) / 1000 or played,
        width=int(_number(size, "width", 0)),
        height=int(_number(size, "height", 0)),
        fps=_number(size, "fps", 0),
        pictures=bool(videos),
        clips=clips,
        bed=next((bed for bed in beds if bed.volume > 0), None),
        texts=tuple(_text(d, m) for d, m in _segments(draft, TEXT_TRACK)),
        mark=next((_mark(m) for _, m in shown if m.get("kind") == "watermark"), None),
        spoken=tuple(Spoken(str(m["text"]), max(0.0, _number(m, "start", 0) / 1000), d) for d, m in spoken),
        fade_in_s=max(0.0, _number(fades, "in", 0) / 1000),
        fade_out_s=max(0.0, _number(fades, "out", 0) / 1000),
    )


def is_transparent(draft: JsonObject) -> bool:
    """Whether a clip of the draft keeps the transparency around its figure."""
    found = (_background(m.get("background")) for _, m in _segments(draft, VIDEO_TRACK))
    return any(one is not None and one.kind == "transparent" for one in found)


def has_pictures(draft: JsonObject) -> bool:
    """Whether the draft has a video track with something on it."""
    return any(True for _ in _segments(draft, VIDEO_TRACK))


def is_thumbnail(draft: JsonObject) -> bool:
    """Whether a picture is wanted instead of a video."""
    meta = draft.get("m")
    return isinstance(meta, Mapping) and meta.get("thumbnail") is True


def _segments(draft: JsonObject, kind: int) -> Iterator[tuple[float, Mapping[str, Any]]]:
    """(seconds, metadata) of every segment on the tracks of one kind."""
    tracks = draft.get("t")
    for track in tracks if isinstance(tracks, list) else []:
        if not isinstance(track, Mapping) or track.get("tt") != kind:
            continue
        segments = track.get("sg")
        for segment in segments if isinstance(segments, list) else []:
            if isinstance(segment, Mapping) and _number(segment, "d", 0) > 0:
                meta = segment.get("m")
                yield _number(segment, "d", 0) / 1000, meta if isinstance(meta, Mapping) else {}


def _clip(d_s: float, m: Mapping[str, Any]) -> Clip:
    loudness = _number(m, "loudness", math.nan)
    return Clip(
        asset=str(m.get("asset") or ""),
        title=str(m.get("title") or ""),
        d_s=d_s,
        from_s=max(0.0, _number(m, "from", 0) / 1000),
        speed=min(FASTEST, max(SLOWEST, _number(m, "speed", 1.0))),
        still=m.get("kind") == "image",
        blur=m.get("fit") == "blur",
        silent=m.get("silent") is True or m.get("mute") is True,
        loudness=None if math.isnan(loudness) else min(-5.0, max(_QUIETEST_LUFS, loudness)),
        gain=min(_MOST_GAIN_DB, max(-_MOST_GAIN_DB, _number(m, "gain", 0.0))),
        geometry=tuple(_steps(m.get("geometry"))),
        crossfade_s=min(d_s, max(0.0, _number(m, "crossfade", 0) / 1000)),
        backdrop=_backdrop(m) if m.get("kind") == "backdrop" else None,
        background=_background(m.get("background")),
    )


def _steps(told: object) -> Iterator[Step]:
    for step in told if isinstance(told, list) else []:
        if not isinstance(step, Mapping):
            continue
        if step.get("turn") in (90, 180, 270):
            yield Turn(step["turn"])
        elif step.get("flip") in ("horizontal", "vertical"):
            yield Mirror(upright=step["flip"] == "horizontal")
        elif (crop := _crop(step.get("crop"))) is not None:
            yield crop


def _crop(told: object) -> Crop | None:
    """Four shares of which something is left, or None."""
    sides = told if isinstance(told, list) and len(told) == 4 else []
    shares = [_number({"side": side}, "side", -1.0) for side in sides]
    if not shares or min(shares) < 0 or max(shares[0] + shares[2], shares[1] + shares[3]) > _MOST_CROPPED:
        return None
    return Crop(*shares)


def _mark(m: Mapping[str, Any]) -> Mark:
    return Mark(
        asset=str(m.get("asset") or ""),
        own=str(m.get("own") or ""),
        corner=str(m.get("corner") or "bottom-right"),
        opacity=min(1.0, max(0.0, _number(m, "opacity", MARK_OPACITY))),
        width=min(1.0, max(0.01, _number(m, "width", MARK_WIDTH))),
    )


def _backdrop(m: Mapping[str, Any]) -> Backdrop:
    return Backdrop(
        str(m.get("backdrop") or ""), str(m.get("palette") or ""), abs(int(_number(m, "seed", 0)))
    )


def _background(m: Any) -> Background | None:
    if not isinstance(m, Mapping) or m.get("kind") not in BACKGROUNDS:
        return None
    what, asset, own, screen = (str(m.get(key) or "") for key in ("what", "asset", "own", "screen"))
    usable = {"scene": bool(what), "colour": is_colour(what), "picture": bool(asset or own)}
    if not usable.get(m["kind"], True):
        return None
    return Background(m["kind"], what, asset, own, screen if is_colour(screen) else "")


def _bed(d_s: float, m: Mapping[str, Any]) -> Bed:
    return Bed(
        start_s=max(0.0, _number(m, "start", 0) / 1000),
        d_s=d_s,
        volume=min(1.0, max(0.0, _number(m, "volume", 0.35))),
        duck=m.get("duck") is not False,
        seed=abs(int(_number(m, "seed", 0))),
        mood=next((mood for mood in MOODS if mood == m.get("mood")), CALM),
        asset=str(m.get("asset") or ""),
        own=str(m.get("own") or ""),
    )


def _text(d_s: float, m: Mapping[str, Any]) -> Text:
    stressed = m.get("stressed")
    return Text(
        text=str(m.get("text") or m.get("title") or ""),
        start_s=max(0.0, _number(m, "start", 0) / 1000),
        d_s=d_s,
        position=str(m.get("position") or "center"),
        style=str(m.get("style") or ""),
        role=str(m.get("role") or "line"),
        colour=_colour(m.get("colour"), ""),
        accent=_colour(m.get("accent"), titles.ACCENT),
        stressed=tuple(str(one) for one in stressed if one) if isinstance(stressed, list) else (),
    )


def _colour(value: object, default: str) -> str:
    return value if isinstance(value, str) and is_colour(value) else default


def _number(m: Mapping[str, Any], key: str, default: float) -> float:
    value = m.get(key, default)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else default
