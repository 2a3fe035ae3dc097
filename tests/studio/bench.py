"""Source files, drafts of them, and what their renders look and sound like."""

from __future__ import annotations

import hashlib
import re
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daemon.media.clip import make_demo_clip
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.media.probe import Probe, probe
from daemon.nemo.wire import JsonObject
from daemon.studio.library import Library
from daemon.studio.render import extension, render

PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=24:d=2"]
TONE = ["-f", "lavfi", "-i", "sine=440:d=2"]
GREY = ["-f", "lavfi", "-i", "color=0x808080:s=160x90:r=24:d=2"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


class Bench:
    """Makes source files, renders drafts of them, and looks at results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ffmpeg = Ffmpeg(find_ffmpeg())
        self._renders = 0

    def make(self, name: str, *args: str) -> Path:
        target = self.folder / name
        if not target.exists():
            self.ffmpeg.run([*args, "-y", source(target)])
        return target

    def demo(self) -> Path:
        target = self.folder / "demo.mp4"
        if not target.exists():
            make_demo_clip(target, self.ffmpeg, 4.0)
        return target

    def clip(self) -> Path:
        return self.make("clip.mp4", *PICTURE, *TONE, *H264)

    def bursts(self) -> Path:
        """Speech that can be told from music: 3 kHz, a second of it and a second of nothing."""
        tone = "sine=3000:d=6,volume='if(lt(mod(t,2),1),1,0)':eval=frame"
        return self.make("bursts.wav", "-f", "lavfi", "-i", tone)

    def render(
        self,
        draft: JsonObject,
        form: str = "auto",
        *,
        progress: Callable[[float], None] = lambda share: None,
        cancelled: threading.Event | None = None,
        library: Library | None = None,
    ) -> Path:
        self._renders += 1
        work = self.folder / f"work{self._renders}"
        work.mkdir()
        target = self.folder / f"out{self._renders}.{extension(draft, form)}"
        render(
            draft,
            asset=lambda name: self.folder / name,
            target=target,
            form=form,
            quality="high",
            ffmpeg=self.ffmpeg,
            progress=progress,
            work=work,
            cancelled=cancelled,
            library=library,
        )
        return target

    def probe(self, path: Path) -> Probe:
        return probe(path, self.ffmpeg)

    def frame(self, path: Path, at_s: float) -> NDArray[np.int64]:
        picture = self.folder / "frame.png"
        self.ffmpeg.run(["-ss", f"{at_s}", "-i", source(path), "-frames:v", "1", "-y", source(picture)])
        with Image.open(picture) as opened:
            return np.asarray(opened.convert("RGB")).astype(np.int64)

    def sound(self, path: Path) -> NDArray[np.float64]:
        """Mono samples at 48 kHz."""
        decoded = self.folder / "decoded.wav"
        self.ffmpeg.run(["-i", source(path), "-vn", "-ac", "1", "-ar", "48000", "-y", source(decoded)])
        with wave.open(str(decoded)) as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768

    def loudness(self, path: Path) -> tuple[float, float]:
        """(LUFS, dBTP)."""
        meter = ["-vn", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
        log = self.ffmpeg.run(["-i", source(path), *meter]).log
        lufs, peak = re.findall(r"(?:I|Peak):\s+(-?[\d.]+|-inf)", log)[-2:]
        return float(lufs), float(peak)

    def packets(self, path: Path) -> str:
        """A digest of the video's packets as they stand in the file."""
        target = self.folder / "packets.h264"
        self.ffmpeg.run(["-i", source(path), "-map", "0:v", "-c", "copy", "-f", "h264", "-y", source(target)])
        return hashlib.md5(target.read_bytes(), usedforsecurity=False).hexdigest()


def cut(path: Path, d: int, **more: object) -> JsonObject:
    return {
        "d": d,
        "m": {"title": path.name, "asset": path.name, "kind": "video", "from": 0, "speed": 1.0, **more},
    }


def draft_of(
    *segments: JsonObject, size: tuple[int, int] = (160, 90), fps: float = 24, **tracks: JsonObject
) -> JsonObject:
    """A draft of video segments; `bed` and `text` are segments of their own tracks."""
    total = sum(int(segment["d"]) for segment in segments)
    track = [{"tt": 0, "sg": list(segments)}]
    track += [{"tt": 1, "sg": [{"d": total, **tracks["bed"]}]}] if "bed" in tracks else []
    track += [{"tt": 7, "sg": [tracks["text"]]}] if "text" in tracks else []
    return {"d": total, "m": {"width": size[0], "height": size[1], "fps": fps}, "t": track}


def sound_draft(path: Path, d: int, **more: object) -> JsonObject:
    segment = cut(path, d, **more)
    segment["m"]["kind"] = "clip"
    return {"d": d, "m": {}, "t": [{"tt": 1, "sg": [segment]}]}


def calm(seed: int = 1, **more: object) -> JsonObject:
    return {
        "m": {
            "title": "BGM: calm",
            "kind": "bgm",
            "mood": "calm",
            "start": 0,
            "volume": 0.35,
            "seed": seed,
            **more,
        }
    }


def level(sound: NDArray[np.float64]) -> float:
    return float(10 * np.log10((sound**2).mean() + 1e-12))
