"""What the studio can do on this machine, beyond what ffmpeg alone does; found out without importing any of it."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.studio.matte.carried import can_matte
from daemon.studio.operations import Background, Operation, Promo
from daemon.studio.voice import has_voice


@dataclass(frozen=True, slots=True)
class Ability:
    """`name` for programs, `what` for people; `hint` says how it is got where it `works` not."""

    name: str
    what: str
    works: bool
    hint: str = ""


def abilities(matte_model: str = "auto") -> tuple[Ability, ...]:
    """Every kind of edit that may lack something here."""
    return (
        Ability(
            "edit", "cuts, titles, captions, music, levels, shapes, slideshows, videos from a script", True
        ),
        Ability("screen", "another background behind people before a green or blue screen", True),
        Ability(
            "matte",
            "another background, or none, behind anybody",
            can_matte(matte_model),
            "pip install 'reeldrop[matte]', or name a model: studio.matte_model",
        ),
        Ability("voice", "a draft narration", has_voice(), "pip install 'reeldrop[voice]'"),
    )


def lacking(operations: tuple[Operation, ...], matte_model: str = "auto") -> Ability | None:
    """What these operations may need and this machine has not."""
    needed = {"matte" for one in operations if isinstance(one, Background)}
    needed |= {"voice" for one in operations if isinstance(one, Promo) and one.narrated}
    return next((one for one in abilities(matte_model) if one.name in needed and not one.works), None)
