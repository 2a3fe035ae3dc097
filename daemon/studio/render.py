"""Rendering a draft: probe, draw, measure, and one encode.

When no picture changes, the video's packets are copied as they are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from daemon.errors import MediaError, RenderError
from daemon.media.ffmpeg import Ffmpeg, source
from daemon.media.limits import LONGEST_RESULT_S
from daemon.media.probe import Probe, probe
from daemon.nemo.wire import JsonObject
from daemon.studio import graph, mixing, moving, music, reading, tones
from daemon.studio.figures import Figures
from daemon.studio.forms import (
    ALPHA,
    MUXERS,
    PLAIN,
    QUALITIES,
    SOUND_FORMS,
    extension,
    sound_codec,
    video_codec,
)
from daemon.studio.inputs import Files, Inputs
from daemon.studio.layers import Drawing, Layers
from daemon.studio.levelling import Levelling
from daemon.studio.library import Library
from daemon.studio.matte.stream import Streams, streams
from daemon.studio.mixing import Levels
from daemon.studio.narration import write_narration
from daemon.studio.reading import Input, Read
from daemon.studio.scene import Scene, read_scene
from daemon.studio.stills import still

__all__ = ["extension", "render"]

_COPIED: Final = ("mov,mp4", "matroska")
"""Containers whose H.264 packets go into mp4 as they are; those of avi carry no presentation times."""

_WHOLE_S: Final = 0.05
_MARGIN_S: Final = 0.25
_TIME_LIMIT: Final = (900.0, 120.0)
"""A render may take 900 s and 120 s for each second of result: VP9 at 4K on two slow cores fits."""

_DRAWN: Final = Probe(has_video=True, pixel_format="rgb48le", matrix="bt709")
"""What a backdrop is said to be: it has any size that is wanted."""

_OWN_FADE_S: Final = 3.0
"""How long music of the user's own takes to end: it has no bar that would fit."""


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
    matte_model: str = "auto",
) -> None:
    """Render `draft` to `target`, which appears whole or not at all; blocking.

    `asset` gives the file of a content hash, `library` what lies in the studio's own folders; `form` is auto or an
    extension, `quality` high, medium or low; `progress` hears shares in 0..1 that never go back, the last one 1;
    intermediate files stay in `work`; `matte_model` is `auto` or the path of a model that cuts figures out.
    Raises RenderError (the draft, its length, a missing font or model, cancelled) or MediaError (ffmpeg).
    """
    kind = extension(draft, form)
    stop = cancelled or threading.Event()
    scene = read_scene(draft)
    if scene.d_s > LONGEST_RESULT_S:
        cause = f"it would last {scene.d_s / 3600:.0f} hours, and {LONGEST_RESULT_S / 3600:.0f} are the limit"
        raise RenderError("rendering", cause, "Make several of it")
    files = Files(asset, library or Library())
    try:
        probes = _probes(scene, files, ffmpeg)
        one = _Render(scene, files, probes, kind, quality, ffmpeg, work, stop, matte_model)
        one.run(target, _Shares(progress))
    except MediaError as error:
        if stop.is_set():
            raise RenderError("rendering", "it was cancelled") from error
        raise


def _probes(scene: Scene, files: Files, ffmpeg: Ffmpeg) -> dict[str, Probe]:
    """By asset; drawn clips have none. Raises RenderError where a file is gone or shows nothing."""
    found = {"": _DRAWN}
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
        matte_model: str,
    ) -> None:
        self.clips = reading.placed(scene.clips, probes)
        self.scene = graph.frame(scene, self.clips) if scene.pictures else scene
        self.files = files
        self.kind = kind
        self.quality = quality if quality in QUALITIES else "high"
        self.ffmpeg = ffmpeg
        self.work = work
        self.cancelled = cancelled
        self.pictures = scene.pictures and kind not in SOUND_FORMS
        self.sounds = kind != "jpg" and (bool(scene.spoken) or any(one.sounds for one in self.clips))
        self.copies = self.pictures and _unchanged(self.scene, self.clips, kind)
        self.clips = [self._toned(one) for one in self.clips]
        self.pixels = ALPHA.get(kind, PLAIN) if scene.is_transparent else PLAIN
        self.inputs = Inputs()
        self.opens = [self._opened(at, read) for at, read in enumerate(reading.reads(scene.clips))]
        for args in self.opens:
            self.inputs.add(*args)
        self.matte_model = matte_model

    def run(self, target: Path, shares: _Shares) -> None:
        if not self.pictures and not self.sounds and self.scene.bed is None:
            raise RenderError("rendering", f"there is no sound for a {self.kind} file")
        drawn = self.pictures and not self.copies
        layers = Drawing(self.scene, self.files, self.inputs, self.work).layers() if drawn else Layers()
        bed, narration = self._bed(), self._narration()
        sound = Levelling(
            self.scene, self.clips, bed, narration, self.sounds, self.kind, self.quality, self.work, self._run
        )
        levels = sound.levels(shares.between, 0.15 if drawn else 0.6)
        finished = target.with_name(f".{target.name}.part")
        try:
            self._encode(finished, layers, sound, levels, shares)
            finished.replace(target)
        finally:
            finished.unlink(missing_ok=True)
        shares.at(1.0)

    def _toned(self, one: Input) -> Input:
        """A clip with the table for its colours, where they are HDR's; the file made."""
        if one.clip.still or one.probe.transfer not in tones.TRANSFERS or not self.pictures:
            return one
        table = self.work / f"{one.probe.transfer}.cube"
        if not table.exists():
            table.write_text(tones.cube(one.probe.transfer), "ascii")
        return replace(one, table=str(table))

    def _opened(self, at: int, read: Read) -> list[str]:
        """The arguments that open what is read for some clips, as input `at`."""
        clip, scene = self.scene.clips[read.first], self.scene
        if clip.backdrop is not None:
            played = moving.Played(clip.d_s, clip.from_s, clip.speed)
            drawn = self.work / f"backdrop{at}.raw"
            return moving.write(drawn, clip.backdrop, scene.width, scene.height, scene.fps, played)
        path = self.files.clip(clip.asset, clip.title)
        if clip.still:
            most = 2 * max(scene.width, scene.height)
            return ["-i", source(still(path, self.work / f"still{at}.png", most))]
        seek = ["-ss", f"{read.start_s:.6f}"] if read.start_s else []
        # A little more than is used: the cut itself is made in the graph, exact to the frame.
        rest = [] if self.copies else ["-t", f"{read.d_s + _MARGIN_S:.6f}"]
        return [*seek, *rest, "-i", source(path)]

    def _bed(self) -> list[str]:
        """The filter for the music, its file made and an input; empty without music."""
        bed = self.scene.bed
        if bed is None or self.kind == "jpg":
            return []
        own, fade = self.files.bed(bed), _OWN_FADE_S
        path = own or self.work / "bed.wav"
        if own is None:
            fade = music.write_bed(path, min(bed.d_s, self.scene.d_s), bed.seed, bed.mood).bar_s
        at = self.inputs.add("-stream_loop", "-1", "-i", source(path))
        return [mixing.bed_sound(self.scene, bed, at, fade)]

    def _narration(self) -> int | None:
        """The input that speaks, its file made; None where nobody does."""
        if not self.scene.spoken or self.kind == "jpg":
            return None
        path = self.work / "narration.wav"
        write_narration(path, self.scene.spoken, self.scene.d_s, self.work)
        return self.inputs.add("-i", source(path))

    def _encode(
        self, finished: Path, layers: Layers, sound: Levelling, levels: Levels, shares: _Shares
    ) -> None:
        filters, outputs = self._sound(sound, levels, shares)
        outputs += ["-map_chapters", "0" if self.copies else "-1", "-map_metadata", "0"]
        if self.kind in ("mp4", "mov", "m4a"):
            outputs += ["-movflags", "+faststart"]
        elif self.kind == "jpg":
            outputs += ["-frames:v", "1", "-update", "1"]
        outputs += ["-f", MUXERS[self.kind], "-y", source(finished)]
        # The streams' pipes are inputs that can be read once: nothing may run after them but the encode.
        with streams(self.ffmpeg, self.work, self.cancelled) as opened:
            picture: list[str] = []
            if self.copies:
                picture = ["-map", "0:V:0", "-c:v", "copy"]
            elif self.pictures:
                figures = Figures(self.scene, self.clips, self.opens, self.files, self.inputs, self.work)
                cuts = figures.cuts(opened, self.matte_model)
                filters += graph.pictures(
                    self.scene, self.clips, layers.still, layers.moving, cuts, self.pixels
                )
                picture = ["-map", "[picture]", *video_codec(self.kind, self.quality, self.pixels)]
            self._run(filters, [*picture, *outputs], shares.between(shares.told, 1.0), opened=opened)

    def _sound(self, sound: Levelling, levels: Levels, shares: _Shares) -> tuple[list[str], list[str]]:
        """(the filters, the outputs) of the sound."""
        if self.copies and self._keeps_sound():
            return [], ["-map", "0:a:0", "-c:a", "copy"]
        if levels.ceiling is not None:
            held = 0.2 if self.pictures and not self.copies else 0.8
            so_far = shares.told
            coded = sound.held(levels, levels.ceiling, shares.between(so_far, so_far + (1 - so_far) * held))
            return [], ["-map", f"{self.inputs.add('-i', source(coded))}:a:0", "-c:a", "copy"]
        if self.sounds or sound.bed:
            codec = sound_codec(self.kind, self.quality)
            return [*sound.mix(levels), mixing.mastered(levels)], ["-map", "[sound]", *codec]
        return [], []

    def _keeps_sound(self) -> bool:
        """Whether the clip's sound, too, goes through as it is."""
        own = self.clips[0]
        changed = self.scene.bed or self.scene.spoken or own.clip.gain or self.scene.loudness is not None
        return own.sounds and not changed and own.probe.audio_codec == "aac" and own.probe.audio_channels <= 2

    def _run(
        self,
        parts: Sequence[str],
        outputs: Sequence[str],
        tell: Callable[[float], None],
        inputs: Sequence[str] | None = None,
        opened: Streams | None = None,
    ) -> str:
        """One run of ffmpeg: the render's inputs (or `inputs`), the graph's parts, outputs; its log.

        `opened`: the streams it reads.
        """
        if self.cancelled.is_set():
            raise RenderError("rendering", "it was cancelled")
        filters = ["-filter_complex", ";".join(parts)] if parts else []
        base, each = _TIME_LIMIT
        return self.ffmpeg.run(
            [*(self.inputs.args if inputs is None else inputs), *filters, *outputs],
            duration_s=self.scene.d_s,
            progress=tell,
            timeout_s=base + each * self.scene.d_s,
            cancelled=self.cancelled if opened is None else opened,
            pass_fds=() if opened is None else opened.fds,
        ).log


def _unchanged(scene: Scene, clips: Sequence[Input], kind: str) -> bool:
    """Whether the pictures stay what they are, in a codec and container that every player takes."""
    clip, own = clips[0].clip, clips[0].probe
    whole = len(clips) == 1 and not clip.from_s and clip.speed == 1 and not clip.still
    bare = not (scene.texts or scene.mark or scene.fade_in_s or scene.fade_out_s or clip.geometry)
    played = (
        own.duration_s is not None
        and max(abs(clip.d_s - own.duration_s), abs(scene.d_s - clip.d_s)) <= _WHOLE_S
    )
    sized = abs(own.width - scene.width) <= 1 and abs(own.height - scene.height) <= 1
    taken = own.video_codec == "h264" and own.pixel_format in ("yuv420p", "yuvj420p")
    held = kind in ("mp4", "mov", "mkv") and own.container.startswith(_COPIED)
    return whole and bare and clip.background is None and played and sized and taken and held
