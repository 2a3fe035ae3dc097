"""What a draft is made of, and the laws that all of them keep. Pure.

Tracks, in this order: the main one (pictures, or sounds alone), the bed, a narration, a watermark, the texts.
Segments of the main track follow one another, or share `crossfade` ms with the one before; the draft's `d` is
the main track's end; bed and watermark lie under and over the whole of it, and no text reaches beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Final

from daemon.nemo.wire import AUDIO_TRACK, TEXT_TRACK, VIDEO_TRACK, JsonObject
from daemon.studio.words import Said

SHORTEST_MS: Final = 100
_SAME_SHAPE: Final = 0.01
_BESIDE: Final = ("bgm", "narration", "watermark")
"""Kinds of segments that make no main track."""

Range = tuple[int, int]
"""Start and end in ms."""


class Impossible(Exception):
    """An operation that this draft does not allow; nothing was changed. Carries the sentence that says why."""

    def __init__(self, sentence: str, /, **values: str | int | float | Said) -> None:
        super().__init__(sentence)
        self.said = Said(sentence, values)


def length(draft: JsonObject) -> int:
    return sum(segment["d"] - segment["m"].get("crossfade", 0) for segment in main(draft))


def main(draft: JsonObject) -> list[JsonObject]:
    return [segment for track in draft.get("t", []) if is_main(track) for segment in track["sg"]]


def pictures(draft: JsonObject) -> list[JsonObject]:
    """The segments of a main track that shows something."""
    tracks = (track for track in draft.get("t", []) if track["tt"] == VIDEO_TRACK and is_main(track))
    return [segment for track in tracks for segment in track["sg"]]


def shown(draft: JsonObject) -> list[JsonObject]:
    """`pictures`. Raises Impossible where there are none."""
    found = pictures(draft)
    if not found:
        raise Impossible("needs-picture")
    return found


def texts(draft: JsonObject) -> list[JsonObject]:
    return [segment for track in draft.get("t", []) if track["tt"] == TEXT_TRACK for segment in track["sg"]]


def set_texts(draft: JsonObject, segments: Sequence[JsonObject]) -> None:
    others = [track for track in draft["t"] if track["tt"] != TEXT_TRACK]
    ordered = sorted(segments, key=lambda one: int(one["m"]["start"]))
    draft["t"] = [*others, {"tt": TEXT_TRACK, "sg": ordered}] if ordered else others


def set_beside(draft: JsonObject, kind: str, segments: Sequence[JsonObject]) -> None:
    """Puts a bed, narration or watermark in the place of the one before; none where `segments` is empty."""
    tracks = [track for track in draft["t"] if not is_beside(track, kind)]
    if segments:
        place = sum(is_main(track) or any(is_beside(track, one) for one in _before(kind)) for track in tracks)
        track_type = VIDEO_TRACK if kind == "watermark" else AUDIO_TRACK
        tracks.insert(place, {"tt": track_type, "sg": list(segments)})
    draft["t"] = tracks


def beside(draft: JsonObject, kind: str) -> list[JsonObject]:
    return [one for track in draft.get("t", []) if is_beside(track, kind) for one in track["sg"]]


def is_beside(track: JsonObject, kind: str) -> bool:
    return any(one["m"].get("kind") == kind for one in track["sg"])


def is_main(track: JsonObject) -> bool:
    return track["tt"] != TEXT_TRACK and not any(is_beside(track, kind) for kind in _BESIDE)


def _before(kind: str) -> Sequence[str]:
    return _BESIDE[: _BESIDE.index(kind)]


def settled(draft: JsonObject) -> JsonObject:
    """Starts, total, and what lies beside put right after the main track has changed."""
    start = before = 0
    for number, segment in enumerate(main(draft)):
        asked = segment["m"].pop("crossfade", 0)
        shared = min(asked, before, segment["d"]) if number else 0
        if shared > 0:
            segment["m"]["crossfade"] = shared
        segment["m"]["start"] = start - shared
        start += segment["d"] - shared
        before = segment["d"] - shared
    draft["d"] = start
    for kind in ("bgm", "watermark"):
        for segment in beside(draft, kind):
            segment["d"] = start
    set_beside(draft, "narration", _within(beside(draft, "narration"), start))
    set_texts(draft, _within(texts(draft), start))
    return {"d": draft["d"], "m": draft["m"], "t": draft["t"]}


def _within(segments: Sequence[JsonObject], end: int) -> list[JsonObject]:
    kept = [one for one in segments if one["m"]["start"] < end]
    for segment in kept:
        segment["d"] = min(segment["d"], end - segment["m"]["start"])
    return kept


def refit(draft: JsonObject) -> None:
    """Notes which pictures have another shape than the canvas."""
    canvas = draft["m"]
    for segment in pictures(draft):
        meta = segment["m"]
        if same_shape(meta["width"], meta["height"], canvas["width"], canvas["height"]):
            meta.pop("fit", None)
        else:
            meta["fit"] = "blur"


def same_shape(width: int, height: int, other_width: int, other_height: int) -> bool:
    return abs(width * other_height / (height * other_width) - 1) < _SAME_SHAPE


def ratio(width: int, height: int) -> str:
    divisor = gcd(width, height)
    return f"{width // divisor}:{height // divisor}"


def told(ranges: Sequence[Range]) -> str:
    return ", ".join(
        f"{start / 1000:g}-{end / 1000:g} s" if start < end else f"{start / 1000:g} s"
        for start, end in ranges
    )
