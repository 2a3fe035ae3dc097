"""Operations on a draft. Pure: a draft goes in, a new one and what was done come out.

Lengths and places are integer ms on the timeline. The laws of a draft stand in draft.py; what changes the time,
the picture and the sound in cutting.py, looks.py and sounds.py.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from daemon.nemo.wire import AUDIO_TRACK, VIDEO_TRACK, JsonObject
from daemon.studio import cutting, looks, sounds
from daemon.studio.cutting import resolve
from daemon.studio.draft import (
    Impossible,
    beside,
    is_main,
    length,
    main,
    pictures,
    refit,
    set_beside,
    set_texts,
    settled,
    shown,
    texts,
    told,
)
from daemon.studio.facts import Facts
from daemon.studio.operations import (
    AddMusic,
    AddText,
    Background,
    Captions,
    CropSides,
    CropTo,
    Crossfade,
    EachPicture,
    Fade,
    Flip,
    Keep,
    Normalise,
    Operation,
    Promo,
    Remove,
    RemoveSilence,
    Reshape,
    Resize,
    Rotate,
    Speed,
    Thumbnail,
    Volume,
    Watermark,
    Without,
)
from daemon.studio.pixels import even
from daemon.studio.words import Said, seconds

_SLOW_FPS: Final = 20.0
_PHOTO_FPS: Final = 30.0
_LONG_PX: Final = 1920

_Changed = tuple[JsonObject, Said]


@dataclass(frozen=True, slots=True)
class Outcome:
    draft: JsonObject
    said: tuple[Said, ...]


def apply(draft: JsonObject, operations: Sequence[Operation], facts: Facts | None = None) -> Outcome:
    """All operations in order, or none: raises Impossible at the first that cannot be done."""
    said = []
    for operation in operations:
        if length(draft) == 0 and not isinstance(operation, Promo):
            raise Impossible("nothing-uploaded")
        draft, one = _apply(copy.deepcopy(draft), operation, facts or Facts())
        said.append(one)
    return Outcome(draft, tuple(said))


def _apply(draft: JsonObject, operation: Operation, facts: Facts) -> _Changed:
    match operation:
        case Keep() | Remove() | RemoveSilence() | Speed() | Crossfade() | EachPicture() | Thumbnail():
            return _retimed(draft, operation, facts)
        case AddMusic():
            return sounds.add_music(draft, operation, facts)
        case Normalise(loudness):
            return sounds.normalise(draft, loudness)
        case Volume(gain):
            return sounds.volume(draft, gain)
        case AddText():
            return _add_text(draft, operation)
        case Captions():
            return _add_captions(draft, operation)
        case Promo():
            return _make_promo(draft, operation, facts)
        case Without(what):
            return _without(draft, what)
        case _:
            return _relooked(draft, operation, facts)


def _retimed(
    draft: JsonObject,
    operation: Keep | Remove | RemoveSilence | Speed | Crossfade | EachPicture | Thumbnail,
    facts: Facts,
) -> _Changed:
    match operation:
        case Keep(spans):
            return cutting.keep(draft, spans)
        case Remove(spans):
            return cutting.remove(draft, spans)
        case RemoveSilence(longest):
            return cutting.remove_silence(draft, longest, facts)
        case Speed(factor):
            return cutting.speed(draft, factor)
        case Crossfade(wanted):
            return cutting.crossfade(draft, wanted)
        case EachPicture(wanted):
            return cutting.each_picture(draft, wanted)
        case Thumbnail(at):
            return cutting.thumbnail(draft, at)


def _relooked(
    draft: JsonObject,
    operation: Reshape | Resize | CropTo | CropSides | Rotate | Flip | Fade | Background | Watermark,
    facts: Facts,
) -> _Changed:
    match operation:
        case Reshape():
            return looks.reshape(draft, operation)
        case Resize(short):
            return looks.resize(draft, short)
        case CropTo():
            return looks.crop_to(draft, operation)
        case CropSides():
            return looks.crop_sides(draft, operation)
        case Rotate(degrees):
            return looks.rotate(draft, degrees)
        case Flip(axis):
            return looks.flip(draft, axis)
        case Fade():
            return looks.fade(draft, operation)
        case Background():
            return looks.background(draft, operation, facts)
        case Watermark():
            return looks.watermark(draft, operation, facts)


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

    All pictures are fitted into one canvas (`_canvas`), as long as nobody asked for another one. Beside pictures a
    sound stays off the timeline, and the first picture takes the sounds' place.
    """
    draft = copy.deepcopy(draft)
    picture = clip.kind != "clip"
    videos = pictures(draft)
    if not picture and videos:
        return draft
    untouched = not draft or draft["m"] == _canvas([one["m"] for one in videos])
    if not draft or (picture and not videos):
        draft = {"m": {}, "t": []}
    meta = {"title": clip.title, "asset": clip.asset, "start": 0, "from": 0, "speed": 1.0, "kind": clip.kind}
    if clip.silent:
        meta["silent"] = True
    if picture:
        meta |= {"width": clip.width, "height": clip.height, "fps": clip.fps}
    segments = [*main(draft), {"d": clip.length, "m": meta}]
    others = [one for one in draft["t"] if not is_main(one)]
    draft["t"] = [{"tt": VIDEO_TRACK if picture else AUDIO_TRACK, "sg": segments}, *others]
    if picture and untouched:
        draft["m"] = _canvas([one["m"] for one in segments])
    refit(draft)
    return settled(draft)


def _canvas(shown: Sequence[JsonObject]) -> JsonObject:
    """The size and rate for pictures of all kinds, by their metadata.

    That of the first, unless another video has more than twice its pixels, or it moves too slowly for the others:
    an animation of 5 frames a second before a film made all of it jerk. Several photos share a usual frame.
    """
    if not shown:
        return {}
    videos = [one for one in shown if one["kind"] != "image"]
    if not videos and len(shown) > 1:
        return _usual(shown)
    first = (videos or shown)[0]
    largest = max(videos or shown[:1], key=lambda one: int(one["width"] * one["height"]))
    if largest["width"] * largest["height"] > 2 * first["width"] * first["height"]:
        first = largest
    rates = [one.get("fps", 0) for one in shown]
    rate = first.get("fps", 0) if first.get("fps", 0) >= _SLOW_FPS else max(rates)
    return {"width": first["width"], "height": first["height"], "fps": rate}


def _usual(photos: Sequence[JsonObject]) -> JsonObject:
    """16:9 or 9:16, as most of the photos are, no larger than the largest of them."""
    wide = 2 * sum(one["width"] >= one["height"] for one in photos) >= len(photos)
    long_side = min(_LONG_PX, max(max(one["width"], one["height"]) for one in photos))
    size = even(long_side), even(long_side * 9 / 16)
    width, height = size if wide else size[::-1]
    return {"width": width, "height": height, "fps": _PHOTO_FPS}


# --- words


def _add_text(draft: JsonObject, wanted: AddText) -> _Changed:
    shown(draft)
    total = length(draft)
    start, end = resolve(wanted.span, total)
    meta = {"title": wanted.text, "text": wanted.text, "start": start, "position": wanted.position}
    segment: JsonObject = {"d": end - start, "m": meta}
    if segment in texts(draft):
        return draft, Said("same-text")
    set_texts(draft, [*texts(draft), segment])
    span = Said("whole") if (start, end) == (0, total) else told([(start, end)])
    return draft, Said("texted", {"text": wanted.text, "position": Said(wanted.position), "span": span})


def _add_captions(draft: JsonObject, wanted: Captions) -> _Changed:
    """The cues count from the start of the timeline as it is now; those beyond its end are left out."""
    shown(draft)
    total = length(draft)
    cues = [one for one in wanted.cues if one.start < total]
    if not cues:
        raise Impossible("no-cues-within", length=seconds(total))
    segments: list[JsonObject] = [
        {
            "d": min(one.end, total) - one.start,
            "m": {
                "title": one.text.replace("\n", " "),
                "text": one.text,
                "start": one.start,
                "position": "bottom",
                "style": "caption",
            },
        }
        for one in cues
    ]
    others = [one for one in texts(draft) if not _is_caption(one)]
    before = texts(draft)
    set_texts(draft, [*others, *segments])
    if texts(draft) == before:
        return draft, Said("same-captions")
    left = len(wanted.cues) - len(cues)
    name = "captioned-in-part" if left else "captioned"
    return draft, Said(name, {"number": len(cues), "left": left})


def _is_caption(segment: JsonObject) -> bool:
    return bool(segment["m"].get("style") == "caption")


def _make_promo(draft: JsonObject, wanted: Promo, facts: Facts) -> _Changed:
    # With it come numpy and Pillow: 30 MB that an idle studio need not hold.
    from daemon.studio import promo

    if length(draft):
        raise Impossible("promo-beside-clips")
    try:
        draft = promo.draft(wanted)
    except promo.NothingToShow:
        raise Impossible("nothing-to-show") from None
    except promo.TooMuch as too_much:
        needed = Said(
            "needs",
            {"needed": seconds(_up(too_much.needed)), "comfortable": seconds(_up(too_much.comfortable))},
        )
        raise Impossible("too-much-to-read", asked=seconds(wanted.length or 0), needs=needed) from None
    if wanted.narrated:
        sounds.narrate(draft, facts)
    if wanted.mood is not None:
        draft, _ = sounds.add_music(draft, AddMusic(wanted.mood), facts)
    screens = len(texts(draft))
    size: JsonObject = {name: draft["m"][name] for name in ("width", "height")}
    return draft, Said("promo", {"number": screens, "length": seconds(draft["d"]), **size})


def _up(ms: int) -> int:
    """To whole seconds."""
    return -(-ms // 1000) * 1000


# --- what is to be left out


def _without(draft: JsonObject, what: str) -> _Changed:
    if what == "background":
        return looks.own_background(draft)
    if what == "crossfades":
        return cutting.cut_hard(draft)
    if what == "sound":
        return sounds.mute(draft)
    if what in ("text", "captions"):
        left = [] if what == "text" else [one for one in texts(draft) if not _is_caption(one)]
        gone = len(texts(draft)) - len(left)
        set_texts(draft, left)
    else:
        kind = "bgm" if what == "music" else what
        gone = len(beside(draft, kind))
        set_beside(draft, kind, ())
    return draft, Said(f"taken-out-{what}" if gone else f"no-{what}")
