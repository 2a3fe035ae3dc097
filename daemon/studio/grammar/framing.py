"""The picture cut at its sides, turned, mirrored, and its size in pixels."""

from __future__ import annotations

import math
import re
from typing import Final, Literal

from daemon.studio.grammar.common import Unclear, row, take, used_up
from daemon.studio.grammar.picture import read_shape
from daemon.studio.measures import Marked
from daemon.studio.operations import CropSides, Flip, Operation, Reshape, Resize, Rotate

_IT: Final = row(
    r"(?:the |my |this |these |all )?(?:whole )?(?:picture|image|frame|screen|photo|pic)s?|画面|图片|图像|照片"
)

# --- sides

_CROP: Final = r"(?:crop|cut|trim|shave|chop|take)"
_SIDE: Final = r"(?:top|bottom|left|right|upper|lower)"
_EVERY: Final = (
    r"(?:both sides|the sides|(?:all|every|each) (?:four )?(?:sides?|edges?)|all (?:a)?round|each side)"
)
_SIDES: Final = (
    rf"(?:the )?(?:very )?(?:{_SIDE}(?:(?:,| and|, and) (?:the )?{_SIDE})*"
    rf"|{_EVERY})(?:[ -](?:hand )?(?:sides?|edges?))?"
)
_H_SIDE: Final = r"(?:上下|左右|四周|四边|上|下|左|右|顶|底)(?:方|面|边|侧|部|两边|两侧)?"
_OFF: Final = (
    row(rf"{{p}} (?:(?:off|from|of|on|at)(?: of)? )?(?P<side>{_SIDES})"),
    row(rf"(?P<side>{_SIDES}) (?:by )?{{p}}"),
    row(rf"(?P<side>{_H_SIDE})的?(?:各|都)?(?:{_H_SIDE})?(?:裁掉|裁去|裁切|切掉|剪掉|裁剪|裁)?的?{{p}}"),
)
_CROP_WORD: Final = row(
    rf"{_CROP}(?: off| away| out)?|cropping|and|裁掉|裁去|裁切|切掉|剪掉|裁剪|裁|和|各|从|，|,"
)
_BOTH: Final[dict[str, tuple[str, ...]]] = {
    "top": ("top", "upper", "上", "顶", "四"),
    "bottom": ("bottom", "lower", "下", "底", "四"),
    "left": ("left", "both", "the sides", "左", "四"),
    "right": ("right", "both", "the sides", "右", "四"),
}
_ALL: Final = re.compile(r"all|every|each", re.IGNORECASE)
_LEAST_LEFT: Final = 0.1


def read_sides(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as shares that go at the sides, or None. Raises Unclear where nothing would be left."""
    if not re.search(r"crop|cut|trim|shave|chop|take|裁|切|剪", clause, re.IGNORECASE):
        return None
    cropped: dict[str, float] = {}
    rest = clause
    for pattern in _OFF:
        while (found := pattern.search(rest)) is not None:
            for side in _named_sides(found["side"].lower()):
                if side in cropped:
                    return None
                cropped[side] = round(marked.number(found["p"]), 6)
            rest = f"{rest[: found.start()]} {rest[found.end() :]}"
    if not cropped or not used_up(rest, _CROP_WORD, _IT):
        return None
    across = cropped.get("left", 0.0) + cropped.get("right", 0.0)
    down = cropped.get("top", 0.0) + cropped.get("bottom", 0.0)
    if max(across, down) > 1 - _LEAST_LEFT or min(cropped.values()) <= 0:
        raise Unclear("odd-crop", clause=marked.restored(clause))
    return (CropSides(**cropped),)


def _named_sides(said: str) -> list[str]:
    if _ALL.search(said):
        return list(_BOTH)
    return [side for side, words in _BOTH.items() if any(word in said for word in words)]


# --- turning

_TURN: Final = row(r"rotat(?:e|ed|ing)|rotation|turn(?: NP)?(?: around)?|spin|旋转|转动|转|翻转|倒转")
_TURN_WORDS: Final = row(
    r"by|of|to|be|apply|add|make|through|the|do|a|degree|way|wards?|over|it|向|往|朝|按|角度|方向|做|进行"
)
_CLOCKWISE: Final = row(r"clock ?wise|(?:(?:to|towards) (?:the )?)?right|cw|顺时针|向右|往右|右")
_COUNTER: Final = row(
    r"(?:counter|anti)[ -]?clock ?wise|(?:(?:to|towards) (?:the )?)?left|ccw|逆时针|向左|往左|左"
)
_TURNED: Final = row(
    r"(?:turn|put|rotate)(?: (?:NP|the (?:picture|image)))? upside[ -]down|(?:画面|视频)?(?:上下颠倒|颠倒过来"
    r"|倒过来|颠倒)"
)
_DEGREES: Final = row(r"(?:by )?{g}|(?:a )?(?P<quarter>quarter)(?: turn)?|(?:a )?(?P<half>half) turn")


def read_turn(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a turn or a mirroring, or None. Raises Unclear where it does not say which way."""
    rest, turned = take(clause, _TURNED)
    if turned is not None and used_up(rest, _IT):
        return (Rotate(180),)
    rest, degrees = take(clause, _DEGREES)
    rest, verb = take(rest, _TURN)
    if verb is None or (degrees is None and not re.search("rotat|旋转", verb[0], re.IGNORECASE)):
        return _flip(clause, marked)
    rest, counter = take(rest, _COUNTER)
    rest, clockwise = take(rest, _CLOCKWISE)
    if (counter and clockwise) or not used_up(rest, _TURN_WORDS, _IT):
        return None
    angle = 90.0
    if degrees is not None:
        angle = marked.number(degrees["g"]) if degrees["g"] else 180.0 if degrees["half"] else 90.0
    if angle == 0 or angle % 90 or abs(angle) > 270:
        raise Unclear("odd-angle", clause=marked.restored(clause))
    if abs(angle) != 180 and angle > 0 and not (counter or clockwise):
        raise Unclear("which-way", clause=marked.restored(clause))
    return (Rotate(round(-angle if counter else angle) % 360),)


_MIRROR: Final = row(
    r"(?:mirror(?:ed|ing)?|flip(?:ped)?)(?: (?:NP|the (?:picture|image)))?|mirror image|镜像|翻转|翻"
)
_ACROSS: Final = row(
    r"horizontal(?:ly)?|left[ -](?:to|and|/)?[ -]?right|sideways|(?:around|on|along) the (?:vertical"
    r"|y)[ -]axis|水平|左右"
)
_DOWN: Final = row(
    r"vertical(?:ly)?|top[ -](?:to|and|/)?[ -]?bottom|(?:around|on|along) the (?:horizontal|x)[ -]axis|垂直|上下|竖直"
)
_MIRROR_WORDS: Final = row(r"make|apply|add|do|effect|be|from|over|on|进行|做|效果|处理|成")


def _flip(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    rest, verb = take(clause, _MIRROR)
    if verb is None:
        return None
    rest, down = take(rest, _DOWN)
    rest, across = take(rest, _ACROSS)
    if not used_up(rest, _MIRROR_WORDS, _IT) or (down and across):
        return None
    # A mirror hangs on a wall: left and right change places.
    if not (down or across) and not re.search("mirror|镜", verb[0], re.IGNORECASE):
        raise Unclear("which-axis", clause=marked.restored(clause))
    axis: Literal["horizontal", "vertical"] = "vertical" if down else "horizontal"
    return (Flip(axis),)


# --- size

_SIZE: Final = row(r"{z}|full[ -]?hd|(?P<uhd>ultra[ -]?hd|uhd)|全高清")
_SIZE_WORDS: Final = row(
    r"scale(?: down)?|down ?scale|resize|resized|shrink|convert|change|set|make|reduce|lower|bring|output"
    r"|export|render|save"
    r"|down ?sample|be|to|in|as|at|into|with|down|(?:the |its )?(?:video |output )?(?:resolution|size|quality"
    r"|dimensions)"
    r"|缩放|缩小|调整|改|设置|设|转换|转|导出|输出|分辨率|尺寸|大小|清晰度|到|为|成|至|以|用|变|做"
)
_SIZE_NOUN: Final = row(r"resolution|quality|scale(?: down)?|export|render|output|分辨率|缩放|导出|输出")
_SMALLEST: Final = 100
_LARGEST: Final = 4320
_RATIOS: Final = {(9, 16), (16, 9), (1, 1), (4, 5), (4, 3), (3, 4)}
_FULL_HD: Final = 1080
_UHD: Final = 2160


def read_size(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a size in pixels, or None; a shape that is named with it is a wish of its own.

    Raises Unclear for a size that no video has, or whose shape is none that can be made.
    """
    rest, found = take(clause, _SIZE)
    if found is None:
        return None
    if used_up(rest, _SIZE_WORDS, _IT):
        return _size(found, marked, clause)
    shape = read_shape(_SIZE_NOUN.sub(" ", rest), marked)
    size = _size(found, marked, clause) if shape else ()
    return (*shape, *size) if shape and len(size) == 1 else None


def _size(found: re.Match[str], marked: Marked, clause: str) -> tuple[Operation, ...]:
    if found["z"] is None:
        return (Resize(_UHD if found["uhd"] else _FULL_HD),)
    size = marked.value(found["z"])
    assert isinstance(size, tuple)
    width, height = size
    short = min(width, height) if width else height
    if not _SMALLEST <= short <= _LARGEST:
        raise Unclear("odd-size", clause=marked.restored(clause))
    if not width:
        return (Resize(short),)
    parts = math.gcd(width, height)
    shape = width // parts, height // parts
    if shape not in _RATIOS:
        raise Unclear("odd-size", clause=marked.restored(clause))
    return Reshape(*shape), Resize(short)
