"""Figures cut out of their footage, as parts of ffmpeg's filter graph (pure).

Two ways to know what is figure: a mask for each frame, made by `matte`, and a screen of one colour, which
the graph keys by itself. The cut picture goes over a ground, or keeps its transparency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daemon.studio.scene import Background

MOST_LINES: Final = 1080
"""The short side of a picture with a cut figure: larger clips are brought to it."""

_SIMILARITY: Final = 0.04
_BLEND: Final = 0.03
"""In the words of `chromakey`: up to a distance of 0.04 all is screen, 0.03 further nothing is. From 0.06 on
the key eats dark hair (evidence: media)."""

_FINE: Final = 2550
"""Distances as grey levels: 255 is 0.1."""

_BLUR_SHRINK: Final = 8
_BLUR_SIGMA: Final = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """What all pictures of a graph share. `fps` and `tags` in ffmpeg's words, `matrix` in `scale`'s."""

    width: int
    height: int
    fps: str
    matrix: str
    tags: str


@dataclass(frozen=True, slots=True)
class Cut:
    """One clip's figure. `picture`: the label of the clip's picture in the frame; `mask`, `ground`: numbers
    of inputs, None where there is none; `shown`: (width, height) of the picture between the frame's bars."""

    background: Background
    picture: str
    mask: int | None
    ground: int | None
    shown: tuple[int, int]


def is_keyed(background: Background) -> bool:
    """Whether its figure stands before a screen that the graph can key. A blur shows the footage itself,
    and a screen is nothing to be shown."""
    return bool(background.screen) and background.kind != "blur"


def near(size: tuple[int, int]) -> str:
    """The filters that bring a picture to what the segmenter takes."""
    return f"scale={size[0]}:{size[1]}:flags=fast_bilinear:in_range=tv:out_range=pc,format=rgb24"


def raw(fd: int, pixels: str, size: tuple[int, int], fps: str) -> list[str]:
    """The options of an input of raw pictures from a pipe that ffmpeg inherits.

    With its usual probing it would read 5 MB, some 30 masks, before it opens the next input."""
    shape = f"-pix_fmt {pixels} -video_size {size[0]}x{size[1]} -framerate {fps}"
    return [*f"-f rawvideo -probesize 32 -analyzeduration 0 {shape}".split(), "-i", f"pipe:{fd}"]


def composed(frame: Frame, cut: Cut, at: int, count: int, alpha: bool) -> list[str]:
    """The filters that end in [c<at>]: the figure over its ground, or with its transparency. `alpha`: whether
    the result has an alpha plane, which a clip with a ground then has too; `count`: the clip's frames."""
    kind, figure, mask = cut.background.kind, cut.picture, _in_frame(frame, cut)
    parts = _ground(frame, cut, at, count)
    if kind == "blur":
        figure = f"[f{at}]"
        parts += _blurred(frame, cut, at)
    elif is_keyed(cut.background):
        figure, mask = f"[f{at}]", f"[k{at}]"
        parts += _keyed(frame, cut, at)
    if kind == "transparent":
        return [*parts, *_shown(frame, at, figure, mask)]
    end = f"setsar=1,{frame.tags}{',format=yuva420p' if alpha else ''}[c{at}]"
    return [*parts, *_mask(frame, at, mask), f"[g{at}]{figure}[m{at}]maskedmerge,{end}"]


def _ground(frame: Frame, cut: Cut, at: int, count: int) -> list[str]:
    """The ground's one picture to [g<at>], for as many frames as the clip has."""
    if cut.ground is None:
        return []
    return [
        f"[{cut.ground}:v:0]scale={frame.width}:{frame.height}:out_color_matrix={frame.matrix}:out_range=tv,"
        f"format=yuv420p,setsar=1,{frame.tags},loop=loop=-1:size=1:start=0,settb=1/90000,"
        f"setpts=N/({frame.fps})/TB,fps={frame.fps},trim=end_frame={count}[g{at}]"
    ]


def _blurred(frame: Frame, cut: Cut, at: int) -> list[str]:
    """The picture to [f<at>], and out of focus to [g<at>]."""
    small = f"{max(2, frame.width // _BLUR_SHRINK)}:{max(2, frame.height // _BLUR_SHRINK)}"
    return [
        f"{cut.picture}split[f{at}][b{at}]",
        f"[b{at}]scale={small}:flags=area,gblur=sigma={_BLUR_SIGMA},"
        f"scale={frame.width}:{frame.height}:flags=bicubic[g{at}]",
    ]


def _mask(frame: Frame, at: int, mask: str) -> list[str]:
    """The mask to [m<at>], for `maskedmerge`, which works on the planes as they are: over an alpha plane,
    `alphamerge` and `overlay` took 12 % more CPU for the same picture."""
    return [
        f"{mask}split[ml{at}][mc{at}]",
        f"[ml{at}]{_sized(frame.width, frame.height)}[my{at}]",
        f"[mc{at}]{_sized(frame.width // 2, frame.height // 2)},split[mu{at}][mv{at}]",
        f"[my{at}][mu{at}][mv{at}]mergeplanes=map1s=1:map2s=2:format=yuv420p[m{at}]",
    ]


def _shown(frame: Frame, at: int, figure: str, mask: str) -> list[str]:
    return [
        f"{mask}{_sized(frame.width, frame.height)}[m{at}]",
        f"{figure}format=yuva420p[p{at}]",
        f"[p{at}][m{at}]alphamerge,{frame.tags}[c{at}]",
    ]


def _keyed(frame: Frame, cut: Cut, at: int) -> list[str]:
    """The picture without the screen's light to [f<at>], its mask to [k<at>], both by tables over the two
    colour planes: `chromakey` decides the same for every pixel of the full picture, which took 130 ms of CPU
    for a frame of 1080p, and `despill` needs RGB."""
    far, mask, blue, red = _tables(cut.background.screen, frame.matrix)
    return [
        f"{cut.picture}format=yuv420p,extractplanes=y+u+v[ky{at}][ku{at}][kv{at}]",
        f"[ku{at}]split=3[ku1{at}][ku2{at}][ku3{at}]",
        f"[kv{at}]split=3[kv1{at}][kv2{at}][kv3{at}]",
        f"[ku1{at}][kv1{at}]lut2=c0='{far}',avgblur=1,lut=c0='{mask}'[k{at}]",
        f"[ku2{at}][kv2{at}]lut2=c0='{blue}'[kb{at}]",
        f"[ku3{at}][kv3{at}]lut2=c0='{red}'[kr{at}]",
        f"[ky{at}][kb{at}][kr{at}]mergeplanes=map1s=1:map2s=2:format=yuv420p[f{at}]",
    ]


def _tables(screen: str, matrix: str) -> tuple[str, str, str, str]:
    """Expressions over the colour planes x and y: the distance from the screen and, of that, the mask, both
    as `chromakey` has them; and the planes with as little of the screen's primary as of the next strongest."""
    (u, v), (of_red, of_blue) = _planes(screen, matrix)
    of_green = 1 - of_red - of_blue
    to_red, to_blue = 2 * (1 - of_red), 2 * (1 - of_blue)
    green = (-to_blue * of_blue / of_green, -to_red * of_red / of_green)
    far = f"min(255,{_FINE}*sqrt(((x-{u:.2f})^2+(y-{v:.2f})^2)/(2*255^2)))"
    mask = f"255*clip((val/{_FINE}-{_SIMILARITY})/{_BLEND},0,1)"
    if spill(screen) == "green":
        own, others = green, ((0.0, to_red), (to_blue, 0.0))
        steps = of_green / to_blue, of_green / to_red
    else:
        own, others = (to_blue, 0.0), ((0.0, to_red), green)
        steps = -0.5, of_blue / to_red
    over = [f"({own[0] - other[0]:.4f}*(x-128)+({own[1] - other[1]:.4f})*(y-128))" for other in others]
    excess = f"max(0,min({over[0]},{over[1]}))"
    return far, mask, f"clip(x+({steps[0]:.4f})*{excess},16,240)", f"clip(y+{steps[1]:.4f}*{excess},16,240)"


def spill(screen: str) -> str:
    """The colour that a screen #rrggbb throws on who stands before it: green or blue."""
    green, blue = int(screen[3:5], 16), int(screen[5:7], 16)
    return "green" if green >= blue else "blue"


def place(background: Background | None) -> str:
    """Where in the frame `pad` puts a picture that is smaller, if not in its middle: a figure stands on the lower
    edge. In the middle its straight lower end hung in the air."""
    cut = background is not None and background.kind != "blur"
    return "(ow-iw)/2:oh-ih" if cut else ""


def bars(background: Background | None) -> str:
    """What `pad` is told of colour: bars beside a screen are screen too."""
    keyed = background is not None and is_keyed(background)
    return f":color=0x{background.screen[1:]}" if background is not None and keyed else ""


def _planes(colour: str, matrix: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """What #rrggbb is in the two colour planes, in limited range, and the shares of red and of blue in luma
    (ITU-R BT.601, BT.709)."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    of_red, of_blue = (0.299, 0.114) if matrix == "bt601" else (0.2126, 0.0722)
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    planes = 128 + 112 * (blue - luma) / (1 - of_blue), 128 + 112 * (red - luma) / (1 - of_red)
    return planes, (of_red, of_blue)


def _in_frame(frame: Frame, cut: Cut) -> str:
    """The input of masks, and none where the frame has bars."""
    (width, height), label = cut.shown, f"[{cut.mask}:v:0]"
    if (width, height) == (frame.width, frame.height):
        return label
    placed = place(cut.background) or "-1:-1"
    return f"{label}{_sized(width, height)},pad={frame.width}:{frame.height}:{placed},"


def _sized(width: int, height: int) -> str:
    return f"scale={width}:{height}:flags=bilinear,format=gray"
