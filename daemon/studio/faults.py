"""What a faults file can ask of the studio, as frozen values, and which fault befalls the nth call. Pure.

Each key says of itself what kind of value it takes, at which calls it makes sense and what it means; reading,
refusing and docs/studio.md all go by that.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_type_hints

from daemon.nemo.wire import JsonObject

Unit = Literal["bytes", "share", "events"]
Runs = tuple[tuple[int, int | None], ...]
"""Which times: first and last of each stretch, counted from 1; no last one: to the end."""

EVERY: Final[Runs] = ((1, None),)
UNLIMITED: Final = 1_000_000
"""The credits that an account without a limit shows."""

ANY: Final = "any"
WITH_SESSION: Final = ("upload", "run", "state", "render", "claim")
WITH_BODY: Final = ("session", "claim", "upload", "run", "render")
WITH_TOKEN: Final = (*WITH_BODY, "state", "credits", "render_status", "cancel", "download")
CALLS: Final = ("token", *WITH_TOKEN, "file")
"""Every call by the name that a fault gives it; `file` is the result's own URL."""

_NO_BODY: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Key:
    """`kind`: what is written there; `words`: the choices; `calls`: where it makes sense (empty: everywhere)."""

    kind: str
    about: str
    words: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


def keys(section: type) -> dict[str, Key]:
    """The keys of a section of the file, in their order."""
    return {name: one.__metadata__[0] for name, one in get_type_hints(section, include_extras=True).items()}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a body: `size` bytes, a share of it (0..1), or whole events."""

    size: float
    unit: Unit = "bytes"


_RUN: Final = ("run",)


@dataclass(frozen=True, slots=True)
class Then:
    """What happens to a call. Nothing is written: nothing happens."""

    delay: Annotated[float, Key("time", "How long nothing happens before the call is carried out.")] = 0.0
    late: Annotated[
        float, Key("time", "How long the answer is held back; the call is carried out at once.")
    ] = 0.0
    status: Annotated[
        int | None,
        Key(
            "status",
            "HTTP status that is answered instead: the call is not carried out. Default: 200, or 429 with "
            "`retry_after` alone.",
        ),
    ] = None
    code: Annotated[
        int | None,
        Key(
            "code", "The envelope's code that is answered instead, under HTTP 200 unless `status` is written."
        ),
    ] = None
    message: Annotated[str | None, Key("line", "The message of that envelope.")] = None
    body: Annotated[
        str | None,
        Key(
            "body",
            'The whole body that is answered instead, such as a gateway\'s HTML; `""` is an empty one.',
        ),
    ] = None
    retry_after: Annotated[float | None, Key("time", "The header `Retry-After`, in seconds.")] = None
    retry_after_date: Annotated[
        float | None, Key("time", "The header `Retry-After`, as the date that is so far from now.")
    ] = None
    done: Annotated[
        bool, Key("flag", "Before that other answer is given, the call is carried out after all.")
    ] = False
    headers: Annotated[
        Mapping[str, str] | None, Key("headers", "Headers of the answer, whichever it is.")
    ] = None
    content_type: Annotated[str | None, Key("line", "The content type of the answer, whichever it is.")] = (
        None
    )
    drop: Annotated[
        Literal["request", "answer"] | None,
        Key(
            "word",
            "The connection is reset without an answer: before anything was done (`request`), or after all of it "
            "(`answer`).",
            ("request", "answer"),
        ),
    ] = None
    cut: Annotated[
        Place | None,
        Key(
            "place",
            "The connection closes after so much of the answer's body: `5000`, `64kB`, `50%`, `3 events`.",
        ),
    ] = None
    stall: Annotated[
        Place | None,
        Key("place", "After so much of the answer's body comes silence, and the connection stays open."),
    ] = None
    take: Annotated[
        Place | None,
        Key(
            "part",
            "The connection is reset once so much of the request's body has come: `60%`, `1MB`.",
            (),
            WITH_BODY,
        ),
    ] = None
    expire: Annotated[
        Literal["token", "session"] | None,
        Key(
            "word",
            "From this call on its token is refused (1001), or its session is gone (1002).",
            ("token", "session"),
            WITH_TOKEN,
        ),
    ] = None
    silent: Annotated[
        bool, Key("flag", "The message is carried out, and the stream closes without a word.", (), _RUN)
    ] = False
    before: Annotated[
        tuple[JsonObject | str, ...],
        Key(
            "events",
            "Events before the stream's own: `{type: …}`, or a text that is sent as the data it is.",
            (),
            _RUN,
        ),
    ] = ()
    after: Annotated[
        tuple[JsonObject | str, ...], Key("events", "Events after the stream's own.", (), _RUN)
    ] = ()
    skip: Annotated[
        bool,
        Key(
            "flag",
            "The message is taken and neither carried out nor charged; the stream has no own events.",
            (),
            _RUN,
        ),
    ] = False
    apology: Annotated[
        bool, Key("flag", 'The stream ends with the text "I encountered a temporary issue".', (), _RUN)
    ] = False
    question: Annotated[
        str | None,
        Key(
            "line",
            "All that the stream says is this question. The session's next message is taken as the answer, and then "
            "the first one is carried out.",
            (),
            _RUN,
        ),
    ] = None
    ask: Annotated[
        Literal["tool", "text"],
        Key("word", "Whether it asks by the tool `ask_question` or in plain text.", ("tool", "text"), _RUN),
    ] = "tool"
    lose_edit: Annotated[bool, Key("flag", "The message is charged, and changes nothing.", (), _RUN)] = False
    second_stage: Annotated[
        float,
        Key(
            "time",
            "A generation: so long after its edit the draft changes once more by itself (music). It costs "
            "`prices.generate`.",
            (),
            _RUN,
        ),
    ] = 0.0
    fail: Annotated[
        str | None,
        Key("line", "The render is accepted, and ends as failed with these words.", (), ("render",)),
    ] = None

    @property
    def answered(self) -> bool:
        """Whether another answer is given than the call's own."""
        given = (self.status, self.code, self.message, self.body, self.retry_after, self.retry_after_date)
        return any(one is not None for one in given)


NOTHING: Final = Then()


@dataclass(frozen=True, slots=True)
class Mishap:
    """One entry of `faults`."""

    call: Annotated[
        str, Key("word", f"Which call: {', '.join(f'`{one}`' for one in CALLS)}, or `any`.", (*CALLS, ANY))
    ] = ANY
    nth: Annotated[
        Runs, Key("nth", 'Which of these calls, counted from 1: `2`, `[1, 3]`, `"2..4"`, `"3.."`, `every`.')
    ] = EVERY
    chance: Annotated[
        float,
        Key(
            "share",
            "How likely it is at each of those (`0.3`, `30%`); the dice fall alike for the same `service.seed`.",
        ),
    ] = 1.0
    then: Annotated[Then, Key("then", "What happens; at least one key.")] = NOTHING


@dataclass(frozen=True, slots=True)
class Prices:
    """Credits a message costs."""

    edit: Annotated[int, Key("credits", "A message that changed the draft.")] = 0
    generate: Annotated[int, Key("credits", "The same with `second_stage`.")] = 0


@dataclass(frozen=True, slots=True)
class Anonymous:
    """What anonymous tokens are."""

    credits: Annotated[
        int, Key("credits", "What an anonymous account begins with, where `service.credits` is written.")
    ] = 100
    life: Annotated[float, Key("period", "How long a token lives.")] = 7 * 86400.0
    one_each: Annotated[
        bool, Key("flag", "Whether a client id whose token still lives is refused another one: 429.")
    ] = False


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls an account may make."""

    per_minute: Annotated[
        int | None,
        Key("count", "Calls of an account within a minute; those beyond answer 429. `none`: any number."),
    ] = None
    retry_after: Annotated[
        float | None, Key("time", "What `Retry-After` says then. Default: when the next call is allowed.")
    ] = None


@dataclass(frozen=True, slots=True)
class Service:
    """How the service as a whole behaves; what is not written is as without a faults file."""

    shape: Annotated[
        str,
        Key(
            "word",
            "The stream's events: `plain`, or those of the Agent Development Kit (`agent`).",
            ("plain", "agent"),
        ),
    ] = "plain"
    render_shape: Annotated[
        str,
        Key(
            "word",
            "A render's answer: all at the top with `output.url` (`A`), or below `data` with `outputUrl` (`B`).",
            ("A", "B"),
        ),
    ] = "B"
    credits: Annotated[
        int | None,
        Key("limit", "What the account began with; `none`: unlimited. Write more than before to top it up."),
    ] = None
    prices: Annotated[Prices, Key("section", "What messages cost.")] = Prices()
    plan: Annotated[
        str, Key("word", "With `free` the submission of a render answers 402.", ("paid", "free"))
    ] = "paid"
    attribution: Annotated[
        str,
        Key(
            "word",
            "With `required` a render answers 402 if any call of its session lacked an X-Skill header.",
            ("ignored", "required"),
        ),
    ] = "ignored"
    anonymous: Annotated[Anonymous, Key("section", "Anonymous accounts.")] = Anonymous()
    rate: Annotated[Rate, Key("section", "How often may be called.")] = Rate()
    edit_time: Annotated[float, Key("time", "How long a message takes at the least.")] = 0.0
    render_time: Annotated[float, Key("time", "How long a render takes at the least.")] = 0.0
    heartbeat: Annotated[float, Key("period", "How often a stream that waits says so.")] = 10.0
    ranges: Annotated[bool, Key("flag", "Whether results can be asked for in parts (Range).")] = True
    result_url: Annotated[
        str | None,
        Key("body", 'The URL that finished renders name instead of the real one; `""`: none at all.'),
    ] = None
    seed: Annotated[int, Key("whole", "Which dice `chance` throws.")] = 0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A whole faults file."""

    faults: Annotated[
        tuple[Mishap, ...], Key("faults", "What goes wrong; at each call the first entry that applies.")
    ] = ()
    service: Annotated[Service, Key("section", "How the service behaves.")] = Service()


def befalls(rehearsal: Rehearsal, call: str, of_call: int, of_all: int) -> Then:
    """What happens to this call, the `of_call`th of its name and the `of_all`th of all, both from 1."""
    for place, one in enumerate(rehearsal.faults):
        count = of_all if one.call == ANY else of_call
        lot = one.chance >= 1 or _thrown(rehearsal.service.seed, place, count) < one.chance
        if one.call in (call, ANY) and _among(one.nth, count) and lot:
            return one.then
    return NOTHING


def _among(nth: Runs, count: int) -> bool:
    return any(first <= count and (last is None or count <= last) for first, last in nth)


def _thrown(seed: int, place: int, count: int) -> float:
    return random.Random(f"{seed}/{place}/{count}").random()


def parse_nth(text: str) -> Runs:
    """`2`, `2..4`, `3..` or `every`. Raises ValueError."""
    if text == "every":
        return EVERY
    found = re.fullmatch(r"([0-9]{1,9})(\.\.([0-9]{1,9})?)?", text.replace(" ", ""))
    if not found:
        raise ValueError(text)
    first = int(found[1])
    last = first if not found[2] else int(found[3]) if found[3] else None
    if first < 1 or (last is not None and last < first):
        raise ValueError(text)
    return ((first, last),)


_CARRIED_OUT: Final = frozenset(name for name, key in keys(Then).items() if key.calls and name != "take")
"""What befalls a call only where it is carried out."""


def objections(call: str, then: Then, written: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(key, why) for each of the `written` keys that means nothing at this call, or beside the others."""
    left_out = then.drop == "request" or (then.answered and not then.done)
    for name, key in keys(Then).items():
        if name in written and key.calls and call not in (*key.calls, ANY):
            yield name, f"happens at {', '.join(f'`{one}`' for one in key.calls)} alone, not at `{call}`"
        elif name in written and name in _CARRIED_OUT and left_out:
            yield name, "with what else is written here, the call is not carried out at all"
    places = [place for place in (then.cut, then.stall) if place is not None]
    share = any(place.unit == "share" for place in places)
    events = any(place.unit == "events" for place in places)
    end = "cut" if then.cut else "stall"
    clashes = (
        (
            "done",
            then.done and not then.answered,
            "stands beside `status`, `code`, `message`, `body` or `retry_after`",
        ),
        ("drop", then.drop and then.answered, "an answer is given or the connection dropped, not both"),
        ("drop", then.drop and (places or then.late), "no answer is left that could be late, cut or stalled"),
        ("stall", len(places) > 1, "an answer is cut or stalls, not both"),
        (
            "body",
            then.body is not None and (then.code is not None or then.message),
            "stands instead of an envelope",
        ),
        (
            "status",
            then.status in _NO_BODY and then.body != "",
            f'HTTP {then.status} has none: write `body: ""`',
        ),
        (
            end,
            share and call == "run" and not then.answered,
            "a stream's length is unknown: write bytes or events",
        ),
        (end, events and call not in ("run", ANY), f"`{call}` answers no events: write bytes or a share"),
    )
    yield from ((name, why) for name, clash, why in clashes if clash)
