"""A scene's pictures as ffmpeg's filter graph (pure): one graph and one encode for each render.

Every picture is brought to one size, rate and colour before the cuts. The sound's half is mixing.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Protocol

from daemon.media.probe import Probe
from daemon.studio import cutout, moving
from daemon.studio.cutout import Cut
from daemon.studio.pixels import even_within
from daemon.studio.reading import Input, runs, starts
from daemon.studio.scene import Crop, Mirror, Scene, Step, Turn

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


class Layer(Protocol):
    """What moves or changes over the picture."""

    def filters(self, number: int, below: str, above: str, fps: str, matrix: str) -> list[str]:
        """From the label `below` to the label `above`."""
        ...


@dataclass(frozen=True, slots=True)
class Overlay:
    """A drawn picture over the scene: input number `at`, upper left corner in pixels, when it is seen in seconds."""

    at: int
    x: int
    y: int
    start_s: float
    d_s: float


def frame(scene: Scene, inputs: Sequence[Input]) -> Scene:
    """The scene with its size settled: even, and never larger than the pictures are (nothing is upscaled
    unless another clip needs the room)."""
    first = next((one for one in inputs if one.probe.width), inputs[0])
    width, height = scene.width or first.size[0], scene.height or first.size[1]
    if width < 2 or height < 2:
        width, height = 1280, 720
    scales = [min(width / one.size[0], height / one.size[1]) for one in inputs if one.probe.width]
    too_large = max(1.0, min(scales, default=1.0))
    if any(one.clip.background for one in inputs):
        too_large = max(too_large, min(width, height) / cutout.MOST_LINES)
    fps = scene.fps or first.probe.fps
    return replace(
        scene,
        width=even_within(width / too_large),
        height=even_within(height / too_large),
        fps=fps if 1 <= fps <= 120 else 30.0,
    )


def pictures(
    scene: Scene,
    inputs: Sequence[Input],
    overlays: Sequence[Overlay],
    layers: Sequence[Layer],
    cuts: Mapping[int, Cut],
    pixels: str = "yuv420p",
) -> list[str]:
    """The filters that end in [picture]: the clips, over them what stands still, over that what moves.

    `cuts`: the figures to cut out, by the clip's number; `pixels`: the format of the result, one with an alpha
    plane where it keeps transparency.
    """
    frame = shared(scene, inputs)
    spans = _spans(scene)
    parts = _split(inputs, "V", "in")
    for number, one in enumerate(inputs):
        count = spans[number][1] - spans[number][0]
        parts += _shown(scene, one, number, count, cuts.get(number), frame, pixels)
    parts += _followed(scene, spans)
    for number, overlay in enumerate(overlays):
        end = overlay.start_s + overlay.d_s
        parts.append(_lettered(scene, overlay, number, frame.matrix))
        parts.append(
            f"[shown{number}][over{number}]overlay=x={overlay.x}:y={overlay.y}:format=yuv420:eof_action=pass:"
            f"enable='between(t,{seconds(overlay.start_s)},{seconds(end)})'[shown{number + 1}]"
        )
    for number, layer in enumerate(layers, len(overlays)):
        parts += layer.filters(number, f"shown{number}", f"shown{number + 1}", frame.fps, frame.matrix)
    fades = "".join(f"{one}," for one in _fades(scene, alpha=pixels.startswith("yuva")))
    parts.append(f"[shown{len(overlays) + len(layers)}]{fades}format={pixels},{frame.tags}[picture]")
    return parts


def _shown(
    scene: Scene, one: Input, number: int, count: int, cut: Cut | None, frame: cutout.Frame, pixels: str
) -> list[str]:
    """One clip to [c<number>]: its picture, or its figure cut out."""
    alpha = pixels.startswith("yuva")
    parts = []
    if cut is None or cut.mask is None:
        parts += _picture(scene, one, number, count, frame.matrix)
    if cut is not None:
        return [*parts, *cutout.composed(frame, cut, number, count, alpha)]
    return [*parts, f"[v{number}]{'format=yuva420p' if alpha else 'null'}[c{number}]"]


def shared(scene: Scene, inputs: Sequence[Input]) -> cutout.Frame:
    """What all pictures of the scene have in common."""
    matrix = _matrix(inputs[0].probe)
    return cutout.Frame(scene.width, scene.height, rate(scene.fps), matrix, _tags(matrix))


def frames_to_cut(scene: Scene, inputs: Sequence[Input], number: int, near: tuple[int, int]) -> list[str]:
    """The filters of the ffmpeg that reads one clip alone: from input 0 to [full], as `pictures` would show it,
    and to [near], small, for the segmenter."""
    first, after = _spans(scene)[number]
    one = replace(inputs[number], at=0)
    parts = _picture(scene, one, 0, after - first, _matrix(inputs[0].probe))
    width, height = own_size(scene, one)
    low = ":(iw-ow)/2:ih-oh" if cutout.place(one.clip.background) else ""
    crop = "" if (width, height) == (scene.width, scene.height) else f"crop={width}:{height}{low},"
    return [*parts, "[v0]split[full][whole]", f"[whole]{crop}{cutout.near(near)}[near]"]


def _spans(scene: Scene) -> list[tuple[int, int]]:
    """The first frame of every clip and the one after its last.

    By the scene's own frames: every clip rounded up for itself, 100 cuts brought the picture a second behind.
    """
    fps = Fraction(rate(scene.fps))
    found = []
    for start, clip in zip(starts(scene.clips), scene.clips, strict=True):
        first, last = round(Fraction(start) * fps), round(Fraction(start + clip.d_s) * fps)
        found.append((first, max(last, first + 1)))
    return found


def _split(inputs: Sequence[Input], stream: str, name: str) -> list[str]:
    """The filters that hand what is read once to each of its parts."""
    return [
        f"[{one.at}:{stream}:0]split={one.parts}" + "".join(f"[{name}{one.at}p{n}]" for n in range(one.parts))
        for one in inputs
        if one.parts > 1 and one.part == 0
    ]


def _followed(scene: Scene, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The filters from [c<n>] to [shown0]: hard cuts by `concat`, crossfades by `xfade`."""
    fps = rate(scene.fps)
    parts = []
    grouped = runs(scene.clips)
    for number, run in enumerate(grouped):
        labels = "".join(f"[c{one}]" for one in run)
        joined = f"concat=n={len(run)}:v=1:a=0," if len(run) > 1 else ""
        # xfade takes no stream of unknown rate, and concat forgets it.
        parts.append(f"{labels}{joined}settb=1/90000,fps={fps}[run{number}]")
    shown = "run0"
    for number, run in enumerate(grouped[1:], 1):
        first, before = spans[run[0]][0], spans[run[0] - 1][1]
        shared, offset = (float(Fraction(count) / Fraction(fps)) for count in (before - first, first))
        if before > first:
            melt = f"xfade=transition=fade:duration={seconds(shared)}:offset={seconds(offset)}"
            parts.append(f"[{shown}][run{number}]{melt}[melted{number}]")
        else:
            parts.append(f"[{shown}][run{number}]concat=n=2:v=1:a=0,settb=1/90000,fps={fps}[melted{number}]")
        shown = f"melted{number}"
    parts.append(f"[{shown}]{_fill(scene.d_s)}[shown0]")
    return parts


def _fades(scene: Scene, *, alpha: bool) -> list[str]:
    """Out of and into black; with `alpha` into nothing, where black would lie over whatever is shown below."""
    what = ":alpha=1" if alpha else ""
    found = [f"fade=t=in:d={seconds(scene.fade_in_s)}{what}"] if scene.fade_in_s else []
    if scene.fade_out_s:
        begin = max(0.0, scene.d_s - scene.fade_out_s)
        found.append(f"fade=t=out:st={seconds(begin)}:d={seconds(scene.fade_out_s)}{what}")
    return found


def _picture(scene: Scene, one: Input, number: int, count: int, matrix: str) -> list[str]:
    """One clip to [v<number>]: the scene's size, rate and colour, exactly `count` frames."""
    fps = rate(scene.fps)
    if one.clip.backdrop is not None:
        enlarged = moving.enlarged(scene.width, scene.height, matrix)
        return [f"[{one.at}:v:0]{enlarged},{_tags(matrix)},fps={fps},trim=end_frame={count}[v{number}]"]
    if one.clip.still:
        loop = f"loop=loop=-1:size=1:start=0,settb=1/90000,setpts=N/({fps})/TB"
        fitted = _fitted(scene, one, number, f"[{one.at}:v:0]{_shaped(one)}", matrix)
        fitted[-1] += f",{loop},fps={fps},trim=end_frame={count}[v{number}]"
        return fitted
    source, cut = f"[{one.at}:V:0]", ""
    if one.parts > 1:
        end = one.offset_s + one.clip.d_s * one.clip.speed
        cut = f"trim=start={seconds(one.offset_s)}:end={seconds(end)},setpts=PTS-{seconds(one.offset_s)}/TB,"
        source = f"[in{one.at}p{one.part}]"
    whole = "bwdif=mode=send_frame:deint=interlaced," if one.probe.interlaced else ""
    slower = "" if one.clip.speed == 1 else f"setpts=PTS/{one.clip.speed:.6f},"
    parts = [f"{source}{cut}{whole}{slower}fps={fps}:start_time=0:eof_action=pass[read{number}]"]
    parts += _fitted(scene, one, number, f"[read{number}]{_toned(one)}{_shaped(one)}", matrix)
    parts[-1] += f",tpad=stop_mode=clone:stop=-1,trim=end_frame={count}[v{number}]"
    return parts


def _toned(one: Input) -> str:
    """The filters from HDR to an ordinary screen's RGB, with a comma behind; nothing for other pictures."""
    if not one.table:
        return ""
    # Read twice: by the filter, then by the graph, within whose quotes only the quote itself is special.
    path = re.sub(r"([\\':])", r"\\\1", one.table).replace("'", "'\\''")
    matrix = own_matrix(one.probe)
    return f"scale=in_color_matrix={matrix},format=gbrp10le,lut3d=file='{path}':interp=tetrahedral,"


def _shaped(one: Input) -> str:
    """The filters of a clip's geometry, each with a comma behind it."""
    return "".join(f"{_step(step)}," for step in one.clip.geometry)


def _step(step: Step) -> str:
    match step:
        case Turn(degrees):
            return {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}[degrees]
        case Mirror(upright):
            return "hflip" if upright else "vflip"
        case Crop(left, top, right, bottom):
            return f"crop=iw*{1 - left - right:.6f}:ih*{1 - top - bottom:.6f}:iw*{left:.6f}:ih*{top:.6f}"


def _fitted(scene: Scene, one: Input, at: int, source: str, matrix: str) -> list[str]:
    """The picture at the frame's size; the last part is left open, to be gone on with."""
    width, height, own = scene.width, scene.height, one.size
    shown = own_size(scene, one)
    colour = _colour(one, matrix)
    end = f"format=yuv420p,setsar=1,{_tags(matrix)}"
    bars = cutout.bars(one.clip.background)
    if abs(own[0] - width) <= 1 and abs(own[1] - height) <= 1:
        # In shares: pixels that are not square are stored in another width than they are shown in. And the
        # size is rounded down, 159.99 too.
        share = min(width, own[0]) / own[0], min(height, own[1]) / own[1]
        crop = f"crop=iw*{share[0]:.6f}+0.1:ih*{share[1]:.6f}+0.1:0:0," if min(share) < 1 else ""
        return [f"{source}{crop}scale={width}:{height}:{colour},{end}"]
    if shown == (width, height):
        return [f"{source}scale={width}:{height}:{colour},{end}"]
    inner = f"{shown[0]}:{shown[1]}"
    placed = cutout.place(one.clip.background)
    if placed or not one.clip.blur:
        return [f"{source}scale={inner}:{colour},{end},pad={width}:{height}:{placed or '-1:-1'}{bars}"]
    small = f"{even_within(width / _BLUR_SHRINK)}:{even_within(height / _BLUR_SHRINK)}"
    return [
        f"{source}split[far{at}][near{at}]",
        f"[far{at}]scale={small}:force_original_aspect_ratio=increase:{colour}:flags=area,crop={small},"
        f"{end},gblur=sigma=5,eq=brightness=-0.06,scale={width}:{height}:flags=bicubic,setsar=1[back{at}]",
        f"[near{at}]scale={inner}:{colour},{end}[front{at}]",
        f"[back{at}][front{at}]overlay=x=(W-w)/2:y=(H-h)/2:format=yuv420,{_tags(matrix)}",
    ]


def own_size(scene: Scene, one: Input) -> tuple[int, int]:
    """(width, height) that a clip's own picture has in the middle of the frame; beside it are bars."""
    width, height, own = scene.width, scene.height, one.size
    if abs(own[0] * height / (own[1] * width) - 1) <= _SAME_SHAPE:
        return width, height
    scale = min(width / own[0], height / own[1])
    return even_within(own[0] * scale), even_within(own[1] * scale)


def _lettered(scene: Scene, overlay: Overlay, number: int, matrix: str) -> str:
    """A drawn picture to [over<number>]: still, faded in and out except at the scene's own ends."""
    fps, end = rate(scene.fps), overlay.start_s + overlay.d_s
    fade = min(_FADE_S, overlay.d_s / 4)
    fades = f"fade=t=in:d={seconds(fade)}:alpha=1," if overlay.start_s > 0.04 else ""
    if end < scene.d_s - 0.04:
        fades += f"fade=t=out:st={seconds(overlay.d_s - fade)}:d={seconds(fade)}:alpha=1,"
    return (
        f"[{overlay.at}:v:0]scale=out_color_matrix={matrix}:out_range=tv,format=yuva420p,"
        f"loop=loop=-1:size=1:start=0,settb=1/90000,setpts=N/({fps})/TB,trim=duration={seconds(overlay.d_s)},"
        f"{fades}setpts=PTS+{seconds(overlay.start_s)}/TB[over{number}]"
    )


def _fill(d_s: float) -> str:
    """Exactly `d_s` seconds: the last picture stays where the source ends early."""
    return f"tpad=stop_mode=clone:stop=-1,trim=duration={seconds(d_s)}"


def _colour(one: Input, matrix: str) -> str:
    """What `scale` is told of colour: to limited range and `matrix`, from what the source says or is."""
    known = (
        ""
        if one.clip.still or one.table or one.probe.pixel_format.startswith(_RGB)
        else own_matrix(one.probe)
    )
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


def rate(fps: float) -> str:
    """A frame rate as an exact fraction: ffmpeg prints 29.97 for 30000/1001."""
    return _NTSC.get(f"{fps:.2f}") or str(Fraction(fps).limit_denominator(1001))


def seconds(length: float) -> str:
    """As filters take it: `xfade` refuses `.6`."""
    return f"{max(0.0, length):.6f}"
