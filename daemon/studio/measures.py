"""Quotes, file names, times, sizes and other measures in a sentence, taken out and put behind marks.

`trim to 1 min 20 s and add "Hi"` becomes `trim to <t0> and add <q0>`, so that the grammar reads words only.
A mark is a letter and the value's number: q quote, f file name, t time in ms, r ratio, x factor, p share,
l LUFS, d decibels, g degrees, z width and height in pixels (width 0: only the shorter side), c colour as #rrggbb.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from daemon.media.types import EXTENSIONS
from daemon.studio.operations import Named

Value = str | int | float | tuple[int, int]
HAN: Final = "\u3400-\u9fff"

_QUOTES: Final = re.compile(
    r"“([^”]*)”|„([^“”]*)[“”]|\"([^\"]*)\"|「([^」]*)」|『([^』]*)』|《([^》]*)》|«([^»]*)»"
    r"|‘((?:[^’]|’(?=\w))*)’|(?<!\w)'((?:[^']|'(?=\w))*)'(?!\w)|<q\d+>"
)
"""Quotes; and what somebody wrote that looks like the mark of one."""

_PLAIN: Final = str.maketrans(
    "０１２３４５６７８９：％＋－−–—～×＜＞<>（）　\t’", "0123456789:%+----~x()()()  '"
)

_DIGITS: Final = r"(?<!\d)\d{1,7}(?:[.,]\d{1,6})?"
_UNITS_WORDS: Final = (
    *[
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
    ],
    *["fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
)
_TENS_WORDS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TENS: Final = "|".join(_TENS_WORDS)
_ONES: Final = "|".join(_UNITS_WORDS)
_WORDS: Final = rf"(?:(?:{_TENS})(?:[ -](?:{_ONES}))?|{_ONES})(?: and a half)?"
_NUMBER: Final = rf"(?:{_DIGITS}(?: and a half)?|{_WORDS})"
# A word and its unit have a space between them: `as` is no second.
_COUNT: Final = rf"(?:{_DIGITS}(?: and a half)?[ -]?|(?:{_WORDS}|an?(?: and a half)?)[ -])"
_HAN_NUMBER: Final = (
    rf"(?:{_DIGITS}|[零〇一二两三四五六七八九十百]{{1,7}}(?:点[零〇一二三四五六七八九]{{1,6}})?)"
)
_HAN_VALUES: Final = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}

_MS: Final = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds", "毫秒"), 1),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒", "秒钟"), 1000),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "分", "分钟"), 60_000),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "小时"), 3_600_000),
}
_END: Final = r"(?![a-z])"
_HOURS: Final = rf"(?:hours?|hrs?|h){_END}"
_MINUTES: Final = rf"(?:minutes?|mins?|m){_END}"
_SECONDS: Final = rf"(?:seconds?|secs?|s){_END}"
_MILLIS: Final = rf"(?:milliseconds?|msecs?|ms){_END}"
_UNIT: Final = rf"(?:{_HOURS}|{_MINUTES}|{_SECONDS}|{_MILLIS})"
_HAN_UNIT: Final = r"(?:毫秒|秒钟|秒|分钟|分(?!之)|小时)"
_PART: Final = re.compile(
    rf"(?P<n>{_COUNT})(?P<u>{_UNIT})(?P<h> and a half)?"
    rf"|(?P<hn>{_HAN_NUMBER}|半)\s?个?(?P<hu>{_HAN_UNIT})(?P<hh>半)?",
    re.IGNORECASE,
)
_ALSO: Final = rf"(?:,? and |, | )?{_DIGITS} ?"
_HAN_ALSO: Final = rf"零?{_HAN_NUMBER}\s?"
_SPOKEN: Final = re.compile(
    rf"(?<![A-Za-z0-9.])(?:half an? (?P<half>{_UNIT})|(?:a )?half[ -](?P<half2>{_UNIT})"
    rf"|{_COUNT}{_HOURS}(?:{_ALSO}{_MINUTES})?(?:{_ALSO}{_SECONDS})?"
    rf"|{_COUNT}{_MINUTES}(?: and a half|{_ALSO}{_SECONDS})?"
    rf"|{_COUNT}{_SECONDS}(?: and a half|{_ALSO}{_MILLIS})?"
    rf"|{_COUNT}{_MILLIS}|(?:(?<=first )|(?<=last )|(?<=final ))(?P<one>second|minute){_END})"
    rf"|{_HAN_NUMBER}个?小时(?:半|{_HAN_ALSO}分钟?)?(?:{_HAN_ALSO}秒钟?)?"
    rf"|{_HAN_NUMBER}\s?分钟?(?!之)(?:半|{_HAN_ALSO}秒钟?)?|{_HAN_NUMBER}\s?(?:秒钟?半?|毫秒)|半个?(?:秒钟?"
    rf"|分钟|小时)",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):(\d{2})(?:[.,](\d{1,3}))?(?![\d:])")
_BARE_FIRST: Final = re.compile(
    rf"(?P<n>(?<![A-Za-z0-9.<]){_NUMBER}|(?<=[{HAN}]){_HAN_NUMBER})"
    rf"(?P<to> ?(?:-|~|to|until|till|through|到|至) ?第?|(?<=\d) and (?:the )?(?:last|first|final) )<t(?P<t>\d+)>",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(rf"(?<=between )(?P<n>{_NUMBER})(?P<to> and )<t(?P<t>\d+)>", re.IGNORECASE)

_SECONDS_RANGE: Final = re.compile(
    rf"(?<![\d>] )\bseconds? (?P<n>{_NUMBER})(?P<to> ?(?:-|to|until|till|through|and) ?)(?:second )?(?P<m>{_NUMBER})"
    r"(?![\w.]| ?<)",
    re.IGNORECASE,
)

_RATIOS: Final = {(9, 16), (16, 9), (1, 1), (4, 5), (4, 3), (3, 4)}
_RATIO: Final = re.compile(r"(?<![\d:.])(\d{1,2}) ?(?::|x|/| by |比) ?(\d{1,2})(?![\d:.]|x)", re.IGNORECASE)
_CLOCK_BEFORE: Final = re.compile(
    r"(?:from|until|till|at|after|before|since|between|从|第) ?$|\d:\d\d ?(?:-|to|and|到|至) ?$", re.I
)
_CLOCK_AFTER: Final = re.compile(r" ?(?:-|to|and|until|到|至) ?\d+:\d\d", re.IGNORECASE)

_FACTOR: Final = re.compile(
    rf"(?<![A-Za-z0-9.])(?P<a>{_DIGITS}) ?x(?![a-z\d])|(?<![A-Za-z0-9.])x ?(?P<b>{_DIGITS})(?![\w:])"
    rf"|(?<![A-Za-z0-9.])(?P<c>{_NUMBER})[ -](?:times|fold)\b|(?P<d>{_HAN_NUMBER})\s?倍速?",
    re.IGNORECASE,
)
_SHARE: Final = re.compile(
    rf"(?<![A-Za-z0-9.])(?P<a>{_DIGITS}) ?(?:%|percent\b|per cent\b)|百分之(?P<b>{_HAN_NUMBER})",
    re.IGNORECASE,
)
_LUFS: Final = re.compile(rf"(?<![A-Za-z0-9.])-? ?({_DIGITS}) ?(?:LUFS|LKFS)\b", re.IGNORECASE)
_DECIBELS: Final = re.compile(
    rf"(?<![A-Za-z0-9.])(?P<sign>[+-] ?)?(?P<n>{_NUMBER}) ?(?:db|decibels?)(?![a-z])"
    rf"|(?P<hs>[+-] ?)?(?P<hn>{_HAN_NUMBER})\s?分贝",
    re.IGNORECASE,
)
_DEGREES: Final = re.compile(
    rf"(?<![A-Za-z0-9.])(?P<sign>- ?)?(?P<n>{_NUMBER})(?: ?°| ?deg(?:rees?)?(?![a-z])|-degrees?(?![a-z]))"
    rf"|(?P<hn>{_HAN_NUMBER})\s?度",
    re.IGNORECASE,
)
_PIXELS: Final = re.compile(
    r"(?<![A-Za-z0-9_.:])(?:(?P<w>\d{3,5}) ?(?:x|\*| by ) ?(?P<h>\d{3,5})(?: ?(?:px|pixels?))?"
    r"|(?P<p>\d{3,4}) ?p)(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9_.])(?P<k>[48]) ?k(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_K_LINES: Final = {"4": 2160, "8": 4320}
"""What 4K and 8K have, ITU-R BT.2020."""

_HEX: Final = re.compile(r"(?<![A-Za-z0-9#])#([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])", re.IGNORECASE)
_RGB: Final = re.compile(r"(?<![A-Za-z0-9])rgb ?\( ?(\d{1,3}) ?, ?(\d{1,3}) ?, ?(\d{1,3}) ?\)", re.IGNORECASE)

_MEDIA: Final = [end for end, kind in EXTENSIONS.items() if kind in ("video", "audio", "image")]
_ENDS: Final = "|".join(
    (*_MEDIA, "svg", "bmp", "tiff?", "heic", "avif", "ogg", "opus", "flac", "wma", "srt", "vtt")
)
_FILE: Final = re.compile(rf"(?<![\w.])[\w()\[\]&@~#+.-]{{1,120}}\.(?:{_ENDS})(?![A-Za-z0-9])", re.IGNORECASE)
_NOT_ITS_NAME: Final = re.compile(
    r".*(?:[用成为把将上的以加个张首放]|图片|照片|文件|使用|添加|背景|素材)(?=.+\.)", re.DOTALL
)
"""What stands before a file's name in Chinese, which has no space between the two."""

_MARK: Final = re.compile(r"<[a-z](\d+)>")


@dataclass(frozen=True, slots=True)
class Marked:
    """A sentence with marks. `values` and `sources` (the words they stood for) are indexed by the marks.

    `files`: what the sentence may name.
    """

    text: str
    values: tuple[Value, ...]
    sources: tuple[str, ...]
    files: tuple[Named, ...] = ()

    def value(self, number: str) -> Value:
        return self.values[int(number)]

    def ms(self, number: str) -> int:
        value = self.values[int(number)]
        assert isinstance(value, int)
        return value

    def number(self, number: str) -> float:
        value = self.values[int(number)]
        assert isinstance(value, int | float)
        return float(value)

    def restored(self, text: str) -> str:
        """A piece of the sentence as the user wrote it."""
        return _MARK.sub(lambda mark: self.sources[int(mark[1])], text).strip()


@dataclass(slots=True)
class _Marker:
    values: list[Value] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def put(self, kind: str, value: Value, source: str) -> str:
        self.values.append(value)
        self.sources.append(source)
        return f" <{kind}{len(self.values) - 1}> "

    def replace(
        self, text: str, pattern: re.Pattern[str], kind: str, read: Callable[[re.Match[str]], Value | None]
    ) -> str:
        def mark(match: re.Match[str]) -> str:
            value = read(match)
            return match[0] if value is None else self.put(kind, value, match[0])

        return pattern.sub(mark, text)

    def quotes(self, text: str) -> str:
        def mark(match: re.Match[str]) -> str:
            words = next((group for group in match.groups() if group is not None), None)
            return match[0].translate(_PLAIN) if words is None else self.put("q", words, match[0])

        return _QUOTES.sub(mark, text)

    def unknown_files(self, text: str) -> str:
        """Names that end as media do, whether there is such a file or not."""

        def mark(match: re.Match[str]) -> str:
            before = _NOT_ITS_NAME.match(match[0])
            name = match[0][before.end() :] if before else match[0]
            return match[0].removesuffix(name) + self.put("f", name, name)

        return _FILE.sub(mark, text)

    def seconds_range(self, text: str) -> str:
        """`seconds 2 to 5`: the unit stands before the numbers."""

        def mark(match: re.Match[str]) -> str:
            first, last = (self.put("t", round(_number(match[n]) * 1000), match[n]) for n in ("n", "m"))
            return f"{first}{match['to']}{last}"

        return _SECONDS_RANGE.sub(mark, text)

    def bare_first(self, text: str, pattern: re.Pattern[str]) -> str:
        """`2 to 5 seconds`: the first number has the second one's unit."""

        def mark(match: re.Match[str]) -> str:
            unit = _MS[re.split(r"[\d\s一-十半两.,-]", self.sources[int(match["t"])].strip())[-1].lower()]
            first = self.put("t", round(_number(match["n"]) * unit), match["n"])
            return f"{first}{match['to']}<t{match['t']}>"

        return pattern.sub(mark, text)


def plain(name: str) -> str:
    """A file's name as names are compared: -, _ and space alike, upper and lower case too."""
    text = unicodedata.normalize("NFC", name).translate(_PLAIN)
    return re.sub(r"[-_\s]+", " ", text).strip().casefold()


def mark(sentence: str, files: Sequence[Named] = ()) -> Marked:
    """Takes the measures out of a sentence. Pure; what is none stays as it stands."""
    marker = _Marker()
    text = marker.quotes(sentence.strip())
    marked_quotes = re.split(r"(<q\d+>)", text)
    marked_quotes[::2] = [part.translate(_PLAIN) for part in marked_quotes[::2]]
    if files:
        known = _known(files)
        marked_quotes[::2] = [marker.replace(part, known, "f", lambda m: m[0]) for part in marked_quotes[::2]]
    text = re.sub(r" +", " ", "".join(marked_quotes))
    text = marker.unknown_files(text)
    text = marker.replace(text, _HEX, "c", lambda m: _read_hex(m[1]))
    text = marker.replace(text, _RGB, "c", _read_rgb)
    text = marker.replace(text, _PIXELS, "z", _read_pixels)
    text = marker.replace(text, _RATIO, "r", _read_ratio)
    text = marker.replace(text, _DEGREES, "g", _read_degrees)
    text = marker.replace(text, _DECIBELS, "d", _read_decibels)
    text = marker.replace(text, _LUFS, "l", lambda m: -_number(m[1]))
    text = marker.replace(text, _SHARE, "p", lambda m: _number(m["a"] or m["b"]) / 100)
    text = marker.replace(text, _CLOCK, "t", _read_clock)
    text = marker.replace(text, _FACTOR, "x", lambda m: _number(m["a"] or m["b"] or m["c"] or m["d"]))
    text = marker.replace(text, _SPOKEN, "t", _read_spoken)
    text = marker.seconds_range(text)
    for pattern in (_BARE_FIRST, _BETWEEN):
        text = marker.bare_first(re.sub(r" +", " ", text), pattern)
    text = re.sub(r" +", " ", text).strip()
    # Chinese has no spaces between words: one beside a Han character or between marks there says nothing.
    text = re.sub(
        rf"(?<=[{HAN}，。；：、！？]) (?=[{HAN}\d<])|(?<=[\d>]) (?=[{HAN}，。；：、！？])", "", text
    )
    return Marked(text, tuple(marker.values), tuple(marker.sources), tuple(files))


def _known(files: Sequence[Named]) -> re.Pattern[str]:
    """The full names of these files, the longest first; -, _ and space are alike."""
    names = sorted(
        {unicodedata.normalize("NFC", one.name).translate(_PLAIN) for one in files}, key=len, reverse=True
    )
    spelt = [
        "[-_ ]+".join(re.escape(part) for part in re.split(r"[-_ ]+", name))
        for name in names
        if "." in name.strip(".")
    ]
    return re.compile(rf"(?<![A-Za-z0-9_.-])(?:{'|'.join(spelt) or '(?!)'})(?![A-Za-z0-9])", re.IGNORECASE)


def _read_hex(digits: str) -> str:
    return f"#{digits if len(digits) == 6 else ''.join(2 * digit for digit in digits)}".lower()


def _read_rgb(match: re.Match[str]) -> str | None:
    parts = [int(part) for part in match.groups()]
    return "#{:02x}{:02x}{:02x}".format(*parts) if max(parts) < 256 else None


def _read_pixels(match: re.Match[str]) -> tuple[int, int]:
    if match["w"]:
        return int(match["w"]), int(match["h"])
    return 0, int(match["p"]) if match["p"] else _K_LINES[match["k"]]


def _read_degrees(match: re.Match[str]) -> float:
    return _number(match["n"] or match["hn"]) * (-1 if match["sign"] else 1)


def _read_decibels(match: re.Match[str]) -> float:
    return _number(match["n"] or match["hn"]) * (-1 if "-" in (match["sign"] or match["hs"] or "") else 1)


def _read_ratio(match: re.Match[str]) -> tuple[int, int] | None:
    ratio = int(match[1]), int(match[2])
    text = match.string
    # 9:16 is a time of day on a timeline as well.
    clock = _CLOCK_BEFORE.search(text[: match.start()]) or _CLOCK_AFTER.match(text[match.end() :])
    return ratio if ratio in _RATIOS and not (":" in match[0] and clock) else None


def _read_clock(match: re.Match[str]) -> int:
    hours, minutes, seconds, rest = match.groups()
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1000 + (round(float(f"0.{rest}") * 1000) if rest else 0)


def _read_spoken(match: re.Match[str]) -> int:
    if match["one"]:
        return _MS[match["one"].lower()]
    half = match["half"] or match["half2"]
    if half:
        return _MS[half.lower()] // 2
    total = 0.0
    for part in _PART.finditer(match[0]):
        unit = _MS[(part["u"] or part["hu"]).lower()]
        total += _number(part["n"] or part["hn"]) * unit
        total += unit / 2 if part["h"] or part["hh"] else 0
    return round(total)


def _number(words: str) -> float:
    """`3`, `1,5`, `three`, `twenty-five`, `a`, `one and a half`, `十五`, `两`, `一点五`, `半`."""
    words = words.strip(" -").lower()
    if words.endswith(" and a half"):
        return _number(words.removesuffix(" and a half")) + 0.5
    if words[0].isdigit() and words[0].isascii():
        return float(words.replace(",", "."))
    if words in ("a", "an"):
        return 1.0
    if words[0] == "半":
        return 0.5
    if words[0].isascii():
        parts = re.split(r"[ -]", words)
        return float(sum(_english(part) for part in parts))
    return _han(words)


def _english(word: str) -> int:
    return 10 * _TENS_WORDS.index(word) + 20 if word in _TENS_WORDS else _UNITS_WORDS.index(word)


def _han(words: str) -> float:
    whole, _, rest = words.partition("点")
    total, digit = 0, None
    for sign in whole:
        if sign in "十百":
            total += (1 if digit is None else digit) * (10 if sign == "十" else 100)
            digit = None
        else:
            digit = (digit or 0) * 10 + _HAN_VALUES[sign]
    decimals = "".join(str(_HAN_VALUES[sign]) for sign in rest)
    return float(f"{total + (digit or 0)}.{decimals or 0}")
