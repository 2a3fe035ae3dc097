"""Speed and the picture's shape."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import Unclear, row, take, used_up
from daemon.studio.measures import Marked
from daemon.studio.operations import CropTo, Operation, Reshape, Speed

# --- speed

_FAST: Final = 2.0
_SLOW: Final = 0.5

_FIXED: Final[tuple[tuple[float, re.Pattern[str]], ...]] = tuple(
    (factor, row(source))
    for factor, source in (
        (
            0.5,
            r"(?:at |to |by )?half (?:of )?(?:the |its )?(?:original |normal |playback )?speed"
            r"|half as fast",
        ),
        (0.5, r"halve (?:the |its )?(?:playback )?speed|twice as slow|slow (?:NP )?(?:down )?by half|半速"),
        (
            2.0,
            r"(?:at |to )?(?:double|twice) (?:of )?(?:the |its )?(?:original |normal "
            r"|playback )?speed|twice as fast",
        ),
        (
            3.0,
            r"(?:at )?(?:triple|three times) (?:the |its )?(?:original |normal |playback )?speed"
            r"|three times as fast",
        ),
        (
            0.5,
            r"(?:减速|放慢|慢放|减慢|速度减|速度放慢)(?:到|为|至)?(?:原来的)?一半|一半的?速度"
            r"|速度(?:减半|降低一半)",
        ),
    )
)
_UP: Final = row(
    r"speed(?:ing)? (?:NP )?up|speed up NP|faster|quicker|accelerate|increase (?:the "
    r"|its )?(?:playback )?speed(?: of NP)?"
    r"|加速|加快|提速|快放|变快"
)
_DOWN: Final = row(
    r"slow(?:ing)? (?:NP )?down|slow down NP|slower|decelerate|(?:decrease|reduce|lower) (?:the "
    r"|its )?(?:playback )?speed(?: of NP)?"
    r"|(?:in(?:to)? |as )?(?:a )?slow[ -]?mo(?:tion)?|slow(?: NP)?|减速|放慢|慢放"
    r"|减慢|变慢|慢动作|慢镜头"
)
_FACTOR: Final = row(
    r"(?:to|at|by|of)? ?{x}(?: (?:the |its )?(?:(?:original|normal|playback) )?speed"
    r"| as fast)?(?:的?速度|的?播放速度|播放)?"
)
_SHARE: Final = row(
    r"(?P<way>to|at|by|到|至|为|成)? ?{p}(?: of)?(?: (?:the |its )?(?:(?:original|normal"
    r"|playback) )?speed)?(?:的?速度)?"
)
_SPEED_WORDS: Final = row(
    r"make|play|playing|run|set|change|turn|put|go|back|with|using|by|to|at|(?:the "
    r"|its )?(?:playback |video )?speed|playback|effect"
    r"|速度|播放|以|用|到|为|至|成|调|改|设置|调整|变|做|倍速|效果|使用"
)


def read_speed(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as another speed, or None. Raises Unclear for numbers that make no speed."""
    for factor, pattern in _FIXED:
        rest, found = take(clause, pattern)
        if found is not None and used_up(rest, _SPEED_WORDS, _DOWN if factor < 1 else _UP):
            return (Speed(factor),)
    factor_wanted = _wanted_speed(clause, marked)
    return None if factor_wanted is None else (Speed(factor_wanted),)


def _wanted_speed(clause: str, marked: Marked) -> float | None:
    rest, times = take(clause, _FACTOR)
    rest, share = take(rest, _SHARE)
    rest, up = take(rest, _UP)
    rest, down = take(rest, _DOWN)
    named = up or down or times or re.search(r"speed|速", clause, re.IGNORECASE)
    if not named or (up and down) or (times and share) or not (up or down or times or share):
        return None
    if not used_up(rest, _SPEED_WORDS):
        return None
    factor: float | None = _FAST if up else _SLOW
    if times is not None:
        factor = _by_factor(marked.number(times["x"]), bool(up), bool(down))
    elif share is not None:
        by = share["way"] == "by" or (not share["way"] and bool(up or down))
        factor = _by_share(marked.number(share["p"]), by, bool(up), bool(down))
    if factor is None or factor <= 0:
        raise Unclear("odd-speed", clause=marked.restored(clause))
    return round(factor, 6)


def _by_factor(times: float, up: bool, down: bool) -> float | None:
    if times <= 0 or (up and times < 1):
        return None
    return 1 / times if down and times > 1 else times


def _by_share(share: float, by: bool, up: bool, down: bool) -> float | None:
    if by:
        return 1 + share if up else 1 - share if down else None
    wrong_way = (up and share < 1) or (down and share > 1)
    return None if wrong_way else share


# --- shape

_SHAPES: Final[tuple[tuple[tuple[int, int], re.Pattern[str]], ...]] = tuple(
    (shape, row(source))
    for shape, source in (
        ((9, 16), r"vertical(?:ly)?|portrait|竖屏|竖版|竖向|纵向|竖的"),
        ((16, 9), r"landscape|horizontal(?:ly)?|widescreen|wide[ -]screen|横屏|横版|横向|宽屏"),
        ((1, 1), r"square|正方形|方形|方屏|方的"),
    )
)
_RATIO: Final = row(r"{r}")
_PLATFORM: Final = row(
    r"(?:(?:for|to fit|fit for|suitable for|ready for|on) )?(?:tik ?tok|(?:instagram |facebook |ig "
    r"|fb )?(?:reels?|stories)"
    r"|(?:youtube |yt )?shorts|snapchat|(?:instagram|facebook|ig|fb) story)(?: and (?:tik ?tok"
    r"|(?:instagram )?reels?|(?:youtube )?shorts))*|抖音|快手|短视频平台"
)
_TALL: Final = (9, 16)
_SHAPE_WORDS: Final = row(
    r"make|convert|change|turn|reformat|resize|reframe|fit|adapt|format|set|put|switch|transform|go"
    r"|be|to|into|in|as|with|of"
    r"|for|using|(?:aspect )?ratio|aspect|mode|orientation|version|frame|layout|canvas|screen"
    r"|dimensions|size|shape|instagram"
    r"|youtube|post|content"
    r"|改成|改为|改|转成|转为|转换成|转换为|转换|变成|变为|调整为|调整成|调整到|做成|设为|设置为"
    r"|设成|适配|适合|适应|换成|用于|用|以|发布?到?"
    r"|画面|宽高比|纵横比|比例|格式|模式|尺寸|版本|版|成|为|到"
)
_FILL: Final = row(
    r"(?:with|using|over) (?:a |the )?blur(?:red|ry)? (?:background|copy)"
    r"|(?:with |using |and )?(?:a |the )?blur(?:red|ry)? (?:the )?(?:edges|bars|sides|borders|fill"
    r"|padding)(?: fill)?"
    r"|(?:with|using) (?:a )?blur|(?:with |using )?(?:a )?blur[ -]fill(?:ed)?"
    r"|(?:with )?no (?:black bars|cropping)"
    r"|without (?:any )?(?:black bars|cropping)"
    r"|(?:用|以)?模糊(?:的?画面|的?背景|边框|两侧|两边)?来?填充(?:空白|两侧|背景)?|(?:用"
    r"|以)?(?:背景模糊|模糊背景)"
    r"|不要?黑边|不裁切|不要?裁剪"
)
_CROP: Final = row(r"(?:by )?(?:cent(?:er|re)[ -])?crop(?:ped|ping)?|裁切|裁剪|裁")


def read_shape(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as another aspect ratio, filled or cropped to, or None."""
    rest, fill = take(clause, _FILL)
    rest, platform = take(rest, _PLATFORM)
    shapes = set()
    for found in list(_RATIO.finditer(rest)):
        ratio = marked.value(found["r"])
        assert isinstance(ratio, tuple)
        shapes.add(ratio)
    rest = _RATIO.sub(" ", rest)
    for shape, pattern in _SHAPES:
        rest, named = take(rest, pattern)
        if named is not None:
            shapes.add(shape)
    if not shapes and platform is not None:
        shapes.add(_TALL)
    if len(shapes) != 1:
        return None
    rest, crop = take(rest, _CROP)
    if not used_up(rest, _SHAPE_WORDS):
        return None
    width, height = shapes.pop()
    if crop is None:
        return (Reshape(width, height),)
    return None if fill else (CropTo(width, height),)
