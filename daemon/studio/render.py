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
from daemon.studio import cutout, graph, music
from daemon.studio.cutout import Cut
from daemon.studio.graph import Input, Levels, Overlay
from daemon.studio.grounds import ground, still
from daemon.studio.lettering import letter
from daemon.studio.matte.carried import MISSING, find_model
from daemon.studio.matte.stream import Streams, mask_size, streams
from daemon.studio.scene import Clip, Scene, has_pictures, is_transparent, read_scene

_MUXERS: Final = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "m4a": "ipod",
    "mp3": "mp3",
    "wav": "wav",
}
_ALPHA: Final = {"webm": "yuva420p", "mov": "yuva444p10le"}
"""Formats that hold transparency, as VP9 and as ProRes 4444, and the pixels of each."""

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

_SOUND_OF: Final = {"mp4": "m4a", "mov": "m4a"}


def extension(draft: JsonObject, form: str) -> str:
    """The extension that the result has, without a dot. Raises RenderError for a form that is none, or one
    that cannot hold the draft's transparency."""
    seen_through = is_transparent(draft)
    if form == "auto":
        return "webm" if seen_through else "mp4" if has_pictures(draft) else "m4a"
    if form not in _MUXERS:
        raise RenderError("rendering", f"there is no format {form}", f"Choose one of {', '.join(_MUXERS)}")
    if seen_through and form not in (*_ALPHA, *_SOUND_FORMS):
        raise RenderError(
            "rendering", f"{form} cannot hold a transparent background", "Choose the format webm, mov or auto"
        )
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
    matte_model: str = "auto",
    cancelled: threading.Event | None = None,
) -> None:
    """Render `draft` to `target`, which appears whole or not at all; blocking.

    `asset` gives the file of a content hash; `form` is auto or an extension, `quality` high, medium or low;
    `progress` hears shares in 0..1 that never go back, the last one 1; intermediate files stay in `work`;
    `matte_model` is `auto` or the path of a model that cuts figures out.
    Raises RenderError (the draft, a missing font or model, cancelled) or MediaError (ffmpeg).
    """
    kind = extension(draft, form)
    stop = cancelled or threading.Event()
    scene = read_scene(draft)
    try:
        inputs = _inputs(scene, asset, ffmpeg)
        one = _Render(scene, inputs, kind, quality, ffmpeg, work, stop, asset, matte_model)
        one.run(target, _Shares(progress))
    except MediaError as error:
        if stop.is_set():
            raise RenderError("rendering", "it was cancelled") from error
        raise


def _inputs(scene: Scene, asset: Callable[[str], Path], ffmpeg: Ffmpeg) -> list[tuple[Input, Path]]:
    found: dict[str, tuple[Path, Probe]] = {}
    for clip in scene.clips:
        if clip.asset not in found:
            path = asset(clip.asset)
            if not path.is_file():
                raise RenderError("rendering", f"the file {clip.title or clip.asset} is gone")
            found[clip.asset] = (path, probe(path, ffmpeg))
    inputs = [(Input(clip, found[clip.asset][1]), found[clip.asset][0]) for clip in scene.clips]
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
        asset: Callable[[str], Path],
        matte_model: str,
    ) -> None:
        self.asset = asset
        self.matte_model = matte_model
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
        backgrounds = [one.clip.background for one in self.inputs]
        seen_through = any(one is not None and one.kind == "transparent" for one in backgrounds)
        self.pixels = _ALPHA.get(kind, "yuv420p") if seen_through else "yuv420p"
        self._opens = [self._opened(at, one.clip, path) for at, (one, path) in enumerate(inputs)]
        self._args = [arg for args in self._opens for arg in args]
        self._count = len(inputs)

    def run(self, target: Path, shares: _Shares) -> None:
        if not self.pictures and not self.sounds and self.scene.bed is None:
            raise RenderError("rendering", f"there is no sound for a {self.kind} file")
        overlays = self._letter() if self.pictures and not self.copies else []
        bed = self._bed()
        levels = self._levels(bed, shares, 0.6 if self.copies or not self.pictures else 0.15)
        finished = target.with_name(f".{target.name}.part")
        try:
            self._encode(finished, overlays, bed, levels, shares)
            finished.replace(target)
        finally:
            finished.unlink(missing_ok=True)
        shares.at(1.0)

    def _opened(self, at: int, clip: Clip, path: Path) -> list[str]:
        if clip.still:
            return ["-i", source(_still(path, self.work / f"still{at}.png"))]
        seek = ["-ss", f"{clip.from_s:.6f}"] if clip.from_s else []
        # A little more than is used: the cut itself is made in the graph, exact to the frame.
        rest = [] if self.copies else ["-t", f"{clip.d_s * clip.speed + _MARGIN_S:.6f}"]
        return [*seek, *rest, "-i", source(path)]

    def _letter(self) -> list[Overlay]:
        """Draw the texts into files and make them inputs."""
        overlays = []
        for number, text in enumerate(self.scene.texts):
            drawn = letter(text.text, text.position, self.scene.width, self.scene.height)
            path = self.work / f"text{number}.png"
            drawn.image.save(path, compress_level=1)
            overlays.append(Overlay(text, self._add("-i", source(path)), drawn.x, drawn.y))
        return overlays

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
        self, finished: Path, overlays: list[Overlay], bed: list[str], levels: Levels, shares: _Shares
    ) -> None:
        filters: list[str] = []
        sound: list[str] = []
        held = 0.2 if self.pictures and not self.copies else 0.8
        mix = self._mix(bed, levels)
        if self.copies and self._keeps_sound():
            sound = ["-map", "0:a:0", "-c:a", "copy"]
        elif levels.ceiling is not None:
            so_far = shares.told
            at = self._held(mix, levels, levels.ceiling, shares.between(so_far, so_far + (1 - so_far) * held))
            sound = ["-map", f"{at}:a:0", "-c:a", "copy"]
        elif self.sounds or bed:
            filters += [*mix, graph.mastered(levels)]
            sound = ["-map", "[sound]", *_sound_codec(self.kind, self.quality)]
        end = ["-map_chapters", "0" if self.copies else "-1", "-map_metadata", "0"]
        if self.kind in ("mp4", "mov", "m4a"):
            end += ["-movflags", "+faststart"]
        end += ["-f", _MUXERS[self.kind], "-y", source(finished)]
        # The streams' pipes are inputs that can be read once: nothing may run after them but the encode.
        with streams(self.ffmpeg, self.work, self.cancelled) as opened:
            picture: list[str] = []
            if self.copies:
                picture = ["-map", "0:V:0", "-c:v", "copy"]
            elif self.pictures:
                filters += graph.pictures(self.scene, self.inputs, overlays, self._cuts(opened), self.pixels)
                picture = ["-map", "[picture]", *_video_codec(self.kind, self.quality, self.pixels)]
            tell = shares.between(shares.told, 1.0)
            self._run(filters, [*picture, *sound, *end], tell, opened=opened)

    def _cuts(self, opened: Streams) -> dict[int, Cut]:
        """Draw the grounds, start the streams of masks, and make both inputs; by the clip's number."""
        frame = graph.shared(self.scene, self.inputs)
        cuts = {}
        for at, one in enumerate(self.inputs):
            background = one.clip.background
            if background is None:
                continue
            shown = graph.own_size(self.scene, one)
            drawn = ground(background, (frame.width, frame.height), self.asset)
            behind = None
            if drawn is not None:
                path = self.work / f"ground{at}.png"
                drawn.save(path, compress_level=1)
                behind = self._add("-i", source(path))
            if cutout.is_keyed(background):
                cuts[at] = Cut(background, f"[v{at}]", None, behind, shown)
            else:
                picture, mask = self._masked(opened, frame, at)
                cuts[at] = Cut(background, f"[{picture}:v:0]", mask, behind, shown)
        return cuts

    def _masked(self, opened: Streams, frame: cutout.Frame, at: int) -> tuple[int, int]:
        """The inputs of clip `at`'s frames and of their masks."""
        width, height = graph.own_size(self.scene, self.inputs[at])
        model = find_model(self.matte_model, upright=height > width)
        if model is None:
            raise RenderError("cutting out the figure", "there is no model for it", MISSING)
        near = mask_size(model)
        filters = graph.frames_to_cut(self.scene, self.inputs, at, near)
        stream = opened.start(self._opens[at], filters, model)
        mask = self._add(*cutout.raw(stream.masks, "gray", near, frame.fps))
        whole = (frame.width, frame.height)
        return self._add(*cutout.raw(stream.frames, "yuv420p", whole, frame.fps)), mask

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
        opened: Streams | None = None,
    ) -> str:
        """One run of ffmpeg: the render's inputs (or `inputs`), the graph's parts, outputs; its log. `opened`:
        the streams it reads."""
        if self.cancelled.is_set():
            raise RenderError("rendering", "it was cancelled")
        filters = ["-filter_complex", ";".join(parts)] if parts else []
        base, each = _TIME_LIMIT
        return self.ffmpeg.run(
            [*(self._args if inputs is None else inputs), *filters, *outputs],
            duration_s=self.scene.d_s,
            progress=tell,
            timeout_s=base + each * self.scene.d_s,
            cancelled=self.cancelled if opened is None else opened,
            pass_fds=() if opened is None else opened.fds,
        ).log


def _unchanged(scene: Scene, inputs: Sequence[Input], kind: str) -> bool:
    """Whether the pictures stay what they are, in a codec and container that every player takes."""
    clip, own = inputs[0].clip, inputs[0].probe
    plain = clip.speed == 1 and not clip.still and clip.background is None
    whole = len(inputs) == 1 and not clip.from_s and plain and not scene.texts
    played = (
        own.duration_s is not None
        and max(abs(clip.d_s - own.duration_s), abs(scene.d_s - clip.d_s)) <= _WHOLE_S
    )
    sized = abs(own.width - scene.width) <= 1 and abs(own.height - scene.height) <= 1
    taken = own.video_codec == "h264" and own.pixel_format in ("yuv420p", "yuvj420p")
    held = kind in ("mp4", "mov", "mkv") and own.container.startswith(_COPIED)
    return whole and played and sized and taken and held


def _still(path: Path, target: Path) -> Path:
    """A picture as ffmpeg takes it without surprises."""
    still(path).save(target, compress_level=1)
    return target


def _video_codec(kind: str, quality: str, pixels: str) -> list[str]:
    alpha = pixels != "yuv420p"
    if kind == "webm":
        # With alternate reference frames VP9 loses its alpha plane.
        speed = "-cpu-used 8 -auto-alt-ref 0 -metadata:s:v:0 alpha_mode=1" if alpha else "-cpu-used 6"
        codec = f"-c:v libvpx-vp9 -crf {_VP9_CRF[quality]} -b:v 0 -deadline realtime -row-mt 1 {speed}"
    elif alpha:
        codec = "-c:v prores_ks -profile:v 4444"
    else:
        codec = f"-c:v libx264 -preset veryfast -crf {_CRF[quality]}"
    return f"{codec} -pix_fmt {pixels}".split()


def _sound_codec(kind: str, quality: str) -> list[str]:
    if kind == "wav":
        return ["-c:a", "pcm_s16le"]
    codec = {"webm": "libopus", "mp3": "libmp3lame"}.get(kind, "aac")
    return ["-c:a", codec, "-b:a", f"{_KBITS[quality]}k"]


def _decibels(number: str) -> float:
    """A measured level; what cannot be measured is as quiet as can be."""
    value = float(number)
    return value if value > -100 else -100.0
