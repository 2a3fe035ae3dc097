"""Sound as ffmpeg's filter graph (pure): the clips' own, the music under it, levels. All of it at 48 kHz stereo.

Levels come in from outside (`Levels`), for they are measured in passes of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from daemon.studio.graph import seconds
from daemon.studio.reading import Input, runs
from daemon.studio.scene import Bed, Scene

RATE: Final = 48_000
_READ: Final = f"aresample={RATE}:async=1:first_pts=0,"
_FORMAT: Final = f"aresample={RATE},aformat=sample_fmts=fltp:channel_layouts=stereo"

SILENT_LUFS: Final = -60.0
"""Sound below this is silence, never raised: ffmpeg's ebur128 says -70 for digital silence."""

_UNDER_LU: Final = 18.0
_DUCK_DB: Final = 8.0
"""Under speech the bed is 18 LU below it, 8 of them by ducking (evidence: media, "Music")."""

_USUAL_VOLUME: Final = 0.35
_SPEECH_FLOOR_LUFS: Final = -35.0
"""Sound quieter than this is no speech but a room: the bed does not follow it further down."""

_KEY_LUFS: Final = -17.0
_DUCK: Final = "sidechaincompress=threshold=0.016:ratio=20:attack=30:release=450:mix=0.65"
"""Keyed by the clip's sound at -17 LUFS. Ratio and a low threshold shut the compressed part nearly off, and
the 35 % that pass beside it bound the ducking to 9 dB however loud the speech is."""

_CEILING_DBFS: Final = -2.0
_ROOM_DB: Final = 0.5
"""Peaks are limited to -2 dBFS, and the limiter stands in the way from 0.5 dB below: AAC of a peaky voice came
out 0.7 dB higher than what went in, and 0.84 (-1.5 dBFS) missed -1 dBTP by that."""

_MOST_GAIN_DB: Final = 36.0
_CUT_S: Final = 0.005


@dataclass(frozen=True, slots=True)
class Levels:
    """Gains in dB. `bed`: the music, before ducking; `key`: what brings the clip's sound to the ducker's
    level, None when there is nothing to duck under; `master`: the whole; `ceiling`: where peaks are held, in
    dBFS, None where none come near."""

    bed: float = 0.0
    key: float | None = None
    master: float = 0.0
    ceiling: float | None = None


def clip_sound(scene: Scene, inputs: Sequence[Input], narration: int | None = None) -> list[str]:
    """The filters that end in [clip]: the clips' own sound one after another, as long as the scene.

    `narration`: the input that speaks over them.
    """
    parts = _split(inputs)
    for number, one in enumerate(inputs):
        parts.append(_sound(one, number, alone=len(inputs) == 1))
    grouped = runs(scene.clips)
    for number, run in enumerate(grouped):
        labels = "".join(f"[a{one}]" for one in run)
        parts.append(f"{labels}concat=n={len(run)}:v=0:a=1[heard{number}]")
    heard = "heard0"
    for number, run in enumerate(grouped[1:], 1):
        melt = f"acrossfade=d={seconds(scene.clips[run[0]].crossfade_s)}:c1=qsin:c2=qsin"
        parts.append(f"[{heard}][heard{number}]{melt}[blent{number}]")
        heard = f"blent{number}"
    if narration is not None:
        parts.append(f"[{narration}:a:0]{_FORMAT}[said]")
        parts.append(f"[{heard}][said]amix=inputs=2:normalize=0[told]")
        heard = "told"
    parts.append(f"[{heard}]apad,atrim=duration={seconds(scene.d_s)}[clip]")
    return parts


def _split(inputs: Sequence[Input]) -> list[str]:
    """The filters that hand the sound of what is read once to each of its parts."""
    return [
        f"[{one.at}:a:0]{_READ}asplit={one.parts}" + "".join(f"[sound{one.at}p{n}]" for n in range(one.parts))
        for one in inputs
        if one.parts > 1 and one.part == 0 and one.sounds
    ]


def _sound(one: Input, number: int, *, alone: bool) -> str:
    """A clip's sound to [a<number>], exactly its own length."""
    d_s, clip = one.clip.d_s, one.clip
    if not one.sounds:
        return f"anullsrc=r={RATE}:cl=stereo,{_FORMAT},atrim=duration={seconds(d_s)}[a{number}]"
    source = f"[{one.at}:a:0]{_READ}"
    if one.parts > 1:
        end = one.offset_s + d_s * clip.speed
        cut = f"atrim=start={seconds(one.offset_s)}:end={seconds(end)}"
        source = f"[sound{one.at}p{one.part}]{cut},asetpts=PTS-STARTPTS,"
    # A hard cut within a sound clicks.
    cuts = f",afade=t=in:d={_CUT_S},afade=t=out:st={seconds(d_s - _CUT_S)}:d={_CUT_S}"
    gain = f",volume={clip.gain:.2f}dB" if clip.gain else ""
    return (
        f"{source}{_FORMAT}{_tempo(clip.speed)}{gain},apad,atrim=duration={seconds(d_s)}"
        f"{'' if alone and not clip.from_s else cuts}[a{number}]"
    )


def bed_sound(scene: Scene, bed: Bed, at: int, fade_s: float) -> str:
    """The filter that ends in [bed]: input `at`, faded in and, for `fade_s`, out; as long as the scene."""
    length = max(0.1, min(bed.d_s, scene.d_s - bed.start_s))
    rise, fall = min(1.0, length / 8), min(fade_s, length / 3)
    return (
        f"[{at}:a:0]{_FORMAT},atrim=duration={seconds(length)},afade=t=in:d={seconds(rise)},"
        f"afade=t=out:st={seconds(length - fall)}:d={seconds(fall)},adelay={round(bed.start_s * 1000)}:all=1,"
        f"apad,atrim=duration={seconds(scene.d_s)}[bed]"
    )


def mixed(scene: Scene, sounds: bool, levels: Levels) -> list[str]:
    """The filters from [clip] and [bed] to [mix]. `sounds`: whether the clip has sound to mix with."""
    bed, end = scene.bed, f"{_fades(scene)}[mix]"
    if bed is None:
        return [f"[clip]anull{end}"]
    if not sounds:
        return [f"[bed]volume={levels.bed:.2f}dB{end}"]
    level = f"[bed]volume={levels.bed:.2f}dB"
    if not bed.duck or levels.key is None:
        return [f"{level}[under]", f"[clip][under]amix=inputs=2:normalize=0{end}"]
    return [
        "[clip]asplit[over][keyed]",
        f"[keyed]volume={levels.key:.2f}dB[key]",
        f"{level}[free]",
        f"[free][key]{_DUCK}[under]",
        f"[over][under]amix=inputs=2:normalize=0{end}",
    ]


def _fades(scene: Scene) -> str:
    """The whole out of and into silence, each filter with a comma before it."""
    rise = f",afade=t=in:d={seconds(scene.fade_in_s)}" if scene.fade_in_s else ""
    if not scene.fade_out_s:
        return rise
    begin = scene.d_s - scene.fade_out_s
    return f"{rise},afade=t=out:st={seconds(begin)}:d={seconds(scene.fade_out_s)}"


def mastered(levels: Levels) -> str:
    """The filter from [mix] to [sound]: one linear gain, and the limiter where peaks need it."""
    chain = [f"volume={levels.master:.2f}dB"] if levels.master else []
    chain += [_limiter(levels.ceiling)] if levels.ceiling is not None else []
    return f"[mix]{','.join(chain) or 'anull'}[sound]"


def under(bed: Bed, clip_lufs: float | None, bed_lufs: float) -> Levels:
    """How loud the bed is to be under a clip of `clip_lufs` (None: it has no sound)."""
    if clip_lufs is None or clip_lufs < SILENT_LUFS:
        return Levels()
    speech = max(clip_lufs, _SPEECH_FLOOR_LUFS)
    below = _UNDER_LU - (_DUCK_DB if bed.duck else 0.0)
    louder = 20 * math.log10(bed.volume / _USUAL_VOLUME)
    return Levels(bed=speech - below - bed_lufs + louder, key=_KEY_LUFS - speech if bed.duck else None)


def master(levels: Levels, target: float, lufs: float, peak_dbtp: float) -> Levels:
    """The levels with the gain that brings a mix of `lufs` to `target`. Silence stays silence."""
    if lufs < SILENT_LUFS:
        return levels
    gain = min(_MOST_GAIN_DB, target - lufs)
    near = peak_dbtp + gain > _CEILING_DBFS - _ROOM_DB
    return replace(levels, master=gain, ceiling=_CEILING_DBFS if near else None)


def _limiter(ceiling: float) -> str:
    """At four times the rate a limiter of samples holds true peaks."""
    limiter = f"alimiter=limit={10 ** (ceiling / 20):.4f}:attack=5:release=50:level=false:latency=true"
    return f"aresample={4 * RATE},{limiter},aresample={RATE}"


def _tempo(speed: float) -> str:
    """`atempo` for a speed of 0.1 to 10: in steps of at most a half or a double, where it sounds best."""
    if speed == 1:
        return ""
    steps = max(1, math.ceil(abs(math.log2(speed))))
    return f",atempo={speed ** (1 / steps):.8f}" * steps
