"""Trimming and cutting: which stretches stay, which go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from daemon.studio.grammar.common import Unclear, row, rows, take, used_up, without
from daemon.studio.measures import Marked
from daemon.studio.operations import Keep, Operation, Remove, Span

_KEEP: Final = (
    r"(?:only |just )?(?:keep|retain|leave|take|use|show|extract|save|preserve|include|give me|want|need)"
    r"(?: only| just)?"
)
_TRIM: Final = r"(?:trim|cut|shorten|crop|clip|reduce|limit|chop|truncate|get|bring)"
_SURE: Final = (
    r"remove|delete|cut out|trim out|drop|take out|get rid of|skip|discard|erase|throw away|leave out"
)
_DROP: Final = (
    rf"(?:{_SURE}|cut off|cut away|cut|trim off|trim away|trim|take off|chop off|chop|snip off|snip"
    rf"|strip|shave off"
    r"|shave|lose)"
)
_TO: Final = r" ?(?:to|until|till|through|and|up to|-|~) ?"
_RANGE: Final = rf"(?:(?:from|between) )?(?:the )?{{a}}{_TO}{{b}}"
_FIRST: Final = r"(?:off )?(?:the )?(?:very )?(?:first|opening|initial|starting) {a}(?: off)?"
_LAST: Final = r"(?:off )?(?:the )?(?:very )?(?:last|final|closing|ending) {a}(?: off)?"
_SECTION: Final = r"(?:the )?(?:part|section|segment|portion|bit|piece|range|stretch|scene)s?(?: of NP)?"
_AT_START: Final = r"(?:from|off|at|of)(?: of)? (?:the |its )?(?:very )?(?:start|beginning|front|head)"
_AT_END: Final = r"(?:from|off|at|of)(?: of)? (?:the |its )?(?:very )?(?:end|ending|tail|back)"
_ALL: Final = r"(?:everything|all|the rest)(?: of NP)?"
_BUT: Final = r"(?:except|but|besides|other than|apart from|outside)(?: of| for)?"
_ON: Final = r"(?: on| onwards?| to the end)?"
_AT_MOST: Final = (
    r"(?:only |just |exactly |at most |no longer than |no more than |less than |a maximum of |max |maximum "
    r"|under |below |within |a length of |a duration of )?"
)
_LENGTH: Final = r"(?:the |its )?(?:total )?(?:length|duration|runtime)(?: of NP)?"
_LONG: Final = r"(?: long| in length| in total| short| max| mark| or less)?"

_H_KEEP: Final = r"(?:只?保留|只要|只留下?|留下|截取|截出|剪取|取|剪出)"
_H_TRIM: Final = r"(?:剪辑|裁剪|修剪|剪短|剪切|缩短|截短|裁短|剪|裁|截|控制|缩|限制)"
_H_DROP: Final = r"(?:删除|删掉|删去|去掉|去除|剪掉|剪去|移除|裁掉|裁去|切掉|切除|砍掉|删|跳过)"
_H_NP: Final = r"(?:视频|影片|短片)?的?"
_H_FIRST: Final = rf"{_H_NP}(?:最?前面?|开头|最?开始|起始|头)的?{{a}}(?:以?内)?"
_H_LAST: Final = rf"{_H_NP}(?:最后面?|末尾|结尾|后面?|尾部|片尾)的?{{a}}"
_H_RANGE: Final = rf"{_H_NP}从?第?{{a}}(?:到|至|-|~)第?{{b}}"
_H_PART: Final = r"(?:之间|这)?的?(?:部分|内容|片段|画面|一段|那段|视频)?"
_H_AFTER: Final = rf"{_H_NP}第?{{a}}(?:之后|以后|后)的?(?:所有|全部)?"
_H_BEFORE: Final = rf"{_H_NP}第?{{a}}(?:之前|以前|前)的?(?:所有|全部)?"

_Cut = type[Keep] | type[Remove]


def _first(a: int, b: int) -> Span:
    return Span(0, a)


def _last(a: int, b: int) -> Span:
    return Span(-a, None)


def _after(a: int, b: int) -> Span:
    return Span(a, None)


def _between(a: int, b: int) -> Span:
    return Span(a, b)


_TABLE: Final[tuple[tuple[_Cut, Callable[[int, int], Span], tuple[str, ...]], ...]] = (
    (
        Keep,
        _first,
        (
            rf"{_KEEP} {_FIRST}(?: only)?",
            rf"(?:only|just) {_FIRST}",
            rf"{_FIRST} only",
            r"(?:only|just) {a}",
            rf"(?:be )?{_AT_MOST}{{a}} long",
            rf"{_KEEP} {{a}} {_AT_START}",
            rf"{_TRIM} (?:NP )?(?:down )?to (?:only |just )?{_FIRST}",
            rf"{_TRIM} (?:NP )?(?:down |back )?(?:to|at|after) {_AT_MOST}{{a}}{_LONG}",
            rf"(?:make|have|turn) NP (?:to )?(?:be |last )?(?:into )?(?:an? )?{_AT_MOST}{{a}}(?: clip"
            rf"| video|{_LONG})",
            rf"NP (?:should|must|has to|is to|to) (?:be|last) {_AT_MOST}{{a}}{_LONG}",
            rf"(?:set|limit|change|cap|reduce|trim|cut) {_LENGTH} (?:to|at) {_AT_MOST}{{a}}",
            rf"{_KEEP} (?:{_ALL}|NP)? ?(?:before|until|till|up to) {{a}}",
            rf"{_DROP} {_ALL} (?:after|past|beyond|from) {_FIRST}",
            rf"{_DROP} {_ALL} {_BUT} {_FIRST}",
            rf"(?:{_H_KEEP}|{_H_TRIM}(?:到|成|为|至)?){_H_FIRST}{_H_PART}",
            rf"{_H_FIRST}{_H_PART}{_H_KEEP}",
            rf"{_H_TRIM}{_H_NP}(?:到|成|为|至|在){{a}}(?:长|以?内)?",
            r"(?:时长|长度|总长)(?:改|设|设置|调整|缩短|剪|控制|限制)?(?:到|成|为|至|在){a}(?:以?内)?",
            r"(?:变|改|做|弄)(?:成|为|到){a}长?(?:的视频|的短片)?",
            rf"{_H_KEEP}{_H_BEFORE}{_H_PART}",
        ),
    ),
    (
        Keep,
        _last,
        (
            rf"{_KEEP} {_LAST}(?: only)?",
            rf"(?:only|just) {_LAST}",
            rf"{_LAST} only",
            rf"{_KEEP} {{a}} {_AT_END}",
            rf"{_TRIM} (?:NP )?(?:down )?to (?:only |just )?{_LAST}",
            rf"{_DROP} {_ALL} {_BUT} {_LAST}",
            rf"(?:{_H_KEEP}|{_H_TRIM}(?:到|成|为|至)){_H_LAST}{_H_PART}",
            rf"{_H_LAST}{_H_PART}{_H_KEEP}",
        ),
    ),
    (
        Keep,
        _between,
        (
            rf"{_KEEP} (?:{_SECTION} |NP )?{_RANGE}",
            rf"(?:{_TRIM} NP|trim|clip|shorten) (?:down )?(?:to )?(?:from|between) {{a}}{_TO}{{b}}",
            rf"{_TRIM} (?:NP )?(?:down )?to (?:{_SECTION} )?{_RANGE}",
            rf"(?:only|just) {_RANGE}",
            rf"{_DROP} {_ALL} {_BUT} {_RANGE}",
            rf"(?:{_H_KEEP}|{_H_TRIM}(?:出|取)?){_H_RANGE}{_H_PART}",
            rf"{_H_RANGE}{_H_PART}(?:{_H_KEEP}|剪出来|截出来)",
        ),
    ),
    (
        Keep,
        _after,
        (
            rf"{_KEEP} (?:{_ALL}|NP)? ?(?:after|from|starting at|starting from|past) {{a}}{_ON}",
            rf"{_H_KEEP}{_H_AFTER}{_H_PART}",
        ),
    ),
    (
        Remove,
        _first,
        (
            rf"{_DROP} {_FIRST}",
            rf"(?:{_DROP}|take) {{a}} {_AT_START}",
            rf"(?:{_DROP}|shorten) (?:the |its )?(?:start|beginning|front) by {{a}}",
            rf"{_KEEP} {_ALL} {_BUT} {_FIRST}",
            rf"{_DROP} (?:{_ALL} )?(?:before|until|till|up to) {{a}}",
            r"(?:start|begin) (?:NP )?(?:at|from|after) (?:the first )?{a}(?: mark)?",
            rf"{_H_DROP}{_H_FIRST}{_H_PART}",
            rf"{_H_FIRST}{_H_PART}{_H_DROP}",
            rf"{_H_DROP}{_H_BEFORE}{_H_PART}",
        ),
    ),
    (
        Remove,
        _last,
        (
            rf"{_DROP} {_LAST}",
            rf"(?:{_DROP}|take) {{a}} {_AT_END}",
            rf"(?:{_DROP}|shorten) (?:the |its )?(?:end|ending|tail) by {{a}}",
            rf"{_KEEP} {_ALL} {_BUT} {_LAST}",
            rf"{_H_DROP}{_H_LAST}{_H_PART}",
            rf"{_H_LAST}{_H_PART}{_H_DROP}",
        ),
    ),
    (
        Remove,
        _between,
        (
            rf"(?:{_SURE}) (?:{_SECTION} |NP )?{_RANGE}",
            rf"{_DROP} {_SECTION} {_RANGE}",
            rf"{_KEEP} {_ALL} {_BUT} {_RANGE}",
            rf"{_H_DROP}{_H_RANGE}{_H_PART}",
            rf"{_H_RANGE}{_H_PART}{_H_DROP}",
        ),
    ),
    (
        Remove,
        _after,
        (
            rf"{_DROP} (?:{_ALL}|NP)? ?(?:after|past|beyond|from) {{a}}{_ON}",
            r"(?:end|stop|finish) (?:NP )?(?:at|after) {a}(?: mark)?",
            rf"{_H_DROP}{_H_AFTER}{_H_PART}",
        ),
    ),
)
_ROWS: Final = tuple((row(source), kind, span) for kind, span, sources in _TABLE for source in sources)
_ENDS: Final = (
    r"(?:both ends|(?:each|either) end"
    r"|(?:the |its )?(?:start|beginning) and (?:(?:off|from|at) )?(?:the |its )?end)"
)
_H_ENDS: Final = r"(?:首尾|头尾|两头|开头和结尾)"
_BOTH: Final = rows(
    rf"{_DROP} (?:off )?(?:the )?first and (?:the )?last {{a}}(?: off)?",
    rf"{_DROP} {{a}} (?:off|from|at)(?: of)? {_ENDS}",
    rf"{_H_DROP}{_H_ENDS}的?(?:各)?{{a}}",
    rf"{_H_ENDS}各?{_H_DROP}{{a}}",
)
_EITHER: Final = row(rf"(?:cut )?{_RANGE}")


def read(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a cut, or None. Raises Unclear for a range that is backwards or says not what to do."""
    for pattern, kind, span in _ROWS:
        found = pattern.search(clause)
        if found is None or not used_up(without(clause, found)):
            continue
        times = found.groupdict()
        first, last = marked.ms(times["a"]), marked.ms(times["b"]) if times.get("b") else 0
        if span is _between and last <= first:
            raise Unclear("backwards", clause=marked.restored(clause))
        return (kind((span(first, last),)),)
    rest, ends = take(clause, *_BOTH)
    if ends is not None and used_up(rest):
        length = marked.ms(ends["a"])
        return (Remove((_first(length, 0), _last(length, 0))),)
    found = _EITHER.search(clause)
    if found is not None and used_up(without(clause, found)):
        raise Unclear("keep-or-remove", clause=marked.restored(clause))
    return None
