"""What is to be behind the person: a scene, a colour, a picture, blur, nothing."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.colours import read_colour
from daemon.studio.grammar.common import Unclear, row, take, used_up, whole
from daemon.studio.grammar.files import find, must_find
from daemon.studio.measures import Marked
from daemon.studio.operations import BackdropName, Background, Operation

_OF: Final = r"(?: (?:of|in|from|for|behind) (?:NP|me|us|the (?:person|speaker|subject)))?"
_BG: Final = (
    r"(?:(?:the|my|its|our|your|this|that|original|current|existing|old|real|actual|whole|entire|messy|ugly|boring"
    r"|video|video's|green[ -]screen) )*(?:back ?grounds?|backdrops?|bg|green[ -]?screens?)"
    rf"(?! ?(?:music|noise|track|audio|sound|song|score|hum|hiss|vocals?|people|blur(?![a-z])))(?: colou?r)?{_OF}"
)
_H_BG: Final = (
    r"(?:原来?的?|现有的?|当前的?|人物的?|我的?|视频的?|画面的?|身后的?|绿幕)*(?:背景|绿幕)(?!音|噪"
    r"|声)(?:画面)?"
)
_PERSON: Final = (
    r"(?:the |my )?(?:person|people|speaker|subject|talking head|foreground|presenter|human|me|myself"
    r"|main subject)"
)
_H_PERSON: Final = r"(?:人物|人像|人|主体|主角|主播|我|前景)"
_REMOVE: Final = (
    r"(?:remove|removing|delete|cut out|cut away|erase|take (?:out|away|off)|get rid of|drop|clear"
    r"|strip(?: out| away)?"
    r"|eliminate|knock out|mask out|key out|replace|swap(?: out)?|change)"
)
_GONE: Final = (
    r"(?:remove|delete|cut out|cut away|erase|take (?:out|away)|get rid of|drop|clear|strip(?: out| away)?"
    r"|eliminate|knock out|mask out|key out)"
)
_REPLACE: Final = (
    r"(?:replace|swap(?: out)?|change|changing|switch|substitute|exchange|turn|set|convert|transform"
    r"|update|make|put|have)"
)
_AND: Final = r"(?:,? (?:and|then|and then) |, ?)"
_WITH: Final = r"(?:with|to|for|into|by|as|to be|to look like)"
_H_GONE: Final = r"(?:去掉|去除|去|删除|删掉|移除|抠掉|抠除|扣掉|清除|消除|拿掉|除去)"
_H_TURN: Final = r"(?:更换|替换|切换|变换|换|改|变|设置|设定|设|调整|弄|做|替)(?:成|为|到|做)"

# What follows is the wish's own words: a scene, a colour, a picture.
_TARGETS: Final = tuple(
    map(
        whole,
        (
            rf"(?:use|put|show|add) {{rest}} instead of {_BG}",
            rf"{_REPLACE} {_BG} {_WITH} {{rest}}",
            rf"{_REMOVE} {_BG}{_AND}(?:replace|swap|change|substitute|switch) (?:(?:it|that|this) )?{_WITH} {{rest}}",
            rf"{_GONE} {_BG}{_AND}(?:make|turn|set) (?:it|that) (?:to |into |be |as )?{{rest}}",
            rf"{_GONE} {_BG}{_AND}(?:put|place|use|add|insert|show)(?: in)? {{rest}}(?: (?:there|behind me"
            rf"|in its place"
            r"|as (?:the|a|my)(?: new)? (?:background|backdrop)))?",
            rf"{_GONE} {_BG}{_AND}put (?:me|us) (?:in front of|on|in|at|into|inside|to) {{rest}}",
            rf"{_REPLACE} {_BG} {{rest}}",
            rf"{_BG} ?(?::|=|-|should be|is to be|to) ?{{rest}}",
            r"(?:put|place|drop|move|transport|set|show|have) (?:me|us|the (?:person|speaker|subject)) "
            r"(?:in front of|on|in|at|into|inside|against|to|before) {rest}",
            r"make it look (?:like|as if|as though) (?:i(?:'m| am)|we(?:'re| are)) (?:sitting |standing "
            r"|working |being )?"
            r"(?:in front of|on|in|at|inside) {rest}",
            r"be (?:in front of|on|in|at|inside) {rest}",
            r"(?:put|add|place|insert|show) {rest} behind (?:me|us|the (?:person|speaker|subject))",
            r"(?:use|set|put|add|insert|take) {rest} (?:as|for|in) (?:(?:the|a|my|its) )?(?:new "
            r"|virtual )?(?:background|backdrop)"
            r"(?: instead| image| picture| photo)?",
            r"(?:give|have) (?:me|us|NP) {rest} (?:background|backdrop)",
            r"(?:add|use|apply|insert|put|make|create|change to|switch to|want|need"
            r"|set)(?: in)? {rest} (?:background|backdrop)",
            rf"(?:{_H_GONE}{_H_BG}|{_H_BG}{_H_GONE})[，,、]?(?:并|然后|再)?(?:把它|将它)?{_H_TURN}{{rest}}",
            rf"(?:更换|替换|切换|变换|换|改|设置|设){_H_BG}(?:成|为|到|做){{rest}}",
            rf"{_H_BG}(?:给我)?{_H_TURN}{{rest}}",
            rf"{_H_TURN}{{rest}}的?背景",
            rf"{_H_BG}(?:用|使用|是|为|要|：|:){{rest}}",
            r"(?:用|使用|以|拿|把|将){rest}(?:作为|做为|当作|当做|做|当|来做|设为|设成)(?:视频的?"
            r"|我的)?(?:新的?)?背景(?:图|图片)?",
            r"(?:把|将)?(?:我|人物|人)(?:放在|放到|置于|移到|换到|搬到){rest}(?:上面|上|里面|里|中|前面|前)?",
            r"(?:添加|加上|加入|加|使用|用|配上|换上|设置){rest}(?:的)?背景",
        ),
    )
)  # fmt: skip
_BARE: Final = whole(r"{rest} (?:background|backdrop|bg)|(?P<han>[^\n]{1,40}?)(?:的)?背景")
_BEHIND: Final = whole(r"(?:(?:with|have|having|show|put|add|see) )?{rest} in the (?:background|backdrop)")
_NAKED: Final = whole(rf"{_REPLACE} {_BG}|(?:更换|替换|换|改|改变|换个?|换掉){_H_BG}|{_H_BG}替换")

_ANTECEDENT: Final = whole(r"(?:replace|swap|change|substitute) (?:it|that|them) (?:with|for|to|by) {rest}")

_TRANSPARENT: Final = tuple(
    map(
        row,
        (
            rf"{_GONE} {_BG}(?: completely| entirely| away)?",
            rf"{_GONE} {_BG}{_AND}(?:make|leave|keep) (?:it|that) transparent",
            rf"{_GONE} {_BG}{_AND}(?:only )?keep (?:only |just )?{_PERSON}",
            rf"(?:keep|leave|show|want) (?:only|just|nothing but) {_PERSON}(?: visible)?",
            rf"(?:only|just) (?:keep|show|leave) {_PERSON}",
            rf"(?:isolate|cut out|extract|mask) {_PERSON}",
            r"cut me out",
            rf"(?:{_GONE}) everything (?:except|but|besides|around|behind) {_PERSON}",
            rf"keep {_PERSON}{_AND}remove (?:everything else|the rest|{_BG})",
            r"background remov(?:al|ed|er)|chroma[ -]?key(?:ing)?",
            rf"(?:{_H_GONE}|抠去|抠){_H_BG}",
            rf"{_H_BG}{_H_GONE}",
            rf"抠像|抠图|抠人像?|抠出{_H_PERSON}|把?{_H_PERSON}抠出来|只(?:保留|留下?|要){_H_PERSON}",
        ),
    )
)
_CLEAR: Final = row(
    r"(?:(?:a|fully|completely) )*(?:transparent|see[ -]through|transparency|alpha(?: channel)?)"
    r"(?: (?:one|background|backdrop))?|nothing|透明的?(?:背景)?"
)
_BLURRED: Final = row(
    r"(?:(?:a|be|look|softly|nicely) )*(?:blur(?:red|ry)?|out of focus|bokeh)(?: (?:one|background|version|effect"
    r"|version of (?:it|itself)))?"
    r"|(?:模糊|虚化)的?(?:背景|效果)?"
)
_BLUR: Final = tuple(
    map(
        row,
        (
            rf"blur(?: out)? {_BG}",
            r"(?:add |apply |use |with )?(?:a |some )?(?:background blur|bokeh)(?: effect| to NP)?",
            r"blur (?:everything|all|what is) (?:behind me|behind the (?:person|speaker|subject))",
            rf"(?:虚化|模糊|柔化)(?:化|一下|掉)?{_H_BG}",
            rf"{_H_BG}(?:进行)?(?:虚化|模糊)(?:处理|化)?",
        ),
    )
)

_PICTURE: Final = r"(?:picture|photo(?:graph)?|image|pic|file|wallpaper|background image|jpe?g|png)"
_SENT: Final = r"(?:uploaded|attached|own|provided|included|sent|enclosed|supplied|dropped)"
_ONLY_PICTURE: Final = re.compile(
    rf"(?:(?:the|my|this|that|our) )?(?:{_SENT} )*{_PICTURE}(?: (?:i|that i|which i|we) (?:have )?(?:uploaded"
    rf"|sent|attached|dropped"
    rf"|provided))?|(?:the|my|this) {_SENT} (?:one|{_PICTURE}) file"
    r"|(?:我|这张|上传|我上传|附上|自己|提供|发)?的?(?:这张|那张)?(?:图片|照片|图|图像)",
    re.IGNORECASE,
)
_NAMED_PICTURE: Final = re.compile(
    rf"(?:(?:(?:the|my|our|this|a) )?(?:{_SENT} )*(?:{_PICTURE} )?(?:called |named |of "
    rf"|from )?)?<(?P<mark>[fq])(?P<n>\d+)>(?: {_PICTURE})?"
    r"|(?:我的?|上传的?|这张|图片|照片|文件|名为|叫做?|的)*<(?P<hmark>[fq])(?P<hn>\d+)>(?:这张|那张)?(?:图片"
    r"|照片|图)?(?:吧)?",
    re.IGNORECASE,
)
_CALLED: Final = re.compile(
    rf"(?:(?:the|my|our) (?:{_SENT} )*{_PICTURE}|an? {_PICTURE} (?=called|named))(?: called| named)? (?P<a>(?!of ).+)"
    rf"|(?:the|my|our) (?P<b>.+) {_PICTURE}",
    re.IGNORECASE,
)

_SCENES: Final[tuple[tuple[BackdropName, str], ...]] = (
    ("home-office", r"home[ -]?office|home work ?space|office at home|家庭办公室?|居家办公室?|家里的?办公室"),
    ("office", r"office(?: (?:room|space|interior))?|work ?space|workplace|办公室|办公环境"),
    ("studio", r"(?:photo|video|film|photography)? ?studio|摄影棚|影棚|工作室|摄影工作室"),
    ("beach", r"(?:sandy )?beach|sea ?side|sea ?shore|海滩|沙滩|海边"),
    ("living-room", r"living[ -]?room|sitting room|lounge|客厅|起居室"),
    ("library", r"library|book ?shel(?:f|ves)|wall of books|图书馆|书架"),
    ("city", r"city(?: (?:skyline|scape))?|cityscape|skyline|城市|都市|城市天际线|天际线"),
    ("forest", r"forest|woods|woodland|森林|树林"),
    ("mountains", r"mountains?(?: (?:range|landscape))?|群山|高山|山脉|山景|山"),
    ("sunset", r"sunset(?: sky)?|sundown|日落|夕阳|落日"),
    ("space", r"(?:outer )?space|cosmos|universe|太空|宇宙|外太空"),
    ("abstract", r"abstract(?: (?:shapes|pattern|art|gradient|design))?|抽象(?:图案|图形)?"),
)
_SCENE_ROWS: Final = tuple((name, row(source)) for name, source in _SCENES)
_HARMLESS: Final = row(
    r"calm|modern|cozy|cosy|bright|virtual|nice|professional|clean|beautiful|lovely|pretty|simple"
    r"|minimal(?:ist(?:ic)?)?"
    r"|elegant|stylish|realistic|quiet|peaceful|serene|contemporary|typical|generic|tidy|neat|great|cool|good"
    r"|different"
    r"|new|natural|real|proper|scenic|looking|like|kind of|sort of|type of|be|look|on|in|at|of|instead"
    r"|scene(?:ry)?|setting|backgrounds?|backdrops?|environment|view|image|picture|photo|style|theme|video|one"
    r"|interior"
    r"|虚拟|现代|明亮|漂亮|美丽|好看|专业|干净|简洁|温馨|舒适|安静|宁静|平静|新|一张|一片|一间|一座|场景|背景"
    r"|环境|风格|图片|画面"
    r"|里面?|上面?|中|前"
)


def read(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as another background, or None. Raises Unclear for one that cannot be drawn or is no file."""
    for kind, patterns in (("transparent", _TRANSPARENT), ("blur", _BLUR)):
        for pattern in patterns:
            rest, found = take(clause, pattern)
            if found is not None and used_up(rest):
                return (Background("transparent" if kind == "transparent" else "blur"),)
    for pattern in _TARGETS:
        found = pattern.search(clause)
        if found is not None:
            return (_target(found["rest"], clause, marked),)
    bare = _BARE.search(clause)
    if bare is not None and not re.match(
        r"\W*(?:with|using|no|without|over|用|以|不|无|没)", clause, re.IGNORECASE
    ):
        known = _known(bare["rest"] or bare["han"], marked)
        if known is not None:
            return (known,)
    replaced = _ANTECEDENT.search(clause)
    if replaced is not None:
        _target(replaced["rest"], clause, marked)
    behind = _BEHIND.search(clause)
    if behind is not None and (scene := _scene(behind["rest"])) is not None:
        return (Background("scene", scene),)
    if _NAKED.search(clause):
        raise Unclear("which-scene", clause=marked.restored(clause))
    return None


def read_its(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """`replace it with a beach`, after a wish for the background: the other one, or None. Raises as `read` does."""
    replaced = _ANTECEDENT.search(clause)
    return None if replaced is None else (_target(replaced["rest"], clause, marked),)


def _target(said: str, clause: str, marked: Marked) -> Background:
    known = _known(said, marked)
    if known is not None:
        return known
    raise Unclear("no-scene", what=marked.restored(_bare_words(said)) or marked.restored(clause))


def _known(said: str, marked: Marked) -> Background | None:
    """What these words are, whole; a file's name wins over a scene's. Raises Unclear for a file that is not there."""
    said = said.strip(" .,;:!?，。；：、！？")
    picture = _picture(said, marked)
    if picture is not None:
        return Background("picture", picture)
    if _fits(_CLEAR, said):
        return Background("transparent")
    if _fits(_BLURRED, said):
        return Background("blur")
    colour = read_colour(said, marked)
    if colour is not None:
        return Background("colour", colour)
    scene = _scene(said)
    return None if scene is None else Background("scene", scene)


def _picture(said: str, marked: Marked) -> str | None:
    """The name of the user's own picture that is meant, "" for the only one, None where it is another thing."""
    named = _NAMED_PICTURE.fullmatch(said)
    if named is not None:
        name = marked.value(named["n"] or named["hn"])
        return must_find(str(name), "image", marked)
    if _ONLY_PICTURE.fullmatch(said) and not re.fullmatch(r"(?:a|an) .*", said, re.IGNORECASE):
        return ""
    found = find(_bare_words(said), "image", marked) or find(said, "image", marked)
    if found is not None:
        return found
    called = _CALLED.fullmatch(said)
    if called is None:
        return None
    return must_find(marked.restored(called["a"] or called["b"]), "image", marked)


def _scene(said: str) -> BackdropName | None:
    for name, pattern in _SCENE_ROWS:
        rest, found = take(said, pattern)
        if found is not None and used_up(rest, _HARMLESS):
            return name
    return None


def _fits(pattern: re.Pattern[str], said: str) -> bool:
    found = pattern.search(said)
    return found is not None and not said.replace(found[0], "", 1).strip()


def _bare_words(said: str) -> str:
    return re.sub(
        r"^(?:(?:a|an|the|my|our|some|this|that|一个|一张|我的)\s?)+", "", said.strip(), flags=re.IGNORECASE
    )
