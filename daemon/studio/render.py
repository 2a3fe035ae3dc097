"""Rendering a draft: probe, draw, measure, and one encode.

Levels are measured on the very graph that is rendered afterwards (ebur128), and set by one linear gain with
a limiter only where peaks need it. When no picture changes, the video's packets are copied as they are.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from daemon.errors import MediaError, RenderError
from daemon.media.ffmpeg import Ffmpeg, source
from daemon.media.limits import LONGEST_RESULT_S
from daemon.media.probe import Probe, probe
from daemon.nemo.wire import JsonObject
from daemon.studio import graph, mixing, music, tones
from daemon.studio.graph import Input, Overlay, Read
from daemon.studio.lettering import letter
from daemon.studio.library import Library
from daemon.studio.mixing import Levels
from daemon.studio.scene import Bed, Mark, Scene, has_pictures, is_thumbnail, read_scene
from daemon.studio.stills import marked, still

_MUXERS: Final = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "m4a": "ipod",
    "mp3": "mp3",
    "wav": "wav",
    "jpg": "image2",
}
FORMS: Final = tuple(form for form in _MUXERS if form != "jpg")
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
_OWN_FADE_S: Final = 3.0
"""How long music of the user's own takes to end: it has no bar that would fit."""


def extension(draft: JsonObject, form: str) -> str:
    """The extension that the result has, without a dot. Raises RenderError for a form that is none."""
    if is_thumbnail(draft):
        return "jpg"
    if form == "auto":
        return "mp4" if has_pictures(draft) else "m4a"
    if form not in FORMS:
        raise RenderError("rendering", f"there is no format {form}", f"Choose one of {', '.join(FORMS)}")
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
    library: Library | None = None,
) -> None:
    """Render `draft` to `target`, which appears whole or not at all; blocking.

    `asset` gives the file of a content hash, `library` what lies in the studio's own folders; `form` is auto or an
    extension, `quality` high, medium or low; `progress` hears shares in 0..1 that never go back, the last one 1;
    intermediate files stay in `work`.
    Raises RenderError (the draft, its length, a missing font, cancelled) or MediaError (ffmpeg).
    """
    kind = extension(draft, form)
    stop = cancelled or threading.Event()
    scene = read_scene(draft)
    if scene.d_s > LONGEST_RESULT_S:
        cause = f"it would last {scene.d_s / 3600:.0f} hours, and {LONGEST_RESULT_S / 3600:.0f} are the limit"
        raise RenderError("rendering", cause, "Make several of it")
    try:
        files = Files(asset, library or Library())
        one = _Render(scene, files, _probes(scene, files, ffmpeg), kind, quality, ffmpeg, work, stop)
        one.run(target, _Shares(progress))
    except MediaError as error:
        if stop.is_set():
            raise RenderError("rendering", "it was cancelled") from error
        raise


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files lie that a scene names."""

    asset: Callable[[str], Path]
    library: Library

    def clip(self, asset: str, title: str) -> Path:
        """Raises RenderError where it is gone."""
        path = self.asset(asset)
        if not path.is_file():
            raise RenderError("rendering", f"the file {title or asset} is gone")
        return path

    def mark(self, mark: Mark) -> Path:
        return self.clip(mark.asset, "") if mark.asset else self.library.picture(mark.own)

    def bed(self, bed: Bed) -> Path | None:
        """The sound to lay under the clip; None where it is to be made."""
        if bed.asset:
            return self.clip(bed.asset, "")
        return self.library.sound(bed.own) if bed.own else None


def _probes(scene: Scene, files: Files, ffmpeg: Ffmpeg) -> dict[str, Probe]:
    """By asset. Raises RenderError where a file is gone or shows nothing."""
    found: dict[str, Probe] = {}
    for clip in scene.clips:
        if clip.asset not in found:
            found[clip.asset] = probe(files.clip(clip.asset, clip.title), ffmpeg)
        if scene.pictures and not found[clip.asset].has_video:
            raise RenderError("rendering", f"{clip.title} has no picture")
    return found


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
        files: Files,
        probes: Mapping[str, Probe],
        kind: str,
        quality: str,
        ffmpeg: Ffmpeg,
        work: Path,
        cancelled: threading.Event,
    ) -> None:
        self.inputs = graph.placed(scene.clips, probes)
        self.scene = graph.frame(scene, self.inputs) if scene.pictures else scene
        self.kind = kind
        self.quality = quality if quality in _CRF else "high"
        self.files = files
        self.ffmpeg = ffmpeg
        self.work = work
        self.cancelled = cancelled
        self.pictures = scene.pictures and kind not in _SOUND_FORMS
        self.sounds = kind != "jpg" and any(one.sounds for one in self.inputs)
        self.copies = self.pictures and _unchanged(self.scene, self.inputs, kind)
        self.inputs = [self._toned(one) for one in self.inputs]
        self._args: list[str] = []
        self._count = 0
        for read in graph.reads(scene.clips):
            self._open(read)

    def run(self, target: Path, shares: _Shares) -> None:
        if not self.pictures and not self.sounds and self.scene.bed is None:
            raise RenderError("rendering", f"there is no sound for a {self.kind} file")
        overlays = [*self._mark(), *self._letter()] if self.pictures and not self.copies else []
        bed = self._bed()
        levels = self._levels(bed, shares, 0.6 if self.copies or not self.pictures else 0.15)
        finished = target.with_name(f".{target.name}.part")
        try:
            self._encode(finished, overlays, bed, levels, shares)
            finished.replace(target)
        finally:
            finished.unlink(missing_ok=True)
        shares.at(1.0)

    def _toned(self, one: Input) -> Input:
        """An input with the table for its colours, where they are HDR's; the file made."""
        if one.clip.still or one.probe.transfer not in tones.TRANSFERS or not self.pictures:
            return one
        table = self.work / f"{one.probe.transfer}.cube"
        if not table.exists():
            table.write_text(tones.cube(one.probe.transfer), "ascii")
        return replace(one, table=str(table))

    def _open(self, read: Read) -> None:
        clip = self.scene.clips[read.first]
        path = self.files.clip(clip.asset, clip.title)
        if clip.still:
            most = 2 * max(self.scene.width, self.scene.height)
            self._add("-i", source(still(path, self.work / f"still{self._count}.png", most)))
            return
        seek = ["-ss", f"{read.start_s:.6f}"] if read.start_s else []
        # A little more than is used: the cut itself is made in the graph, exact to the frame.
        rest = [] if self.copies else ["-t", f"{read.d_s + _MARGIN_S:.6f}"]
        self._add(*seek, *rest, "-i", source(path))

    def _mark(self) -> list[Overlay]:
        """The watermark drawn into a file and made an input."""
        mark, scene = self.scene.mark, self.scene
        if mark is None:
            return []
        path = self.work / "mark.png"
        x, y = marked(self.files.mark(mark), path, mark, (scene.width, scene.height))
        return [Overlay(self._add("-i", source(path)), x, y, 0.0, scene.d_s)]

    def _letter(self) -> list[Overlay]:
        """Draw the texts into files and make them inputs."""
        overlays = []
        for number, text in enumerate(self.scene.texts):
            drawn = letter(text.text, text.position, self.scene.width, self.scene.height)
            path = self.work / f"text{number}.png"
            drawn.image.save(path, compress_level=1)
            at = self._add("-i", source(path))
            overlays.append(Overlay(at, drawn.x, drawn.y, text.start_s, text.d_s))
        return overlays

    def _add(self, *args: str) -> int:
        """Make one more input; its number."""
        self._args += args
        self._count += 1
        return self._count - 1

    def _bed(self) -> list[str]:
        """The filter for the music, its file made and an input; empty without music."""
        bed = self.scene.bed
        if bed is None or self.kind == "jpg":
            return []
        own, fade = self.files.bed(bed), _OWN_FADE_S
        path = own or self.work / "bed.wav"
        if own is None:
            fade = music.write_bed(path, min(bed.d_s, self.scene.d_s), bed.seed).bar_s
        at = self._add("-stream_loop", "-1", "-i", source(path))
        return [mixing.bed_sound(self.scene, bed, at, fade)]

    def _levels(self, bed: list[str], shares: _Shares, most: float) -> Levels:
        """Measure and decide all gains; progress goes up to `most`."""
        target = self.scene.loudness
        louder = any(one.clip.gain > 0 for one in self.inputs)
        if not (self.sounds or bed) or (target is None and not louder):
            return Levels()
        levels = Levels()
        if self.scene.bed is not None:
            own = mixing.clip_sound(self.scene, self.inputs) if self.sounds else []
            names = ("clip", "bed") if own else ("bed",)
            heard = self._measured([*own, *bed], names, shares.between(0, most / 3))
            levels = mixing.under(self.scene.bed, heard["clip"][0] if own else None, heard["bed"][0])
        mix = self._mix(bed, levels)
        lufs, peak = self._measured(mix, ("mix",), shares.between(most / 3, most * 2 / 3))["mix"]
        levels = mixing.master(levels, lufs if target is None else target, lufs, peak)
        if levels.ceiling is not None and target is not None:
            levels = self._given_back(mix, levels, target, shares.between(most * 2 / 3, most))
        return levels

    def _mix(self, bed: list[str], levels: Levels) -> list[str]:
        """The filters that end in [mix]."""
        own = mixing.clip_sound(self.scene, self.inputs) if self.sounds else []
        return [*own, *bed, *mixing.mixed(self.scene, self.sounds, levels)]

    def _given_back(
        self, mix: Sequence[str], levels: Levels, target: float, tell: Callable[[float], None]
    ) -> Levels:
        """The limiter takes loudness away with the peaks: measure what is left, and raise the gain by it."""
        for _ in range(_CORRECTIONS):
            heard = self._measured([*mix, mixing.mastered(levels)], ("sound",), tell)
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
            mastered = mixing.mastered(replace(levels, ceiling=ceiling))
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
        outputs: list[str] = []
        held = 0.2 if self.pictures and not self.copies else 0.8
        if self.copies:
            outputs += ["-map", "0:V:0", "-c:v", "copy"]
        elif self.pictures:
            filters += graph.pictures(self.scene, self.inputs, overlays)
            outputs += ["-map", "[picture]", *_video_codec(self.kind, self.quality)]
        mix = self._mix(bed, levels)
        if self.copies and self._keeps_sound():
            outputs += ["-map", "0:a:0", "-c:a", "copy"]
        elif levels.ceiling is not None:
            so_far = shares.told
            at = self._held(mix, levels, levels.ceiling, shares.between(so_far, so_far + (1 - so_far) * held))
            outputs += ["-map", f"{at}:a:0", "-c:a", "copy"]
        elif self.sounds or bed:
            filters += [*mix, mixing.mastered(levels)]
            outputs += ["-map", "[sound]", *_sound_codec(self.kind, self.quality)]
        outputs += ["-map_chapters", "0" if self.copies else "-1", "-map_metadata", "0"]
        if self.kind in ("mp4", "mov", "m4a"):
            outputs += ["-movflags", "+faststart"]
        elif self.kind == "jpg":
            outputs += ["-frames:v", "1", "-update", "1"]
        outputs += ["-f", _MUXERS[self.kind], "-y", source(finished)]
        self._run(filters, outputs, shares.between(shares.told, 1.0))

    def _keeps_sound(self) -> bool:
        """Whether the clip's sound, too, goes through as it is."""
        own = self.inputs[0]
        plain = self.scene.bed is None and self.scene.loudness is None and own.sounds and not own.clip.gain
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
    whole = len(inputs) == 1 and not clip.from_s and clip.speed == 1 and not clip.still
    bare = not (scene.texts or scene.mark or scene.fade_in_s or scene.fade_out_s or clip.geometry)
    played = (
        own.duration_s is not None
        and max(abs(clip.d_s - own.duration_s), abs(scene.d_s - clip.d_s)) <= _WHOLE_S
    )
    sized = abs(own.width - scene.width) <= 1 and abs(own.height - scene.height) <= 1
    taken = own.video_codec == "h264" and own.pixel_format in ("yuv420p", "yuvj420p")
    held = kind in ("mp4", "mov", "mkv") and own.container.startswith(_COPIED)
    return whole and bare and played and sized and taken and held


def _video_codec(kind: str, quality: str) -> list[str]:
    if kind == "jpg":
        return ["-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"]
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
