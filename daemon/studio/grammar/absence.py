"""What is not to be there: `no music`, `without titles`, `mute it`."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import row, take, used_up
from daemon.studio.grammar.sound import H_MUSIC, MUSIC
from daemon.studio.measures import Marked
from daemon.studio.operations import Absent, Operation, Without

_NOUNS: Final[tuple[tuple[Absent, str, str], ...]] = (
    ("music", MUSIC, H_MUSIC),
    ("captions", r"captions?|subtitles?|subs|closed captions?", "字幕"),
    ("text", r"titles?|(?:text )?overlays?|texts?", "标题|文字|文本"),
    ("narration", r"narrat(?:ion|or)|voice[ -]?overs?", "旁白|配音|解说"),
    ("watermark", r"water ?marks?|logos?", "水印|标志"),
    (
        "crossfades",
        r"cross[ -]?fades?|(?:cross )?dissolves?|transitions?",
        "转场(?:效果)?|叠化|交叉淡化|过渡(?:效果)?",
    ),
    ("sound", r"(?:original |own )?(?:audio(?: track)?|sounds?(?! ?effects?))", "原声|声音|音频"),
)
_NO: Final = (
    r"(?:(?:with|add|use|want|include) )?no|without|(?:(?:i|we) )?(?:do not|don't|dont|never"
    r"|not)(?: (?:add|use|put|include|insert|want|need))"
    r"|remove|delete|take (?:out|off|away)|get rid of|drop|skip|leave out|omit|exclude|strip(?: out)?"
)
_H_NO: Final = r"不要|不加|别加|不需要|不用|无需|不想要|没有|无|去掉|去除|删除|删掉|移除|拿掉"
_NOUN: Final = rf"(?:{'|'.join(english for _, english, _ in _NOUNS)})"
_H_NOUN: Final = rf"(?:{'|'.join(han for _, _, han in _NOUNS)})"
_DET: Final = r"(?:any|the|all|all of the|all the|my|a|its|your)"
_ABSENT: Final = row(
    rf"(?:{_NO}) (?:{_DET} )?(?P<nouns>{_NOUN}(?:(?:,? (?:or|and|nor)|,) (?:(?:{_DET}|no) )?{_NOUN})*)"
    rf"|(?:{_H_NO})(?:任何|添加|加|有|所有|原来的|原有的)?(?P<han>{_H_NOUN}(?:(?:和|或者?|、|也不要"
    rf"|及)(?:{_H_NOUN}))*)"
    rf"|(?:所有的?|全部)?(?P<object>{_H_NOUN}(?:(?:和|、|及)(?:{_H_NOUN}))*)(?:都|全部)?(?:去掉|去除|删除|删掉|移除|拿掉|删了|去了|不要了?)"
    rf"|(?:{_DET} )?(?P<gone>{_NOUN}) (?:should|must|needs? to|has to|have to) (?:be (?:removed|deleted)|go)"
)
_EACH: Final = tuple(
    (what, re.compile(rf"(?<![A-Za-z])(?:{english})(?![A-Za-z])|{han}", re.IGNORECASE))
    for what, english, han in _NOUNS
)
_ALSO: Final[tuple[tuple[Absent, re.Pattern[str]], ...]] = (
    (
        "sound",
        row(
            r"(?:mute|silence)(?: (?:NP|(?:(?:the|its|my|all|original) )*(?:audio|sound|volume)))?(?: completely)?"
            r"|turn (?:off (?:the )?(?:sound|audio)|(?:the )?(?:sound|audio) off)|(?:be |completely )?(?:muted"
            r"|soundless)"
            r"|(?:原声|原视频|声音|视频)?静音|消音|关掉声音|关闭声音|(?:视频)?(?:设为|变成|变为|改为)静音"
        ),
    ),
    ("music", row(r"(?:mute|turn off|stop) (?:the )?(?:background )?music|关掉音乐|关闭音乐")),
    ("crossfades", row(r"(?:use |with |make )?hard cuts(?: only)?(?: between (?:the )?clips)?|硬切")),
    (
        "background",
        row(
            r"(?:restore|bring back|put back|undo|revert(?: to)?|reset|go back to|give me back) "
            r"(?:(?:the|my) )?(?:(?:original|own|old|real|initial) )?background(?: change| replacement"
            r"| removal)?(?: again)?"
            r"|(?:keep|use|leave|show) (?:the |my )?(?:original|own|old|real|initial"
            r"|existing) background(?: (?:as it is|alone))?"
            r"|(?:leave|keep) (?:the |my )background(?: (?:as it is|alone|unchanged|untouched|the way it is))?"
            r"|(?:no|without(?: a| any)?) (?:new |virtual |other )?background (?:change|replacement|removal|blur)"
            r"|(?:do not|don't|dont|never) (?:change|replace|remove|touch|blur) (?:the |my )?background"
            r"|(?:put|bring) (?:the |my )(?:original |own |old )?background back"
            r"|(?:恢复|还原|保留|使用|用回|换回)(?:成|到|为)?(?:原来的?|原始的?|原本的?|原|我的)背景|恢复背景"
            r"|还原背景"
            r"|(?:不要|不|别)(?:换|改|改变|更换|替换|去掉|动|虚化)背景"
        ),
    ),
)


def read(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as `no music`, `without titles`, or None."""
    for what, pattern in _ALSO:
        rest, found = take(clause, pattern)
        if found is not None and used_up(rest):
            return (Without(what),)
    rest, found = take(clause, _ABSENT)
    if found is None or not used_up(rest):
        return None
    nouns = found["nouns"] or found["han"] or found["object"] or found["gone"]
    absent: list[Operation] = []
    for what, pattern in _EACH:
        nouns, times = pattern.subn(" ", nouns)
        if times:
            absent.append(Without(what))
    return tuple(absent)
