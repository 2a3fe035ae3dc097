"""Operations that change what is seen: shape, cropping, turning, what is behind the person, marks, fades. Pure.

What is done to a clip's picture before it is fitted into the canvas stands in its `m.geometry`, a list of steps
in order: `{"turn": degrees clockwise}`, `{"crop": [left, top, right, bottom]}` (shares that go), `{"flip": axis}`.
Its `m.width` and `m.height` are what is left after them, in pixels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from daemon.nemo.wire import JsonObject
from daemon.studio.draft import (
    Impossible,
    beside,
    is_main,
    length,
    main,
    pictures,
    ratio,
    refit,
    same_shape,
    set_beside,
    settled,
    shown,
)
from daemon.studio.facts import Asset, Facts, plain
from daemon.studio.operations import Background, CropSides, CropTo, Fade, Reshape, Watermark
from daemon.studio.pixels import even
from daemon.studio.words import NAMES, Said, seconds

_LEAST_LEFT: Final = 0.05
_SMALLEST_PX: Final = 16


def reshape(draft: JsonObject, wanted: Reshape) -> tuple[JsonObject, Said]:
    shown(draft)
    canvas = draft["m"]
    if same_shape(canvas["width"], canvas["height"], wanted.width, wanted.height):
        return draft, Said("same-shape", {"ratio": ratio(wanted.width, wanted.height)})
    unit = min(canvas["width"], canvas["height"]) / min(wanted.width, wanted.height)
    canvas["width"], canvas["height"] = even(wanted.width * unit), even(wanted.height * unit)
    refit(draft)
    name = "shape-before" if any("background" in one["m"] for one in pictures(draft)) else "shape"
    return draft, Said(name, _size(draft) | {"ratio": ratio(wanted.width, wanted.height)})


def resize(draft: JsonObject, short: int) -> tuple[JsonObject, Said]:
    shown(draft)
    canvas = draft["m"]
    now = min(canvas["width"], canvas["height"])
    if short >= now:
        return draft, Said("same-size", _size(draft))
    canvas["width"], canvas["height"] = (even(canvas[side] * short / now) for side in ("width", "height"))
    return draft, Said("size", _size(draft))


def crop_to(draft: JsonObject, wanted: CropTo) -> tuple[JsonObject, Said]:
    """Every clip to the largest middle part of the ratio, and the canvas with them."""
    told = Said("same-shape", {"ratio": ratio(wanted.width, wanted.height)})
    canvas, clips = draft["m"], [one["m"] for one in shown(draft)]
    if all(same_shape(one["width"], one["height"], wanted.width, wanted.height) for one in (canvas, *clips)):
        return draft, told
    for clip in clips:
        _crop(clip, _middle(clip["width"], clip["height"], wanted))
    sides = _middle(canvas["width"], canvas["height"], wanted)
    canvas["width"], canvas["height"] = _left(canvas["width"], canvas["height"], sides)
    refit(draft)
    return draft, Said("cropped", _size(draft) | {"ratio": ratio(wanted.width, wanted.height)})


def crop_sides(draft: JsonObject, wanted: CropSides) -> tuple[JsonObject, Said]:
    sides = (wanted.left, wanted.top, wanted.right, wanted.bottom)
    if min(1 - sides[0] - sides[2], 1 - sides[1] - sides[3]) < _LEAST_LEFT:
        raise Impossible("nothing-seen")
    clips, canvas = [one["m"] for one in shown(draft)], draft["m"]
    for clip in clips:
        _crop(clip, sides)
    canvas["width"], canvas["height"] = _left(canvas["width"], canvas["height"], sides)
    refit(draft)
    return draft, Said("cropped-sides", _size(draft))


def rotate(draft: JsonObject, degrees: int) -> tuple[JsonObject, Said]:
    for one in shown(draft):
        meta = one["m"]
        meta["geometry"] = [*meta.get("geometry", []), {"turn": degrees}]
        if degrees != 180:
            meta["width"], meta["height"] = meta["height"], meta["width"]
    canvas = draft["m"]
    if degrees != 180:
        canvas["width"], canvas["height"] = canvas["height"], canvas["width"]
    return draft, Said("turned", _size(draft) | {"degrees": degrees})


def flip(draft: JsonObject, axis: str) -> tuple[JsonObject, Said]:
    for one in shown(draft):
        one["m"]["geometry"] = [*one["m"].get("geometry", []), {"flip": axis}]
    return draft, Said("mirrored", {"axis": Said(axis)})


def fade(draft: JsonObject, wanted: Fade) -> tuple[JsonObject, Said]:
    meta, before = draft["m"], draft["m"].get("fade", {})
    asked = {name: ms for name, ms in (("in", wanted.start), ("out", wanted.end)) if ms}
    after = before | {name: min(ms, length(draft) // 2) for name, ms in asked.items()}
    told = Said("faded", {"how": Said(f"fade-{'-'.join(asked)}", {n: seconds(after[n]) for n in asked})})
    if after == before:
        return draft, Said("same-fade", {"how": told.values["how"]})
    meta["fade"] = after
    return draft, told


# --- what is behind the person


def background(draft: JsonObject, wanted: Background, facts: Facts) -> tuple[JsonObject, Said]:
    """Raises Impossible where nobody can be cut out here, or the picture is not there."""
    shown(draft)
    behind: JsonObject = {"kind": wanted.kind}
    if wanted.kind in ("scene", "colour"):
        behind["what"] = wanted.what
    if wanted.kind == "picture":
        draft, behind = _behind_by_picture(draft, wanted.what, facts)
    moving = [one for one in pictures(draft) if one["m"].get("kind") == "video"]
    if not moving:
        raise Impossible("no-moving-picture")
    clips = [one for one in moving if facts.people.get(one["m"]["asset"], True)]
    if not clips:
        raise Impossible("nobody-seen")
    wanted_by_clip = [behind | _screen(one, facts) for one in clips]
    values = {"what": _told_behind(behind), "how": _how(wanted_by_clip)}
    if [one["m"].get("background") for one in clips] == wanted_by_clip:
        return draft, Said("same-background", values)
    for one, its_own in zip(clips, wanted_by_clip, strict=True):
        one["m"]["background"] = its_own
    told = Said("cut-out" if wanted.kind == "transparent" else "background", values)
    left = {one["m"]["title"]: None for one in moving if one not in clips}
    return settled(draft), Said("but-for", {"told": told, "names": ", ".join(left)}) if left else told


def _screen(segment: JsonObject, facts: Facts) -> JsonObject:
    colour = facts.screens.get(segment["m"]["asset"], "")
    if not colour and not facts.matting:
        raise Impossible("no-matting")
    return {"screen": colour} if colour else {}


def _how(behind: Sequence[JsonObject]) -> Said:
    keyed = [one["screen"] for one in behind if "screen" in one]
    return Said("by-screen", {"colour": keyed[0]}) if len(keyed) == len(behind) else Said("by-model")


def _told_behind(behind: JsonObject) -> Said:
    what = behind.get("title") or behind.get("what") or ""
    is_scene = behind["kind"] == "scene" and what in NAMES
    return Said(f"behind-{behind['kind']}", {"what": Said(what) if is_scene else what})


def _behind_by_picture(draft: JsonObject, name: str, facts: Facts) -> tuple[JsonObject, JsonObject]:
    draft, found = picture_named(draft, name, facts)
    return draft, {"kind": "picture"} | found


def own_background(draft: JsonObject) -> tuple[JsonObject, Said]:
    """Whoever was cut out stands where they stood again."""
    changed = [one["m"] for one in main(draft) if "background" in one["m"]]
    if not changed:
        return draft, Said("no-background")
    for meta in changed:
        del meta["background"]
    return draft, Said("taken-out-background")


def watermark(draft: JsonObject, wanted: Watermark, facts: Facts) -> tuple[JsonObject, Said]:
    shown(draft)
    draft, found = picture_named(draft, wanted.picture, facts)
    mark: JsonObject = {
        "d": length(draft),
        "m": {
            "kind": "watermark",
            "start": 0,
            "corner": wanted.corner,
            "opacity": wanted.opacity,
            "width": wanted.width,
        }
        | found
        | {"title": f"Watermark: {found['title']}"},
    }
    values = {"title": found["title"], "corner": Said(wanted.corner)}
    if beside(draft, "watermark") == [mark]:
        return draft, Said("same-watermark", values)
    set_beside(draft, "watermark", [mark])
    return draft, Said("watermark", values)


def picture_named(draft: JsonObject, name: str, facts: Facts) -> tuple[JsonObject, JsonObject]:
    """A picture of the user's own, and the draft without it on the main track beside videos.

    `asset` is an uploaded one, `own` the name of one in the studio's folder. Raises Impossible where there is none,
    or more than one that could be meant.
    """
    uploaded = [one for one in facts.assets if one.kind == "image" and (not name or _is(one.name, name))]
    if len(uploaded) > 1 and not name:
        raise Impossible("which-picture", names=", ".join(one.name for one in uploaded))
    if uploaded:
        return _off_the_timeline(draft, uploaded[0]), {"asset": uploaded[0].hash, "title": uploaded[0].name}
    own = [one for one in facts.pictures if name and _is(one, name)]
    if own:
        return draft, {"own": own[0], "title": own[0]}
    raise Impossible("no-such-picture" if name else "no-picture-sent", name=name)


def _is(file: str, name: str) -> bool:
    return file.casefold() == name.casefold() or plain(file) == plain(name)


def _off_the_timeline(draft: JsonObject, picture: Asset) -> JsonObject:
    """What stands behind or over the clips is no clip of its own."""
    segments = pictures(draft)
    others = [one for one in segments if one["m"]["asset"] != picture.hash]
    if not others or len(others) == len(segments):
        return draft
    for track in draft["t"]:
        if is_main(track):
            track["sg"] = others
    if segments[0] not in others:
        first = others[0]["m"]
        draft["m"] |= {key: first[key] for key in ("width", "height", "fps") if key in first}
    refit(draft)
    return settled(draft)


# --- geometry


def _crop(meta: JsonObject, sides: tuple[float, float, float, float]) -> None:
    if not any(sides):
        return
    meta["geometry"] = [*meta.get("geometry", []), {"crop": [round(side, 6) for side in sides]}]
    meta["width"], meta["height"] = _left(meta["width"], meta["height"], sides)


def _middle(width: int, height: int, wanted: CropTo) -> tuple[float, float, float, float]:
    share = wanted.width * height / (wanted.height * width)
    across, down = max(0.0, 1 - share) / 2, max(0.0, 1 - 1 / share) / 2
    return (across, down, across, down)


def _left(width: int, height: int, sides: tuple[float, float, float, float]) -> tuple[int, int]:
    left = even(width * (1 - sides[0] - sides[2])), even(height * (1 - sides[1] - sides[3]))
    if min(left) < _SMALLEST_PX <= min(width, height):
        raise Impossible("nothing-seen")
    return left


def _size(draft: JsonObject) -> dict[str, str | int | float | Said]:
    return {"width": draft["m"]["width"], "height": draft["m"]["height"]}


def is_colour(text: str) -> bool:
    """Whether a text is `#rrggbb`."""
    return re.fullmatch(r"#[0-9a-f]{6}", text) is not None
