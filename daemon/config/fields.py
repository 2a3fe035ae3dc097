"""The types of single keys: from the text that a rules file holds to the value, with its JSON Schema.

A file's scalars arrive as text; values made by the program pass through. What does not fit raises
`expected(...)`: it says what was expected, and never repeats what was found, which may be a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from daemon.config.document import NOTHING, is_unicode
from daemon.config.globs import CLASSES, entry_regex
from daemon.config.quantities import (
    LONGEST,
    RANGE_PATTERN,
    SIZE_PATTERN,
    TIME_PATTERN,
    parse_range,
    parse_size,
    parse_time,
)
from daemon.media.types import kind_of

By = Literal["embedded", "service"]
OnConflict = Literal["rename", "overwrite", "skip"]
Format = Literal["auto", "mp4", "mov", "mkv", "webm", "m4a", "mp3", "wav"]
Quality = Literal["high", "medium", "low"]
Again = Literal["copy", "skip", "redo"]
Existing = Literal["hold", "run", "ignore"]
After = Literal["keep", "archive", "delete"]
WatchMode = Literal["auto", "events", "poll"]
Bundle = Literal["none", "folder"]
Pairs = Literal["none", "obs"]
Range = tuple[float | None, float | None]
"""Least and most, both inclusive; None: open."""

PLACEHOLDERS: Final = ("stem", "name", "rule", "parent", "date", "time", "job")
"""What may stand in braces in `output_name`; daemon/rules/names.py fills them in."""

COMPANION_PLACEHOLDERS: Final = ("stem", "name", "parent")
"""What may stand in braces in `with`; daemon/rules/company.py fills them in."""

SUBTITLES: Final = frozenset({"srt", "vtt"})
"""Endings of texts that are no scripts and yet may go up beside a clip, in the words of the message."""

RESERVED_NAMES: Final = frozenset({"do"})
"""Rule names that the program itself gives: `reeldrop do` records its jobs under `do`."""


def expected(what: str, choices: Iterable[str] = (), near: str = "") -> PydanticCustomError:
    """The error of a value that is not `what`; the nearest of `choices` to `near` (else the value) is named."""
    return PydanticCustomError(
        "expected", "expected {what}", {"what": what, "choices": tuple(choices), "near": near}
    )


def choice(literal: Any) -> BeforeValidator:
    """Takes one of the words of a Literal type."""
    words = get_args(literal)

    def check(value: object) -> object:
        if value not in words:
            raise expected(f"one of {', '.join(words)}", words)
        return value

    return BeforeValidator(check)


def section(value: object) -> object:
    """A section whose lines are all commented out is an empty one."""
    if value is NOTHING:
        return {}
    if isinstance(value, str | list):
        raise expected("keys below it, each `key: value`")
    return value


def many(what: str, *, least: int = 1) -> BeforeValidator:
    """One value or a list of them (`least` at the least), as a tuple; `what` names one."""

    def check(value: object) -> object:
        if value is NOTHING or (isinstance(value, list) and len(value) < least):
            raise expected(f"{what}, or a list of them")
        if isinstance(value, list):
            return tuple(value)
        return value if isinstance(value, tuple) else (value,)

    return BeforeValidator(check)


def one_line(text: str) -> bool:
    """Whether `text` has no line break, NUL or other control character."""
    return not any(ord(one) < 32 or 127 <= ord(one) < 160 or one in "\u2028\u2029" for one in text)


def _text(value: object) -> str:
    if isinstance(value, dict):
        raise expected("text (braces at its beginning need quotes)")
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise expected("text")
    return value.strip()


def _words(value: object) -> str:
    text = _text(value)
    if not is_unicode(text):
        raise expected("text in UTF-8")
    return text


def _line(value: object) -> str:
    text = _text(value)
    if not one_line(text):
        raise expected("text of one line")
    return text


def _folder(value: object) -> str:
    if value is NOTHING:
        raise expected('a folder (the home folder is "~/"; `~` alone is nothing in YAML)')
    return _line(value)


def _folder_or_none(value: object) -> str | None:
    return None if value is None or value == "none" else _folder(value)


def _token_file(value: object) -> Path:
    if isinstance(value, Path):
        return value
    # The token itself, written here, would stand in every message that names the file.
    if value is NOTHING or not isinstance(value, str) or "nmv_" in value:
        raise expected("a path to a file that holds the token; the token itself stands under `token`")
    return Path(_line(value))


def _watch_folder(value: object) -> str:
    text = _folder(value)
    if "*" in text or "?" in text:
        raise expected("a folder; patterns of files stand under `match`")
    return text


def _rule_name(value: object) -> str:
    text = _words(_line(value))
    if "/" in text or len(text) > 100:
        raise expected('a name of at most 100 characters without "/"')
    if text in RESERVED_NAMES:
        raise expected(f"another name: the jobs of `reeldrop {text}` have this one")
    return text


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else ""
    if word in ("true", "yes", "on"):
        return True
    if word in ("false", "no", "off"):
        return False
    raise expected("true or false", ("true", "false"))


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,9}", value):
        return int(value)
    raise expected("a whole number")


def _seconds(value: object) -> float:
    try:
        seconds = parse_time(value) if isinstance(value, str) else value
    except ValueError:
        seconds = None
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= LONGEST:
        return float(seconds)
    raise expected("a time above 0, such as 500ms, 5s, 2m, 1h, 1d or seconds")


def _size(value: object) -> int:
    try:
        size = parse_size(value) if isinstance(value, str) else value
    except ValueError:
        size = None
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    raise expected("a size above 0, such as 500MB, 4GB or bytes")


def _number(value: object) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _credits(value: object) -> float:
    credits = _number(value)
    if credits is None or not 0 <= credits < math.inf:
        raise expected("a number of credits, such as 500")
    return credits


def _credit_limit(value: object) -> float | None:
    if value is None or value == "none":
        return None
    credits = _number(value)
    if credits is None or not 0 < credits < math.inf:
        raise expected("none or a number of credits above 0, such as 500", ("none",))
    return credits


def _settle(value: object) -> float | None:
    if value is None or value == "auto":
        return None
    try:
        return _seconds(value)
    except PydanticCustomError:
        raise expected("auto or a time above 0, such as 5s or 2m", ("auto",)) from None


def _file_mode(value: object) -> object:
    if value == "inherit":
        return value
    if isinstance(value, str) and re.fullmatch(r"(?:0o|0)?[0-7]{3}", value):
        value = int(value.removeprefix("0o"), 8)
    # Without the owner's read bit the daemon could not find its own results again.
    if isinstance(value, int) and 0o400 <= value <= 0o777 and value & 0o400:
        return value
    raise expected('inherit, or an octal mode that its owner can read, such as "0640"', ("inherit",))


def _secret(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[!-~]{1,4096}", value.strip()):
        return SecretStr(value.strip())
    if isinstance(value, SecretStr):
        return value
    raise expected("a token: one word of plain ASCII characters")


def _url(value: object) -> object:
    if isinstance(value, str) and one_line(value) and " " not in value.strip():
        try:
            parts = urlsplit(value.strip())
            clean = parts.port != 0 and not (
                parts.username or parts.password or parts.query or parts.fragment
            )
        except ValueError:
            clean = False
        if clean and parts.scheme in ("http", "https") and parts.hostname:
            return value.strip().rstrip("/")
    raise expected("an http(s) address without user, query or fragment, such as https://example.com")


def _language(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"auto|[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", value):
        return value
    raise expected("auto or a language code such as en or zh", ("auto",))


def _skill_version(value: object) -> str:
    # It goes into a request header as it is.
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}", value):
        return value
    raise expected("a version such as 1.0.0")


def _schema_version(value: object) -> object:
    if value in (1, "1"):
        return 1
    raise expected("1, the version of rules files that this Reeldrop reads")


def _entry(value: object) -> str:
    entry = _line(value)
    try:
        entry_regex(entry, ignoring=False)
    except ValueError as error:
        raise expected(str(error), CLASSES) from None
    return entry


def _output_name(value: object) -> str:
    text = _line(value)
    known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for found in re.finditer(r"\{([^{}]*)\}", text):
        if found[1] not in PLACEHOLDERS:
            raise expected(f"only these in braces: {known}", PLACEHOLDERS, found[1])
    literal = re.sub(r"\{[^{}]*\}", "", text)
    if "{" in literal or "}" in literal:
        raise expected(f"braces in pairs, around one of {known}")
    if "/" in literal or "\\" in literal:
        raise expected('a file name without "/"; the tree below the watch folder is kept by itself')
    if re.search(rf"\.({'|'.join(get_args(Format))})$", literal, re.IGNORECASE) and not text.endswith("}"):
        raise expected("a name without its ending, which `format` decides")
    return text


def _bundle(value: object) -> object:
    if value == "batch":
        raise expected("none or folder; `batch` is not known to this version of Reeldrop")
    if value not in get_args(Bundle):
        raise expected(f"one of {', '.join(get_args(Bundle))}", get_args(Bundle))
    return value


def _range(what: str, parse: Callable[[str], float]) -> BeforeValidator:
    """`none`, or a range of times or sizes."""

    def check(value: object) -> object:
        if value is None or value == "none" or isinstance(value, tuple):
            return None if value == "none" else value
        try:
            return parse_range(value if isinstance(value, str) else "", parse)
        except ValueError:
            raise expected(f"none or {what}", ("none",)) from None

    return BeforeValidator(check)


def is_told(name: str) -> bool:
    """Whether a companion of this name goes to the editor as words, since it takes no such file."""
    return name.rpartition(".")[2].lower() in SUBTITLES or kind_of(name) == "text"


def _companion(value: object) -> str:
    text = _line(value)
    known = " ".join(f"{{{name}}}" for name in COMPANION_PLACEHOLDERS)
    for found in re.finditer(r"\{([^{}]*)\}", text):
        if found[1] not in COMPANION_PLACEHOLDERS:
            raise expected(f"only these in braces: {known}", COMPANION_PLACEHOLDERS, found[1])
    literal = re.sub(r"\{[^{}]*\}", "x", text)
    if re.search(r"[{}*?\[\]]", literal):
        raise expected(f"a file's name, with nothing but {known} left open")
    if literal.startswith(("/", "~")) or not {"", ".", ".."}.isdisjoint(literal.split("/")):
        raise expected("a name in the clip's folder or below it")
    if kind_of(literal) in (None, "link") and not is_told(literal):
        raise expected("a name that ends as a video, a sound, a picture or a text does, such as {stem}.srt")
    return text


def _one_or_list(item: dict[str, Any], least: int = 1) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": least}]})


_TIME_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": TIME_PATTERN}]
}
_SIZE_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": SIZE_PATTERN}]
}
_TEXT_SCHEMA: Final = {"type": "string", "minLength": 1}
_NAME_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": 100}
_ENTRY_SCHEMA: Final = {"anyOf": [{"enum": list(CLASSES)}, _TEXT_SCHEMA]}
_SETTLE_SCHEMA: Final = {"anyOf": [{"enum": ["auto"]}, *_TIME_SCHEMA["anyOf"]]}
_MODE_SCHEMA: Final = {
    "anyOf": [{"enum": ["inherit"]}, {"type": "string", "pattern": "^(0o|0)?[0-7]{3}$"}, {"type": "integer"}]
}
_CREDITS_SCHEMA: Final[dict[str, Any]] = {"type": "number", "minimum": 0}
_CREDIT_LIMIT_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"enum": ["none"]}, {"type": "number", "exclusiveMinimum": 0}]
}
_RANGE_SCHEMA: Final = {"type": "string", "pattern": RANGE_PATTERN}
_BUNDLE_SCHEMA: Final = {"enum": list(get_args(Bundle))}
_URL_SCHEMA: Final = {"type": "string", "pattern": r"^(https?://|\$\{)"}

_Entry = Annotated[str, BeforeValidator(_entry)]
_Text = Annotated[str, BeforeValidator(_words)]
_WatchFolder = Annotated[str, BeforeValidator(_watch_folder)]

Text = Annotated[_Text, WithJsonSchema(_TEXT_SCHEMA)]
Line = Annotated[str, BeforeValidator(_line), WithJsonSchema(_TEXT_SCHEMA)]
Folder = Annotated[str, BeforeValidator(_folder), WithJsonSchema(_TEXT_SCHEMA)]
FolderOrNone = Annotated[str | None, BeforeValidator(_folder_or_none), WithJsonSchema(_TEXT_SCHEMA)]
TokenFile = Annotated[Path, BeforeValidator(_token_file), WithJsonSchema(_TEXT_SCHEMA)]
RuleName = Annotated[str, BeforeValidator(_rule_name), WithJsonSchema(_NAME_SCHEMA)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]
Seconds = Annotated[float, BeforeValidator(_seconds), WithJsonSchema(_TIME_SCHEMA)]
Size = Annotated[int, BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]
Credits = Annotated[float, BeforeValidator(_credits), WithJsonSchema(_CREDITS_SCHEMA)]
CreditLimit = Annotated[float | None, BeforeValidator(_credit_limit), WithJsonSchema(_CREDIT_LIMIT_SCHEMA)]
Settle = Annotated[float | None, BeforeValidator(_settle), WithJsonSchema(_SETTLE_SCHEMA)]
FileMode = Annotated[Literal["inherit"] | int, BeforeValidator(_file_mode), WithJsonSchema(_MODE_SCHEMA)]
Secret = Annotated[SecretStr, BeforeValidator(_secret), WithJsonSchema(_TEXT_SCHEMA)]
Url = Annotated[str, BeforeValidator(_url), WithJsonSchema(_URL_SCHEMA)]
Language = Annotated[str, BeforeValidator(_language), WithJsonSchema(_TEXT_SCHEMA)]
SkillVersion = Annotated[str, BeforeValidator(_skill_version)]
SchemaVersion = Annotated[Literal[1], BeforeValidator(_schema_version)]
OutputName = Annotated[str, BeforeValidator(_output_name), WithJsonSchema(_TEXT_SCHEMA)]

WatchFolders = Annotated[tuple[_WatchFolder, ...], many("a folder"), _one_or_list(_TEXT_SCHEMA)]
Match = Annotated[tuple[_Entry, ...], many("a class of files or a glob"), _one_or_list(_ENTRY_SCHEMA)]
Ignore = Annotated[
    tuple[_Entry, ...], many("a class of files or a glob", least=0), _one_or_list(_ENTRY_SCHEMA, 0)
]
Companions = Annotated[
    tuple[Annotated[str, BeforeValidator(_companion)], ...],
    many("a file's name", least=0),
    _one_or_list(_TEXT_SCHEMA, 0),
]
BundleKey = Annotated[Bundle, BeforeValidator(_bundle), WithJsonSchema(_BUNDLE_SCHEMA)]
TimeRange = Annotated[
    Range | None,
    _range('a range of times, such as "3s..", "..2m" or "3s..2m"', parse_time),
    WithJsonSchema(_RANGE_SCHEMA),
]
SizeRange = Annotated[
    Range | None,
    _range('a range of sizes, such as "1MB.." or "..500MB"', parse_size),
    WithJsonSchema(_RANGE_SCHEMA),
]
Instructions = Annotated[tuple[_Text, ...], many("an instruction"), _one_or_list(_TEXT_SCHEMA)]
Times = Annotated[
    tuple[Annotated[float, BeforeValidator(_seconds)], ...], many("a time"), _one_or_list(_TIME_SCHEMA)
]
