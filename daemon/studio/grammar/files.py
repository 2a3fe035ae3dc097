"""Files that a clause names: which of the uploads and of the studio's own is meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from daemon.studio.grammar.common import Unclear
from daemon.studio.measures import Marked, plain

Kind = Literal["video", "image", "audio"]

_MOST_TOLD: Final = 8


def find(said: str, kind: Kind, marked: Marked) -> str | None:
    """The full name of the file of this kind that `said` names, with its extension or without; None: none is.

    Raises Unclear where several of different names could be meant, or a file of another kind is.
    """
    wanted = plain(said)
    if not wanted:
        return None
    named = [one for one in marked.files if plain(one.name) == wanted]
    named = named or [one for one in marked.files if plain(one.name.rpartition(".")[0]) == wanted]
    fitting = list(dict.fromkeys(one.name for one in named if one.kind == kind))
    if len(fitting) > 1:
        raise Unclear("which-file", file=said.strip(), files=_told(fitting))
    if not fitting and named:
        raise Unclear("other-kind", file=named[0].name)
    return fitting[0] if fitting else None


def must_find(said: str, kind: Kind, marked: Marked) -> str:
    """The same for what can be nothing but a file's name. Raises Unclear with what there is."""
    found = find(said, kind, marked)
    if found is None:
        there = _told(dict.fromkeys(one.name for one in marked.files if one.kind == kind))
        said = said.strip()
        raise Unclear("no-file", file=said, files=there) if there else Unclear("no-files", file=said)
    return found


def only(kind: Kind, marked: Marked, clause: str) -> str:
    """The only file of this kind. Raises Unclear where there are none or several."""
    names = list(dict.fromkeys(one.name for one in marked.files if one.kind == kind))
    if len(names) != 1:
        said = marked.restored(clause)
        raise (
            Unclear("which-file", file=said, files=_told(names)) if names else Unclear("no-files", file=said)
        )
    return names[0]


def _told(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_MOST_TOLD]) + (" …" if len(names) > _MOST_TOLD else "")
