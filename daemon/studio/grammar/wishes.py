"""What was read of several clauses, put together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daemon.studio.grammar import scripts
from daemon.studio.grammar.sentence import LEAVES
from daemon.studio.operations import (
    AddMusic,
    Background,
    Crossfade,
    EachPicture,
    Fade,
    Keep,
    Operation,
    Promo,
    Remove,
    Reshape,
    Span,
    Watermark,
    Without,
)


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
    for wish in _in_promo(wishes):
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
