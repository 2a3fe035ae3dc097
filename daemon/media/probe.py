"""What a media file holds, read from what `ffmpeg -i` prints: the carried binary has no ffprobe."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from daemon.errors import MediaError
from daemon.media.ffmpeg import Ffmpeg, cause_in, source

_INPUT: Final = re.compile(r"^Input #0, (?P<container>.+), from ", re.MULTILINE)
_DURATION: Final = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_STREAM: Final = re.compile(r"^  Stream #0:\d+[^:]*: (?P<kind>Video|Audio): (?P<codec>\w+)(?P<rest>.*)$")
_SIZE: Final = re.compile(r", (\d+)x(\d+)\b")
_REFUSED: Final = re.compile(r"Picture size ([1-9]\d*)x([1-9]\d*) (?:is invalid|exceeds)")
"""What ffmpeg says of a picture that it makes no room for, in place of its size."""

_ASPECT: Final = re.compile(r"\bSAR (\d+):(\d+)")
_PIXELS: Final = re.compile(r", (?P<format>[a-z][a-z0-9]+)(?:\((?P<notes>(?:[^()]|\([^()]*\))*)\))?, \d+x\d+")
_FIELDS: Final = re.compile(r"\b(top|bottom) (first|coded first)\b")
_RATE: Final = re.compile(r"([\d.]+)(k?) (fps|tbr)\b")
_ROTATION: Final = re.compile(r"Display Matrix: rotation of (-?[\d.]+) degrees")
_SOUND: Final = re.compile(r", (\d+) Hz, ([^,]+)")
_CHANNELS: Final = {"mono": 1, "stereo": 2, "downmix": 2, "quad": 4, "hexagonal": 6, "octagonal": 8}
_ESTIMATED: Final = "Estimating duration from bitrate"
_OTHER_FORMAT: Final = "Format not on whitelist"
_ANIMATED: Final = ("gif", "webp_anim")
_STILL_S: Final = 0.2
"""An animation that lasts no longer holds one picture: ffmpeg gives one frame 0.04 s to 0.1 s."""

_WIDEST_PIXEL: Final = 8.0
"""Pixels further from square than this are not believed: a ratio of 1000:1 is no picture that anybody made."""

_SQUARE: Final = 0.02
"""Pixels nearer to square than this are square: scalers leave ratios like 160:161 behind."""

_EXIF_TURN: Final = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_EXIF_ORIENTATION: Final = 0x0112
_COUNT_S: Final = 120.0
_BEGIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One file. `width` and `height` are what a player shows, in square pixels: turned, and anamorphic
    pictures widened. `fps` is the rate to render at (0.0 without video), `rotation` degrees clockwise that
    were applied, `duration_s` seconds (None: a still picture, or not to be found out), `matrix` ffmpeg's
    name of the colour matrix and `transfer` of the transfer function ("" when the file does not say),
    `full_range` whether luma runs 0 to 255, `interlaced` whether a frame holds two moments.
    A cover picture in a sound file is no video; a still picture has `is_image` and `has_video`."""

    duration_s: float | None = None
    width: int = 0
    height: int = 0
    fps: float = 0.0
    video_codec: str = ""
    audio_codec: str = ""
    audio_rate: int = 0
    audio_channels: int = 0
    has_video: bool = False
    has_audio: bool = False
    is_image: bool = False
    pixel_format: str = ""
    rotation: int = 0
    container: str = ""
    matrix: str = ""
    transfer: str = ""
    full_range: bool = False
    interlaced: bool = False


def probe(path: Path, ffmpeg: Ffmpeg) -> Probe:
    """Look at a file. Raises MediaError when ffmpeg finds no picture and no sound in it, and what `photo.opened`
    raises for a still picture."""
    log = ffmpeg.inspect(path)
    try:
        found = parse(log)
    except MediaError as error:
        raise MediaError(f"reading {path.name}", error.cause, error.hint) from error
    if not found.is_image and (found.duration_s is None or _ESTIMATED in log):
        found = _stilled(replace(found, duration_s=_counted(path, ffmpeg) or found.duration_s))
    return _as_photo(found, path) if found.is_image else found


def begin(path: Path, found: Probe, ffmpeg: Ffmpeg) -> None:
    """Decode the first picture of a video, or the first sound where it has none: a header may promise what is not
    there. Raises MediaError."""
    stream = "0:V:0" if found.has_video else "0:a:0"
    try:
        ffmpeg.run(
            ["-i", source(path), "-map", stream, "-frames", "1", "-f", "null", "-"], timeout_s=_BEGIN_S
        )
    except MediaError as error:
        raise MediaError(f"reading {path.name}", f"nothing of it can be decoded: {error.cause}") from error


def parse(log: str) -> Probe:
    """Read what `ffmpeg -i` printed (pure). Raises MediaError when it could open nothing."""
    opened = _INPUT.search(log)
    if opened is None:
        unknown = _OTHER_FORMAT in log
        cause = "it is in none of the containers that are taken" if unknown else cause_in(log)
        raise MediaError("reading media", cause or "ffmpeg cannot open it")
    container = opened["container"]
    blocks = _stream_blocks(log[opened.start() :])
    video = next((block for block in blocks if block[0] == "Video"), None)
    audio = next((block for block in blocks if block[0] == "Audio"), None)
    if video is None and audio is None:
        raise MediaError("reading media", "it holds no picture and no sound")
    found = Probe(duration_s=_duration(log), container=container)
    if video is not None:
        found = _with_video(found, *video[1:], _REFUSED.search(log))
    if audio is not None:
        found = _with_audio(found, *audio[1:])
    found = _stilled(found)
    if not (found.has_video or found.has_audio or found.is_image):
        raise MediaError("reading media", "its picture or sound is not described")
    return found


def _stilled(found: Probe) -> Probe:
    """The file as a still picture, if it is one: formats of one picture, and animations of one frame."""
    single = found.container in _ANIMATED and 0 < (found.duration_s or 0.0) <= _STILL_S
    if single or found.container.endswith("_pipe") or found.container == "image2":
        return replace(found, is_image=True, duration_s=None)
    return found


def _stream_blocks(log: str) -> list[tuple[str, str, str, str]]:
    """(kind, codec, rest of the line, lines below it) of each stream that plays, covers left out."""
    blocks: list[tuple[str, str, str, str]] = []
    below: list[str] = []
    heads: list[tuple[re.Match[str], list[str]]] = []
    # Not splitlines: a title may hold a line separator of Unicode, and behind it a stream's line of its own.
    for line in log.split("\n"):
        match = _STREAM.match(line)
        if match:
            below = []
            heads.append((match, below))
        elif line.startswith("  Stream "):
            below = []
        else:
            below.append(line)
    for match, lines in heads:
        if "(attached pic)" not in match["rest"] and match["codec"] != "none":
            blocks.append((match["kind"], match["codec"], match["rest"], "\n".join(lines)))
    return blocks


def _duration(log: str) -> float | None:
    match = _DURATION.search(log)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return (int(hours) * 60 + int(minutes)) * 60 + float(seconds) or None


def _with_video(found: Probe, codec: str, rest: str, below: str, refused: re.Match[str] | None) -> Probe:
    size = _SIZE.search(rest) or refused
    if size is None:
        return found
    width, height = int(size[1]), int(size[2])
    aspect = _ASPECT.search(rest)
    shape = int(aspect[1]) / max(1, int(aspect[2])) if aspect else 1.0
    if abs(shape - 1) > _SQUARE and 1 / _WIDEST_PIXEL <= shape <= _WIDEST_PIXEL:
        width = round(width * shape)
    turned = _ROTATION.search(below)
    rotation = -round(float(turned[1])) % 360 if turned else 0
    if rotation in (90, 270):
        width, height = height, width
    pixels = _PIXELS.search(rest)
    notes = (pixels["notes"] or "") if pixels else ""
    return replace(
        found,
        width=width,
        height=height,
        fps=_rate(rest),
        video_codec=codec,
        has_video=True,
        pixel_format=pixels["format"] if pixels else "",
        rotation=rotation,
        matrix=_matrix(notes),
        transfer=_transfer(notes),
        interlaced=bool(_FIELDS.search(notes)),
        full_range="pc" in re.split(r"[,\s]+", notes),
    )


def _matrix(notes: str) -> str:
    """The matrix in ffmpeg's notes on pixels: `tv, bt709, progressive` or `tv, bt470bg/unknown/unknown`."""
    for note in re.split(r",\s*", notes):
        name = note.split("/")[0]
        if re.match(r"(bt\d|smpte|fcc|ycgco|gbr)", name):
            return name
    return ""


def _transfer(notes: str) -> str:
    """The transfer function: `tv, bt2020nc/bt2020/smpte2084` names matrix, primaries and transfer, in this order;
    one word stands for all three."""
    for note in re.split(r",\s*", notes):
        names = note.split("/")
        if re.match(r"(bt\d|smpte|fcc|ycgco|gbr|unknown)", names[0]):
            return names[-1].replace("unknown", "")
    return ""


def _rate(rest: str) -> float:
    """Frames a second to render at. The mean rate, unless it hides the real one: a screen recording that
    pauses has a low mean, and a phone's 29.6 is 30."""
    rates = {name: float(value) * (1000 if kilo else 1) for value, kilo, name in _RATE.findall(rest)}
    mean, base = rates.get("fps", 0.0), rates.get("tbr", 0.0)
    if not mean:
        return base if 1 <= base <= 120 else 25.0
    if mean < base <= mean * 1.2:
        return base
    if mean < 20 and base > mean:
        return min(base, 30.0)
    return mean if mean <= 120 else 60.0


def _with_audio(found: Probe, codec: str, rest: str, _below: str) -> Probe:
    sound = _SOUND.search(rest)
    if sound is None:
        return found
    return replace(
        found, audio_codec=codec, audio_rate=int(sound[1]), audio_channels=_channels(sound[2]), has_audio=True
    )


def _channels(layout: str) -> int:
    """`stereo` 2, `5.1(side)` 6, `6 channels` 6; a layout of no known name counts as 2."""
    name = layout.split("(")[0].strip()
    if name in _CHANNELS:
        return _CHANNELS[name]
    numbers = [int(number) for number in re.findall(r"\d+", name)]
    return sum(numbers) if numbers else 2


def _counted(path: Path, ffmpeg: Ffmpeg) -> float | None:
    """The length found by reading every packet: a live writer leaves none in the header, adts never has
    one."""
    try:
        ran = ffmpeg.run(["-i", source(path), "-c", "copy", "-f", "null", "-"], timeout_s=_COUNT_S)
    except MediaError:
        return None
    return ran.written_s or None


def _as_photo(found: Probe, path: Path) -> Probe:
    """A photo as it is to be seen: ffmpeg does not read the turn a phone notes in EXIF, nor the size of what it
    will not decode."""
    from daemon.media.photo import opened

    with opened(path) as image:
        turn = _EXIF_TURN.get(image.getexif().get(_EXIF_ORIENTATION, 1), 0)
        width, height = image.size
    if turn in (90, 270):
        width, height = height, width
    return replace(found, width=width, height=height, rotation=turn, has_video=True)
