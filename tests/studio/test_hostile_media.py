"""Broken, hostile and absurd files through the whole studio: a clear no, or a result that plays."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from daemon.media.probe import Probe
from tests.studio import nasty
from tests.studio.bench import Bench, level
from tests.studio.conftest import Client
from tests.studio.nasty import chunk, ffmpeg, gif, jpeg, made, patched, png, put, red, zeros

ASK = 'trim to 1 s and add a title "Hi"'
Make = Callable[[Path], object]


def written(content: bytes | Callable[[], bytes]) -> Make:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content())


def pipeline(*args: str) -> Make:
    return lambda path: ffmpeg(path, *args)


def video(picture: str = nasty.PICTURE, *args: str, tone: str = nasty.TONE) -> Make:
    return lambda path: made(path, picture, *args, tone=tone)


def changed(change: Callable[[bytearray], None], *args: str) -> Make:
    return lambda path: patched(path, change, *args)


def copied(*before: str, after: tuple[str, ...] = ()) -> Make:
    """A usual clip whose streams are copied under other words: `before` its -i, and behind it."""

    def make(path: Path) -> None:
        plain = made(path.with_name(f"plain-{path.stem}.mp4"))
        ffmpeg(path, *before, "-i", str(plain), "-c", "copy", *after)

    return make


def subtitled(path: Path) -> None:
    text = path.with_suffix(".srt")
    text.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n")
    ffmpeg(path, "-i", str(text), "-attach", str(text), "-metadata:s:t", "mimetype=text/plain")


def lossless(size: str) -> Make:
    return video(f"testsrc2=s={size}:r=24:d=2", "-c:v", "ffv1", "-pix_fmt", "yuv444p")


def rateless(path: Path) -> None:
    content = bytearray(made(path, nasty.PICTURE, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p").read_bytes())
    put(b"strh", 4 + 20, bytes(8))(content)
    path.write_bytes(content)


def covered(path: Path) -> None:
    cover = path.with_suffix(".jpg")
    Image.new("RGB", (4000, 4000), "red").save(cover)
    ffmpeg(path, "-f", "lavfi", "-i", nasty.TONE, "-i", str(cover), "-map", "0", "-map", "1", "-c:v", "copy")


def delayed(path: Path) -> None:
    plain = str(made(path.with_name("plain.mp4")))
    ffmpeg(path, "-i", plain, "-itsoffset", "0.5", "-i", plain, "-map", "0:v", "-map", "1:a", "-c", "copy")


def chaptered(path: Path) -> None:
    marks = path.with_suffix(".txt")
    one = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle=part\n"
    marks.write_text(";FFMETADATA1\n" + "".join(one.format(at * 10, at * 10 + 10) for at in range(200)))
    plain = str(made(path.with_name("plain.mp4")))
    ffmpeg(path, "-i", plain, "-i", str(marks), "-map_metadata", "1", "-map_chapters", "1", "-c", "copy")


def doubled(path: Path) -> None:
    plain, other = (
        made(path.with_name("plain.mp4")),
        made(path.with_name("other.mp4"), "color=red:s=64x64:d=2"),
    )
    maps = ("-map", "0:v", "-map", "1:v", "-map", "0:a", "-map", "1:a")
    ffmpeg(path, "-i", str(plain), "-i", str(other), *maps, "-c", "copy")


def resized(path: Path) -> None:
    """Annex B of two sizes in a row, 0.5 s each."""
    parts = [
        made(path.with_name(f"{size}.h264"), f"testsrc2=s={size}:r=24:d=0.5", tone="")
        for size in ("160x90", "320x240", "64x36")
    ]
    joined = path.with_suffix(".h264")
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    ffmpeg(path, "-r", "24", "-i", str(joined), "-f", "lavfi", "-i", "sine=d=1.5", "-c:v", "copy")


def keyed(path: Path) -> None:
    picture = Image.linear_gradient("L").resize((160, 90)).convert("P")
    picture.info["transparency"] = bytes(range(256))
    picture.save(path, transparency=bytes(range(256)))


@dataclass(frozen=True)
class Good:
    """What the result is to be: pixels, and whether it has sound."""

    width: int = 160
    height: int = 90
    sound: bool = True
    length: float = 1.0


REFUSED: dict[str, tuple[str, Make, int]] = {
    "a png of 50,000 x 50,000 and no body": ("a.png", written(png(50_000, 50_000, b"")), 4002),
    "a png of 20,000 x 20,000 in 220 KB": (
        "a.png",
        written(lambda: png(20_000, 20_000, zeros(20_000 * 2501), depth=1, colour=0)),
        4002,
    ),
    "a png whose comment unpacks to 80 MB": (
        "a.png",
        written(lambda: red(chunk(b"zTXt", b"k\0\0" + zeros(80 << 20)))),
        4001,
    ),
    "a png cut in the middle": ("a.png", written(lambda: red()[:90]), 4001),
    "a gif of a million frames": ("a.gif", written(lambda: gif(64, 36, 1_000_000)), 4002),
    "a gif with a screen of 65,535 x 65,535": ("a.gif", written(gif(65_535, 65_535, 1)), 4002),
    "a moving gif with a screen of 65,535 x 65,535": ("a.gif", written(gif(65_535, 65_535, 30)), 4002),
    "a gif and nothing behind its header": ("a.gif", written(gif(64, 36, 0)), 4001),
    "a jpeg cut in the middle": ("a.jpg", written(lambda: jpeg()[:4000]), 4001),
    "a jpeg of 65,500 x 65,500 by its header": ("a.jpg", written(nasty.huge_jpeg), 4002),
    "a jpeg of 5,000 passes": ("a.jpg", written(lambda: nasty.many_scans(5000)), 4002),
    "a jpeg that ends behind its first marker": ("a.jpg", written(b"\xff\xd8\xff\xe0"), 4001),
    "text named mp4": ("a.mp4", written(b"this is no video " * 100), 4001),
    "an empty file": ("a.mp4", written(b""), 4001),
    "an mp4 header and nothing else": ("a.mp4", written(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"), 4001),
    "noise behind an mp4 header": (
        "a.mp4",
        written(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(range(256)) * 400),
        4001,
    ),
    "an mp4 without its data": ("a.mp4", changed(nasty.without_data, "-movflags", "+faststart"), 4001),
    "an mp4 whose data is zeros": ("a.mp4", changed(nasty.zeroed, "-movflags", "+faststart"), 4001),
    "an mkv that says it lasts 97 hours": (
        "a.mkv",
        changed(put(b"\x44\x89\x88", 0, struct.pack(">d", 350_000_000.0))),
        4002,
    ),
    "a playlist named mp4": ("a.mp4", written(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), 4001),
    "a concat script named mkv": ("a.mkv", written(b"ffconcat version 1.0\nfile /etc/passwd\n"), 4001),
    "an sdp within an mp4's first bytes": (
        "a.mp4",
        written(b"v=0\nftyp\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"),
        4001,
    ),
    "a playlist behind an mp3's tag": (
        "a.mp3",
        written(b"ID3\x03\0\0\0\0\0\0#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"),
        4001,
    ),
    "an mkv of subtitles alone": ("a.mkv", lambda path: subtitled(path), 4001),
    "a sound of one sample": (
        "a.wav",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "sine", "-af", "atrim=end_sample=1"),
        4001,
    ),
    "a wav of nothing": (
        "a.wav",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "sine", "-af", "atrim=end_sample=0"),
        4001,
    ),
    "a video of 9,000 x 4,400": ("a.mkv", video("color=s=9000x4400:r=1:d=1", tone=""), 4002),
}


SELDOM = frozenset(
    {
        "16 channels",
        "sound at 1 kHz",
        "7.1",
        "4:4:4",
        "grey",
        "mjpeg in avi",
        "a video named wav",
        "a png of 1 bit",
        "a grey jpeg",
        "a progressive jpeg",
        "4096x16",
        "two pictures",
        "an animated webp",
        "sound shorter than the picture",
        "one frame in two seconds",
        "upside down",
        "a start at 100 s",
        "10 bit 4:2:2",
        "a sound named mp4",
        "HLG",
        "a photo of one pixel",
        "101x57",
        "a 16-bit png",
        "a million frames a second by the header",
    }
)
"""Looked at where there is time: nothing was ever found in them that others had not shown."""


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_a_sentence(what: str, client: Client, tmp_path: Path) -> None:
    name, make, code = REFUSED[what]
    make(tmp_path / name)
    session = client.session()
    answer = client.upload(session, tmp_path / name)
    assert answer["code"] == code, answer
    assert name in answer["message"]
    assert "Traceback" not in answer["message"]
    assert client.state(session)["draft"] == {}


TAKEN: dict[str, tuple[str, Make, Good]] = {
    "an mp4 cut in the middle": ("a.mp4", changed(nasty.cut_short, "-movflags", "+faststart"), Good()),
    "a sound named mp4": (
        "a.mp4",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", nasty.TONE, "-f", "ipod"),
        Good(0, 0),
    ),
    "a video named jpg": ("a.jpg", video(nasty.PICTURE, "-f", "mp4"), Good()),
    "a video named wav": ("a.wav", video(nasty.PICTURE, "-f", "mp4"), Good()),
    "a picture named mp4": ("a.mp4", written(red), Good(64, 36, sound=False)),
    "a frame rate of 1,000,000": (
        "a.mkv",
        video("testsrc2=s=160x90:r=1000000:d=0.0004", "-fps_mode", "passthrough"),
        Good(),
    ),
    "a million frames a second by the header": (
        "a.mp4",
        changed(put(b"mdhd", 12, struct.pack(">I", 1_000_000))),
        Good(),
    ),
    "no frame rate": ("a.avi", lambda path: rateless(path), Good()),
    "one frame in two seconds": ("a.mp4", video("testsrc2=s=160x90:r=1/2:d=2"), Good()),
    "gaps of 8 s": (
        "a.mkv",
        video(
            "testsrc2=s=160x90:r=24:d=1,setpts='PTS+if(gte(N,12),8/TB,0)'",
            "-fps_mode",
            "vfr",
            tone="sine=d=9",
        ),
        Good(),
    ),
    "no length in the header": (
        "a.webm",
        video(nasty.PICTURE, "-c:v", "libvpx", "-deadline", "realtime", "-f", "webm", "-live", "1"),
        Good(),
    ),
    "a quarter turn": ("a.mp4", copied("-display_rotation", "90"), Good(90, 160)),
    "upside down": ("a.mp4", copied("-display_rotation", "180"), Good()),
    "a mirrored quarter turn": ("a.mp4", copied("-display_rotation", "270", "-display_hflip"), Good(90, 160)),
    "mirrored": ("a.mp4", copied("-display_hflip"), Good()),
    "a turn of 45 degrees": ("a.mp4", copied("-display_rotation", "45"), Good()),
    "PQ": ("a.mp4", video(nasty.PICTURE, *nasty.hdr("smpte2084")), Good()),
    "HLG": ("a.mp4", video(nasty.PICTURE, *nasty.hdr("arib-std-b67")), Good()),
    "5.1": ("a.mp4", video(tone="sine=d=2,aformat=channel_layouts=5.1"), Good()),
    "7.1": (
        "a.mkv",
        video(nasty.PICTURE, "-c:a", "flac", tone="sine=d=2,aformat=channel_layouts=7.1"),
        Good(),
    ),
    "16 channels": (
        "a.mkv",
        video(nasty.PICTURE, "-c:a", "pcm_s16le", tone="sine=d=2,aformat=channel_layouts=hexadecagonal"),
        Good(),
    ),
    "sound at 384 kHz": (
        "a.wav",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "sine=r=384000:d=2"),
        Good(0, 0),
    ),
    "sound at 1 kHz": (
        "a.wav",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "sine=f=100:r=1000:d=2"),
        Good(0, 0),
    ),
    "1x1": ("a.mkv", video("color=red:s=1x1:r=24:d=2", "-c:v", "ffv1", "-pix_fmt", "yuv444p"), Good(2, 2)),
    "3x5": ("a.mkv", lossless("3x5"), Good(2, 4)),
    "101x57": ("a.mkv", lossless("101x57"), Good(100, 56)),
    "103x59": ("a.mkv", lossless("103x59"), Good(102, 58)),
    "16x4096": ("a.mkv", lossless("16x4096"), Good(16, 4096)),
    "4096x16": ("a.mkv", lossless("4096x16"), Good(4096, 16)),
    "anamorphic": ("a.mp4", video(nasty.PICTURE + ",setsar=4/3"), Good(212, 90)),
    "pixels of 1000:1": ("a.mkv", video(nasty.PICTURE + ",setsar=1000/1"), Good()),
    "interlaced": (
        "a.mp4",
        video("testsrc2=s=160x96:r=48:d=2,interlace", "-flags", "+ilme+ildct"),
        Good(height=96),
    ),
    "with alpha": ("a.mov", video("testsrc2=s=160x90:d=2:alpha=128", "-c:v", "qtrle"), Good()),
    "10 bit 4:2:2": ("a.mov", video(nasty.PICTURE, "-c:v", "prores_ks"), Good()),
    "4:4:4": ("a.mp4", video(nasty.PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv444p10le"), Good()),
    "grey": ("a.mkv", video(nasty.PICTURE, "-c:v", "ffv1", "-pix_fmt", "gray"), Good()),
    "mjpeg in avi": ("a.avi", video(nasty.PICTURE, "-c:v", "mjpeg", "-pix_fmt", "yuvj422p"), Good()),
    "a cover of 4000x4000": ("a.mp3", lambda path: covered(path), Good(0, 0)),
    "times below zero": (
        "a.mkv",
        copied("-itsoffset", "-0.5", after=("-avoid_negative_ts", "disabled")),
        Good(),
    ),
    "a start at 100 s": ("a.mkv", copied("-itsoffset", "100"), Good()),
    "sound that starts 0.5 s later": ("a.mp4", lambda path: delayed(path), Good()),
    "an edit list that leaves the first second out": (
        "a.mp4",
        copied("-ss", "0.9", after=("-t", "1.1")),
        Good(),
    ),
    "a picture shorter than the sound": ("a.mp4", video("testsrc2=s=160x90:r=24:d=0.4"), Good()),
    "sound shorter than the picture": ("a.mp4", video(tone="sine=d=0.3"), Good()),
    "200 chapters": ("a.mkv", lambda path: chaptered(path), Good()),
    "a title with lines of its own": (
        "a.mp4",
        copied(after=("-metadata", "title=x\u2028  Stream #0:0: Video: h264, yuv420p, 64000x64000, 25 fps")),
        Good(),
    ),
    "two pictures": ("a.mkv", lambda path: doubled(path), Good()),
    "a size that changes midway": ("a.mkv", lambda path: resized(path), Good()),
    "an animated gif": (
        "a.gif",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=2"),
        Good(sound=False),
    ),
    "an animated gif of one frame": ("a.gif", written(gif(160, 90, 1)), Good(sound=False)),
    "an animated png": (
        "a.png",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=2", "-f", "apng"),
        Good(sound=False),
    ),
    "an animated webp": (
        "a.webp",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=2", "-c:v", "libwebp_anim"),
        Good(sound=False),
    ),
    "a 16-bit png": (
        "a.png",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "testsrc2=s=160x90:r=1:d=1", "-pix_fmt", "rgb48be"),
        Good(sound=False),
    ),
    "a 16-bit grey png": (
        "a.png",
        lambda path: ffmpeg(path, "-f", "lavfi", "-i", "testsrc2=s=160x90:r=1:d=1", "-pix_fmt", "gray16be"),
        Good(sound=False),
    ),
    "a png of 1 bit": (
        "a.png",
        lambda path: Image.linear_gradient("L").resize((160, 90)).convert("1").save(path),
        Good(sound=False),
    ),
    "a png with a palette and transparency": ("a.png", lambda path: keyed(path), Good(sound=False)),
    "a jpeg of inks": ("a.jpg", written(lambda: jpeg(160, 90, "CMYK")), Good(sound=False)),
    "a grey jpeg": ("a.jpg", written(lambda: jpeg(160, 90, "L")), Good(sound=False)),
    "a progressive jpeg": ("a.jpg", written(lambda: jpeg(160, 90, progressive=True)), Good(sound=False)),
    "a photo of one pixel": (
        "a.png",
        lambda path: Image.new("RGB", (1, 1), "red").save(path),
        Good(2, 2, sound=False),
    ),
    "a photo of 20,000 x 10": (
        "a.png",
        lambda path: Image.new("RGB", (20_000, 10), "red").save(path),
        Good(1920, 2, sound=False),
    ),
}


@pytest.mark.parametrize(
    "what", [pytest.param(one, marks=[pytest.mark.heavy] if one in SELDOM else []) for one in TAKEN]
)
def test_it_is_edited_and_plays(what: str, client: Client, bench: Bench, tmp_path: Path) -> None:
    name, make, wanted = TAKEN[what]
    make(tmp_path / name)
    session = client.session()
    answer = client.upload(session, tmp_path / name)
    assert answer["code"] == 0, answer
    said = client.say(session, ASK if min(wanted.width, wanted.height) > 15 else "trim to 1 s")
    assert any(one["type"] == "tool_call" for one in said), said
    render = f"{session}-1"
    client.render(session, render)
    end = client.finished(render)
    assert end["status"] == "completed", end
    result = tmp_path / "result.mp4"
    result.write_bytes(client.http.get(end["outputUrl"]).content)
    found: Probe = bench.probe(result)
    assert (found.width, found.height, found.has_audio) == (wanted.width, wanted.height, wanted.sound)
    assert found.duration_s == pytest.approx(wanted.length, abs=0.1)
    if wanted.sound:
        assert level(bench.sound(result)) > -50
