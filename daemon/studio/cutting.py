"""Operations that change what is played when: cuts, speed, how clips follow one another. Pure.

A segment with `speed` consumes d * speed of its source.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from daemon.nemo.wire import JsonObject
from daemon.studio.draft import (
    SHORTEST_MS,
    Impossible,
    Range,
    beside,
    is_main,
    length,
    main,
    set_beside,
    set_texts,
    settled,
    shown,
    texts,
    told,
)
from daemon.studio.facts import Facts
from daemon.studio.operations import Span
from daemon.studio.words import Said, seconds

SLOWEST: Final = 0.25
FASTEST: Final = 4.0
_BREATH_MS: Final = 150
"""What stays of a pause at each of its sides: words that follow at once sound cut off."""

_MOST_SEGMENTS: Final = 2000


def keep(draft: JsonObject, spans: Sequence[Span]) -> tuple[JsonObject, Said]:
    total = length(draft)
    ranges = _union([resolve(span, total) for span in spans])
    if ranges == [(0, total)]:
        return draft, Said("same-length", {"length": seconds(total)})
    draft = _cut(draft, ranges)
    return draft, Said("kept", {"spans": told(ranges), "length": seconds(length(draft))})


def remove(draft: JsonObject, spans: Sequence[Span]) -> tuple[JsonObject, Said]:
    gone = _union([resolve(span, length(draft)) for span in spans])
    draft = _without(draft, gone)
    return draft, Said("removed", {"spans": told(gone), "length": seconds(length(draft))})


def remove_silence(draft: JsonObject, longest: int, facts: Facts) -> tuple[JsonObject, Said]:
    """Pauses of at least `longest` ms on the timeline go. Raises Impossible where nothing is heard at all."""
    sounding = [one for one in main(draft) if not one["m"].get("silent") and not one["m"].get("mute")]
    if not sounding:
        raise Impossible("no-sound")
    pauses = _union([one for segment in sounding for one in _pauses(segment, longest, facts)])
    gone = _gone(pauses, length(draft))
    if not gone:
        return draft, Said("no-silence", {"longest": seconds(longest)})
    before = length(draft)
    draft = _without(draft, gone)
    if len(main(draft)) > _MOST_SEGMENTS:
        raise Impossible("too-many-pauses", number=len(gone))
    left = length(draft)
    return draft, Said(
        "silence", {"number": len(gone), "gone": seconds(before - left), "length": seconds(left)}
    )


def _pauses(segment: JsonObject, longest: int, facts: Facts) -> list[Range]:
    """The pauses of a segment as they lie on the timeline."""
    meta, speed = segment["m"], segment["m"]["speed"]
    found = []
    for start, end in facts.silences.get(meta["asset"], ()):
        first = max(0, round((start - meta["from"]) / speed))
        last = min(segment["d"], round((end - meta["from"]) / speed))
        if last - first >= longest:
            found.append((meta["start"] + first, meta["start"] + last))
    return found


def _gone(pauses: Sequence[Range], total: int) -> list[Range]:
    """What of the pauses goes: a breath stays beside every word, none at the very start and end."""
    gone = []
    for start, end in pauses:
        first = start if start == 0 else start + _BREATH_MS
        last = end if end >= total else end - _BREATH_MS
        if last - first >= SHORTEST_MS:
            gone.append((first, last))
    return gone


def speed(draft: JsonObject, factor: float) -> tuple[JsonObject, Said]:
    if factor == 1:
        return draft, Said("same-speed")
    old_total = length(draft)
    for segment in main(draft):
        wanted = segment["m"]["speed"] * factor
        if not SLOWEST <= wanted <= FASTEST:
            raise Impossible("too-fast", factor=wanted, slowest=SLOWEST, fastest=FASTEST)
        segment["m"]["speed"] = round(wanted, 6)
        segment["d"] = max(1, round(segment["d"] / factor))
        if "crossfade" in segment["m"]:
            segment["m"]["crossfade"] = max(1, round(segment["m"]["crossfade"] / factor))
    if length(draft) < SHORTEST_MS:
        raise Impossible("nothing-left", length=seconds(old_total))
    for segment in texts(draft):
        # A text keeps its reading time; one that reached to the end still does.
        to_the_end = segment["m"]["start"] + segment["d"] >= old_total
        segment["m"]["start"] = round(segment["m"]["start"] / factor)
        if segment["m"].get("style") == "caption":
            segment["d"] = max(1, round(segment["d"] / factor))
        elif to_the_end:
            segment["d"] = max(1, length(draft) - segment["m"]["start"])
    draft = settled(draft)
    return draft, Said("speed", {"factor": factor, "length": seconds(length(draft))})


def crossfade(draft: JsonObject, wanted: int) -> tuple[JsonObject, Said]:
    clips = main(draft)
    if len(clips) < 2:
        raise Impossible("one-clip")
    before = copy.deepcopy(draft)
    for earlier, later in pairwise(clips):
        # Half of each at most: a clip between two others melts into both of them.
        later["m"]["crossfade"] = min(wanted, earlier["d"] // 2, later["d"] // 2)
    draft = settled(draft)
    if draft == before:
        return draft, Said("same-crossfade", {"each": seconds(wanted)})
    return draft, Said("crossfade", {"each": seconds(wanted), "length": seconds(length(draft))})


def cut_hard(draft: JsonObject) -> tuple[JsonObject, Said]:
    """Without crossfades."""
    if not any(one["m"].pop("crossfade", 0) for one in main(draft)):
        return draft, Said("no-crossfades")
    return settled(draft), Said("taken-out-crossfades")


def each_picture(draft: JsonObject, each: int) -> tuple[JsonObject, Said]:
    stills = [one for one in shown(draft) if one["m"].get("kind") == "image"]
    if not stills:
        raise Impossible("no-stills")
    if all(one["d"] == each for one in stills):
        return draft, Said("same-each", {"each": seconds(each)})
    for segment in stills:
        segment["d"] = each
    draft = settled(draft)
    told_length = seconds(length(draft))
    return draft, Said("each", {"number": len(stills), "each": seconds(each), "length": told_length})


def thumbnail(draft: JsonObject, at: int | None) -> tuple[JsonObject, Said]:
    """The draft cut to one moment, which is rendered as a picture."""
    shown(draft)
    total = length(draft)
    # Many clips begin black and end with somebody reaching for the camera.
    moment = total // 3 if at is None else at
    if moment >= total:
        raise Impossible("beyond-end", length=seconds(total), span=told([(moment, moment)]))
    start = max(0, min(moment, total - SHORTEST_MS))
    if total > SHORTEST_MS:
        draft = _cut(draft, [(start, start + SHORTEST_MS)])
    set_beside(draft, "bgm", ())
    draft["m"]["thumbnail"] = True
    return draft, Said("thumbnail", {"at": seconds(moment)})


# --- cutting out of all tracks


def _without(draft: JsonObject, gone: Sequence[Range]) -> JsonObject:
    starts = [0, *(end for _, end in gone)]
    ends = [*(start for start, _ in gone), length(draft)]
    return _cut(draft, [(start, end) for start, end in zip(starts, ends, strict=True) if start < end])


def resolve(span: Span, total: int) -> Range:
    """The span on a timeline of `total` ms; its far end may lie beyond. Raises Impossible where it is empty."""
    start = max(0, total + span.start) if span.start < 0 else span.start
    end = total if span.end is None else total + span.end if span.end < 0 else min(span.end, total)
    if start >= end:
        name = "nothing-left" if start == 0 else "beyond-end"
        raise Impossible(name, length=seconds(total), span=told([_literal(span, total)]))
    return start, end


def _literal(span: Span, total: int) -> Range:
    start = span.start if span.start >= 0 else max(0, total + span.start)
    end = total if span.end is None else span.end if span.end >= 0 else max(0, total + span.end)
    return start, max(start, end)


def _union(ranges: Sequence[Range]) -> list[Range]:
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _cut(draft: JsonObject, kept: Sequence[Range]) -> JsonObject:
    if sum(end - start for start, end in kept) < SHORTEST_MS:
        raise Impossible("nothing-left", length=seconds(length(draft)))
    segments = main(draft)
    for track in draft["t"]:
        if is_main(track):
            track["sg"] = [piece for one in kept for piece in _pieces(segments, one)]
    set_texts(draft, _cut_beside(texts(draft), kept))
    set_beside(draft, "narration", _cut_beside(beside(draft, "narration"), kept))
    return settled(draft)


def _pieces(segments: Sequence[JsonObject], kept: Range) -> list[JsonObject]:
    """What a range keeps of the main track; of a crossfade, as much as the range has of it."""
    pieces: list[JsonObject] = []
    reached = kept[0]
    for segment in segments:
        begin = segment["m"]["start"]
        start, end = max(kept[0], begin), min(kept[1], begin + segment["d"])
        if start < end:
            piece = copy.deepcopy(segment)
            piece["d"] = end - start
            piece["m"]["from"] += round((start - begin) * piece["m"]["speed"])
            piece["m"]["crossfade"] = max(0, reached - start)
            pieces.append(piece)
            reached = end
    return pieces


def _cut_beside(segments: Sequence[JsonObject], kept: Sequence[Range]) -> list[JsonObject]:
    cut = [_cut_one(one, kept) for one in segments]
    return [one for one in cut if one["d"] > 0]


def _cut_one(segment: JsonObject, kept: Sequence[Range]) -> JsonObject:
    begin, end = segment["m"]["start"], segment["m"]["start"] + segment["d"]
    before = sum(min(one[1], begin) - one[0] for one in kept if one[0] < begin)
    shown_ms = sum(max(0, min(one[1], end) - max(one[0], begin)) for one in kept)
    return {**segment, "d": shown_ms, "m": {**segment["m"], "start": before}}
