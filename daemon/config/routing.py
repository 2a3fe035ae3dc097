"""What an instruction asks for: an edit, or something that never goes to the editor. English and Chinese. Pure.

Only what is clearly one of the others, and nothing else, is routed: an edit taken for an export would lose the
person's wish, while an export sent as an edit costs credits at worst. So the words below are all there are. An
instruction is brought to one form, cut into clauses, and each clause must match a pattern from its first to its
last letter; any word that is not here makes it an edit.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import Final

from daemon.config.document import printable


class Route(Enum):
    """Who does what an instruction says. EDIT: the editor."""

    EDIT = "edit"
    EXPORT = "export"
    CREDITS = "credits"
    STATUS = "status"
    UPLOAD = "upload"


_LONGEST: Final = 200
"""Letters of an instruction that can still be one wish alone; more is an edit."""


def route(instruction: str) -> Route:
    """What an instruction means. A format named in an export is ignored: the rule's `format` decides."""
    if len(instruction) > _LONGEST:
        return Route.EDIT
    found = []
    for clause in _SEPARATOR.split(_one_form(instruction)):
        if _COURTESY.fullmatch(clause):
            continue
        meant = [one for one, pattern in _PATTERNS.items() if pattern.fullmatch(clause)]
        if not meant:
            return Route.EDIT
        found += meant
    # Exporting follows every job; of two wishes the other one is what a person has to hear about.
    return next((one for one in found if one is not Route.EXPORT), Route.EXPORT) if found else Route.EDIT


def misplaced(instruction: str) -> str | None:
    """Why this cannot be an instruction, and what to do instead, as a sentence without its full stop; None: it can."""
    said = _MISPLACED.get(route(instruction))
    return said and f'"{printable(" ".join(instruction.split()))}" {said}'


_MISPLACED: Final = {
    Route.CREDITS: "asks for the account's credits; that is `reeldrop credits`, an instruction says what to do with "
    "a file (for credits in the picture, say what they read)",
    Route.STATUS: "asks how the work stands; that is `reeldrop status` or `reeldrop job ID`, an instruction says "
    "what to do with a file",
    Route.UPLOAD: "asks for an upload, and each file is uploaded by itself; an instruction says what to do with it "
    "then (`export`: nothing)",
}


def _one_form(text: str) -> str:
    """Small letters, plain width, simplified characters, one space between words, no quotes around it all."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_SAME)
    text = "".join(one for one in text if unicodedata.category(one) != "Cf").strip()
    while len(text) > 2 and _QUOTES.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    for pattern, instead in _SPELLINGS:
        text = pattern.sub(instead, text)
    return text


_SAME: Final = str.maketrans(
    "導載輸匯傳狀態餘額積點數視頻結檔請幫給發時間線軌顯還項目麼嗎個這裡謝詢檢帳戶號嘅將為緒裏圖聲",
    "导载输汇传状态余额积点数视频结档请帮给发时间线轨显还项目么吗个这里谢询检帐户号的将为绪里图声",
    "*_`",
)
_QUOTES: Final = {
    '"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "«": "»",
    "「": "」", "『": "』", "《": "》", "(": ")", "[": "]", "<": ">",
}  # fmt: skip
_SPELLINGS: Final = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"[’‘]", "'"),
        (r"(?<=[a-z])'(?=s\b)", " i"),  # what's → what is
        (r"\blet is\b", "let us"),
        (r"(?<=\bi)'d\b", " would"),
        (r"(?<=\byou)'re\b", " are"),
        (r"\bh\.(?=26[45]\b)", "h"),
        (r"(?<=\w)-(?=\w)|[()\[\]]|(?<!\S)\.(?=[a-z0-9])", " "),
        (r"\s*\n\s*", "\n"),
        (r"[^\S\n]+", " "),
        (r"(?<=[㐀-鿿]) | (?=[㐀-鿿])", ""),
    )
)
_SEPARATOR: Final = re.compile(
    r"\s*(?:[,;:!?~\n。、]|\.(?!\w)|…|\s(?:and then|and|then|&|\+|/|[-–—]+)(?=\s)|以及|并且|并|然后|接着|和|再)\s*"
)


def _any(*patterns: str) -> str:
    return f"(?:{'|'.join(patterns)})"


# English. A space stands before each word that follows another, so that what is optional takes its space along.

_LEAD: Final = _any(
    "please", "pls", "plz", "kindly", "just", "only", "simply", "now", "ok", "okay", "so", "hi", "hello", "hey",
    "finally", "then", "also", "(?:can|could|would|will) you", "(?:can|could|may) i", "you (?:can|may)", "let us",
    "i (?:just )?(?:want|need)(?: you)? to", "i would like(?: you)? to", "help me", "go ahead",
)  # fmt: skip
_TAIL: Final = _any(
    "please", "pls", "plz", "now", "for me", "again", "only", "asap", "immediately", "directly", "unchanged",
    "as (?:it )?is", "with(?:out(?: any)?| no) (?:changes|edits|editing)",
    "(?:when|once) (?:it is |you are )?(?:done|ready|finished)",
)  # fmt: skip
_WHOSE: Final = "(?:(?:the|this|that|my|our|your) )?"
_KIND: Final = (
    "(?:(?:final|finished|edited|whole|full|entire|complete|rendered|resulting|latest|current|original) )*"
)
_NOUN: Final = _any(
    "videos?", "(?:video|media|result|output) files?", "files?", "clips?", "movie", "film", "footage", "recording",
    "results?", "project", "timeline", "output(?: video)?",
)  # fmt: skip
_THING: Final = _any(
    f"{_WHOSE}{_KIND}{_NOUN}",
    f"(?:the|this|that|my|our|your) {_KIND}(?:cut|edit|draft|version|export|render)",
    "final (?:cut|edit|version)",
)
_OBJECT: Final = _any(_THING, "it", "this", "that", "them", "everything", "all(?: of it)?", "a copy")
_QUALITY: Final = _any(
    "mp4", "mov", "mkv", "webm", "1080p", "(?:full )?hd", "h26[45]",
    "(?:high|highest|best|full|max|maximum|original) quality",
)  # fmt: skip
_MANNER: Final = _any(
    f" (?:(?:as|to|in|into|at|with) )?(?:(?:a|an|the) )?{_QUALITY}(?: (?:video|file|format))?",
    " (?:as|to) (?:a )?(?:video file|video|file)",
    " (?:back )?to me",
    " to (?:(?:the|my|an?) )?(?:(?:output|downloads?) )?(?:folder|directory|computer|disk|drive|device)",
)
_DOING: Final = "(?:export|render|download)(?:ing)?"
_EXPORT_EN: Final = (
    _any(
        f"(?:export|download|render|save|output)(?: out)?(?: {_OBJECT})?(?: out)?",
        f"(?:send|give|get) me (?:it|{_THING})(?: back)?",
        f"(?:send|give|return) (?:it|{_THING})(?: (?:back(?: to me)?|over|to me))?",
        f"(?:(?:start|begin|run|do|make) )?(?:(?:the|an?) )?(?:final )?(?:{_QUALITY} )*(?:(?:video|file) )?{_DOING}",
    )
    + f"{_MANNER}{{0,4}}"
)

_ASK: Final = _any(
    "(?:show|tell|give|check|get|see|view|list|display|query|look up)(?: me)?", "what (?:is|are)"
)
_MINE: Final = "(?:(?:the|my|our|your|all|account|available|remaining|current|total|nemo|nemovideo) )*"
_LEFT: Final = "(?: (?:left|remaining|available|on my account|in my account))*"
_CREDITS_EN: Final = _any(
    f"(?:{_ASK} )?{_MINE}(?:credits?(?: balance| count| status)?|balance){_LEFT}",
    f"how (?:many|much) (?:of )?{_MINE}credits? (?:do (?:i|we) (?:still )?have|have (?:i|we)(?: got)?|(?:is|are)"
    f"(?: there)?(?: still)?|(?:i|we) have|remain){_LEFT}",
    f"how (?:many|much) credits?{_LEFT}",
    f"(?:do (?:i|we) (?:still )?have|have (?:i|we) got)(?: any| enough)? credits?{_LEFT}",
)
_WORK: Final = _any("project", "job", "session", "video", "render", "export", "edit", "draft", "timeline")
_STATUS_EN: Final = _any(
    f"(?:{_WHOSE}(?:current )?(?:{_WORK} )?)status(?: report| update| check)?",
    f"{_ASK} {_WHOSE}(?:current )?(?:{_WORK} )?(?:status|state)(?: of {_WHOSE}{_WORK})?",
    f"(?:status|what is the progress) of {_WHOSE}{_WORK}",
    "(?:show|list|see|view|display|check)(?: me)?(?: all)?(?: (?:the|my))?(?: current)? (?:tracks|timeline|draft)",
    f"what(?: all)? is (?:there )?(?:now )?(?:on|in) {_WHOSE}(?:timeline|draft|project)(?: now| so far)?",
    f"(?:what|which|how many) tracks (?:are there|do i have|are (?:on|in) {_WHOSE}(?:timeline|draft|project))",
    f"(?:are you|is (?:it|{_WHOSE}{_WORK})) (?:done|ready|finished)(?: yet)?",
    f"how is (?:it|{_WHOSE}{_WORK}) going",
)
_STUFF: Final = _any(_NOUN, "photos?", "images?", "pictures?", "audio")
_UPLOAD_EN: Final = _any(
    f"(?:re ?)?upload(?: (?:it|this|that|them|everything|(?:(?:the|this|that|these|my|our|a|an|new) )*{_STUFF}))?"
    "(?: (?:to|into) (?:(?:the|your) )?(?:server|cloud|service|editor|project|session|timeline|nemo|nemovideo))?"
    "(?: from (?:my |the )?(?:computer|disk|folder|device))?",
    "(?:start|begin|do) (?:the |an )?(?:(?:file|video) )?upload(?:ing)?",
    "(?:file|video) upload",
)

# Chinese, without spaces.

_LEAD_ZH: Final = _any(
    "你好", "您好", "请问", "请", "麻烦[你您]?", "帮忙", "帮我", "可以", "能不能", "能否", "能", "我想要?", "我要",
    "我需要", "需要", "[你您]", "直接", "仅", "只需要?", "只要", "只", "就", "现在", "马上", "立即", "最后", "先",
)  # fmt: skip
_TAIL_ZH: Final = _any(
    "[吧呢吗么啊呀哦啦]", "一下", "即可", "就行了?", "就好了?", "就可以了?", "可以吗", "好吗", "行吗",
    "谢谢[你您]?", "多谢", "给我",
)  # fmt: skip
_WHICH_ZH: Final = (
    "(?:这个|这段|这条|该|我的|最终的?|最后的?|完整的?|整个|编辑好的|剪辑好的|剪好的|做好的|处理好的)*"
)
_THING_ZH: Final = f"{_WHICH_ZH}(?:视频文件|视频|影片|短片|片子|成片|成品|结果|文件|档案|作品|项目)"
_OBJECT_ZH: Final = _any(_THING_ZH, "它", "全部")
_EXPORTING_ZH: Final = "(?:导出|汇出|下载|保存|渲染|输出)+"
_QUALITY_ZH: Final = "(?:mp4|mov|mkv|webm|1080p|全?高清|高质量|最高质量|最高画质|原画质)"
_MANNER_ZH: Final = _any(
    f"(?:格式)?(?:为|成|到|至|以)?{_QUALITY_ZH}(?:格式|文件|画质)?的?",
    "到(?:本地|电脑|硬盘|(?:输出)?文件夹)",
)
_EXPORT_ZH: Final = _any(
    f"(?:给我)?(?:开始|进行)?{_EXPORTING_ZH}(?:出?来|一下)?{_MANNER_ZH}{{0,4}}(?:{_OBJECT_ZH})?{_MANNER_ZH}{{0,4}}",
    f"(?:[把将]{_OBJECT_ZH}|{_THING_ZH}){_EXPORTING_ZH}(?:出?来|下来)?{_MANNER_ZH}{{0,4}}",
    f"(?:[把将]?{_OBJECT_ZH})?(?:发送?|传)给?我",
    f"(?:给我|发给?我|发送给我){_THING_ZH}",
    f"发送?{_THING_ZH}给我",
)
_ASK_ZH: Final = "(?:查询|查看|查|看看|看|告诉我|检查|显示|获取)?(?:一下|下)?"
_POINTS_ZH: Final = "(?:积分|余额|点数|额度)"
_MINE_ZH: Final = "(?:我|账户|账号|帐户|帐号|当前|现在|目前|剩余|可用|还剩|剩下|总|里|的)*"
_CREDITS_ZH: Final = _any(
    # A scoreboard is shown, an account is looked up.
    f"(?!显示(?:积分|点数)$){_ASK_ZH}{_MINE_ZH}{_POINTS_ZH}+(?:还|是|有|剩余?下?|多少|几个|情况|够(?:不够|用)?)*",
    f"{_MINE_ZH}还?(?:有|剩余?下?)(?:多少|几个){_MINE_ZH}{_POINTS_ZH}(?:可用|可以用|能用)?",
)
_WORK_ZH: Final = "(?:我的|当前|现在|目前|项目|任务|作业|视频|渲染|导出|编辑|处理|会话|时间[线轴]|的)*"
_STATUS_ZH: Final = _any(
    # A progress bar can be wished for in the picture.
    f"(?!(?:显示)?进度$){_ASK_ZH}{_WORK_ZH}(?:状态|进度)(?:现在)?(?:如何|怎么?样|是什么)?",
    "(?:查看|看看|看|显示|列出)(?:一下|下)?(?:所有|全部|当前|的)*(?:轨道|时间[线轴])(?:列表)?",
    "(?:现在|目前)?(?:时间[线轴]|轨道|项目)[上里中]?(?:现在|目前)?都?有(?:什么|哪些)(?:内容|轨道|素材)?",
    "(?:现在|目前|时间[线轴]上|项目里)?有(?:哪些|几条|几个|多少条?个?)轨道",
    "(?:视频|项目)?(?:做好|剪好|完成|好)了(?:没有?|吗)",
)
_STUFF_ZH: Final = (
    "(?:这个|这段|这些|一个|我的|新的?|本地)*(?:视频|影片|短片|文件|档案|素材|图片|照片|音频|片段)(?:文件)?"
)
_UPLOAD_ZH: Final = _any(
    f"(?:重新|开始)?上传(?:一下)?(?:它|{_STUFF_ZH})?(?:到(?:云端|服务器|项目|时间[线轴]))?",
    f"[把将]?(?:它|{_STUFF_ZH})上传(?:上去)?(?:到(?:云端|服务器|项目|时间[线轴]))?",
)


def _wish(english: str, chinese: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?:{_LEAD} )*{english}(?: {_TAIL})*|(?:(?:please|pls) ?)?{_LEAD_ZH}*+{chinese}{_TAIL_ZH}*"
    )


_COURTESY: Final = re.compile(
    rf"(?:(?:{_LEAD}|{_TAIL})(?: |$))*+|(?:{_LEAD_ZH}|{_TAIL_ZH}|好[的了]?|拜托)*+|thanks|thank you(?: very much)?|thx|"
    r"thanks a lot|good|nothing else|no (?:changes|edits|editing)|that is all|"
    r"(?:不用|不要|无需|不需要)(?:编辑|剪辑|修改|改)"
)
_PATTERNS: Final = {
    Route.EXPORT: _wish(_EXPORT_EN, _EXPORT_ZH),
    Route.CREDITS: _wish(_CREDITS_EN, _CREDITS_ZH),
    Route.STATUS: _wish(_STATUS_EN, _STATUS_ZH),
    Route.UPLOAD: _wish(_UPLOAD_EN, _UPLOAD_ZH),
}
