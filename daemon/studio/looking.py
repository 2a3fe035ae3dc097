"""Finding out, at the edge, what an edit has to know of the files beside the draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.media.ffmpeg import Ffmpeg
from daemon.media.probe import Probe, probe
from daemon.nemo.wire import JsonObject
from daemon.studio.draft import main, pictures
from daemon.studio.facts import Asset, Facts, asks_of_screens, asks_of_sound
from daemon.studio.library import Library
from daemon.studio.operations import Operation
from daemon.studio.sessions import Session, Sessions
from daemon.studio.voice import has_voice


@dataclass(frozen=True, slots=True)
class Looking:
    """What it takes: the sessions' files, the user's own, ffmpeg, a folder for what lies there for a moment.

    `matte_model`: `auto`, or the path of a model that finds people.
    """

    sessions: Sessions
    library: Library
    ffmpeg: Ffmpeg
    folder: Path
    matte_model: str = "auto"

    def at_names(self, session: Session) -> Facts:
        """Which files an instruction may name. Blocking."""
        assets = tuple(
            Asset(str(one["filename"]), str(one["hash"]), one["file_type"]) for one in session.files
        )
        return Facts(assets, self.library.pictures(), self.library.music(), voice=has_voice())

    def at_files(self, session: Session, operations: Sequence[Operation], facts: Facts) -> Facts:
        """The facts with what these operations need of the clips themselves. Blocking. Raises MediaError."""
        if asks_of_sound(operations):
            silences = {asset: self._pauses(session, asset) for asset in _sounding(session.draft)}
            facts = replace(facts, silences=silences)
        if asks_of_screens(operations):
            shown = {str(one["m"]["asset"]) for one in pictures(session.draft) if one["m"]["kind"] == "video"}
            files = {asset: self.sessions.asset(session.session_id, asset) for asset in shown}
            probes = {asset: probe(path, self.ffmpeg) for asset, path in files.items()}
            screens = {asset: self._screen(path, probes[asset]) for asset, path in files.items()}
            matting = self._can_matte()
            people = {
                asset: self._people(path, probes[asset])
                for asset, path in files.items()
                if matting and not screens[asset]
            }
            facts = replace(facts, screens=screens, matting=matting, people=people)
        return facts

    def _pauses(self, session: Session, asset: str) -> tuple[tuple[int, int], ...]:
        from daemon.studio.pauses import find_pauses

        return find_pauses(self.sessions.asset(session.session_id, asset), self.ffmpeg, self.folder)

    def _screen(self, path: Path, found: Probe) -> str:
        from daemon.studio.screen import screen_of

        return screen_of(path, found, self.ffmpeg) or ""

    def _people(self, path: Path, found: Probe) -> bool:
        from daemon.studio.matte.carried import find_model
        from daemon.studio.people import shows_people

        model = find_model(self.matte_model, upright=found.height > found.width)
        return model is not None and shows_people(path, found, self.ffmpeg, model)

    def _can_matte(self) -> bool:
        from daemon.studio.matte.carried import can_matte

        return can_matte(self.matte_model)


def _sounding(draft: JsonObject) -> set[str]:
    found = [one["m"] for one in main(draft) if not one["m"].get("silent") and not one["m"].get("mute")]
    return {str(meta["asset"]) for meta in found if meta.get("asset")}
