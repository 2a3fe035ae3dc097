"""What the editor says, without its talk of a screen that is not there. English and Chinese. Pure.

The editor answers as if a person sat before its page: "Trimmed to 0-10 s; click Export to download." What it says
about the work stays as it is; a clause that sends the person to a button, a panel or a menu becomes an `Action`.
Such a clause is an order ("click", "you can open", "点击") with a thing of the screen as its object, at the
beginning of a sentence or after a comma or the like. Whatever else speaks of clicks and drops is about the picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Action(Enum):
    """What the person was asked to do on the screen."""

    EXPORT = "export"
    STATE = "state"
    EDIT = "edit"
    SUMMARY = "summary"
    CREDITS = "credits"
    CLICK = "click"


@dataclass(frozen=True, slots=True)
class Translated:
    """`content`: what was said about the work, in its order and form; `wanted`: what the rest asked for."""

    content: str
    wanted: frozenset[Action]


def translate(text: str) -> Translated:
    """Parts an answer's content from its talk of a screen. A sentence that cannot be cut cleanly stays whole."""
    wanted: set[Action] = set()
    lines: list[str] = []
    left_out = False
    for line in text.split("\n"):
        kept = ""
        for sentence in sentences(line):
            said, asked = _content(sentence)
            kept += said
            wanted |= asked
        if kept != line and not kept.strip(_BULLETS):
            left_out = True
        elif kept.strip() or not left_out or (lines and lines[-1].strip()):
            # Where a paragraph is left out, one empty line is left between its neighbours.
            lines.append(kept if kept == line else kept.rstrip())
            left_out = left_out and not kept.strip()
    return Translated("\n".join(lines).strip(), frozenset(wanted))


def sentences(line: str) -> Iterator[str]:
    """The sentences of a line, each with the space after it; none ends inside quotes or after a list's number."""
    begin = 0
    for end in _END.finditer(_masked(line)):
        if not _NO_END.search(line[begin : end.end()]):
            yield line[begin : end.end()]
            begin = end.end()
    if begin < len(line):
        yield line[begin:]


_END: Final = re.compile(r"(?:(?<![.!?…])[.!?…]++[\"'”’)\]*]*+(?:\s+|$)|[。！？]+[”’』」）\"]*\s*)")
_NO_END: Final = re.compile(
    r"(?:^\s*[-*•]?\s*\(?\d{1,2}[.)]|\b(?:e\.g|i\.e|vs|approx|etc|no)\.)\s+$", re.IGNORECASE
)
_BULLETS: Final = " \t-*•0123456789.)"
_HIDDEN: Final = "\ue000"
_QUOTED: Final = re.compile(
    r"\"[^\"\n]{0,300}\"|“[^”\n]{0,300}”|「[^」\n]{0,300}」|『[^』\n]{0,300}』|《[^》\n]{0,300}》|【[^】\n]{0,300}】"
    r"|`[^`\n]{0,300}`|(?<!\w)['‘][^'’\n]{1,60}['’](?!\w)"
)
_NAMES: Final = (
    r"export|download|save|share|render|play|preview|publish|upload|apply|generate|confirm|done|ok|next|continue"
    r"|undo|redo|settings|start|replace|import|delete|导出|下载|保存|预览|播放|渲染|上传|应用|确认"
)


def _masked(text: str) -> str:
    """The same length without bold signs and with quoted text hidden, except for the names of buttons."""

    def hide(found: re.Match[str]) -> str:
        inner = found[0][1:-1].strip(" *")
        return f" {found[0][1:-1]} " if re.fullmatch(_NAMES, inner, re.I) else _HIDDEN * len(found[0])

    return _QUOTED.sub(hide, text).replace("*", " ")


# The talk of a screen. What a masked clause is matched with from its beginning.

_PLACE: Final = (
    r"(?:buttons?|icon|panel|tab|menu|drop-?down|tool ?bar|side ?bar|dialog|window|pop-?up|page|link|check ?box|slider"
    r"|toggle|workspace|editor|inspector|library|canvas|timeline|track list|player|playhead|browser|dashboard|settings)"
)
_WORDS: Final = r"(?:(?!(?:with|on|in|of|for|before|after|to|and|at|from|by)\b)[\w'&>\ue000-]+\s+){0,4}"
_LEAD: Final = (
    r"(?:[-•]\s+|\(?\d{1,2}[.)]\s+)?"
    r"(?P<lead>(?:(?:please|kindly|now|then|just|simply|next|finally|also|or|and|alternatively|great|ok(?:ay)?|perfect"
    r"|awesome|all set|note|tips?|next steps?|first|second|you (?:can|may|could|should|might want to)(?: now| also"
    r"| then| always| simply| just| still)?|you(?:'|’)?(?: wi)?(?:ll)? ?(?:need|want|have) to|feel free to|go ahead and"
    r"|(?:be|make) sure (?:to|you)|(?:don(?:'|’)t forget|remember) to|try|all you (?:need|have) to do is)"
    r"[,:!]?\s+){0,12}+)"
)
_PURPOSE: Final = (
    r"(?:(?:when(?:ever)?|once|if|to|after|before|in|on|at|from|as soon as|for|under)\s"
    r"(?:(?!\b(?:I|we|I've|we've)\b)[^,;:]){1,80}[,:]\s*"
    r"|to\s(?:(?!\b(?:I|we|it is|that|which|is|was|has)\b)[^,;:.]){1,40}?\s(?=(?:click|tap|press|hit"
    r"|open|drag|go to|use)\b))?"
)
_CLICK: Final = (
    r"(?:(?:double|right|left)[- ])?(?:click|tap)\s+(?:(?:on|at)\s+)?"
    rf"(?:(?:the|this|that|your|here|any|it|one|an?|{_NAMES})\b|\ue000)"
    r"|(?:press|hit|push|select|choose|pick|locate)\s+(?:(?:on|the|your|an?|any)\s+)?"
    rf"{_WORDS}(?:buttons?|icon|tab|menu|panel|link|check ?box|slider|toggle|tool ?bar|drop-?down)\b"
    rf"|(?:use|find|look for)\s+the\s+{_WORDS}(?:button|icon|tab|menu|panel|slider|toggle|tool ?bar)"
    r"(?=\s*(?:[.,;!]|$|\b(?:to|in|on|at|when|if|and)\b))"
    rf"|(?:press|hit)\s+(?:the\s+)?(?:{_NAMES})\b"
    rf"|(?:select|choose|pick)\s+[^,;]{{1,40}}?\s(?:in|on|from)\s+(?:the|your)\s+{_WORDS}{_PLACE}\b"
    r"|(?:scroll|hover)\s+(?:up|down|over|to|through)\b"
    r"|(?:the|an?|you(?:'ll| will| can) (?:find|see) (?:the|an?))\s+(?:export|download|save|render|share)\s+"
    r"(?:button|icon|tab|menu)\s+(?:is|are|can be|at|in|on|will|appears)\b"
    r"|(?:右键|左键)?(?:点击|点按|单击|双击|右击|轻点|轻触|按下|点选)(?!率|量|音|声|效)"
    r"|选择\s*(?:导出|下载|保存|预览|播放)"
    r"|(?:导出|下载|保存)按钮(?:在|位于|就在)"
)
_OPEN: Final = (
    r"(?:open(?:\s+up)?|go(?:\s+back)?\s+to|head(?:\s+over)?\s+to|navigate\s+to|switch\s+to|visit|expand|close|return\s+to)"
    rf"\s+(?:(?:the|your|this|an?)\s+)?{_WORDS}{_PLACE}\b"
    r"|(?:打开|进入|前往|切换到|展开|转到)[^，。；]{0,12}?(?:面板|时间[线轴]|素材库|媒体库|菜单|窗口|设置|编辑器|项目|标签|页面|侧边栏"
    r"|工具栏)"
)
_DRAG: Final = (
    r"drag(?:\s*(?:-|and|&|/)\s*-?\s*drop|-and-drop)?\s+(?:(?:the|your|an?|it|them|this|that|any|files?|clips?|videos?"
    r"|media)\b|\ue000)"
    rf"|drop\s+[^,;]{{1,40}}?\s?(?:(?:in|on)to|in|on)\s+(?:the|your|this)\s+{_WORDS}(?:timeline|panel|window|area|track|chat"
    r"|editor|canvas|library|page)\b"
    r"|drop\s+[^,;]{1,40}?\shere\b"
    r"|(?:adjust|change|edit|fine-?tune|modify|tweak|customi[sz]e|move|resize|reposition|trim)\s+[^,;]{1,50}?\s"
    rf"(?:by\s+(?:dragging|clicking|tapping)\b|(?:in|using|from|via|with|on)\s+(?:the|your)\s+{_WORDS}(?:panel|tab|menu"
    r"|tool ?bar|side ?bar|inspector|sliders?|handles|timeline|editor)\b)"
    r"|(?:调整|修改|编辑|更改)[^，。；]{0,12}?(?:面板|菜单|工具栏)"
    r"|在[^，。；]{0,10}?(?:面板|菜单|工具栏|时间[线轴]|编辑器)[上中里内]?(?:调整|修改|编辑|更改)"
    r"|(?:拖拽|拖动|拖放)(?!效果|动画|特效|转场)"
    r"|[将把][^，。；]{1,20}?拖[^，。；]{0,6}?(?:时间[线轴]|轨道|面板|窗口|这里|此处|区域|编辑器|媒体库|素材库)"
)
_PREVIEW: Final = (
    r"(?:preview|watch|view|play(?:\s+back)?|see|check(?:\s+out)?|review|look\s+at)\s+[^,;]{0,50}?"
    r"(?:in|on|from|inside|using)\s+(?:(?:the|your|our)\s+)?(?:[\w-]+\s+){0,2}?(?:timeline|player|preview(?:\s+(?:window|panel"
    r"|area|pane))?|canvas|viewer|preview monitor)\b"
    r"|preview\s+(?:it|this|them|the|your|now|here|how)\b"
    r"|(?:预览|查看|观看|播放|看到)[^，。；]{0,12}?(?:时间[线轴]|播放器|预览窗口)"
    r"|在(?:时间[线轴]|播放器|预览窗口|画布)[上中里内]?(?:进行)?(?:预览|查看|观看|播放|看到)"
    r"|预览(?:一下)?(?:最终)?(?:视频|效果|结果|成片|它)?(?:即可|吧)?(?=\s*(?:$|[，,。！!；;]))"
)
_EXPORT: Final = (
    r"(?:export|download)\s+(?:(?:it|them|this|your|now|here|when(?:ever)?|once|directly|the "
    r"(?:final |finished |edited |new )?(?:video|clip|file|result|project|movie)|as an? mp4|as mp4)\b|\ue000)"
    r"|save\s+(?:it\b|(?:the|your)\s+(?:[\w]+\s+)?(?:video|clip|file|result|project|movie)\b)"
    r"|(?:export|download)(?=\s*(?:[.!)]|$))"
    r"|(?:导出|下载|保存)(?:该|这个|这段|您的|你的|最终的?)*(?:视频|文件|成片|它|作品|结果)?(?:即可|吧|了|后|到[^，。；]{1,8})?"
    r"(?=\s*(?:$|[，,。！!；;]))"
)
_CREDITS: Final = (
    r"(?:check|visit|go\s+to|see|open|log\s?in\s+to|sign\s+in\s+to|review|manage|look\s+at)\s+"
    r"(?:(?:the|your|my)\s+(?:account|billing)|your\s+(?:(?:remaining|available|current|credit|account)\s+)?"
    r"(?:balance|credits?|subscription|plan))\b"
    r"|(?:查看|检查|前往|登录|进入|访问|打开)[^，。；]{0,6}?(?:账户|账号|帐户|帐号|账单|余额|积分|订阅|套餐)"
)
_LEAD_ZH: Final = (
    r"(?P<zh>(?:请|您可以|你可以|可以|您可(?!能)|现在|然后|接着|接下来|随后|再|只需要?|只要|直接|也|就|需要|麻烦您?|或者?|之后|好的|提示|下一步"
    r"|[，,：:、]){0,12}+)"
    r"(?:(?:满意|确认|如果|如需|若需|若要|要|想要|当|在|完成后|准备好后)(?:(?!我)[^，。；！？]){0,20}?[，,]?(?:您可以|你可以|可以|请"
    r"|只需)?)?"
)
_SCREEN: Final = re.compile(
    rf"{_LEAD}{_PURPOSE}"
    rf"(?:(?:please|just|simply|you (?:can|may|should)(?: now| also)?|feel free to)\s+){{0,4}}+{_LEAD_ZH}(?:"
    rf"(?P<credits>{_CREDITS})|(?P<edit>{_DRAG})|(?P<summary>{_PREVIEW})|(?P<state>{_OPEN})|(?P<export>{_EXPORT})"
    rf"|(?P<click>{_CLICK}))",
    re.IGNORECASE,
)
_LONGEST: Final = 200
"""Letters of a clause in which what is clicked is looked for."""

_TARGETS: Final = {
    Action.EXPORT: re.compile(r"export|download|render|\bsave|导出|下载|渲染|保存", re.IGNORECASE),
    Action.SUMMARY: re.compile(r"preview|\bplay|预览|播放", re.IGNORECASE),
    Action.CREDITS: re.compile(
        r"account|billing|credits|balance|subscription|账户|账单|余额|积分", re.IGNORECASE
    ),
}

# Where such a clause can begin, and what must not be cut.

_STRONG: Final = re.compile(r"\s{0,3}[;；]\s{0,3}|(?<=\S)\s{1,3}[–-]{1,2}\s{1,3}|\s{0,3}—{1,2}\s{0,3}")
_COMMA: Final = re.compile(r"\s{0,3}[,，]\s{0,3}(?:(?:and|but|so|or|then)\s{1,3}){0,3}", re.IGNORECASE)
_WEAK: Final = re.compile(r"\s{1,3}(?:(?:and|but|so|or|then)\s{1,3}){1,3}", re.IGNORECASE)
_ADDRESSED: Final = re.compile(r"\b(?:you|please|just|simply|feel|go ahead)\b", re.IGNORECASE)
_QUOTING: Final = re.compile(
    r"\b(?:say|says|saying|said|read|reads|reading)\b|写着|显示|文字|字样", re.IGNORECASE
)
_TOLD: Final = re.compile(
    r"(?:I|we)(?:['’]ve|\s+have|\s+also|\s+just)?\s+(?!can\b|will\b|could\b|would\b)\w+|我|已"
)
_TELLING: Final = re.compile(
    r"https?://|\d:\d\d|\b\d+(?:\.\d+)? ?(?:s|sec|seconds|tracks?|clips?)\b|[0-9]+ ?(?:秒|个|条|处)", re.I
)


def _content(sentence: str) -> tuple[str, set[Action]]:
    """What stays of a sentence, and what the rest asks for."""
    body = sentence.rstrip()
    wanted: set[Action] = set()
    told, whole = "", True
    place, before = 0, ""
    for end, begin in [*(found.span() for found in _STRONG.finditer(_masked(body))), (len(body), len(body))]:
        part = body[place:end]
        said, asked = _clauses(part)
        wanted |= asked
        whole = whole and said == part
        told += (before if told and said else "") + said
        place, before = begin, body[end:begin]
    if whole or not told.strip():
        return (sentence if whole else ""), wanted
    stop = "" if told[-1] in ".!?。！？…" else "。" if re.search("[㐀-鿿]", body) else "."
    return told + stop + sentence[len(body) :], wanted


def _clauses(part: str) -> tuple[str, set[Action]]:
    """What stays of a sentence's part between stronger signs than commas, and what the rest asks for."""
    masked = _masked(part)
    starts = sorted(
        [(0, 0, True)]
        + [(*found.span(), True) for found in _COMMA.finditer(masked)]
        + [(*found.span(), False) for found in _WEAK.finditer(masked)]
    )
    wanted: set[Action] = set()
    first: int | None = None
    for end, start, strong in starts:
        found = _SCREEN.match(masked, start)
        if first is not None and _TOLD.match(masked, start):
            # Work is told of after the talk: no clean cut.
            return part, wanted | (_actions(found, part) if found else set())
        if found is None or (first is None and not strong and not _ADDRESSED.search(found["lead"] or "")):
            continue
        if first is None and _QUOTING.search(part[:end]):
            return part, wanted
        wanted |= _actions(found, part)
        first = end if first is None else first
    # What counts or times something, or gives an address, says more than where to look.
    if first is None or _TELLING.search(part, first):
        return part, wanted
    return part[:first].rstrip(), wanted


def _actions(found: re.Match[str], part: str) -> set[Action]:
    action = Action(found.lastgroup)
    if action is not Action.CLICK:
        return {action}
    said = part[found.start("click") :][:_LONGEST]
    at = [(hit.start(), target) for target, pattern in _TARGETS.items() if (hit := pattern.search(said))]
    return {min(at, key=lambda one: one[0])[1] if at else Action.CLICK}
