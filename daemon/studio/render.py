"""Rendering a draft: probe, draw, measure, and one encode.

Levels are measured on the very graph that is rendered afterwards (ebur128), and set by one linear gain with
a limiter only where peaks need it. When no picture changes, the video's packets are copied as they are.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from daemon.errors import MediaError, RenderError
from daemon.media.ffmpeg import Ffmpeg, source
from daemon.media.probe import Probe, probe
from daemon.nemo.wire import JsonObject
from daemon.studio import captions, graph, lanes, moving, music, titles
from daemon.studio.captions import Caption, Strip
from daemon.studio.graph import Input, Levels, Overlay
from daemon.studio.lanes import Lane
from daemon.studio.lettering import letter
from daemon.studio.scene import Clip, Scene, Text, has_pictures, read_scene

_MUXERS: Final = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "m4a": "ipod",
    "mp3": "mp3",
    "wav": "wav",
}
_SOUND_FORMS: Final = frozenset({"m4a", "mp3", "wav"})
_CRF: Final = {"high": 20, "medium": 23, "low": 28}
_VP9_CRF: Final = {"high": 30, "medium": 34, "low": 40}
_KBITS: Final = {"high": 192, "medium": 160, "low": 128}

_COPIED: Final = ("mov,mp4", "matroska")
"""Containers whose H.264 packets go into mp4 as they are; those of avi carry no presentation times."""

_WHOLE_S: Final = 0.05
_MARGIN_S: Final = 0.25
_TIME_LIMIT: Final = (900.0, 120.0)
"""A render may take 900 s and 120 s for each second of result: VP9 at 4K on two slow cores fits."""

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

_AT_THE_END_S: Final = 0.04
"""A title that ends so near the end of all stays on its last frame."""

_DRAWN: Final = Probe(has_video=True, pixel_format="rgb48le", matrix="bt709")
"""What a backdrop is said to be: it has any size that is wanted."""

_SOUND_OF: Final = {"mp4": "m4a", "mov": "m4a"}
_STILL_PX: Final = 4096


def extension(draft: JsonObject, form: str) -> str:
    """The extension that the result has, without a dot. Raises RenderError for a form that is none."""
    if form == "auto":
        return "mp4" if has_pictures(draft) else "m4a"
    if form not in _MUXERS:
        raise RenderError("rendering", f"there is no format {form}", f"Choose one of {', '.join(_MUXERS)}")
    return form


def render(
    draft: JsonObject,
    *,
    asset: Callable[[str], Path],
    target: Path,
    form: str,
    quality: str,
    ffmpeg: Ffmpeg,
    progress: Callable[[float], None],
    work: Path,
    cancelled: threading.Event | None = None,
) -> None:
    """Render `draft` to `target`, which appears whole or not at all; blocking.

    `asset` gives the file of a content hash; `form` is auto or an extension, `quality` high, medium or low;
    `progress` hears shares in 0..1 that never go back, the last one 1; intermediate files stay in `work`.
    Raises RenderError (the draft, a missing font, cancelled) or MediaError (ffmpeg).
    """
    kind = extension(draft, form)
    stop = cancelled or threading.Event()
    scene = read_scene(draft)
    try:
        one = _Render(scene, _inputs(scene, asset, ffmpeg), kind, quality, ffmpeg, work, stop)
        one.run(target, _Shares(progress))
    except MediaError as error:
        if stop.is_set():
            raise RenderError("rendering", "it was cancelled") from error
        raise


def _inputs(scene: Scene, asset: Callable[[str], Path], ffmpeg: Ffmpeg) -> list[tuple[Input, Path]]:
    found: dict[str, tuple[Path, Probe]] = {}
    for clip in scene.clips:
        if clip.backdrop is None and clip.asset not in found:
            path = asset(clip.asset)
            if not path.is_file():
                raise RenderError("rendering", f"the file {clip.title or clip.asset} is gone")
            found[clip.asset] = (path, probe(path, ffmpeg))
    drawn = (Path(), _DRAWN)
    opened = [(clip, drawn if clip.backdrop is not None else found[clip.asset]) for clip in scene.clips]
    inputs = [(Input(clip, probed), path) for clip, (path, probed) in opened]
    for one, _ in inputs:
        if scene.pictures and not one.probe.has_video:
            raise RenderError("rendering", f"{one.clip.title} has no picture")
    return inputs


class _Shares:
    """Several passes told as one progress: each is given its share, and it never goes back."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self.told = 0.0

    def between(self, start: float, end: float) -> Callable[[float], None]:
        def hear(share: float) -> None:
            self.at(start + (end - start) * min(1.0, share))

        return hear

    def at(self, share: float) -> None:
        if share > self.told:
            self.told = share
            self._tell(share)


class _Render:
    """One render: what is fixed from the start, and its passes in order."""

    def __init__(
        self,
        scene: Scene,
        inputs: Sequence[tuple[Input, Path]],
        kind: str,
        quality: str,
        ffmpeg: Ffmpeg,
        work: Path,
        cancelled: threading.Event,
    ) -> None:
        self.inputs = [one for one, _ in inputs]
        self.scene = graph.frame(scene, self.inputs) if scene.pictures else scene
        self.kind = kind
        self.quality = quality if quality in _CRF else "high"
        self.ffmpeg = ffmpeg
        self.work = work
        self.cancelled = cancelled
        self.pictures = scene.pictures and kind not in _SOUND_FORMS
        self.sounds = any(one.sounds for one in self.inputs)
        self.copies = self.pictures and _unchanged(self.scene, self.inputs, kind)
        self._args = [
            arg for at, (one, path) in enumerate(inputs) for arg in self._opened(at, one.clip, path)
        ]
        self._count = len(inputs)

    def run(self, target: Path, shares: _Shares) -> None:
        if not self.pictures and not self.sounds and self.scene.bed is None:
            raise RenderError("rendering", f"there is no sound for a {self.kind} file")
        overlays = self._letter() if self.pictures and not self.copies else []
        layers = self._compose(overlays) if self.pictures and not self.copies else []
        bed = self._bed()
        levels = self._levels(bed, shares, 0.6 if self.copies or not self.pictures else 0.15)
        finished = target.with_name(f".{target.name}.part")
        try:
            self._encode(finished, overlays, layers, bed, levels, shares)
            finished.replace(target)
        finally:
            finished.unlink(missing_ok=True)
        shares.at(1.0)

    def _opened(self, at: int, clip: Clip, path: Path) -> list[str]:
        if clip.backdrop is not None:
            played = moving.Played(clip.d_s, clip.from_s, clip.speed)
            drawn, scene = self.work / f"backdrop{at}.raw", self.scene
            return moving.write(drawn, clip.backdrop, scene.width, scene.height, scene.fps, played)
        if clip.still:
            return ["-i", source(_still(path, self.work / f"still{at}.png"))]
        seek = ["-ss", f"{clip.from_s:.6f}"] if clip.from_s else []
        # A little more than is used: the cut itself is made in the graph, exact to the frame.
        rest = [] if self.copies else ["-t", f"{clip.d_s * clip.speed + _MARGIN_S:.6f}"]
        return [*seek, *rest, "-i", source(path)]

    def _letter(self) -> list[Overlay]:
        """Draw the texts into files and make them inputs."""
        overlays = []
        for number, text in enumerate(one for one in self.scene.texts if not one.style):
            drawn = letter(text.text, text.position, self.scene.width, self.scene.height)
            path = self.work / f"text{number}.png"
            drawn.image.save(path, compress_level=1)
            overlays.append(Overlay(text, self._add("-i", source(path)), drawn.x, drawn.y))
        return overlays

    def _compose(self, overlays: Sequence[Overlay]) -> list[Lane | Strip]:
        """Draw what moves or changes over the picture: kinetic titles, and above all the captions."""
        scene, end = self.scene, self.scene.d_s
        low = [_span(one.text, one.y) for one in overlays if one.text.position == "bottom"]
        shown: list[lanes.Shown] = []
        for text in (one for one in scene.texts if one.style == "kinetic"):
            parts = titles.compose(_title(text), scene.width, scene.height)
            shown += lanes.timed(
                parts, text.start_s, text.d_s, leaves=text.start_s + text.d_s < end - _AT_THE_END_S
            )
            if text.position == "bottom" and parts:
                low.append(_span(text, min(part.y for part in parts)))
        layers: list[Lane | Strip] = []
        for number, one in enumerate(lanes.shared(shown)):
            args, lane = lanes.write(one, self.work, f"lane{number}")
            layers.append(replace(lane, at=self._add(*args)))
        cues = [
            Caption(one.text, one.start_s, one.start_s + one.d_s)
            for one in scene.texts
            if one.style == "caption"
        ]
        written = captions.write(cues, self.work / "captions", scene.width, scene.height, end)
        if written is not None:
            args, strip = written
            layers.append(replace(strip, at=self._add(*args)).clear_of(low, scene.height))
        return layers

    def _add(self, *args: str) -> int:
        """Make one more input; its number."""
        self._args += args
        self._count += 1
        return self._count - 1

    def _bed(self) -> list[str]:
        """The filter for the music, its file made and an input; empty without music."""
        bed = self.scene.bed
        if bed is None:
            return []
        path = self.work / "bed.wav"
        measure = music.write_bed(path, min(bed.d_s, self.scene.d_s), bed.seed)
        at = self._add("-stream_loop", "-1", "-i", source(path))
        return [graph.bed_sound(self.scene, bed, at, measure.bar_s)]

    def _levels(self, bed: list[str], shares: _Shares, most: float) -> Levels:
        """Measure and decide all gains; progress goes up to `most`."""
        target = self.scene.loudness
        if target is None or not (self.sounds or bed):
            return Levels()
        levels = Levels()
        if self.scene.bed is not None:
            own = graph.clip_sound(self.scene, self.inputs) if self.sounds else []
            names = ("clip", "bed") if own else ("bed",)
            heard = self._measured([*own, *bed], names, shares.between(0, most / 3))
            levels = graph.under(self.scene.bed, heard["clip"][0] if own else None, heard["bed"][0])
        mix = self._mix(bed, levels)
        lufs, peak = self._measured(mix, ("mix",), shares.between(most / 3, most * 2 / 3))["mix"]
        levels = graph.master(levels, target, lufs, peak)
        if levels.ceiling is not None:
            levels = self._given_back(mix, levels, target, shares.between(most * 2 / 3, most))
        return levels

    def _mix(self, bed: list[str], levels: Levels) -> list[str]:
        """The filters that end in [mix]."""
        own = graph.clip_sound(self.scene, self.inputs) if self.sounds else []
        return [*own, *bed, *graph.mixed(self.sounds, self.scene.bed, levels)]

    def _given_back(
        self, mix: Sequence[str], levels: Levels, target: float, tell: Callable[[float], None]
    ) -> Levels:
        """The limiter takes loudness away with the peaks: measure what is left, and raise the gain by it."""
        for _ in range(_CORRECTIONS):
            heard = self._measured([*mix, graph.mastered(levels)], ("sound",), tell)
            lost = target - heard["sound"][0]
            if lost < _CLOSE_LU:
                break
            levels = replace(levels, master=levels.master + min(_MOST_BACK_DB, lost))
        return levels

    def _held(self, mix: Sequence[str], levels: Levels, ceiling: float, tell: Callable[[float], None]) -> int:
        """Encode the limited sound by itself and listen to it: a codec makes peaks of its own, and where
        they are too high it is done again under a lower ceiling. The number of the input it becomes."""
        coded = self.work / f"sound.{_SOUND_OF.get(self.kind, self.kind)}"
        codec = [*_sound_codec(self.kind, self.quality), "-y", source(coded)]
        for _ in range(_CORRECTIONS):
            mastered = graph.mastered(replace(levels, ceiling=ceiling))
            self._run([*mix, mastered], ["-map", "[sound]", *codec], tell)
            meter = ["[0:a:0]anull[sound]"]
            _, peak = self._measured(meter, ("sound",), tell, ["-i", source(coded)])["sound"]
            if peak <= _PEAK_DBTP:
                break
            ceiling -= peak - _PEAK_DBTP + 0.1
        return self._add("-i", source(coded))

    def _measured(
        self,
        filters: Sequence[str],
        names: Sequence[str],
        tell: Callable[[float], None],
        inputs: Sequence[str] | None = None,
    ) -> dict[str, tuple[float, float]]:
        """(LUFS, true peak in dBTP) of each named output of a graph."""
        meters = [f"[{name}]ebur128@{name}=peak=true:framelog=quiet[{name}_out]" for name in names]
        outputs = [arg for name in names for arg in ("-map", f"[{name}_out]")]
        log = self._run([*filters, *meters], [*outputs, "-f", "null", "-"], tell, inputs)
        heard = {name: (_decibels(lufs), _decibels(peak)) for name, lufs, peak in _LOUDNESS.findall(log)}
        missing = [name for name in names if name not in heard]
        if missing:
            raise MediaError("measuring loudness", f"ffmpeg gave no measurement of {', '.join(missing)}")
        return heard

    def _encode(
        self,
        finished: Path,
        overlays: Sequence[Overlay],
        layers: Sequence[Lane | Strip],
        bed: list[str],
        levels: Levels,
        shares: _Shares,
    ) -> None:
        filters: list[str] = []
        outputs: list[str] = []
        held = 0.2 if self.pictures and not self.copies else 0.8
        if self.copies:
            outputs += ["-map", "0:V:0", "-c:v", "copy"]
        elif self.pictures:
            filters += graph.pictures(self.scene, self.inputs, overlays, layers)
            outputs += ["-map", "[picture]", *_video_codec(self.kind, self.quality)]
        mix = self._mix(bed, levels)
        if self.copies and self._keeps_sound():
            outputs += ["-map", "0:a:0", "-c:a", "copy"]
        elif levels.ceiling is not None:
            so_far = shares.told
            at = self._held(mix, levels, levels.ceiling, shares.between(so_far, so_far + (1 - so_far) * held))
            outputs += ["-map", f"{at}:a:0", "-c:a", "copy"]
        elif self.sounds or bed:
            filters += [*mix, graph.mastered(levels)]
            outputs += ["-map", "[sound]", *_sound_codec(self.kind, self.quality)]
        outputs += ["-map_chapters", "0" if self.copies else "-1", "-map_metadata", "0"]
        if self.kind in ("mp4", "mov", "m4a"):
            outputs += ["-movflags", "+faststart"]
        outputs += ["-f", _MUXERS[self.kind], "-y", source(finished)]
        self._run(filters, outputs, shares.between(shares.told, 1.0))

    def _keeps_sound(self) -> bool:
        """Whether the clip's sound, too, goes through as it is."""
        own = self.inputs[0]
        plain = self.scene.bed is None and self.scene.loudness is None and own.sounds
        return plain and own.probe.audio_codec == "aac" and own.probe.audio_channels <= 2

    def _run(
        self,
        parts: Sequence[str],
        outputs: Sequence[str],
        tell: Callable[[float], None],
        inputs: Sequence[str] | None = None,
    ) -> str:
        """One run of ffmpeg: the render's inputs (or `inputs`), the graph's parts, outputs; its log."""
        if self.cancelled.is_set():
            raise RenderError("rendering", "it was cancelled")
        filters = ["-filter_complex", ";".join(parts)] if parts else []
        base, each = _TIME_LIMIT
        return self.ffmpeg.run(
            [*(self._args if inputs is None else inputs), *filters, *outputs],
            duration_s=self.scene.d_s,
            progress=tell,
            timeout_s=base + each * self.scene.d_s,
            cancelled=self.cancelled,
        ).log


def _unchanged(scene: Scene, inputs: Sequence[Input], kind: str) -> bool:
    """Whether the pictures stay what they are, in a codec and container that every player takes."""
    clip, own = inputs[0].clip, inputs[0].probe
    whole = len(inputs) == 1 and not clip.from_s and clip.speed == 1 and not clip.still and not scene.texts
    played = (
        own.duration_s is not None
        and max(abs(clip.d_s - own.duration_s), abs(scene.d_s - clip.d_s)) <= _WHOLE_S
    )
    sized = abs(own.width - scene.width) <= 1 and abs(own.height - scene.height) <= 1
    taken = own.video_codec == "h264" and own.pixel_format in ("yuv420p", "yuvj420p")
    held = kind in ("mp4", "mov", "mkv") and own.container.startswith(_COPIED)
    return whole and played and sized and taken and held


def _span(text: Text, top: int) -> tuple[float, float, int]:
    return text.start_s, text.start_s + text.d_s, top


def _title(text: Text) -> titles.Title:
    return titles.Title(text.text, text.role, text.position, text.colour, text.accent, text.stressed)


def _still(path: Path, target: Path) -> Path:
    """A picture as ffmpeg takes it without surprises: turned by its EXIF, RGB, transparency over black."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            opened.thumbnail((_STILL_PX, _STILL_PX))
            turned = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RenderError("rendering", f"{path.name} is no picture that can be read: {error}") from error
    ground = Image.new("RGBA", turned.size, (0, 0, 0, 255))
    Image.alpha_composite(ground, turned).convert("RGB").save(target, compress_level=1)
    return target


def _video_codec(kind: str, quality: str) -> list[str]:
    if kind == "webm":
        codec = f"-c:v libvpx-vp9 -crf {_VP9_CRF[quality]} -b:v 0 -deadline realtime -cpu-used 6 -row-mt 1"
    else:
        codec = f"-c:v libx264 -preset veryfast -crf {_CRF[quality]}"
    return f"{codec} -pix_fmt yuv420p".split()


def _sound_codec(kind: str, quality: str) -> list[str]:
    if kind == "wav":
        return ["-c:a", "pcm_s16le"]
    codec = {"webm": "libopus", "mp3": "libmp3lame"}.get(kind, "aac")
    return ["-c:a", codec, "-b:a", f"{_KBITS[quality]}k"]


def _decibels(number: str) -> float:
    """A measured level; what cannot be measured is as quiet as can be."""
    value = float(number)
    return value if value > -100 else -100.0
