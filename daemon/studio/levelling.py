"""How loud a render's sound is to be: measured on the very graph that is rendered afterwards (ebur128).

One linear gain brings it to its loudness, with a limiter only where peaks need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from daemon.errors import MediaError
from daemon.media.ffmpeg import source
from daemon.studio import mixing
from daemon.studio.forms import SOUND_OF, sound_codec
from daemon.studio.mixing import Levels
from daemon.studio.reading import Input
from daemon.studio.scene import Scene

_LOUDNESS: Final = re.compile(
    r"\[ebur128@(\w+) @ [^\]]*\] Summary:.*?I:\s+(-?[\d.]+|-?inf|nan) LUFS.*?Peak:\s+(-?[\d.]+|-?inf|nan) dBFS",
    re.DOTALL,
)
_PEAK_DBTP: Final = -1.0
_CLOSE_LU: Final = 0.3
_CORRECTIONS: Final = 3
_MOST_BACK_DB: Final = 3.0
"""A result peaks at -1 dBTP at most. Steps of at most 3 dB give back what the limiter took: more would
be heard as distortion."""

Tell = Callable[[float], None]


class Run(Protocol):
    """One run of ffmpeg over the render's inputs, or over `inputs`: the graph's parts, outputs; its log."""

    def __call__(
        self, parts: Sequence[str], outputs: Sequence[str], tell: Tell, inputs: Sequence[str] | None = None
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class Levelling:
    """The sound of one scene.

    `bed`: the filter that ends in [bed], nothing without music; `narration`: the input that speaks; `sounds`:
    whether it or the clips are heard; `kind` and `quality` of the result, `work` for what is made in between.
    """

    scene: Scene
    inputs: Sequence[Input]
    bed: Sequence[str]
    narration: int | None
    sounds: bool
    kind: str
    quality: str
    work: Path
    run: Run

    def levels(self, tell: Callable[[float, float], Tell], most: float) -> Levels:
        """Measures, and decides all gains. `tell`: hears the shares of a pass between two of the whole."""
        target = self.scene.loudness
        louder = any(one.clip.gain > 0 for one in self.inputs)
        if not (self.sounds or self.bed) or (target is None and not louder):
            return Levels()
        levels = Levels()
        if self.scene.bed is not None and self.bed:
            own = self._own()
            names = ("clip", "bed") if own else ("bed",)
            heard = self._measured([*own, *self.bed], names, tell(0, most / 3))
            levels = mixing.under(self.scene.bed, heard["clip"][0] if own else None, heard["bed"][0])
        mix = self.mix(levels)
        lufs, peak = self._measured(mix, ("mix",), tell(most / 3, most * 2 / 3))["mix"]
        levels = mixing.master(levels, lufs if target is None else target, lufs, peak)
        if levels.ceiling is not None and target is not None:
            levels = self._given_back(mix, levels, target, tell(most * 2 / 3, most))
        return levels

    def mix(self, levels: Levels) -> list[str]:
        """The filters that end in [mix]."""
        return [*self._own(), *self.bed, *mixing.mixed(self.scene, self.sounds, levels)]

    def held(self, levels: Levels, ceiling: float, tell: Tell) -> Path:
        """Encodes the limited sound by itself and listens to it: a codec makes peaks of its own, and where
        they are too high it is done again under a lower ceiling."""
        coded = self.work / f"sound.{SOUND_OF.get(self.kind, self.kind)}"
        codec = [*sound_codec(self.kind, self.quality), "-y", source(coded)]
        mix = self.mix(levels)
        for _ in range(_CORRECTIONS):
            mastered = mixing.mastered(replace(levels, ceiling=ceiling))
            self.run([*mix, mastered], ["-map", "[sound]", *codec], tell)
            meter = ["[0:a:0]anull[sound]"]
            _, peak = self._measured(meter, ("sound",), tell, ["-i", source(coded)])["sound"]
            if peak <= _PEAK_DBTP:
                break
            ceiling -= peak - _PEAK_DBTP + 0.1
        return coded

    def _own(self) -> list[str]:
        return mixing.clip_sound(self.scene, self.inputs, self.narration) if self.sounds else []

    def _given_back(self, mix: Sequence[str], levels: Levels, target: float, tell: Tell) -> Levels:
        """The limiter takes loudness away with the peaks: measure what is left, and raise the gain by it."""
        for _ in range(_CORRECTIONS):
            heard = self._measured([*mix, mixing.mastered(levels)], ("sound",), tell)
            lost = target - heard["sound"][0]
            if lost < _CLOSE_LU:
                break
            levels = replace(levels, master=levels.master + min(_MOST_BACK_DB, lost))
        return levels

    def _measured(
        self, filters: Sequence[str], names: Sequence[str], tell: Tell, inputs: Sequence[str] | None = None
    ) -> dict[str, tuple[float, float]]:
        """(LUFS, true peak in dBTP) of each named output of a graph."""
        meters = [f"[{name}]ebur128@{name}=peak=true:framelog=quiet[{name}_out]" for name in names]
        outputs = [arg for name in names for arg in ("-map", f"[{name}_out]")]
        log = self.run([*filters, *meters], [*outputs, "-f", "null", "-"], tell, inputs)
        heard = {name: (_decibels(lufs), _decibels(peak)) for name, lufs, peak in _LOUDNESS.findall(log)}
        missing = [name for name in names if name not in heard]
        if missing:
            raise MediaError("measuring loudness", f"ffmpeg gave no measurement of {', '.join(missing)}")
        return heard


def _decibels(number: str) -> float:
    """A measured level; what cannot be measured is as quiet as can be."""
    value = float(number)
    return value if value > -100 else -100.0
