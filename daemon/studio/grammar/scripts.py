"""A video of its own from a script: `generate a 30-second promotional video from this script`."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import Unclear, row, rows, take, used_up
from daemon.studio.grammar.sound import moods_of, read_music
from daemon.studio.measures import Marked
from daemon.studio.operations import CALM, AddMusic, Mood, Operation, Promo

DEFAULT_MOOD: Final[Mood] = "corporate"
"""The music of a promotional video where only `music` is said."""

_SORT: Final = (
    r"(?:promotional|promotion|promo|marketing|advertising|advertisement|ad|commercial|explainer|product"
    r"|teaser|business|social media)"
)
_PROMO: Final = row(
    rf"(?:{_SORT} )+(?:video clip|videos?|clip|film|spot|reel|movie)s?|promo(?:tional)?s?|commercial"
    rf"|ads?|advert(?:isement)?|teaser"
    r"|宣传(?:视频|片|短片|短视频)|广告(?:视频|片|短片)?|推广(?:视频|片|短片)|营销(?:视频|短片)"
)
_VIDEO: Final = row(r"(?:video clip|videos?|clip|film|movie|reel)|视频|短片|影片|片子|短视频")
_SCRIPT: Final = row(
    r"(?:(?:from|of|out of|based on|using|with|according to|for|after) )?(?:(?:the|this|that|my|our|following"
    r"|attached|below|above|uploaded|provided|given|it'?s) )+"
    r"(?:promo )?(?:script|text|copy|article|words|story|paragraph|notes)(?: (?:file|below|above|here|that follows))?"
    r"|(?:from|based on|using) (?:a )?script"
    r"|(?:根据|按照|按|依据|基于|用|从|把|将)?(?:这个|这段|这篇|下面的?|以下的?|上面的?|上传的|我的|该"
    r"|此)?(?:脚本|文稿|文本|文案|文字|稿子|文章)(?:内容)?"
)
_VERB: Final = row(
    r"generate|create|make|produce|build|render|write|turn|convert|transform|design|do|i want|need|want"
    r"|give me|into|to|as|from"
    r"|生成|制作|创建|做成?|变成|转成|转换成|产出|出|成|为"
)
_LENGTH: Final = rows(
    r"(?:(?:of|in|with|lasting|for|about|at most|around|that is|that lasts) )*(?:(?:a )?(?:length"
    r"|duration) of )?{a}(?: long)?(?: in length)?",
    r"(?:长|时长|大约|约)?(?:为)?{a}(?:长|左右|的)*",
)
_SHAPES: Final = (
    (
        (9, 16),
        row(
            r"vertical|portrait|(?:for )?(?:tik ?tok|(?:instagram )?reels?|(?:youtube )?shorts)|竖屏|竖版|竖向"
        ),
    ),
    ((16, 9), row(r"landscape|horizontal|widescreen|横屏|横版|横向")),
    ((1, 1), row(r"square|正方形|方形")),
)
_RATIO: Final = row(
    r"(?:(?:in|with|at) )?(?:an? )?(?:aspect ratio (?:of )?)?{r}(?: (?:format|aspect ratio|ratio))?的?"
)
_NARRATED: Final = row(
    r"(?:(?:with|and|plus|including|have) )*(?:(?:a|an|some|the|calm|professional|spoken) )*(?:narrat(?:ion"
    r"|or)|voice[ -]?over|narrating voice)"
    r"|narrated|read (?:it )?(?:aloud|out loud)|spoken|(?:带有?|加上?|配上?|添加|有|和|并)*(?:旁白|配音|朗读|解说)"
)
_MUSIC: Final = re.compile(
    r"(?:(?:,|，|and|with|plus|featuring|including|add|have) ?)+(?:(?:some|a|the"
    r"|nice) )*(?P<music>(?:[a-z&-]+ ){0,3}?(?:background )?(?:music|soundtrack|bgm)(?: track)?)(?![A-Za-z])"
    r"|(?:[，,、]|并|且|和|以及)*(?:配上?|带有?|加上?|添加|有)(?P<han>[\u3400-\u9fff]{0,8}?(?:背景音乐|音乐|配乐))",
    re.IGNORECASE,
)
_QUIET: Final = row(
    r"(?:with |and |but )*(?:no|without(?: any)?) (?:background )?music|without(?: any)? (?:background )?music"
    r"|(?:不要|不加|无|没有)(?:背景)?音乐"
)
_WORDS: Final = row(
    r"with|and|plus|in|me|us|format|mode|for|of|that|is|short|long|nice|professional|new|style|video|for me|,|，|、"
    r"|配|和|并|的|格式|一部|一条|一支"
)
_SHORTEST: Final = 1000
_LONGEST: Final = 600_000


def read(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a video from a script, or None; the script itself stands below the instruction.

    Raises Unclear for a length or a music that cannot be made.
    """
    rest, script = take(clause, _SCRIPT)
    rest, promo = take(rest, _PROMO)
    if promo is None:
        rest, promo = take(rest, _VIDEO) if script else (rest, None)
    if promo is None or not (_VERB.search(clause) or _PROMO.search(clause)):
        return None
    rest, length = take(rest, *_LENGTH)
    rest, quiet = take(rest, _QUIET)
    rest, music = take(rest, _MUSIC)
    rest, narrated = take(rest, _NARRATED)
    rest, shape = _shape(rest, marked)
    if shape is None or not used_up(rest, _VERB, _WORDS, _VIDEO):
        return None
    ms = marked.ms(length["a"]) if length else None
    if ms is not None and not _SHORTEST <= ms <= _LONGEST:
        raise Unclear("odd-promo", clause=marked.restored(clause))
    if quiet and music:
        return None
    mood = _mood(music["music"] or music["han"], marked) if music else None
    if music and mood is None:
        return None
    return (Promo("", ms, *shape, mood, narrated is not None),)


def _shape(text: str, marked: Marked) -> tuple[str, tuple[int, int] | None]:
    """The text without the shape, and the one that it names; 16:9 where it names none, None for several."""
    rest, ratio = take(text, _RATIO)
    value = marked.value(ratio["r"]) if ratio else None
    shapes = {value} if isinstance(value, tuple) else set()
    for shape, pattern in _SHAPES:
        rest, times = pattern.subn(" ", rest)
        if times:
            shapes.add(shape)
    if len(shapes) > 1:
        return rest, None
    return rest, shapes.pop() if shapes else (16, 9)


def _mood(said: str, marked: Marked) -> Mood | None:
    """The mood that a wish for music stands for in a video of its own. Raises Unclear as `read_music` does."""
    wish = read_music(said, marked)
    if wish is None or not isinstance(wish[0], AddMusic) or wish[0].file:
        return None
    return mood_of(wish[0], said)


def mood_of(wish: AddMusic, said: str) -> Mood:
    """The music's mood: the one that was said, and what suits a promotional video where none was."""
    return wish.mood or CALM if moods_of(said) else DEFAULT_MOOD
