"""What titles, captions and promos cost above a bare transcode of the same picture, in CPU seconds of all processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
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

_SECONDS: Final = 10
_SIZE: Final = (1920, 1080)
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


def titles(place: Place, sizes: Sizes) -> list[Line]:
    """A title and a text over a clip, a caption for each second of it, and a promo, each against a transcode."""
    ffmpeg = Ffmpeg(find_ffmpeg())
    lines: list[Line] = []
    with TemporaryDirectory(dir=place.folder) as name:
        folder = Path(name)
        clip = _clip(folder, ffmpeg)
        promo = draft(Promo(_SCRIPT, _SECONDS * 1000))
        _render(folder, ffmpeg, promo, "promo.mp4")
        rounds = min(_MOST_ROUNDS, sizes.rounds)
        for what, asked, bare, target in (
            ("titles over a clip", _over(_kinetic(), _still()), clip, _OVER_CLIP),
            ("captions over a clip", _over(*_captions()), clip, _OVER_CLIP),
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


def _clip(folder: Path, ffmpeg: Ffmpeg) -> Path:
    """A clip with motion and a little noise, as a camera gives."""
    path = folder / "clip.mp4"
    picture = f"testsrc2=s={_SIZE[0]}x{_SIZE[1]}:r=30:d={_SECONDS},noise=alls=5:allf=t"
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
    ffmpeg.run(["-f", "lavfi", "-i", picture, *coded, "-y", source(path)])
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


def _over(*texts: _Draft) -> _Draft:
    length = _SECONDS * 1000
    meta = {"asset": "clip.mp4", "kind": "video", "from": 0, "speed": 1.0, "start": 0}
    canvas = {"width": _SIZE[0], "height": _SIZE[1], "fps": 30}
    tracks = [{"tt": 0, "sg": [{"d": length, "m": meta}]}, {"tt": 7, "sg": list(texts)}]
    return {"d": length, "m": canvas, "t": tracks}


def _kinetic() -> _Draft:
    meta = {"text": "The lamp that follows the sun", "start": 1000, "style": "kinetic", "role": "headline"}
    return {"d": 4000, "m": meta}


def _still() -> _Draft:
    return {"d": 6000, "m": {"text": "Lumen, the desk lamp", "start": 3000, "position": "bottom"}}


def _captions() -> list[_Draft]:
    return [
        {
            "d": 900,
            "m": {"text": f"Caption {number} says a few words", "start": number * 1000, "style": "caption"},
        }
        for number in range(_SECONDS)
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
