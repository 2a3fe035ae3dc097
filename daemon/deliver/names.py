"""Which name a job's files get, decided before anything is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_ENOUGH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Take:
    """This base name; `replace`: a file that stands there gives way."""

    base: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """`on_conflict: skip`, and this name is taken."""

    base: str


def choose(
    base: str, on_conflict: str, *, is_free: Callable[[str], bool], is_reserved: Callable[[str], bool]
) -> Take | Skip:
    """Decides by the rule's `on_conflict`; `rename` counts -2, -3, … to the first name nobody has."""
    if is_free(base) and not is_reserved(base):
        return Take(base)
    if on_conflict == "skip":
        return Skip(base)
    if on_conflict == "overwrite" and not is_reserved(base):
        return Take(base, replace=True)
    for other in _numbered(base):
        if is_free(other) and not is_reserved(other):
            return Take(other)
    return Skip(base)


def _numbered(base: str) -> Iterator[str]:
    return (f"{base}-{number}" for number in range(2, _ENOUGH))
