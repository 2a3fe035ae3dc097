"""What titles, captions, music and promos cost beside a bare transcode of the same picture: CPU seconds of all
processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.lines import Line, Target
from benchmarks.place import Place, Sizes
from benchmarks.rounds import Sample, Spread, measured, paired, spread
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.studio.operations import Promo
from daemon.studio.promo import draft
from daemon.studio.render import render

_SECONDS_A_MIB: Final = 0.02
_SIZE: Final = (1920, 1080)
_TINY: Final = (320, 180)
"""Where a second is rendered, only to see that it can be."""
_MUSIC: Final = Target(0.12, at_least=False)
_OVER_CLIP: Final = Target(1.2, at_least=False)
_OF_PROMO: Final = Target(1.3, at_least=False)
_MEMORY_MB: Final = Target(550.0, at_least=False)
_MOST_ROUNDS: Final = 5
_LOOK_S: Final = 0.1
_SCRIPT: Final = (
    "# Lumen Desk Lamp\nYour eyes are tired. Meet the lamp that follows the sun.\n"
    "It saves **40%**, and needs no app. Order at lumen.example now."
)

_Draft = dict[str, Any]
_BED: Final[_Draft] = {"kind": "bgm", "mood": "calm", "start": 0, "volume": 0.35, "duck": True, "seed": 7}
_READ_S: Final = 8
"""Seconds in which the script can be read."""


def titles(place: Place, sizes: Sizes) -> list[Line]:
    """A title and a text over a clip, a caption for each second of it, music under it, and a promo, each against a
    transcode."""
    seconds = max(1, round(sizes.mib * _SECONDS_A_MIB))
    ffmpeg = Ffmpeg(find_ffmpeg())
    lines: list[Line] = []
    with TemporaryDirectory(dir=place.folder) as name:
        folder = Path(name)
        size = _SIZE if seconds > 1 else _TINY
        clip = _clip(folder, ffmpeg, seconds, size)
        promo = draft(Promo(_SCRIPT if seconds >= _READ_S else "Look!", max(2, seconds) * 1000))
        promo["m"] |= {"width": size[0], "height": size[1]}
        _render(folder, ffmpeg, promo, "promo.mp4")
        rounds = min(_MOST_ROUNDS, sizes.rounds)
        for what, asked, bare, target in (
            ("titles over a clip", _over(seconds, size, texts=[_kinetic(), _still()]), clip, _OVER_CLIP),
            ("captions over a clip", _over(seconds, size, texts=_captions(seconds)), clip, _OVER_CLIP),
            ("music under a clip", _over(seconds, size, bed=_BED), clip, _MUSIC),
            ("promo", promo, folder / "promo.mp4", _OF_PROMO),
        ):
            runs: dict[str, Callable[[], Sample]] = {
                "ours": partial(measured, partial(_render, folder, ffmpeg, asked, "out.mp4")),
                "bare": partial(measured, partial(_transcode, folder, ffmpeg, bare)),
            }
            found = paired(runs, rounds)
            ratios = spread([a.cpu / b.cpu for a, b in zip(found["ours"], found["bare"], strict=True)])
            lines.append(Line(what, ratios, "x bare", target, _cpu(found["ours"]), _cpu(found["bare"])))
        peak = _peak_mb(partial(_render, folder, ffmpeg, promo, "out.mp4"))
        lines.append(Line("promo, all processes", Spread(peak, peak, peak), "MB", _MEMORY_MB))
    return lines


def _clip(folder: Path, ffmpeg: Ffmpeg, seconds: int, size: tuple[int, int]) -> Path:
    """A clip with motion and a little noise, as a camera gives, and somebody who speaks every other second."""
    path = folder / "clip.mp4"
    picture = f"testsrc2=s={size[0]}x{size[1]}:r=30:d={seconds},noise=alls=5:allf=t"
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
    voice = f"sine=300:d={seconds},volume='if(lt(mod(t,2),1),1,0)':eval=frame"
    ffmpeg.run(["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", voice, *coded, "-y", source(path)])
    return path


def _transcode(folder: Path, ffmpeg: Ffmpeg, path: Path) -> None:
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-y", source(folder / "bare.mp4")]
    ffmpeg.run(["-i", source(path), *coded])


def _render(folder: Path, ffmpeg: Ffmpeg, asked: _Draft, name: str) -> None:
    with TemporaryDirectory(dir=folder) as work:
        render(
            asked,
            asset=lambda asset: folder / asset,
            target=folder / name,
            form="mp4",
            quality="high",
            ffmpeg=ffmpeg,
            progress=lambda share: None,
            work=Path(work),
        )


def _over(
    seconds: int, size: tuple[int, int], *, texts: Sequence[_Draft] = (), bed: _Draft | None = None
) -> _Draft:
    length = seconds * 1000
    meta = {"asset": "clip.mp4", "kind": "video", "from": 0, "speed": 1.0, "start": 0}
    canvas = {"width": size[0], "height": size[1], "fps": 30}
    tracks: list[_Draft] = [{"tt": 0, "sg": [{"d": length, "m": meta}]}]
    tracks += [{"tt": 1, "sg": [{"d": length, "m": bed}]}] if bed else []
    tracks += [{"tt": 7, "sg": list(texts)}] if texts else []
    return {"d": length, "m": canvas, "t": tracks}


def _kinetic() -> _Draft:
    meta = {"text": "The lamp that follows the sun", "start": 1000, "style": "kinetic", "role": "headline"}
    return {"d": 4000, "m": meta}


def _still() -> _Draft:
    return {"d": 6000, "m": {"text": "Lumen, the desk lamp", "start": 3000, "position": "bottom"}}


def _captions(seconds: int) -> list[_Draft]:
    return [
        {
            "d": 900,
            "m": {"text": f"Caption {number} says a few words", "start": number * 1000, "style": "caption"},
        }
        for number in range(seconds)
    ]


def _cpu(samples: list[Sample]) -> str:
    return f"{spread([one.cpu for one in samples]).median:.1f} CPU-s"


def _peak_mb(work: Callable[[], None]) -> float:
    """The most that this process and its children held at once, looked at ten times a second."""
    ended = threading.Event()
    seen = [0.0]

    def look() -> None:
        while not ended.wait(_LOOK_S):
            seen.append(_held_kb("self") + sum(map(_held_kb, _children())))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        work()
    finally:
        ended.set()
        looking.join()
    return max(seen) * 1024 / 1e6


def _children() -> list[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return [child for one in lists for child in one.read_text().split()]


def _held_kb(process: str) -> int:
    try:
        status = Path("/proc", process, "status").read_text()
    except OSError:
        return 0
    held = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(held.split()[1])
