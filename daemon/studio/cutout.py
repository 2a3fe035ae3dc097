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

_KEY: Final = "0.04:0.03"
"""Similarity and blend of `chromakey`. From 0.06 on it eats dark hair (evidence: media)."""

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
    of inputs, None where there is none."""

    background: Background
    picture: str
    mask: int | None
    ground: int | None


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


def composed(frame: Frame, cut: Cut, at: int, d_s: float, alpha: bool) -> list[str]:
    """The filters that end in [c<at>]: the figure over its ground, or with its transparency. `alpha`: whether
    the result has an alpha plane, which a clip with a ground then has too."""
    kind, figure = cut.background.kind, cut.picture
    ground, merged = _ground(frame, cut, at, d_s), f"[c{at}]"
    if kind == "transparent":
        return _keyed(frame, cut, at, merged) if is_keyed(cut.background) else _shown(frame, cut, at)
    if kind == "blur":
        ground, figure = _blurred(frame, cut, at), f"[f{at}]"
    if alpha:
        merged = f",format=yuva420p[c{at}]"
    end = f"setsar=1,{frame.tags}{merged}"
    if is_keyed(cut.background):
        over = f"[g{at}][k{at}]overlay=format=yuv420:shortest=1,{end}"
        return [*ground, *_keyed(frame, cut, at, f"[k{at}]"), over]
    return [*ground, *_mask(frame, cut, at), f"[g{at}]{figure}[m{at}]maskedmerge,{end}"]


def opaque(at: int) -> str:
    """The filter from [v<at>] to [c<at>] of a clip without a cut figure among transparent ones."""
    return f"[v{at}]format=yuva420p[c{at}]"


def _ground(frame: Frame, cut: Cut, at: int, d_s: float) -> list[str]:
    """The ground's one picture to [g<at>], for as long as the clip."""
    if cut.ground is None:
        return []
    return [
        f"[{cut.ground}:v:0]scale={frame.width}:{frame.height}:out_color_matrix={frame.matrix}:out_range=tv,"
        f"format=yuv420p,setsar=1,{frame.tags},loop=loop=-1:size=1:start=0,settb=1/90000,"
        f"setpts=N/({frame.fps})/TB,trim=duration={d_s:.6f},fps={frame.fps}[g{at}]"
    ]


def _blurred(frame: Frame, cut: Cut, at: int) -> list[str]:
    """The picture to [f<at>], and out of focus to [g<at>]."""
    small = f"{max(2, frame.width // _BLUR_SHRINK)}:{max(2, frame.height // _BLUR_SHRINK)}"
    return [
        f"{cut.picture}split[f{at}][b{at}]",
        f"[b{at}]scale={small}:flags=area,gblur=sigma={_BLUR_SIGMA},"
        f"scale={frame.width}:{frame.height}:flags=bicubic[g{at}]",
    ]


def _mask(frame: Frame, cut: Cut, at: int) -> list[str]:
    """The mask to [m<at>], for `maskedmerge`, which works on the planes as they are: over an alpha plane,
    `alphamerge` and `overlay` took 12 % more CPU for the same picture."""
    return [
        f"[{cut.mask}:v:0]split[ml{at}][mc{at}]",
        f"[ml{at}]{_sized(frame.width, frame.height)}[my{at}]",
        f"[mc{at}]{_sized(frame.width // 2, frame.height // 2)},split[mu{at}][mv{at}]",
        f"[my{at}][mu{at}][mv{at}]mergeplanes=map1s=1:map2s=2:format=yuv420p[m{at}]",
    ]


def _shown(frame: Frame, cut: Cut, at: int) -> list[str]:
    return [
        f"[{cut.mask}:v:0]{_sized(frame.width, frame.height)}[m{at}]",
        f"{cut.picture}format=yuva420p[p{at}]",
        f"[p{at}][m{at}]alphamerge[c{at}]",
    ]


def _keyed(frame: Frame, cut: Cut, at: int, label: str) -> list[str]:
    """The picture without its screen. The colours of both conversions are named: ffmpeg would take HD for SD
    on the way back from RGB, which `despill` works in."""
    screen, matrix = cut.background.screen, frame.matrix
    key = f"chromakey={_in_yuv(screen, matrix)}:{_KEY}:yuv=1,scale=in_color_matrix={matrix}:in_range=tv"
    despill = f"format=argb,despill=type={spill(screen)},scale=out_color_matrix={matrix}:out_range=tv"
    return [f"{cut.picture}{key},{despill},format=yuva420p,{frame.tags}{label}"]


def spill(screen: str) -> str:
    """The colour that a screen #rrggbb throws on who stands before it: green or blue."""
    green, blue = int(screen[3:5], 16), int(screen[5:7], 16)
    return "green" if green >= blue else "blue"


def bars(background: Background | None) -> str:
    """What `pad` is told of colour: bars beside a screen are screen too."""
    keyed = background is not None and is_keyed(background)
    return f":color=0x{background.screen[1:]}" if background is not None and keyed else ""


def _in_yuv(colour: str, matrix: str) -> str:
    """#rrggbb as 0xYYUUVV in limited range (ITU-R BT.601, BT.709). `chromakey` would turn it by BT.601
    whatever the footage has, and 0.03 of its 0.04 would be lost on HD."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    of_red, of_blue = (0.299, 0.114) if matrix == "bt601" else (0.2126, 0.0722)
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    levels = (
        16 + 219 * luma,
        128 + 112 * (blue - luma) / (1 - of_blue),
        128 + 112 * (red - luma) / (1 - of_red),
    )
    return "0x" + "".join(f"{round(level):02x}" for level in levels)


def _sized(width: int, height: int) -> str:
    return f"scale={width}:{height}:flags=bilinear,format=gray"
