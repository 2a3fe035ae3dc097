"""Operations on a draft. Pure: a draft goes in, a new one and what was done come out.

Lengths and places are integer ms on the timeline; a segment with `speed` consumes d * speed of its source.
Laws: tracks are contiguous, the draft's `d` is its longest track, a bed lies under the whole of it, no text
reaches beyond the end.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final

from daemon.nemo.wire import AUDIO_TRACK, TEXT_TRACK, VIDEO_TRACK, JsonObject
from daemon.studio.operations import (
    AddMusic,
    AddText,
    Keep,
    Normalise,
    Operation,
    Remove,
    Reshape,
    Span,
    Speed,
    Without,
)
from daemon.studio.words import Said, seconds

SHORTEST_MS: Final = 100
SLOWEST: Final = 0.25
FASTEST: Final = 4.0
_SAME_SHAPE: Final = 0.01
_HASH_DIGITS_IN_SEED: Final = 7


class Impossible(Exception):
    """An operation that this draft does not allow; nothing was changed. Carries the sentence that says why."""

    def __init__(self, name: str, **values: str | int | float) -> None:
        super().__init__(name)
        self.said = Said(name, values)


@dataclass(frozen=True, slots=True)
class Outcome:
    draft: JsonObject
    said: tuple[Said, ...]


def apply(draft: JsonObject, operations: Sequence[Operation]) -> Outcome:
    """All operations in order, or none: raises Impossible at the first that cannot be done."""
    if _length(draft) == 0:
        raise Impossible("nothing-uploaded")
    said = []
    for operation in operations:
        draft, one = _apply(draft, operation)
        said.append(one)
    return Outcome(draft, tuple(said))


def _apply(draft: JsonObject, operation: Operation) -> tuple[JsonObject, Said]:
    draft = copy.deepcopy(draft)
    match operation:
        case Keep(spans):
            return _keep(draft, spans)
        case Remove(spans):
            return _remove(draft, spans)
        case AddText():
            return _add_text(draft, operation)
        case AddMusic():
            return _add_music(draft, operation)
        case Normalise(loudness):
            return _normalise(draft, loudness)
        case Speed(factor):
            return _speed(draft, factor)
        case Reshape():
            return _reshape(draft, operation)
        case Without(what):
            return _without(draft, what)


# --- uploads


@dataclass(frozen=True, slots=True)
class Clip:
    """An uploaded file as the timeline needs it. `length` ms; a sound has width and height 0."""

    title: str
    asset: str
    kind: str
    length: int
    width: int = 0
    height: int = 0
    fps: float = 0.0
    silent: bool = False


def append(draft: JsonObject, clip: Clip) -> JsonObject:
    """The draft with the clip at its end.

    The first picture sets the size of the canvas, later ones are fitted into it. Beside pictures a sound
    stays off the timeline, and the first picture takes the sounds' place.
    """
    draft = copy.deepcopy(draft)
    picture = clip.kind != "clip"
    videos = _segments(draft, VIDEO_TRACK)
    if not picture and videos:
        return draft
    if picture and not videos:
        draft = {"m": {"width": clip.width, "height": clip.height, "fps": clip.fps}, "t": []}
    elif not draft:
        draft = {"m": {}, "t": []}
    meta = {"title": clip.title, "asset": clip.asset, "start": 0, "from": 0, "speed": 1.0, "kind": clip.kind}
    if clip.silent:
        meta["silent"] = True
    if picture:
        meta |= {"width": clip.width, "height": clip.height}
    main = VIDEO_TRACK if picture else AUDIO_TRACK
    segments = [*_segments(draft, main, bed=False), {"d": clip.length, "m": meta}]
    draft["t"] = [{"tt": main, "sg": segments}, *(one for one in draft["t"] if not _is_main(one))]
    _refit(draft)
    return _settled(draft)


# --- cutting

_Range = tuple[int, int]


def _keep(draft: JsonObject, spans: Sequence[Span]) -> tuple[JsonObject, Said]:
    total = _length(draft)
    ranges = _union([_resolve(span, total) for span in spans])
    if ranges == [(0, total)]:
        return draft, Said("same-length", {"length": seconds(total)})
    draft = _cut(draft, ranges)
    return draft, Said("kept", {"spans": _told(ranges), "length": seconds(_length(draft))})


def _remove(draft: JsonObject, spans: Sequence[Span]) -> tuple[JsonObject, Said]:
    total = _length(draft)
    gone = _union([_resolve(span, total) for span in spans])
    starts = [0, *(end for _, end in gone)]
    ends = [*(start for start, _ in gone), total]
    kept = [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]
    draft = _cut(draft, kept)
    return draft, Said("removed", {"spans": _told(gone), "length": seconds(_length(draft))})


def _resolve(span: Span, total: int) -> _Range:
    """The span on a timeline of `total` ms; its far end may lie beyond. Raises Impossible where it is empty."""
    start = max(0, total + span.start) if span.start < 0 else span.start
    end = total if span.end is None else total + span.end if span.end < 0 else min(span.end, total)
    if start >= end:
        name = "nothing-left" if start == 0 else "beyond-end"
        raise Impossible(name, length=seconds(total), span=_told([_literal(span, total)]))
    return start, end


def _literal(span: Span, total: int) -> _Range:
    start = span.start if span.start >= 0 else max(0, total + span.start)
    end = total if span.end is None else span.end if span.end >= 0 else max(0, total + span.end)
    return start, max(start, end)


def _union(ranges: Sequence[_Range]) -> list[_Range]:
    joined: list[_Range] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _cut(draft: JsonObject, kept: Sequence[_Range]) -> JsonObject:
    if sum(end - start for start, end in kept) < SHORTEST_MS:
        raise Impossible("nothing-left", length=seconds(_length(draft)))
    for track in draft["t"]:
        if _is_main(track):
            track["sg"] = [piece for one in kept for piece in _pieces(track["sg"], one)]
        elif track["tt"] == TEXT_TRACK:
            track["sg"] = [_cut_text(one, kept) for one in track["sg"]]
            track["sg"] = [one for one in track["sg"] if one["d"] > 0]
    return _settled(draft)


def _pieces(segments: Sequence[JsonObject], kept: _Range) -> list[JsonObject]:
    pieces = []
    for segment in segments:
        begin = segment["m"]["start"]
        start, end = max(kept[0], begin), min(kept[1], begin + segment["d"])
        if start < end:
            piece = copy.deepcopy(segment)
            piece["d"] = end - start
            piece["m"]["from"] += round((start - begin) * piece["m"]["speed"])
            pieces.append(piece)
    return pieces


def _cut_text(segment: JsonObject, kept: Sequence[_Range]) -> JsonObject:
    begin, end = segment["m"]["start"], segment["m"]["start"] + segment["d"]
    before = sum(min(one[1], begin) - one[0] for one in kept if one[0] < begin)
    shown = sum(max(0, min(one[1], end) - max(one[0], begin)) for one in kept)
    return {**segment, "d": shown, "m": {**segment["m"], "start": before}}


# --- text, sound, speed, shape


def _add_text(draft: JsonObject, wanted: AddText) -> tuple[JsonObject, Said]:
    if not _segments(draft, VIDEO_TRACK):
        raise Impossible("needs-picture")
    total = _length(draft)
    start, end = _resolve(wanted.span, total)
    meta = {"title": wanted.text, "text": wanted.text, "start": start, "position": wanted.position}
    segment: JsonObject = {"d": end - start, "m": meta}
    texts = _segments(draft, TEXT_TRACK)
    if segment in texts:
        return draft, Said("same-text")
    _set_track(draft, TEXT_TRACK, sorted([*texts, segment], key=lambda one: int(one["m"]["start"])))
    span = Said("whole") if (start, end) == (0, total) else _told([(start, end)])
    return draft, Said("texted", {"text": wanted.text, "position": Said(wanted.position), "span": span})


def _add_music(draft: JsonObject, wanted: AddMusic) -> tuple[JsonObject, Said]:
    asset = str(next(track for track in draft["t"] if _is_main(track))["sg"][0]["m"]["asset"])
    bed: JsonObject = {
        "d": _length(draft),
        "m": {
            "title": f"BGM: {wanted.mood}",
            "kind": "bgm",
            "mood": wanted.mood,
            "start": 0,
            "volume": wanted.volume,
            "duck": True,
            "seed": int(asset[:_HASH_DIGITS_IN_SEED], 16),
        },
    }
    tracks = [track for track in draft["t"] if not _is_bed(track)]
    if {"tt": AUDIO_TRACK, "sg": [bed]} in draft["t"]:
        return draft, Said("same-music")
    draft["t"] = [*tracks[:1], {"tt": AUDIO_TRACK, "sg": [bed]}, *tracks[1:]]
    length = seconds(_length(draft))
    return draft, Said("music", {"mood": wanted.mood, "length": length, "volume": wanted.volume})


def _normalise(draft: JsonObject, loudness: float) -> tuple[JsonObject, Said]:
    sounding = [one for one in _main(draft) if not one["m"].get("silent")]
    if not sounding:
        raise Impossible("no-sound")
    if all(one["m"].get("loudness") == loudness for one in sounding):
        return draft, Said("same-loudness", {"loudness": loudness})
    for segment in sounding:
        segment["m"]["loudness"] = loudness
    return draft, Said("loudness", {"loudness": loudness})


def _speed(draft: JsonObject, factor: float) -> tuple[JsonObject, Said]:
    if factor == 1:
        return draft, Said("same-speed")
    old_total = _length(draft)
    for segment in _main(draft):
        speed = segment["m"]["speed"] * factor
        if not SLOWEST <= speed <= FASTEST:
            raise Impossible("too-fast", factor=speed, slowest=SLOWEST, fastest=FASTEST)
        segment["m"]["speed"] = round(speed, 6)
        segment["d"] = max(1, round(segment["d"] / factor))
    if _length(draft) < SHORTEST_MS:
        raise Impossible("nothing-left", length=seconds(old_total))
    for segment in _segments(draft, TEXT_TRACK):
        # A text keeps its reading time; one that reached to the end still does.
        to_the_end = segment["m"]["start"] + segment["d"] >= old_total
        segment["m"]["start"] = round(segment["m"]["start"] / factor)
        if to_the_end:
            segment["d"] = _length(draft) - segment["m"]["start"]
    draft = _settled(draft)
    return draft, Said("speed", {"factor": factor, "length": seconds(_length(draft))})


def _reshape(draft: JsonObject, wanted: Reshape) -> tuple[JsonObject, Said]:
    if not _segments(draft, VIDEO_TRACK):
        raise Impossible("needs-picture")
    ratio = _ratio(wanted.width, wanted.height)
    canvas = draft["m"]
    if _same_shape(canvas["width"], canvas["height"], wanted.width, wanted.height):
        return draft, Said("same-shape", {"ratio": ratio})
    short = min(canvas["width"], canvas["height"])
    unit = short / min(wanted.width, wanted.height)
    canvas["width"], canvas["height"] = even(wanted.width * unit), even(wanted.height * unit)
    _refit(draft)
    return draft, Said("shape", {"width": canvas["width"], "height": canvas["height"], "ratio": ratio})


def _without(draft: JsonObject, what: str) -> tuple[JsonObject, Said]:
    left = [one for one in draft["t"] if not (_is_bed(one) if what == "music" else one["tt"] == TEXT_TRACK)]
    if len(left) == len(draft["t"]):
        return draft, Said(f"no-{what}")
    draft["t"] = left
    return draft, Said(f"taken-out-{what}")


def even(size: float) -> int:
    """The nearest even number of pixels, at least 2: yuv420p has no odd sizes."""
    return max(2, 2 * round(size / 2))


# --- the draft's own laws


def _settled(draft: JsonObject) -> JsonObject:
    """Starts, total, bed and texts put right after the main track has changed."""
    start = 0
    for segment in _main(draft):
        segment["m"]["start"] = start
        start += segment["d"]
    draft["d"] = start
    for segment in (one for track in draft["t"] if _is_bed(track) for one in track["sg"]):
        segment["d"] = start
    texts = [one for one in _segments(draft, TEXT_TRACK) if one["m"]["start"] < start]
    for segment in texts:
        segment["d"] = min(segment["d"], start - segment["m"]["start"])
    _set_track(draft, TEXT_TRACK, texts)
    return {"d": draft["d"], "m": draft["m"], "t": draft["t"]}


def _refit(draft: JsonObject) -> None:
    canvas = draft["m"]
    for segment in _segments(draft, VIDEO_TRACK):
        meta = segment["m"]
        if _same_shape(meta["width"], meta["height"], canvas["width"], canvas["height"]):
            meta.pop("fit", None)
        else:
            meta["fit"] = "blur"


def _same_shape(width: int, height: int, other_width: int, other_height: int) -> bool:
    return abs(width * other_height / (height * other_width) - 1) < _SAME_SHAPE


def _ratio(width: int, height: int) -> str:
    divisor = gcd(width, height)
    return f"{width // divisor}:{height // divisor}"


def _length(draft: JsonObject) -> int:
    return sum(segment["d"] for segment in _main(draft))


def _main(draft: JsonObject) -> list[JsonObject]:
    return [segment for track in draft.get("t", []) if _is_main(track) for segment in track["sg"]]


def _segments(draft: JsonObject, kind: int, *, bed: bool = True) -> list[JsonObject]:
    tracks = (track for track in draft.get("t", []) if track["tt"] == kind and (bed or not _is_bed(track)))
    return [segment for track in tracks for segment in track["sg"]]


def _set_track(draft: JsonObject, kind: int, segments: Sequence[JsonObject]) -> None:
    others = [track for track in draft["t"] if track["tt"] != kind]
    draft["t"] = [*others, {"tt": kind, "sg": list(segments)}] if segments else others


def _is_bed(track: JsonObject) -> bool:
    return track["tt"] == AUDIO_TRACK and any(one["m"].get("kind") == "bgm" for one in track["sg"])


def _is_main(track: JsonObject) -> bool:
    return track["tt"] == VIDEO_TRACK or (track["tt"] == AUDIO_TRACK and not _is_bed(track))


def _told(ranges: Sequence[_Range]) -> str:
    return ", ".join(
        f"{start / 1000:g}-{end / 1000:g} s" if start < end else f"{start / 1000:g} s"
        for start, end in ranges
    )
