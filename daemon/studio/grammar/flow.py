"""How clips and pictures follow one another: fades, crossfades, slideshows, pauses, and a frame taken out."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import Unclear, row, rows, take, used_up
from daemon.studio.measures import Marked
from daemon.studio.operations import Crossfade, EachPicture, Fade, Operation, RemoveSilence, Thumbnail

_CLIPS: Final = (
    r"(?:(?:all|both|each|every|two|three|several|of|the|my|these|those|uploaded|our) )*"
    r"(?:clips?|videos?|files?|shots?|scenes?|parts?|segments?|pictures?|photos?|images?|slides?|one another"
    r"|each other|them)"
)
_H_CLIPS: Final = (
    r"(?:所有|全部|这些|那些|两个|两段|几个|几段|每个|各个|的|上传)*(?:视频|片段|短片|素材|图片|照片|镜头"
    r"|它们)"
)

# --- fades

_FADE_MS: Final = 1000
_FADE_IN: Final = row(
    r"(?:fade|fading)[ -]?(?:NP )?(?:in(?: (?:and|&|\+) out)?|in/out|in-out)|fade(?:s)? (?:in )?from black"
    r"|淡入淡出|渐入渐出|淡入|渐入|渐显|从黑(?:场|屏)?(?:淡入|渐显)"
)
_FADE_OUT: Final = row(
    r"(?:fade|fading)[ -]?(?:NP )?(?:out|to black)(?: to black)?|渐黑|淡出到黑|淡出|渐出|渐隐|变黑|黑场(?:淡出)?"
)
_FADE: Final = row(r"fades?(?: effects?)?")
_BOTH: Final = re.compile(r"in ?(?:and|&|\+|/|-) ?out|淡入淡出|渐入渐出", re.IGNORECASE)
_FADE_TIME: Final = rows(
    r"(?:(?:over|for|during|in|with|lasting|within) )?(?:the )?(?:(?:first|last|final|opening) )?(?:(?:length"
    r"|duration) of )?{a}(?: long)?",
    r"(?:最后|开头|前|持续|时长)?的?{a}的?",
)
_FADE_START: Final = row(
    r"(?:at|in|from) (?:the )?(?:very )?(?:start|beginning|opening)(?: of NP)?|开头|片头|开始时?"
)
_FADE_END: Final = row(
    r"(?:at|in|towards) (?:the )?(?:very )?end(?:ing)?(?: of NP)?|结尾|片尾|末尾|结束时?|最后"
)
_FADE_WORDS: Final = row(
    r"add|with|apply|use|include|put|make|have|gentle|smooth|slow|nice|short|effects?|and|of|from black|to black|it"
    r"|添加|加上|加入|加|使用|用|做|效果|处理|逐渐|慢慢|各"
)
_EARLY: Final = re.compile(r"first|opening|开头|前", re.IGNORECASE)
_LATE: Final = re.compile(r"last|final|最后", re.IGNORECASE)
_LONGEST_FADE: Final = 10_000
_BLACK: Final = row(
    r"no fad(?:es?|ing)(?: (?:in|out|in (?:or|and|nor) out))?|without (?:any )?fades?|不要淡入淡出|无淡入淡出"
)


def read_fade(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a fade from or to black, or None. Raises Unclear for one that is too long."""
    if used_up(_BLACK.sub(" ", clause)) and _BLACK.search(clause):
        return (Fade(),)
    rest, fade_in = take(clause, _FADE_IN)
    rest, fade_out = take(rest, _FADE_OUT)
    rest, time = take(rest, *_FADE_TIME)
    both = fade_in is not None and _BOTH.search(fade_in[0]) is not None
    if fade_in is None and fade_out is None:
        rest, fade = take(rest, _FADE)
        if fade is None:
            return None
    rest, at_start = take(rest, _FADE_START)
    rest, at_end = take(rest, _FADE_END)
    if not used_up(rest, _FADE_WORDS):
        return None
    start = bool(fade_in or (at_start and not fade_out))
    end = bool(both or fade_out or (at_end and not fade_in))
    stretch = time[0] if time else ""
    early, late = _EARLY.search(stretch) or at_start, _LATE.search(stretch) or at_end
    if not (start or end) or (early and not start) or (late and not end):
        raise Unclear("which-fade", clause=marked.restored(clause))
    length = marked.ms(time["a"]) if time else _FADE_MS
    if not 0 < length <= _LONGEST_FADE:
        raise Unclear("odd-fade", clause=marked.restored(clause), longest=_LONGEST_FADE // 1000)
    return (Fade(length if start else 0, length if end else 0),)


# --- from one clip to the next

CROSSFADE_MS: Final = 600
_MELT: Final = row(
    rf"cross[ -]?fad(?:es?|ing)(?: (?:transitions?|effects?))?|cross[ -]?dissolves?(?: transitions?)?"
    rf"|dissolves?(?: (?:transitions?|effects?))?|melt|transitions|transition(?= (?:between|from|of))"
    rf"|blend (?={_CLIPS})"
    r"|交叉(?:淡化|溶解|淡入淡出|叠化)|叠化|溶解|转场(?:效果)?|过渡(?:效果)?"
)
_MELT_TIME: Final = rows(
    r"(?:(?:of|for|with|over|lasting|in) )?(?:a )?{a}(?: long)?(?: each)?", r"(?:时长|持续|每个)?{a}的?"
)
_BETWEEN: Final = row(
    rf"(?:(?:between|from|of|to|into|on|for|with) )?{_CLIPS}|(?:to|into) the next|在?{_H_CLIPS}(?:之间|间)?"
)
_MELT_WORDS: Final = row(
    r"add|with|use|using|apply|insert|include|put|make|have|having|smooth|soft|nice|simple|gentle|short|each|together"
    r"|when|where|from one|one|into|the next|添加|加上|加入|加|使用|用|之间|间|平滑|自然|做|效果"
)
_LONGEST_MELT: Final = 5000


def read_crossfade(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as clips that melt into one another, or None. Raises Unclear for a length that no crossfade has."""
    rest, melt = take(clause, _MELT)
    if melt is None:
        return None
    rest, time = take(rest, *_MELT_TIME)
    while (found := _BETWEEN.search(rest)) is not None:
        rest = f"{rest[: found.start()]} {rest[found.end() :]}"
    if not used_up(rest, _MELT_WORDS):
        return None
    length = marked.ms(time["a"]) if time else CROSSFADE_MS
    if not 0 < length <= _LONGEST_MELT:
        raise Unclear("odd-fade", clause=marked.restored(clause), longest=_LONGEST_MELT // 1000)
    return (Crossfade(length),)


_JOIN: Final = row(
    rf"(?:join|merge|combine|concatenate|concat|stitch|string|put|glue|splice|connect) {_CLIPS}"
    r"(?: (?:up|together|in order|one after (?:another|the other)|end to end|(?:in)?to (?:one|a single"
    r"|1) (?:video|clip|file|movie)))*"
    rf"|(?:合并|拼接|连接|拼|接){_H_CLIPS}|(?:把|将)?{_H_CLIPS}(?:合并|拼接|连接|拼|接)(?:起来|在一起|到一起"
    rf"|成一个视频?|成一段视频?)?"
)
_ONLY_PUT: Final = re.compile(
    r"\W*put\b(?!.*\b(?:together|in order|after|end to end|into one)\b)", re.IGNORECASE
)


def is_join(clause: str) -> bool:
    """Whether the clause asks that the clips follow one another, which is what a timeline does anyway."""
    rest, found = take(clause, _JOIN)
    return found is not None and not _ONLY_PUT.match(found[0]) and used_up(rest)


# --- still pictures

_SLIDESHOW: Final = row(
    r"(?:(?:make|create|build|generate|turn NP into|turn (?:the |my |these )?(?:photos|pictures|images) into"
    r"|as|do) )?"
    r"(?:a |an )?(?:photo |picture |video )?slide[ -]?show|(?:制作|做|生成|做成|变成|制作成)?(?:一个)?(?:幻灯片"
    r"|电子相册|相册)"
)
_OF_PICTURES: Final = row(
    r"(?:(?:of|from|with|out of|using) )?(?:all )?(?:the |my |these |those |our )?(?:photos|pictures|images"
    r"|files|stills)"
    r"|(?:用|把|将)?(?:这些|所有|我的)?(?:图片|照片)"
)
_PICTURE: Final = r"(?:photos?|pictures?|images?|stills?|slides?)"
_EACH: Final = tuple(
    map(
        row,
        (
            rf"(?:with |at |for )?{{a}} (?:per|for each|for every|each|a|every) {_PICTURE}",
            r"(?:for )?{a} each",
            rf"(?:show|display|hold|keep|give)?(?: )?(?:each|every) (?:still )?{_PICTURE} "
            r"(?:(?:should |must )?(?:be )?(?:shown|displayed|stays?|lasts?|stands?) )?(?:for )?{a}(?: long)?",
            rf"(?:show|display|hold|keep) (?:all )?(?:the |my )?{_PICTURE} for {{a}}(?: each)?",
            r"(?:图片|照片)?(?:每一?[张幅个页])(?:图片|照片|图|幻灯片)?(?:显示|停留|持续|播放|展示)?{a}",
        ),
    )
)
_AT: Final = row("with|at|in")
SLIDE_MS: Final = 4000
_SHORTEST_SLIDE: Final = 100
_LONGEST_SLIDE: Final = 600_000


def read_slides(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a slideshow, or as how long each picture stands; None for another. Raises Unclear."""
    rest, show = take(clause, _SLIDESHOW)
    rest = _OF_PICTURES.sub(" ", rest) if show else rest
    if show is not None and used_up(rest):
        return EachPicture(SLIDE_MS), Crossfade(CROSSFADE_MS)
    each = next(
        (found for left, found in (take(rest, one) for one in _EACH) if found and used_up(left, _AT)), None
    )
    if each is None:
        return None
    length = marked.ms(each["a"])
    if not _SHORTEST_SLIDE <= length <= _LONGEST_SLIDE:
        raise Unclear("odd-slide", clause=marked.restored(clause))
    return (EachPicture(length), Crossfade(CROSSFADE_MS)) if show else (EachPicture(length),)


# --- pauses

PAUSE_MS: Final = 700
_SHORTEST_PAUSE: Final = 200
_LONGEST_PAUSE: Final = 30_000
_CUT: Final = (
    r"(?:remove|cut(?: out| away)?|delete|trim(?: out| away)?|take out|get rid of|eliminate|drop"
    r"|strip(?: out)?|edit out|skip|clean up)"
)
_QUIET: Final = (
    r"(?:(?:all|any|the|of|my|long|longer|awkward|every) )*(?:silen(?:ces?|t (?:parts?|sections?|pauses?"
    r"|moments?|gaps?|bits?))|pauses?"
    r"|dead air|dead space|gaps in (?:the )?(?:speech|audio)|quiet (?:parts?|sections?))"
)
_SILENCE: Final = row(
    rf"(?:{_CUT}|no|without) {_QUIET}"
    r"|(?:去掉|去除|删除|删掉|剪掉|移除|切掉|裁掉)(?:所有|全部|视频|里|中|的|较长|长|\s)*(?:静音|停顿|沉默"
    r"|无声|空白|静默)的?(?:部分|片段|段落|地方)?"
)
_PAUSE_LENGTH: Final = rows(
    r"(?:(?:that|which) (?:are|last|is|take) )?(?:for )?(?:longer than|of more than|over|of at least|more than"
    r"|at least|above|of)"
    r" {a}(?: or (?:longer|more))?(?: long)?",
    r"(?:超过|大于|长于|多于|至少){a}(?:以上)?的?",
)


def read_silence(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as pauses that go, or None. Raises Unclear for a pause so short that words are full of them."""
    rest, length = take(clause, *_PAUSE_LENGTH)
    rest, silence = take(rest, _SILENCE)
    if silence is None or not used_up(rest):
        return None
    longest = marked.ms(length["a"]) if length else PAUSE_MS
    if not _SHORTEST_PAUSE <= longest <= _LONGEST_PAUSE:
        raise Unclear("odd-pause", clause=marked.restored(clause))
    return (RemoveSilence(longest),)


# --- a frame

_FRAME: Final = row(
    r"(?:(?:make|create|generate|extract|grab|take|save|use|export|get|capture|give me|pull|need"
    r"|want)(?: out)? )?(?:a |an |the |one )?(?:nice |good )?"
    r"(?:thumbnail|still(?: (?:frame|image|picture))?|screen ?shot|cover (?:image|picture|photo)|frame"
    r"|snapshot|poster(?: frame| image)?)"
    r"(?: (?:image|picture))?(?: (?:of|from|for) NP)?(?: as (?:a |an )?(?:picture|image|png|jpe?g|thumbnail))?"
    r"|(?:生成|制作|做|截取|提取|导出|保存|截)?(?:一张|一个|一帧)?(?:的)?(?:封面图?|缩略图|截图|静帧|帧)"
)
_FRAME_VERB: Final = re.compile(
    r"thumbnail|screen ?shot|cover|poster|snapshot|(?:make|create|generate|extract|grab|take|save|export|get"
    r"|capture|pull)\b"
    r"|封面|缩略图|截图|截|提取|导出|保存",
    re.IGNORECASE,
)
_MOMENT: Final = rows(
    r"(?:at|from|of)(?: the)?(?: second)? {a}(?: mark)?", r"(?:在|用)?第?{a}(?:处|时|的时候)?(?:的)?(?:画面)?"
)
_FIRST_FRAME: Final = row(
    r"(?:extract|grab|take|save|use|export|get|capture|make)(?: a thumbnail (?:of|from))? the (?:very )?first frame"
    r"(?: of NP)?(?: as (?:a |an |the )?(?:picture|image|png|jpe?g|thumbnail|cover))?|(?:用|提取|截取"
    r"|导出)?第一帧(?:作为|做|当)?(?:封面|缩略图)?"
)


def read_frame(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a picture of one moment instead of a video, or None."""
    rest, first = take(clause, _FIRST_FRAME)
    if first is not None and used_up(rest):
        return (Thumbnail(0),)
    rest, moment = take(clause, *_MOMENT)
    rest, frame = take(rest, _FRAME)
    if (
        frame is None
        or not _FRAME_VERB.search(frame[0])
        or not used_up(rest, row("截取|提取|导出|作为|为|做|画面"))
    ):
        return None
    return (Thumbnail(marked.ms(moment["a"]) if moment else None),)
