"""A scene as ffmpeg's filter graph (pure): one graph and one encode for each render.

Every picture is brought to one size, rate and colour before the cuts; all sound to 48 kHz stereo. Levels
come in from outside (`Levels`), for they are measured in passes of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from daemon.media.probe import Probe
from daemon.studio import cutout
from daemon.studio.cutout import Cut
from daemon.studio.scene import Bed, Clip, Scene, Text

RATE: Final = 48_000
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
_FADE_S: Final = 0.3
_NTSC: Final = {"23.98": "24000/1001", "29.97": "30000/1001", "59.94": "60000/1001", "119.88": "120000/1001"}
_BLUR_SHRINK: Final = 8
_SAME_SHAPE: Final = 0.01
_RGB: Final = ("rgb", "bgr", "gbr", "argb", "abgr", "pal8", "monow", "monob")
_MATRICES: Final = {
    "bt709": "bt709",
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "fcc": "bt601",
    "bt2020": "bt2020",
    "smpte240m": "smpte240m",
}


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the graph: a clip and what was found in its file."""

    clip: Clip
    probe: Probe

    @property
    def sounds(self) -> bool:
        return self.probe.has_audio and not self.clip.silent and not self.clip.still


@dataclass(frozen=True, slots=True)
class Overlay:
    """A drawn text: input number `at`, upper left corner in pixels."""

    text: Text
    at: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Levels:
    """Gains in dB. `bed`: the music, before ducking; `key`: what brings the clip's sound to the ducker's
    level, None when there is nothing to duck under; `master`: the whole; `ceiling`: where peaks are held, in
    dBFS, None where none come near."""

    bed: float = 0.0
    key: float | None = None
    master: float = 0.0
    ceiling: float | None = None


def frame(scene: Scene, inputs: Sequence[Input]) -> Scene:
    """The scene with its size settled: even, and never larger than the pictures are (nothing is upscaled
    unless another clip needs the room)."""
    first = inputs[0].probe
    width, height = scene.width or first.width, scene.height or first.height
    if width < 2 or height < 2:
        width, height = 1280, 720
    scales = [min(width / one.probe.width, height / one.probe.height) for one in inputs if one.probe.width]
    too_large = max(1.0, min(scales, default=1.0))
    if any(one.clip.background for one in inputs):
        too_large = max(too_large, min(width, height) / cutout.MOST_LINES)
    fps = scene.fps or first.fps
    return replace(
        scene,
        width=_even(width / too_large),
        height=_even(height / too_large),
        fps=fps if 1 <= fps <= 120 else 30.0,
    )


def pictures(
    scene: Scene,
    inputs: Sequence[Input],
    overlays: Sequence[Overlay],
    cuts: Mapping[int, Cut],
    pixels: str = "yuv420p",
) -> list[str]:
    """The filters that end in [picture]. `cuts`: the figures to cut out, by the clip's number; `pixels`: the
    format of the result, one with an alpha plane where it keeps transparency."""
    matrix = _matrix(inputs[0].probe)
    alpha = pixels.startswith("yuva")
    parts = []
    for at, one in enumerate(inputs):
        cut = cuts.get(at)
        if cut is None or cut.mask is None:
            parts += _picture(scene, one, at, matrix)
        if cut is not None:
            parts += cutout.composed(shared(scene, inputs), cut, at, one.clip.d_s, alpha)
        elif alpha:
            parts.append(cutout.opaque(at))
    labels = "".join(f"[c{at}]" if alpha or at in cuts else f"[v{at}]" for at in range(len(inputs)))
    parts.append(f"{labels}concat=n={len(inputs)}:v=1:a=0,{_fill(scene.d_s)}[shown0]")
    for number, overlay in enumerate(overlays):
        text = overlay.text
        end = text.start_s + text.d_s
        parts.append(_lettered(scene, overlay, number, matrix))
        parts.append(
            f"[shown{number}][text{number}]overlay=x={overlay.x}:y={overlay.y}:format=yuv420:eof_action=pass:"
            f"enable='between(t,{_s(text.start_s)},{_s(end)})'[shown{number + 1}]"
        )
    parts.append(f"[shown{len(overlays)}]format={pixels},{_tags(matrix)}[picture]")
    return parts


def shared(scene: Scene, inputs: Sequence[Input]) -> cutout.Frame:
    """What all pictures of the scene have in common."""
    matrix = _matrix(inputs[0].probe)
    return cutout.Frame(scene.width, scene.height, rate(scene.fps), matrix, _tags(matrix))


def frames_to_cut(scene: Scene, inputs: Sequence[Input], at: int, near: tuple[int, int]) -> list[str]:
    """The filters of the ffmpeg that reads clip `at` alone: from input 0 to [full], as `pictures` would show
    it, and to [near], small, for the segmenter."""
    parts = _picture(scene, inputs[at], 0, _matrix(inputs[0].probe))
    width, height = own_size(scene, inputs[at])
    crop = "" if (width, height) == (scene.width, scene.height) else f"crop={width}:{height},"
    return [*parts, "[v0]split[full][whole]", f"[whole]{crop}{cutout.near(near)}[near]"]


def clip_sound(scene: Scene, inputs: Sequence[Input]) -> list[str]:
    """The filters that end in [clip]: the clips' own sound one after another, as long as the scene."""
    parts = []
    for at, one in enumerate(inputs):
        d_s = one.clip.d_s
        if one.sounds:
            cut = f"afade=t=in:d={_CUT_S},afade=t=out:st={_s(d_s - _CUT_S)}:d={_CUT_S}"
            fades = f",{cut}" if len(inputs) > 1 or one.clip.from_s else ""
            parts.append(
                f"[{at}:a:0]aresample={RATE}:async=1:first_pts=0,{_FORMAT}{_tempo(one.clip.speed)},"
                f"apad,atrim=duration={_s(d_s)}{fades}[a{at}]"
            )
        else:
            parts.append(f"anullsrc=r={RATE}:cl=stereo,{_FORMAT},atrim=duration={_s(d_s)}[a{at}]")
    labels = "".join(f"[a{at}]" for at in range(len(inputs)))
    parts.append(f"{labels}concat=n={len(inputs)}:v=0:a=1,apad,atrim=duration={_s(scene.d_s)}[clip]")
    return parts


def bed_sound(scene: Scene, bed: Bed, at: int, fade_s: float) -> str:
    """The filter that ends in [bed]: input `at`, faded in and, for `fade_s`, out; as long as the scene."""
    length = max(0.1, min(bed.d_s, scene.d_s - bed.start_s))
    rise, fall = min(1.0, length / 8), min(fade_s, length / 3)
    return (
        f"[{at}:a:0]{_FORMAT},atrim=duration={_s(length)},afade=t=in:d={_s(rise)},"
        f"afade=t=out:st={_s(length - fall)}:d={_s(fall)},adelay={round(bed.start_s * 1000)}:all=1,"
        f"apad,atrim=duration={_s(scene.d_s)}[bed]"
    )


def mixed(sounds: bool, bed: Bed | None, levels: Levels) -> list[str]:
    """The filters from [clip] and [bed] to [mix]. `sounds`: whether the clip has sound to mix with."""
    if bed is None:
        return ["[clip]anull[mix]"]
    if not sounds:
        return [f"[bed]volume={levels.bed:.2f}dB[mix]"]
    level = f"[bed]volume={levels.bed:.2f}dB"
    if not bed.duck or levels.key is None:
        return [f"{level}[under]", "[clip][under]amix=inputs=2:normalize=0[mix]"]
    return [
        "[clip]asplit[over][keyed]",
        f"[keyed]volume={levels.key:.2f}dB[key]",
        f"{level}[free]",
        f"[free][key]{_DUCK}[under]",
        "[over][under]amix=inputs=2:normalize=0[mix]",
    ]


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


def _picture(scene: Scene, one: Input, at: int, matrix: str) -> list[str]:
    """One clip to [v<at>]: the scene's size, rate and colour, exactly its own length."""
    fps = rate(scene.fps)
    if one.clip.still:
        loop = f"loop=loop=-1:size=1:start=0,settb=1/90000,setpts=N/({fps})/TB"
        fitted = _fitted(scene, one, at, f"[{at}:v:0]", matrix)
        fitted[-1] += f",{loop},trim=duration={_s(one.clip.d_s)},fps={fps}[v{at}]"
        return fitted
    slower = "" if one.clip.speed == 1 else f"setpts=PTS/{one.clip.speed:.6f},"
    parts = [f"[{at}:V:0]{slower}fps={fps}:start_time=0[read{at}]"]
    parts += _fitted(scene, one, at, f"[read{at}]", matrix)
    parts[-1] += f",{_fill(one.clip.d_s)}[v{at}]"
    return parts


def _fitted(scene: Scene, one: Input, at: int, source: str, matrix: str) -> list[str]:
    """The picture at the frame's size; the last part is left open, to be gone on with."""
    width, height, own = scene.width, scene.height, one.probe
    shown = own_size(scene, one)
    colour = _colour(one, matrix)
    end = f"format=yuv420p,setsar=1,{_tags(matrix)}"
    bars = cutout.bars(one.clip.background)
    if abs(own.width - width) <= 1 and abs(own.height - height) <= 1:
        crop = f"crop={width}:{height}:0:0," if (own.width, own.height) != (width, height) else ""
        return [f"{source}{crop}scale={width}:{height}:{colour},{end}"]
    if shown == (width, height):
        return [f"{source}scale={width}:{height}:{colour},{end}"]
    inner = f"{shown[0]}:{shown[1]}"
    if not one.clip.blur:
        return [f"{source}scale={inner}:{colour},{end},pad={width}:{height}:-1:-1{bars}"]
    small = f"{_even(width / _BLUR_SHRINK)}:{_even(height / _BLUR_SHRINK)}"
    return [
        f"{source}split[far{at}][near{at}]",
        f"[far{at}]scale={small}:force_original_aspect_ratio=increase:{colour}:flags=area,crop={small},"
        f"{end},gblur=sigma=5,eq=brightness=-0.06,scale={width}:{height}:flags=bicubic,setsar=1[back{at}]",
        f"[near{at}]scale={inner}:{colour},{end}[front{at}]",
        f"[back{at}][front{at}]overlay=x=(W-w)/2:y=(H-h)/2:format=yuv420,{_tags(matrix)}",
    ]


def own_size(scene: Scene, one: Input) -> tuple[int, int]:
    """(width, height) that a clip's own picture has in the middle of the frame; beside it are bars."""
    width, height, own = scene.width, scene.height, one.probe
    if abs(own.width * height / (own.height * width) - 1) <= _SAME_SHAPE:
        return width, height
    scale = min(width / own.width, height / own.height)
    return _even(own.width * scale), _even(own.height * scale)


def _lettered(scene: Scene, overlay: Overlay, number: int, matrix: str) -> str:
    """A text to [text<number>]: still, faded in and out except at the scene's own ends."""
    text, fps = overlay.text, rate(scene.fps)
    fade = min(_FADE_S, text.d_s / 4)
    fades = f"fade=t=in:d={_s(fade)}:alpha=1," if text.start_s > 0.04 else ""
    if text.start_s + text.d_s < scene.d_s - 0.04:
        fades += f"fade=t=out:st={_s(text.d_s - fade)}:d={_s(fade)}:alpha=1,"
    return (
        f"[{overlay.at}:v:0]scale=out_color_matrix={matrix}:out_range=tv,format=yuva420p,"
        f"loop=loop=-1:size=1:start=0,settb=1/90000,setpts=N/({fps})/TB,trim=duration={_s(text.d_s)},"
        f"{fades}setpts=PTS+{_s(text.start_s)}/TB[text{number}]"
    )


def _fill(d_s: float) -> str:
    """Exactly `d_s` seconds: the last picture stays where the source ends early."""
    return f"tpad=stop_mode=clone:stop=-1,trim=duration={_s(d_s)}"


def _colour(one: Input, matrix: str) -> str:
    """What `scale` is told of colour: to limited range and `matrix`, from what the source says or is."""
    known = "" if one.clip.still or one.probe.pixel_format.startswith(_RGB) else own_matrix(one.probe)
    return f"{f'in_color_matrix={known}:' if known else ''}out_color_matrix={matrix}:out_range=tv"


def own_matrix(own: Probe) -> str:
    """The source's matrix in `scale`'s words. Untagged video is SD or HD by its size, as players guess;
    swscale alone would call it SD always."""
    guess = "bt709" if min(own.width, own.height) >= 720 else "bt601"
    return next((name for start, name in _MATRICES.items() if own.matrix.startswith(start)), guess)


def _matrix(own: Probe) -> str:
    """The matrix of the result: the first clip's where it is one that every player knows."""
    return "bt601" if own_matrix(own) == "bt601" else "bt709"


def _tags(matrix: str) -> str:
    name = "smpte170m" if matrix == "bt601" else "bt709"
    return f"setparams=range=tv:color_primaries={name}:color_trc={name}:colorspace={name}"


def _tempo(speed: float) -> str:
    """`atempo` for a speed of 0.1 to 10: in steps of at most a half or a double, where it sounds best."""
    if speed == 1:
        return ""
    steps = max(1, math.ceil(abs(math.log2(speed))))
    return f",atempo={speed ** (1 / steps):.8f}" * steps


def rate(fps: float) -> str:
    """A frame rate as an exact fraction: ffmpeg prints 29.97 for 30000/1001."""
    return _NTSC.get(f"{fps:.2f}") or str(Fraction(fps).limit_denominator(1001))


def _even(pixels: float) -> int:
    return max(2, int(pixels + 0.01) // 2 * 2)


def _s(seconds: float) -> str:
    return f"{max(0.0, seconds):.6f}"
