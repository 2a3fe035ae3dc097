"""A script as people write one, cut into screens: what is read in one piece on a promo's title (pure).

Left out is what is said to the makers and not to the viewers: scene numbers, who speaks, stage directions,
time codes, tables, code and the marks of Markdown. What Markdown sets in bold is stressed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final, Literal

Role = Literal["headline", "line", "closing"]

FULLEST: Final = 11.0
"""The words of one screen at most: three lines that are still large. See `load`."""

BEST_PAUSE: Final = 5.0
_LONG_WORD: Final = 12
"""Letters from which on a word counts as more than one."""

_WRAPPED: Final = 50
"""A line of so many characters may have been wrapped by an editor: the next one goes on with it."""

_HEADING: Final = re.compile(r"#{1,6}\s+")
_RULE: Final = re.compile(r"[-*_=~ ]{3,}|`{3,}\w*|[ :|-]{3,}")
_LIST: Final = re.compile(r"(?:[-*+•·▪‣◦☐☑✓✔]|\d{1,3}[.)、]|[a-z]\))\s+(?=\S)|[•▪‣◦☐☑]")
_FENCE: Final = re.compile(r"\s*(`{3,}|~{3,})[^`]*")
_ROW: Final = re.compile(r"[\s>]*\|.*\|\s*")
_UNDER_HEAD: Final = re.compile(r"(?=.*-)(?=.*\|)[\s>:|-]{3,}")
_BY: Final = re.compile(r"(?:[—–―]{1,2}|--)\s*[^\s—–―-].{0,80}")
_QUOTED: Final = re.compile(r"""["”’»」』][.。]?""")
_SCENE: Final = re.compile(
    r"(?:(?:scene|shot|slide|frame|part|act)\s*#?\d{1,3}|(?:场景|镜头|画面|幕|第)\s*[\d一二三四五六七八九十]{1,3}\s*[场幕镜页]?)"
    r"\s*(?:[:：.)—–-]\s*|$)",
    re.IGNORECASE,
)
_SPEAKER: Final = re.compile(
    r"(?:narrator|narration|voice[- ]?over|vo|v\.o\.|speaker(?:\s*\d)?|host|presenter|announcer|(?:on[- ]screen )?text"
    r"|text on screen|caption|subtitle|super|line|copy|hook|intro|outro|problem|solution|benefits?|call to action|cta"
    r"|旁白|画外音|解说(?:词)?|配音|字幕|文案|主持人|开场(?:白)?|结尾|口播)"
    r"(?:\s*[(（][^()（）]{0,30}[)）])?\s*[:：]\s*",
    re.IGNORECASE,
)
_TITLE: Final = re.compile(r"(?:title|headline|标题|主标题)\s*[:：]\s*", re.IGNORECASE)
_DIRECTION: Final = re.compile(
    r"(?i:visuals?|video|music|sfx|sound(?: effects?)?|camera|b-?roll|image|background|transition|画面|音乐|音效|镜头"
    r"|转场|背景)\s*[:：].*|(?:INT|EXT)\.\s.*|(?:FADE|CUT|DISSOLVE)\s(?:IN|OUT|TO)\b.*"
)
_TIMES: Final = re.compile(
    r"[\[(（]?\s*\d{1,2}:\d{2}(?::\d{2})?(?:\s*[-–—~]\s*\d{1,2}:\d{2}(?::\d{2})?)?\s*[\])）]?\s*[:：|-]?\s*"
)
_PICTURE: Final = re.compile(r"!\[[^\[\]]*\]\([^()\s]*\)")
_LINK: Final = re.compile(r"\[([^\[\]]*)\]\([^()\s]*\)")
_SQUARE: Final = re.compile(r"\[[^\[\]]*\]|【[^【】]*】")
_ROUND: Final = re.compile(r"\([^()\d%]*\)|（[^（）\d%]*）")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_BOLD: Final = re.compile(r"(\*\*|__)(?=\S)([^*_\n]+)(?<=\S)\1")
_SLANTED: Final = re.compile(r"(?<![\w*])[*_](?=\S)([^*_\n]+)(?<=\S)[*_](?![\w*])")
_URL: Final = re.compile(
    r"<?https?://(?:www\.)?([^\s<>/?#，。！？；]+)([^\s<>?#，。！？；)）]*)(?:[?#][^\s<>，。！？；]*)?>?"
)
_LONG_PATH: Final = 24

_WIDE: Final = (
    r"\u1100-\u11ff\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    r"\uff00-\uff60"
)
_QUOTES: Final = r"""["'”’)\]»]{0,3}"""
_END: Final = re.compile(
    rf"(?<![.!?…])[.!?…]+(?={_QUOTES}(?:\s|$|[{_WIDE}])){_QUOTES}|(?<![。！？；])[。！？；]+[”’」』）]{{0,3}}"
)
_SHORTENED: Final = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|inc|ltd|co|corp|approx|dept|[a-hj-z](?:\.[a-z])*|i\.e)\.$",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(r"(?:^|[\s(])(?:no|nos|fig|vol|ch|p)\.$", re.IGNORECASE)
"""They shorten a word where a figure follows: "No. 5", but "Just say no."."""

_PIECE: Final = re.compile(rf"[^\s{_WIDE}]+\s*|[{_WIDE}]\s*")
_NUMBER: Final = re.compile(r"(?:^|\D)\d+(?:[.,:]\d+)*\s+$")
_UNIT: Final = re.compile(
    r"(?:[mckµ]?m|[mkµ]?g|[mcd]?[lL]|ft|yd|mi|oz|lbs?|[mkMG]?Wh?|[km]?V|m?Ah?|[kMG]?Hz|[kKMGT]i?B|[MG]bps|dB|px|dpi|rpm"
    r"|ms|s|sec|min|h|hrs?|[ap]\.?m\.?|AM|PM|km/h|mph|°[CF]?|%|€|£|¥|\$|USD|EUR|GBP|RMB|x|×|million|billion|trillion)"
    r"(?![A-Za-z0-9])"
)
_CLAUSE: Final = re.compile(r"""[,;:，、；：—–…]["'”’」』)）]?\s*$""")
_OPENING: Final = re.compile(
    r"(?:and|but|or|so|because|while|when|with|that|which|who|where|if|for|to|from|without|then|than)\s",
    re.IGNORECASE,
)
_OPENING_WIDE: Final = frozenset("让把在和与或并而为给从但就再又使")
_CLOSING_WIDE: Final = frozenset("的了着过")
_NO_START: Final = frozenset("，。、！？：；）」』】》〉…—～·ー々,.!?:;)]}%’”")
_NO_END: Final = frozenset("（「『【《〈“‘([{")


@dataclass(frozen=True, slots=True)
class Screen:
    """What is read at once. `scene` counts the script's parts from 0, `opens` is whether a sentence begins here,
    `stressed` are the words in bold."""

    text: str
    role: Role = "line"
    scene: int = 0
    opens: bool = True
    stressed: tuple[str, ...] = ()

    @property
    def load(self) -> float:
        """How much there is to read, in English words."""
        return load(self.text)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    scene: int
    heading: bool
    stressed: tuple[str, ...]


def screens(script: str) -> tuple[Screen, ...]:
    """The script's screens in order; none where nothing of it is to be shown."""
    found = [
        Screen(part, "headline" if line.heading else "line", line.scene, not at, _within(part, line.stressed))
        for line in _lines(script)
        for sentence, by in _attributed(line.text)
        for at, part in enumerate(_parts(sentence, by))
    ]
    found = [one for one in found if any(map(str.isalnum, one.text))]
    if found:
        found[0] = replace(found[0], role="headline")
    if len(found) > 1 and found[-1].role == "line":
        found[-1] = replace(found[-1], role="closing")
    return tuple(found)


def load(text: str) -> float:
    """The text in English words: a long word is more than one, a Chinese, Japanese or Korean sign a half."""
    total = 0.0
    for piece in _PIECE.findall(text):
        letters = sum(map(str.isalnum, piece))
        total += 0.5 * (letters > 0) if _is_wide(piece[0]) else ceil(letters / _LONG_WORD)
    return total


# --- lines


def _lines(script: str) -> Iterator[_Line]:
    """The script's lines as they are to be read: marks and directions gone, wrapped ones put together."""
    scene, begun, last, quoted, gap = 0, False, "", False, False
    waiting: _Line | None = None
    for written in _prepared(script).split("\n"):
        plain = written.strip().lstrip(">").strip()
        if not plain:
            gap = True
            continue
        if waiting is not None and _BY.fullmatch(plain) and (quoted or _QUOTED.search(last[-2:])):
            yield replace(waiting, text=f"{waiting.text}\n{_said(plain)[0]}")
            waiting = None
            continue
        heading = bool(_HEADING.match(plain))
        labelled = _SCENE.match(_HEADING.sub("", plain, count=1))
        text, stressed, titled = _said(plain)
        parted = gap or bool(_LIST.match(plain)) or heading or bool(labelled) or titled
        gap = False
        if waiting is not None and (parted or not _goes_on(last, text)):
            yield waiting
            waiting = None
        if begun and (heading or labelled or _RULE.fullmatch(plain)):
            scene, begun = scene + 1, False
        if not text:
            continue
        begun, last, quoted = True, text, written.lstrip().startswith(">") and not heading
        if waiting is not None:
            between = "" if _is_wide(waiting.text[-1]) or _is_wide(text[0]) else " "
            waiting = replace(
                waiting, text=waiting.text + between + text, stressed=waiting.stressed + stressed
            )
        else:
            waiting = _Line(text, scene, (heading and not labelled) or titled, stressed)
    if waiting is not None:
        yield waiting


def _prepared(script: str) -> str:
    text = unicodedata.normalize("NFC", script).replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(" " if c in "\t\u00a0\u3000" else c for c in text if c == "\n" or c == "\t" or _shown(c))
    text = "\n".join(_prose(text.split("\n")))
    text = _LINK.sub(r"\1", _PICTURE.sub("", text))
    return _ROUND.sub("", _SQUARE.sub("", _URL.sub(_address, text)))


def _prose(lines: Sequence[str]) -> Iterator[str]:
    """The lines, empty ones in place of tables and of code between fences. A fence that is never closed is only a
    line."""
    fences = {at: found[1] for at, line in enumerate(lines) if (found := _FENCE.fullmatch(line))}
    closing, table = -1, False
    for at, line in enumerate(lines):
        if at > closing and at in fences:
            same = (other for other in fences if other > at and fences[other].startswith(fences[at]))
            closing = next(same, at)
        below = lines[at + 1] if at + 1 < len(lines) else ""
        table = "|" in line and (table or bool(_ROW.fullmatch(line) or _UNDER_HEAD.fullmatch(below)))
        yield "" if at <= closing or table else line


def _shown(character: str) -> bool:
    return (
        unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn")
        and character not in "\ufeff\u200b\u2060"
    )


def _address(found: re.Match[str]) -> str:
    """A link as it is shown: where to go, without how and without what only programs read."""
    host, path = found[1], found[2].rstrip("/.,;:!?")
    ended = "." if found[0].rstrip(">").endswith(".") else ""
    return (
        host.rstrip(".,;:!?") + path if path and len(path) <= _LONG_PATH else host.rstrip(".,;:!?")
    ) + ended


def _said(line: str) -> tuple[str, tuple[str, ...], bool]:
    """A line without what is not for the viewers, its words in bold, and whether it is called a title."""
    text = _HEADING.sub("", line, count=1)
    if _RULE.fullmatch(text):
        return "", (), False
    text = _LIST.sub("", text, count=1) if _LIST.match(text) else text
    stressed = tuple(" ".join(one[1].split()) for one in _BOLD.findall(text))
    text = _SLANTED.sub(r"\1", _BOLD.sub(r"\2", _TAG.sub("", text))).replace("`", "").replace("**", "")
    titled = False
    # A line may have several labels: "Scene 2 - 0:05 - Narrator: ...".
    for _ in range(4):
        before = text
        for label in (_TIMES, _SCENE, _SPEAKER, _TITLE):
            found = label.match(text)
            if found:
                titled = titled or label is _TITLE
                text = text[found.end() :].lstrip()
        if text == before:
            break
    if _DIRECTION.fullmatch(text):
        return "", (), False
    text = " ".join(text.split())
    return re.sub(r"\s+([,.;:!?，。；：！？])", r"\1", text), stressed, titled


def _goes_on(before: str, line: str) -> bool:
    """Whether a line is the rest of the one before it, which an editor has wrapped."""
    if not line or before[-1] in ".!?…。！？；:：":
        return False
    wide = sum(2 if _is_wide(c) else 1 for c in before)
    return before[-1] in ",，、" or line[0].islower() or wide >= _WRAPPED


# --- sentences and screens


def _sentences(text: str) -> list[str]:
    found, start = [], 0
    for end in _END.finditer(text):
        rest = text[end.end() : end.end() + 8].lstrip()
        last = text[max(start, end.end() - 12) : end.end()]
        if end[0][0] in ".…" and rest[:1].islower():
            continue
        if (
            end[0] == "."
            and rest
            and (_SHORTENED.search(last) or (rest[0].isdigit() and _COUNTED.search(last)))
        ):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    return [one for one in (*found, text[start:].strip()) if one]


def _attributed(text: str) -> list[tuple[str, str]]:
    """The sentences, the last one with who said it: what stands on a line below it, or after a dash."""
    said, _, by = text.partition("\n")
    found = _sentences(said)
    if not by and len(found) > 1 and _BY.fullmatch(found[-1]) and _QUOTED.search(found[-2][-2:]):
        by = found.pop()
    return [(one, by if one is found[-1] else "") for one in found]


def _parts(sentence: str, by: str = "") -> list[str]:
    """A sentence in screens that are not too full, about equally long, cut where it pauses; `by` on the last one."""
    words = pieces(sentence)
    if by and load(words[-1] + by) <= FULLEST:
        words[-1] = f"{words[-1]} {by}"
    elif by:
        return [*_parts(sentence), *_parts(by)]
    weights = [load(word) for word in words]
    parts: list[str] = []
    start, left = 0, sum(weights)
    while left > FULLEST:
        cut = _cut(words, weights, start, left / ceil(left / FULLEST))
        parts.append("".join(words[start:cut]).strip())
        left -= sum(weights[start:cut])
        start = cut
    parts.append("".join(words[start:]).strip())
    return [_without_stop(part, last=part is parts[-1]) for part in parts if part]


def pieces(sentence: str) -> list[str]:
    """Words, and single wide signs, with what may not be torn off them."""
    found: list[str] = []
    for piece in _PIECE.findall(sentence):
        before = found[-1][-1] if found else ""
        counted = before.isdigit() and _is_wide(piece[0])
        measured = bool(found and _UNIT.match(piece) and _NUMBER.search(found[-1]))
        if found and (counted or measured or piece[0] in _NO_START or before in _NO_END):
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _cut(words: Sequence[str], weights: Sequence[float], start: int, ideal: float) -> int:
    """Where the next screen begins: near the ideal, better at a comma or before a conjunction."""
    best, found, sum_so_far = float("-inf"), start + 1, 0.0
    for at in range(start + 1, len(words)):
        sum_so_far += weights[at - 1]
        if sum_so_far > FULLEST:
            break
        worth = pause(words[at - 1], words[at]) - abs(sum_so_far - ideal)
        if worth > best:
            best, found = worth, at
    return found


def pause(before: str, after: str) -> float:
    """How good a place between two pieces is for a break: 0 within a Chinese phrase to BEST_PAUSE."""
    if _CLAUSE.search(before):
        return BEST_PAUSE
    if _OPENING.match(after) or after[0] in _OPENING_WIDE:
        return 3.5
    return 2.0 if before.strip()[-1:] in _CLOSING_WIDE or before[-1].isspace() else 0.0


def _without_stop(part: str, *, last: bool) -> str:
    """A title ends without a full stop; a comma within a sentence stays, but not a Chinese one: it takes a sign's
    room, and the line looks indented."""
    if part.endswith("，"):
        return part.rstrip("，")
    if last and part[-1] in "。；;":
        return part[:-1]
    if last and part.endswith(".") and not part.endswith("..") and not _SHORTENED.search(part):
        return part[:-1]
    return part


def _within(part: str, stressed: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in stressed if one in part))


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
