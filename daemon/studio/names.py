"""Operations in a few words: what the studio says it understood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daemon.studio import operations as op
from daemon.studio.words import NAMES, Language, Said, seconds

_TOLD_CHARACTERS: Final = 30
_OPERATIONS: Final[dict[str, tuple[str, str]]] = {
    "keep": ("keep", "保留"),
    "remove": ("remove", "删除"),
    "text": ("text", "文字"),
    "music": ("music", "音乐"),
    "normalise": ("loudness", "统一音量"),
    "volume": ("volume", "音量"),
    "background": ("background", "背景"),
    "watermark": ("watermark", "水印"),
    "captions": ("subtitles", "字幕"),
    "thumbnail": ("thumbnail", "封面"),
    "promo": ("video from a script", "脚本视频"),
    "without": ("without", "不要"),
    "speed": ("speed", "速度"),
    "shape": ("aspect ratio", "画面比例"),
    "crop": ("crop", "裁切"),
    "size": ("size", "尺寸"),
    "rotate": ("turn", "旋转"),
    "mirror": ("mirror", "镜像"),
    "fade": ("fade", "淡入淡出"),
    "crossfade": ("crossfade", "叠化"),
    "slides": ("each picture", "每张图片"),
    "pauses": ("cut out pauses", "剪掉停顿"),
}


def listed(operations: Sequence[op.Operation], language: Language) -> Said:
    """The sentence that says what was understood."""
    told = [named(one, language) for one in operations]
    return Said("understood", {"wishes": "、".join(told) if language == "zh" else ", ".join(told)})


def named(operation: op.Operation, language: Language) -> str:
    """An operation in a few words: `background (beach)`, `fade (1 s, 2 s)`."""
    what, about = _told(operation)
    names = _OPERATIONS[what]
    told = [NAMES[one][language == "zh"] if one in NAMES else one for one in about if one]
    if language == "zh":
        return names[1] + (f"（{'，'.join(told)}）" if told else "")
    return names[0] + (f" ({', '.join(told)})" if told else "")


def _told(operation: op.Operation) -> tuple[str, tuple[str, ...]]:
    """(the operation's name in the table, what else is told of it: names of the table, or figures)."""
    match operation:
        case op.Keep(spans):
            return "keep", tuple(_span(one) for one in spans)
        case op.Remove(spans):
            return "remove", tuple(_span(one) for one in spans)
        case op.AddText(text):
            return "text", (f'"{_short(text)}"',)
        case op.AddMusic(mood, _, file):
            return "music", (file or mood or "",)
        case op.Normalise(loudness):
            return "normalise", (f"{loudness:g} LUFS",)
        case op.Volume(gain):
            return "volume", (f"{gain:+g} dB",)
        case op.Background("colour" | "scene", what):
            return "background", (what,)
        case op.Background(kind, what):
            return "background", (what or kind,)
        case op.Watermark(picture):
            return "watermark", (picture,)
        case op.Captions(cues):
            return "captions", (str(len(cues)),) if cues else ()
        case op.Thumbnail(at):
            return "thumbnail", ("" if at is None else seconds(at),)
        case op.Promo(_, length, width, height, mood):
            return "promo", ("" if length is None else seconds(length), f"{width}:{height}", mood or "")
        case op.Without(what):
            return "without", (what,)
        case _:
            return _told_of_picture(operation)


def _told_of_picture(operation: op.Operation) -> tuple[str, tuple[str, ...]]:
    match operation:
        case op.Speed(factor):
            return "speed", (f"{factor:g}x",)
        case op.Reshape(width, height):
            return "shape", (f"{width}:{height}",)
        case op.CropTo(width, height):
            return "crop", (f"{width}:{height}",)
        case op.CropSides():
            return "crop", ()
        case op.Resize(short):
            return "size", (f"{short}p",)
        case op.Rotate(degrees):
            return "rotate", (f"{degrees}°",)
        case op.Flip(axis):
            return "mirror", (axis,)
        case op.Fade(start, end):
            return "fade", tuple(seconds(one) for one in (start, end) if one)
        case op.Crossfade(length):
            return "crossfade", (seconds(length),)
        case op.EachPicture(length):
            return "slides", (seconds(length),)
        case op.RemoveSilence(longest):
            return "pauses", (seconds(longest),)
    raise AssertionError(operation)


def _span(span: op.Span) -> str:
    if span.start < 0:
        return f"-{seconds(-span.start)} …"
    return f"{seconds(span.start)} – {'…' if span.end is None else seconds(span.end)}"


def _short(text: str) -> str:
    return text if len(text) <= _TOLD_CHARACTERS else f"{text[:_TOLD_CHARACTERS]} …"
