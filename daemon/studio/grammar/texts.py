"""Titles and other words over the picture: what they say, where they stand, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from daemon.studio.grammar.colours import COLOUR_NAME
from daemon.studio.grammar.common import PLACE, POLITE, Unclear, row, used_up, without
from daemon.studio.grammar.sentence import CONTINUES, NO_TEXT, SEPARATOR
from daemon.studio.measures import Marked
from daemon.studio.operations import AddText, Operation, Position, Span

LONGEST: Final = 300
"""Characters of one text; more is no title and would fill the picture."""

_TITLE_MS: Final = 3000
_MOST_BARE_WORDS: Final = 8

_TITLE: Final = row(
    r"(?:(?:opening|main|intro) )?(?:title text|titles?|headlines?|heading|header)|(?:大|主|片头)?标题"
)
_TEXT: Final = row(
    r"text overlay|overlay text|line of text|texts?|captions?|subtitles?|overlays?|labels?|words"
    r"|message|slogan"
    r"|tagline|lower[ -]third|字幕|文字|文本|字样|一行字|标语|文案"
)
_SHOW: Final = row(
    r"add(?: in)?|put(?: up)?|insert|show|display|write|place|superimpose|type|print|burn in"
    r"|添加上?|加上|加入|加|插入|放上|放|打上|打出|打|写上|写|显示|叠加"
)
_VERB: Final = row(r"include|create|make|have|use|give|set|with|having|using|apply|attach|配上|配|使用|用")
_ADJECTIVE: Final = row(r"simple|short|nice|clean|brief|another|new|简单的?|简短的?|新的?")
_ARTICLE: Final = row(r"the|a|an|some|my|请|一个|一行|一段|一句|上|个|在|把|给|视频")
_INTRODUCED: Final = row(
    r"(?:that |which )?(?:should |must |to )?(?:just )?(?:says?|saying|reads?|reading|states?|stating)"
    r"|with the (?:text|words|title|caption)|called|titled|named|内容(?:是|为)|写着|写的是|叫做?|名为"
)
_PERHAPS_INTRODUCED: Final = row(r"showing|displaying|containing|写上|写成|写|显示|为|是")
"""Before the text, or before a remark about it: `标题是红色`, `showing too small`."""

_THANKS: Final = row(r"please|thanks|thank you|for me|谢谢|吧")
_SET_TO: Final = row(
    rf"set (?=(?:the |my )?(?:{_TITLE.pattern}|{_TEXT.pattern}))(?P<noun>[a-z -]+?) to(?= <>)"
)
_COLON: Final = re.compile(r"\s*[:：=]\s*|\s+-\s+")
_LINK: Final = row(r"of|as|on|的")

_PICTURE: Final = r"(?: of (?:the )?(?:screen|frame|picture|image|shot)| of NP)?"
_AREA: Final = r"(?:[ -](?:edge|part|third|half|centre|center|middle|area))?"
_BEFORE_NOUN: Final = r"(?=(?:title|text|caption|overlay|subtitle|<))"
_H_AREA: Final = r"(?:位置|处)?的?"

_ROWS: Final = (
    ("top", rf"(?:at|on|in|to|along|near|across) (?:the )?(?:very )?(?:top|upper){_AREA}{_PICTURE}(?! of)"),
    ("top", rf"top {_BEFORE_NOUN}|(?:画面|屏幕)?的?(?:顶部|上方|上面|顶端|上部){_H_AREA}"),
    ("bottom", rf"(?:at|on|in|to|along|near|across) (?:the )?(?:very )?(?:bottom|lower){_AREA}{_PICTURE}"),
    ("bottom", rf"bottom {_BEFORE_NOUN}|(?:画面|屏幕)?的?(?:底部|下方|下面|底端|下部){_H_AREA}"),
    ("center", rf"(?:at|on|in|to) (?:the )?(?:very )?(?:center|centre|middle){_PICTURE}|cent(?:ered|red)"),
    ("center", rf"(?:画面|屏幕)?的?(?:正?中间|正?中央|正中|居中|中部){_H_AREA}"),
    ("first", r"(?:for|during|in|over|within) (?:the )?(?:first|opening) {a}"),
    ("first", r"(?:开头|最?前面?)的?{a}(?:内|里)?"),
    ("last", r"(?:for|during|in|over|within) (?:the )?(?:last|final) {a}"),
    ("last", r"(?:最后|结尾|片尾|末尾)的?{a}(?:内|里)?"),
    ("between", r"(?:from |between )?{a} ?(?:to|until|till|through|and|-|~) ?{b}"),
    ("between", r"从?第?{a}(?:到|至|-|~)第?{b}(?:之间|期间)?"),
    (
        "whole",
        r"(?:for|during|throughout|over|through) (?:the )?(?:whole|entire|full|complete) (?:duration"
        r"|time|length)",
    ),
    (
        "whole",
        r"(?:for|during|throughout|over|through) (?:the )?(?:whole|entire|full|complete) NP"
        r"|throughout(?: NP)?",
    ),
    ("whole", r"the (?:whole|entire) time|all the time|全程|整个视频|整段视频|一直|始终"),
    (
        "from",
        r"(?:starting |beginning |appearing )?(?:at|from|after) (?:second )?{a}(?: (?:on|onwards?|mark))?",
    ),
    ("from", r"从第?{a}(?:处)?(?:开始|起)"),
    ("from", r"第{a}(?:处|时|的时候)?(?:出现|开始)?"),
    ("from", r"{a}(?:处|时|的时候)(?:出现|开始)?"),
    ("until", r"(?:until|till|up to) {a}"),
    ("for", r"(?:持续|显示|停留|时长)为?{a}的?"),
    ("for", r"(?:for |lasting (?:for )?|that lasts (?:for )?)?{a}(?: long)?(?: only)?"),
    ("anywhere", r"(?:on|over|across|onto) (?:the )?(?:screen|picture|image|frame)"),
    ("start", r"(?:at|in) (?:the )?(?:very )?(?:start|beginning)(?: of NP)?|开头|片头|开始(?:处|时|的时候)?"),
    ("end", r"at (?:the )?(?:very )?end(?: of NP)?|结尾|片尾|末尾"),
)
_POSITIONS: Final[dict[str, Position]] = {"top": "top", "bottom": "bottom", "center": "center"}
_PARTS: Final = tuple((name, row(source)) for name, source in _ROWS)

_UNLIKE: Final = re.compile(
    r"^(?:in|with|that|which|to|for|on|at|of|about|based|matching|using|and|over|from|as|by|so|where"
    r"|when|like|if"
    r"|but|it)\b|^[的和并来到在]"
    r"|\b(?:slides?|cards?|animations?|animated|effects?|sequences?|screens?|tracks?|fonts?"
    r"|colou?rs?|styles?"
    r"|transitions?|box(?:es)?|logos?|stickers?|emojis?|templates?|speech|generator|automatically"
    r"|auto|music|video)\b"
    r"|动画|特效|效果|页|卡片|样式|字体|颜色|转场|音乐|自动|识别|语音|<",
    re.IGNORECASE,
)
"""Words without quotes that are more likely a wish for something else than the text itself."""

_REMARK: Final = row(
    r"top|bottom|left|right|upper|lower|corners?|sides?|edges?|cent(?:er|re)(?:ed|red)?|middle|above|below|under"
    r"|underneath|beneath|behind|beside|up|down|here|there|where|everywhere|somewhere|position(?:ed)?|align(?:ed)?"
    r"|front"
    r"|every|each|clips?|frames?|pictures?|photos?|images?|water ?marks?|titles?|headings?|texts?|subtitles?"
    r"|captions?|words"
    r"|big(?:ger)?|large[rs]?|small(?:er)?|tiny|tinier|huge|size[sd]?|wide[rn]?|narrow(?:er)?|tall(?:er)?|short(?:er)?"
    r"|long(?:er)?|thick(?:er)?|thin(?:ner)?|scaled?|zoom|fit"
    r"|bold(?:er)?|italics?|underlined?|shadows?|outlined?|strokes?|borders?|opacity|opaque|transparen(?:t|cy)"
    r"|semi-transparent|readable|legible|visible|pretty|prettier|nicer?|cool(?:er)?|fancy|fancier|clearer|bright(?:er)?"
    r"|dark(?:er)?|light(?:er)?|uppercase|lowercase|capitals?|caps|glow(?:ing)?|gradients?|pop|stand out|prominent"
    r"|fad(?:es?|ed|ing)(?: in| out)?|slow(?:er)?|fast(?:er)?|quick(?:er)?|later|earlier|sooner|soon|during|while|after"
    r"|before|until|till|again|always|instead|throughout|immediately|seconds?|minutes?|synced|synchroni[sz]ed|in sync"
    r"|not|never|no|without|don't|isn't|shouldn't|removed?|deleted?|hidden|hide|gone|off|away"
    r"|too|very|more|less|better|worse|ugly|wrong|should|must|needs?|please"
    r"|translated?|english|chinese|spanish|french|german|japanese|korean"
    r"|[左右]|[上下中顶底][方部面边间央端]|居中|正中|[上下]角|角落|旁边|位置|对齐|画面|屏幕|每个|所有|片段|视频"
    r"|大[一点些号]|小[一点些号]|[太更再][大小亮暗快慢粗细高低长短]|[放变调加][大小]|缩小|字号|大小|尺寸|[长短粗细高低亮暗快慢][一点些]"
    r"|粗体|加粗|斜体|描边|阴影|透明|发光|醒目|好看|难看|漂亮|清楚|清晰|显眼"
    r"|淡入|淡出|渐入|渐出|渐显|渐隐|慢慢|缓缓|同步|延迟|滚动|闪烁|循环|秒"
    r"|不要|不用|不需要|不想|不加|别加|别放|去掉|删除|删掉|取消|隐藏|移除"
    r"|翻译|英文|中文|英语|双语|说明|水印|标题|字幕|文字"
)
"""How a text looks or where and when it stands, or what somebody thinks of it; such a remark was once printed."""
_ADVERB: Final = re.compile(r"(?:^|\s)[a-z]+ly$")
_REMARK_AFTER: Final = row(
    r"(?:in|at|on) (?:the )?(?:top|bottom|upper|lower)[ -](?:left|right)(?:[ -](?:hand )?corner)?$|在?[左右][上下]角$"
    rf"|in (?:{COLOUR_NAME.pattern}|bold|italics?|capitals|caps)$|用(?:{COLOUR_NAME.pattern})$"
)
"""At the end of a text that is introduced as one, where a remark about it may follow."""


@dataclass(slots=True)
class _Details:
    """Where and when, as far as the clause says it: times in ms by the row's name."""

    position: Position | None = None
    times: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, name: str, found: re.Match[str], marked: Marked) -> None:
        if name in _POSITIONS:
            self.position = self.position or _POSITIONS[name]
            return
        marks = found.groupdict()
        a, b = (marked.ms(marks[one]) if marks.get(one) else 0 for one in ("a", "b"))
        self.times.setdefault(name, (a, b))

    def span(self, *, title: bool) -> Span:
        """When the text stands there; a title that says nothing about it for the first 3 s."""
        times = self.times
        if "whole" in times:
            return Span(0, None)
        if "between" in times:
            return Span(*times["between"])
        if "first" in times:
            return Span(0, times["first"][0])
        if "last" in times:
            return Span(-times["last"][0], None)
        length = times["for"][0] if "for" in times else None
        if length is None and (title or "start" in times or "end" in times):
            length = _TITLE_MS
        if "end" in times and length:
            return Span(-length, None)
        start = times["from"][0] if "from" in times else 0
        if "until" in times:
            return Span(start, times["until"][0])
        return Span(start, None if length is None else start + length)


def read(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a text over the picture, or None. Raises Unclear where it does not say which words."""
    quotes = re.findall(r"<q(\d+)>", clause)
    if len(quotes) == 1:
        return _quoted(clause, marked, str(marked.value(quotes[0])))
    return None if quotes else _bare(clause, marked)


def is_title(clause: str) -> bool:
    """Whether the text that the clause asks for is a title, and not another text."""
    return _TITLE.search(clause) is not None


def _quoted(clause: str, marked: Marked, text: str) -> tuple[Operation, ...] | None:
    details = _Details()
    rest = _SET_TO.sub(r"\g<noun>", re.sub(r"<q\d+>", "<>", clause))
    for name, part in _PARTS:
        found = part.search(rest)
        if found:
            details.note(name, found, marked)
            rest = without(rest, found)
    rest = rest.replace("<>", " ")
    title = is_title(rest)
    if not (title or _TEXT.search(rest) or _SHOW.search(rest) or details.position):
        return None
    if _is_two(_PERHAPS_INTRODUCED.sub(" ", _INTRODUCED.sub(" ", rest))):
        return None
    known = (PLACE, _INTRODUCED, _PERHAPS_INTRODUCED, _TITLE, _TEXT, _SHOW, _VERB, _ADJECTIVE, _LINK)
    if not used_up(_COLON.sub(" ", rest), *known):
        return None
    return _made(text, title, details, marked, clause)


def _is_two(rest: str) -> bool:
    """Two wishes in one clause, of which the words belong to one only: `add a title and a caption "Hi"`."""
    nouns = len(_TITLE.findall(rest)) + len(_TEXT.findall(rest))
    return len(_SHOW.findall(rest)) > 1 or (nouns > 1 and SEPARATOR.search(rest) is not None)


def _bare(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """`add a title Urban Dreams at the top for 3 s`: what is left between the noun and the details.

    `make the title big` has no text: only what follows a verb of showing is one, or what is introduced as one.
    """
    details = _Details()
    rest, shown = clause.strip(), False
    while (noun := _TITLE.match(rest) or _TEXT.match(rest)) is None:
        shown = _SHOW.match(rest) is not None or (shown and _VERB.match(rest) is None)
        peeled = _peel(rest, details, marked, POLITE, _SHOW, _VERB, _ARTICLE, _ADJECTIVE)
        if peeled is None:
            return None
        rest = peeled
    title, rest = _TITLE.match(rest) is not None, rest[noun.end() :]
    if NO_TEXT.match(rest):
        raise Unclear("which-text", clause=marked.restored(clause))
    rest = rest.strip()
    for at_end, more in ((True, (_THANKS,)), (False, ())):
        while (peeled := _peel(rest, details, marked, *more, at_end=at_end)) is not None:
            rest = peeled
    introduced = False
    for link, surely in ((_PERHAPS_INTRODUCED, False), (_INTRODUCED, True), (_COLON, True)):
        found = link.match(rest)
        if found:
            rest, shown, introduced = rest[found.end() :].strip(), True, introduced or surely
    text = rest.strip(" .,;:")
    if not text or not shown or not _plausible(text, introduced):
        raise Unclear("which-text", clause=marked.restored(clause))
    return _made(marked.restored(text), title, details, marked, clause)


def _peel(
    text: str, details: _Details, marked: Marked, *more: re.Pattern[str], at_end: bool = False
) -> str | None:
    """The text without one known part at its start (or end), or None where no part stands there."""
    for name, part in (*_PARTS, *(("", one) for one in (*more, PLACE))):
        for found in part.finditer(text):
            if found[0] and (found.end() == len(text) if at_end else found.start() == 0):
                if name:
                    details.note(name, found, marked)
                return without(text, found)
    return None


def _plausible(text: str, introduced: bool) -> bool:
    if any(not CONTINUES.match(text, found.start()) for found in SEPARATOR.finditer(text)):
        return False
    if introduced:
        return _REMARK_AFTER.search(text) is None or _REMARK_AFTER.fullmatch(text) is not None
    unlike = (_UNLIKE, _REMARK, COLOUR_NAME, _ADVERB)
    return not any(one.search(text) for one in unlike) and len(text.split()) <= _MOST_BARE_WORDS


def _made(text: str, title: bool, details: _Details, marked: Marked, clause: str) -> tuple[Operation, ...]:
    if not text.strip():
        raise Unclear("which-text", clause=marked.restored(clause))
    if len(text) > LONGEST:
        raise Unclear("long-text", length=len(text), limit=LONGEST)
    span = details.span(title=title)
    if span.end is not None and 0 <= span.end <= span.start:
        raise Unclear("backwards", clause=marked.restored(clause))
    return (AddText(text.strip(), details.position or ("top" if title else "bottom"), span),)
