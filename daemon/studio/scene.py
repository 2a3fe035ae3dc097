"""A draft read into frozen values, in seconds: what the renderer works from (pure).

Keys that are not known are ignored, and what is missing or of the wrong type takes its default: a draft
may have been edited by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from daemon.errors import RenderError
from daemon.nemo.wire import AUDIO_TRACK, TEXT_TRACK, VIDEO_TRACK, JsonObject
from daemon.studio import titles
from daemon.studio.moving import Backdrop, is_colour

SLOWEST: Final = 0.1
FASTEST: Final = 10.0
_QUIETEST_LUFS: Final = -40.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A piece of an uploaded file. Plays `d_s` seconds, reading `d_s * speed` of the file after `from_s`.
    `loudness`: the LUFS its sound is brought to, None to leave it. `backdrop`: what is drawn instead of a file."""

    asset: str
    title: str
    d_s: float
    from_s: float
    speed: float
    still: bool
    blur: bool
    silent: bool
    loudness: float | None
    backdrop: Backdrop | None = None


@dataclass(frozen=True, slots=True)
class Bed:
    """Music under the clip. `volume` 0.35 is the level that `graph` calls usual."""

    start_s: float
    d_s: float
    volume: float
    duck: bool
    seed: int


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
    clips are sound alone."""

    d_s: float
    width: int
    height: int
    fps: float
    pictures: bool
    clips: tuple[Clip, ...]
    bed: Bed | None
    texts: tuple[Text, ...]

    @property
    def loudness(self) -> float | None:
        """The LUFS the whole is brought to: what a clip asks for, else -14 under music, else as it is."""
        asked = next((clip.loudness for clip in self.clips if clip.loudness is not None), None)
        return asked if asked is not None or self.bed is None else -14.0


def read_scene(draft: JsonObject) -> Scene:
    """Read a draft. Raises RenderError when it has nothing that could be rendered."""
    videos = [_clip(d, m) for d, m in _segments(draft, VIDEO_TRACK)]
    audio = list(_segments(draft, AUDIO_TRACK))
    sounds = [_clip(d, m) for d, m in audio if m.get("kind") != "bgm"]
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
    played = sum(clip.d_s for clip in clips)
    return Scene(
        d_s=_number(draft, "d", played * 1000) / 1000 or played,
        width=int(_number(size, "width", 0)),
        height=int(_number(size, "height", 0)),
        fps=_number(size, "fps", 0),
        pictures=bool(videos),
        clips=clips,
        bed=next((bed for bed in beds if bed.volume > 0), None),
        texts=tuple(_text(d, m) for d, m in _segments(draft, TEXT_TRACK)),
    )


def has_pictures(draft: JsonObject) -> bool:
    """Whether the draft has a video track with something on it."""
    return any(True for _ in _segments(draft, VIDEO_TRACK))


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
        silent=m.get("silent") is True,
        loudness=None if math.isnan(loudness) else min(-5.0, max(_QUIETEST_LUFS, loudness)),
        backdrop=_backdrop(m) if m.get("kind") == "backdrop" else None,
    )


def _backdrop(m: Mapping[str, Any]) -> Backdrop:
    return Backdrop(
        str(m.get("backdrop") or ""), str(m.get("palette") or ""), abs(int(_number(m, "seed", 0)))
    )


def _bed(d_s: float, m: Mapping[str, Any]) -> Bed:
    return Bed(
        start_s=max(0.0, _number(m, "start", 0) / 1000),
        d_s=d_s,
        volume=min(1.0, max(0.0, _number(m, "volume", 0.35))),
        duck=m.get("duck") is not False,
        seed=abs(int(_number(m, "seed", 0))),
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
