"""What was read of several clauses, put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from daemon.studio.grammar import scripts
from daemon.studio.grammar.sentence import LEAVES
from daemon.studio.operations import (
    AddMusic,
    AddText,
    Background,
    Captions,
    Crossfade,
    EachPicture,
    Fade,
    Keep,
    Operation,
    Promo,
    Remove,
    RemoveSilence,
    Reshape,
    Span,
    Speed,
    Thumbnail,
    Watermark,
    Without,
)

_CHANGE_TIME: Final = (Keep, Remove, RemoveSilence, Speed, Crossfade, EachPicture)


@dataclass(frozen=True, slots=True)
class Wish:
    """An operation, whether its verb was carried over, and whether it is about the timeline as it is by then.

    `clause`: the marked words it was read from.
    """

    operation: Operation
    clause: str
    carried: bool = False
    then: bool = False


def joined(wishes: tuple[Wish, ...]) -> tuple[Operation, ...]:
    """The operations; what is said of one thing in several breaths becomes one: `the first 2 s and the last 3 s`."""
    operations: list[Operation] = []
    for wish in _in_order(_in_promo(wishes)):
        last = operations[-1] if operations else None
        match last, wish.operation:
            case Remove(before), Remove(spans) if not wish.then:
                operations[-1] = Remove((*before, *spans))
            case Keep(before), Keep(spans) if wish.carried:
                operations[-1] = Keep((*before, *spans))
            case (Background("transparent"), Background()) | (Watermark(""), Watermark()) if not wish.then:
                operations[-1] = wish.operation
            case _, Fade():
                _renew(operations, wish.operation)
            case _, EachPicture() | Crossfade() if not wish.then:
                _renew(operations, wish.operation)
            case _:
                operations.append(wish.operation)
    return tuple(operations)


def rivals(wishes: tuple[Wish, ...]) -> tuple[Wish, Wish] | None:
    """Two wishes of which only one can be: different backgrounds, with no `then` between them."""
    last: Wish | None = None
    for wish in wishes:
        last = None if wish.then else last
        if not isinstance(wish.operation, Background):
            continue
        if last is not None and last.operation not in (Background("transparent"), wish.operation):
            return last, wish
        last = wish
    return None


def _in_order(wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
    """The wishes in the order that they are meant to be done in.

    The times of subtitles are those of the clip as it came, so they go before all that changes its length. A picture
    of one moment shows what else was asked for, so it goes last, and words are on it whenever they were to stand there.
    """
    pictures = tuple(one for one in wishes if isinstance(one.operation, Thumbnail))
    rest = [one for one in wishes if one not in pictures]
    if pictures:
        rest = [_on_picture(one) for one in rest]
    at = next((n for n, one in enumerate(rest) if isinstance(one.operation, _CHANGE_TIME)), len(rest))
    captions = [one for one in rest[at:] if isinstance(one.operation, Captions)]
    timed = [one for one in rest[at:] if not isinstance(one.operation, Captions)]
    return (*rest[:at], *captions, *timed, *pictures)


def _on_picture(wish: Wish) -> Wish:
    if not isinstance(wish.operation, AddText):
        return wish
    return replace(wish, operation=replace(wish.operation, span=Span(0, None)))


def _in_promo(wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
    """The wishes, with music, shape and length as properties of the video from a script where there is one."""
    at = next((n for n, wish in enumerate(wishes) if isinstance(wish.operation, Promo)), None)
    if at is None:
        return wishes
    promo = wishes[at].operation
    rest: list[Wish | None] = []
    for wish in wishes:
        changed = _with(promo, wish)
        rest.append(wish if changed is None else None)
        promo = changed or promo
    rest[at] = replace(wishes[at], operation=promo)
    return tuple(one for one in rest if one is not None)


def _with(promo: Operation, wish: Wish) -> Promo | None:
    """The video from a script with the wish as its property, None where it is a wish of its own."""
    assert isinstance(promo, Promo)
    match wish.operation:
        case AddMusic() as music if music == AddMusic(music.mood):
            return replace(promo, mood=scripts.mood_of(music, wish.clause))
        case Reshape(width, height):
            return replace(promo, width=width, height=height)
        case Keep((Span(0, int(length)),)):
            made = length > 0 and promo.length is None and not LEAVES.search(wish.clause)
            return replace(promo, length=length) if made else None
        case Without("music"):
            return replace(promo, mood=None)
        case Without("narration"):
            return replace(promo, narrated=False)
    return None


def _renew(operations: list[Operation], newer: Operation) -> None:
    """Puts it in the place of the last of its kind; of two fades each keeps its own end of the clip."""
    at = next((n for n in reversed(range(len(operations))) if type(operations[n]) is type(newer)), None)
    if at is None:
        operations.append(newer)
        return
    older = operations[at]
    if isinstance(older, Fade) and isinstance(newer, Fade) and (newer.start or newer.end):
        newer = Fade(newer.start or older.start, newer.end or older.end)
    operations[at] = newer
