"""Another background against a bare transcode of the same clip, and the memory of all that takes part.

    python -m benchmarks.cutout CLIP RESULT

renders the clip before a picture, and prints the most bytes that it and its processes held together.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

from benchmarks.lines import Line, Target
from benchmarks.place import ROOT, Place, Sizes, unheard
from benchmarks.rounds import measured, paired, spread
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.media.probe import probe
from daemon.nemo import wire
from daemon.studio.matte.carried import can_matte
from daemon.studio.render import render

_MOST: Final = 1.7
_MOST_MB: Final = 750.0
_SECONDS_A_MIB: Final = 0.02
_LOOK_S: Final = 0.05


def cutout(place: Place, sizes: Sizes) -> list[Line]:
    """CPU seconds of a new background over those of `libx264 -preset veryfast -crf 20`, round by round, and the
    memory of a studio that renders it, with its ffmpegs and its segmenter; at 1080p, 30 pictures a second."""
    what = "another background, CPU of the plain transcode", "another background, memory"
    if not can_matte():
        return [Line(one, None, "x", skipped="reeldrop[matte] not installed") for one in what]
    clip, made = place.folder / "talk.mp4", place.folder / "made.mp4"
    _make_clip(clip, max(1.0, sizes.mib * _SECONDS_A_MIB))
    plain = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-c:a", "copy"]
    held: list[float] = []
    sides = {
        "ours": lambda: measured(lambda: held.append(_rendered(clip, made))),
        "plain": lambda: measured(
            lambda: Ffmpeg(find_ffmpeg()).run(["-i", source(clip), *plain, "-y", source(made)])
        ),
    }
    found = paired(sides, sizes.rounds)
    ratios = [ours.cpu / bare.cpu for ours, bare in zip(found["ours"], found["plain"], strict=True)]
    for left in (clip, made):
        left.unlink()
    return [
        Line(what[0], spread(ratios), "x", Target(_MOST, at_least=False)),
        Line(what[1], spread(held), "MB", Target(_MOST_MB, at_least=False)),
    ]


def _rendered(clip: Path, made: Path) -> float:
    """MB, of a new process: a studio's own memory counts too."""
    command = [sys.executable, "-m", "benchmarks.cutout", str(clip), str(made)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout) / 1e6


def _render(clip: Path, made: Path) -> int:
    """The most bytes held while it renders."""
    from PIL import Image

    most, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_S):
            most[0] = max(most[0], sum(_resident(pid) for pid in _family()))

    background = {"kind": "picture", "asset": "ground"}
    segment: dict[str, Any] = {"m": {"asset": "clip", "background": background}}
    with tempfile.TemporaryDirectory(dir=clip.parent) as folder:
        work = Path(folder)
        ground = work / "ground.png"
        Image.effect_noise((192, 108), 60).resize((1920, 1080)).save(ground)
        ffmpeg = Ffmpeg(find_ffmpeg())
        length = probe(clip, ffmpeg).duration_s or 1.0
        segment["d"] = length * 1000
        looking = threading.Thread(target=look)
        looking.start()
        try:
            render(
                {"d": length * 1000, "t": [{"tt": wire.VIDEO_TRACK, "sg": [segment]}]},
                asset={"clip": clip, "ground": ground}.__getitem__,
                target=made,
                form="mp4",
                quality="high",
                ffmpeg=ffmpeg,
                progress=unheard,
                work=work,
            )
        finally:
            done.set()
            looking.join()
    return most[0]


def _family() -> list[int]:
    """This process and its children."""
    own = Path("/proc/self/task")
    children = [(thread / "children").read_text().split() for thread in own.iterdir()]
    return [int(Path("/proc/self").resolve().name), *(int(pid) for found in children for pid in found)]


def _resident(pid: int) -> int:
    try:
        found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _make_clip(path: Path, seconds: float) -> None:
    """1080p with a camera's noise and something that moves: what is in it costs the segmenter nothing."""
    size = "1920x1080" if seconds > 1 else "320x180"
    picture = f"testsrc2=size={size}:rate=30:duration={seconds},noise=alls=4:allf=t,format=yuv420p"
    sources = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=duration={seconds}"]
    Ffmpeg(find_ffmpeg()).run([*sources, "-preset", "ultrafast", "-crf", "20", "-shortest", source(path)])


if __name__ == "__main__":
    sys.stdout.write(f"{_render(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
