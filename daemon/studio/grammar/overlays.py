"""A picture of the user's own over the whole, and the cues of a subtitle file."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import Unclear, row, rows, take, used_up
from daemon.studio.grammar.files import must_find
from daemon.studio.measures import Marked, plain
from daemon.studio.operations import MARK_OPACITY, MARK_WIDTH, Captions, Corner, Operation, Watermark

# --- watermark

_MARK: Final = row(
    r"(?:picture |image |company |brand |channel )?(?:water[ -]?marks?|logo)(?: (?:overlay|image|picture|file"
    r"|as (?:a )?watermark))?"
    r"|水印|标志|台标|logo"
)
_VERB: Final = row(
    r"add|put|place|insert|overlay|use|show|display|apply|watermark|stamp|superimpose|have|with|set|as|called"
    r"|named|from|at|over"
    r"|my|our|picture|image|photo|file|position(?:ed)?|located|添加上?|加上|加入|加|放上|放在|放到|放"
    r"|打上|使用|用|显示|作为|做|当作|当"
    r"|为|图片|照片|叠加"
)
_FILE: Final = re.compile(r"<(?P<kind>[fq])(?P<n>\d+)>")
_CORNER: Final = r"(?:[ -](?:hand )?(?:corner|side))?(?: of (?:the )?(?:screen|frame|picture|image|NP))?"
_IN: Final = r"(?:(?:in|at|on|to|into) (?:the )?)?"
_CORNER_SOURCES: Final[tuple[tuple[Corner, str], ...]] = (
    ("top-left", rf"{_IN}(?:top|upper)[ -]left{_CORNER}|(?:视频|画面|屏幕)?的?左上(?:角|方)?"),
    ("top-right", rf"{_IN}(?:top|upper)[ -]right{_CORNER}|(?:视频|画面|屏幕)?的?右上(?:角|方)?"),
    ("bottom-left", rf"{_IN}(?:bottom|lower)[ -]left{_CORNER}|(?:视频|画面|屏幕)?的?左下(?:角|方)?"),
    ("bottom-right", rf"{_IN}(?:bottom|lower)[ -]right{_CORNER}|(?:视频|画面|屏幕)?的?右下(?:角|方)?"),
    (
        "center",
        rf"{_IN}(?:cent(?:er|re)|middle)(?: of (?:the )?(?:screen|frame|picture|image|NP))?|(?:画面"
        rf"|屏幕)?的?(?:正中|中间|中央|居中)",
    ),
)
_CORNERS: Final = tuple((corner, row(source)) for corner, source in _CORNER_SOURCES)
_A_CORNER: Final = row(r"(?:in|at|to) (?:the|a) corner(?: of (?:the )?(?:screen|frame|picture|NP))?|角落")
_OPACITY: Final = rows(
    r"(?:(?:with|at) )?(?:an |the )?opacity(?: of| at| to)? {p}",
    r"(?:(?:with|at) )?{p}(?: of)? (?:opacity|opaque)",
    r"(?:不透明度)(?:为|设为|是)?{p}",
)
_THROUGH: Final = rows(
    r"(?:(?:with|at) )?{p} (?:transparen(?:t|cy)|see-through)",
    r"(?:(?:with|at) )?(?:a )?transparency(?: of| at)? {p}",
    r"透明度(?:为|设为|是)?{p}",
    r"(?:half|semi)[ -]?transparent|半透明",
)
_WIDTH: Final = rows(
    r"(?:(?:at|with|in) )?{p}(?: of)?(?: the)?(?: (?:screen|frame|picture|image|video|NP)(?:'s)?)? (?:width"
    r"|wide|size)",
    r"(?:(?:with|at) )?(?:a )?(?:width|size)(?: of| at)? {p}",
    r"宽度?(?:为|占)?{p}",
)
_SMALL: Final = row(r"(?:very )?(?:small|tiny)|小(?:一点|一些|点)?的?")
_SMALL_WIDTH: Final = 0.1
_HALF: Final = 0.5
_DIMMEST: Final = 0.05
_NARROWEST: Final = 0.02


def read_mark(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a picture over the whole, or None. Raises Unclear for one that is not there or cannot be seen."""
    rest, through = take(clause, *_THROUGH)
    rest, opaque = take(rest, *_OPACITY)
    rest, wide = take(rest, *_WIDTH)
    rest, small = (rest, None) if wide else take(rest, _SMALL)
    corners = []
    for corner, pattern in _CORNERS:
        rest, found = take(rest, pattern)
        if found is not None:
            corners.append(corner)
    rest, any_corner = take(rest, _A_CORNER)
    files = list(_FILE.finditer(rest))
    name = str(marked.value(files[0]["n"])) if files else ""
    rest = _FILE.sub(" ", rest)
    placed = bool(corners or any_corner)
    said = _MARK.search(rest) is not None or (
        bool(files) and re.search("logo|water ?mark|水印", plain(name)) is not None
    )
    if not (said or (placed and files and files[0]["kind"] == "f")) or len(files) > 1 or len(corners) > 1:
        return None
    if not used_up(rest, _MARK, _VERB) or not re.search(r"\w", rest):
        return None
    opacity = MARK_OPACITY
    if opaque is not None:
        opacity = marked.number(opaque["p"])
    elif through is not None:
        opacity = 1 - marked.number(through["p"]) if through.re.groupindex else _HALF
    width = _SMALL_WIDTH if small else MARK_WIDTH
    if wide is not None:
        width = marked.number(wide["p"])
    if not (_DIMMEST <= opacity <= 1 and _NARROWEST <= width <= 1) or (opaque and through):
        raise Unclear("odd-mark", clause=marked.restored(clause))
    picture = must_find(name, "image", marked) if files else ""
    return (Watermark(picture, corners[0] if corners else "bottom-right", round(opacity, 6), width),)


# --- captions

_CAPTIONS: Final = row(
    r"(?:add(?: in)?|burn(?: in)?|hard[ -]?code|hard[ -]?burn|embed|include|show|put|use|display|insert"
    r"|overlay|with|render|apply)"
    r"(?: in)? (?:the |my |these |this |provided |attached |uploaded |following )*(?:closed )?(?:captions"
    r"|subtitles?(?: file)?|subs|srt(?: file)?|caption file|cc)"
    r"(?: in)?(?: file)?(?: below| attached| provided)?"
    r"|(?:burn|hard[ -]?code) (?:the |my )?(?:captions|subtitles|subs)(?: in(?:to)?(?: NP)?)?"
    r"|caption NP|subtitle NP"
    r"|(?:添加上?|加上|加入|加|嵌入|烧录|烧入|压制|内嵌|使用|用|显示|配上|放上)(?:这个|这些|我的|上传的|以下"
    r"|下面的|srt)*字幕(?:文件)?|(?:把|将)?字幕(?:文件)?(?:嵌入|烧录|烧入|压制|加|添加|压)(?:到|进|入)?(?:去)?"
)
_FROM_FILE: Final = row(
    r"(?:from|using|with|of|in) (?:the |my |this |an |a )?(?:attached |uploaded |provided )*(?:srt|vtt"
    r"|subtitles?|captions?)(?: file)?"
    r"|(?:根据|用|从)?(?:这个|上传的)?(?:srt|vtt|字幕)(?:文件)?"
)
_FILE_NAME: Final = row(r"(?:(?:from|using|with|of|in) )?(?:the |my )?(?:file )?{f}")
_CAPTION_WORDS: Final = row(
    r"burned|hard[ -]?coded|into|onto|on screen|below|at the bottom|from|file|as|it|permanently|到|进"
)
_BY_EAR: Final = row(
    r"transcri(?:be|bing|ption)s?|(?:auto(?:matic(?:ally)?)?[ -]?(?:generated )?|generate |create "
    r"|make (?!.*(?:captions?|subtitles?|subs) (?!for|from|of|by|auto)[a-z])"
    r"|ai )(?:the |some |my |a )?(?:auto(?:matic)?[ -]?)?(?:captions?|subtitles?|subs)"
    r"|(?:captions?|subtitles?) (?:automatically|by speech recognition|from (?:the )?(?:speech|audio|voice"
    r"|sound))|auto[ -]?(?:caption|subtitle)s?(?: NP)?"
    r"|speech[ -]to[ -]text|(?:自动|智能|ai)(?:添加|生成|识别|加|配)*(?:语音)?字幕|(?:生成|识别)字幕"
    r"|语音(?:转文字|识别|转字幕)|听写"
)


def read_captions(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as cues to be burned in, which the message brings below it; or None.

    Raises Unclear for captions that only somebody who listens could write.
    """
    if _BY_EAR.search(clause):
        raise Unclear("no-speech", clause=marked.restored(clause))
    rest, found = take(clause, _CAPTIONS)
    if found is None:
        return None
    rest, file = take(rest, _FILE_NAME)
    if file is not None and not str(marked.value(file["f"])).lower().endswith((".srt", ".vtt")):
        return None
    rest, _ = take(rest, _FROM_FILE)
    return (Captions(()),) if used_up(rest, _CAPTION_WORDS) else None
