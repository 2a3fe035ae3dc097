"""The forms a result can have: containers, codecs, and which of them a draft asks for (pure)."""

from __future__ import annotations

from typing import Final

from daemon.errors import RenderError
from daemon.nemo.wire import JsonObject
from daemon.studio.scene import has_pictures, is_thumbnail, is_transparent

MUXERS: Final = {
    "mp4": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "m4a": "ipod",
    "mp3": "mp3",
    "wav": "wav",
    "jpg": "image2",
}
FORMS: Final = tuple(form for form in MUXERS if form != "jpg")
SOUND_FORMS: Final = frozenset({"m4a", "mp3", "wav"})
SOUND_OF: Final = {"mp4": "m4a", "mov": "m4a"}
"""The form in which the sound of another is made by itself."""

ALPHA: Final = {"webm": "yuva420p", "mov": "yuva444p10le"}
"""Forms that hold transparency, as VP9 and as ProRes 4444, and the pixels of each."""

PLAIN: Final = "yuv420p"
QUALITIES: Final = ("high", "medium", "low")
_CRF: Final = {"high": 20, "medium": 23, "low": 28}
_VP9_CRF: Final = {"high": 30, "medium": 34, "low": 40}
_KBITS: Final = {"high": 192, "medium": 160, "low": 128}


def extension(draft: JsonObject, form: str) -> str:
    """The extension that the result has, without a dot.

    Raises RenderError for a form that is none, or one that cannot hold the draft's transparency.
    """
    if is_thumbnail(draft):
        return "jpg"
    seen_through = is_transparent(draft)
    if form == "auto":
        return "webm" if seen_through else "mp4" if has_pictures(draft) else "m4a"
    if form not in FORMS:
        raise RenderError("rendering", f"there is no format {form}", f"Choose one of {', '.join(FORMS)}")
    if seen_through and form not in (*ALPHA, *SOUND_FORMS):
        raise RenderError(
            "rendering", f"{form} cannot hold a transparent background", "Choose the format webm, mov or auto"
        )
    return form


def video_codec(kind: str, quality: str, pixels: str = PLAIN) -> list[str]:
    """ffmpeg's arguments for the picture; `pixels`: one of ALPHA's where it keeps transparency."""
    alpha = pixels != PLAIN
    if kind == "jpg":
        return ["-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"]
    if kind == "webm":
        # With alternate reference frames VP9 loses its alpha plane.
        speed = "-cpu-used 8 -auto-alt-ref 0 -metadata:s:v:0 alpha_mode=1" if alpha else "-cpu-used 6"
        codec = f"-c:v libvpx-vp9 -crf {_VP9_CRF[quality]} -b:v 0 -deadline realtime -row-mt 1 {speed}"
    elif alpha:
        codec = "-c:v prores_ks -profile:v 4444"
    else:
        codec = f"-c:v libx264 -preset veryfast -crf {_CRF[quality]}"
    return f"{codec} -pix_fmt {pixels}".split()


def sound_codec(kind: str, quality: str) -> list[str]:
    """ffmpeg's arguments for the sound."""
    if kind == "wav":
        return ["-c:a", "pcm_s16le"]
    codec = {"webm": "libopus", "mp3": "libmp3lame"}.get(kind, "aac")
    return ["-c:a", codec, "-b:a", f"{_KBITS[quality]}k"]
