"""Reading files with `ffmpeg -i`: what real files say, and files that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.errors import MediaError
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.media.probe import parse, probe

PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=24:d=1"]
TONE = ["-f", "lavfi", "-i", "sine=440:d=1"]


@pytest.fixture(scope="module")
def ffmpeg() -> Ffmpeg:
    return Ffmpeg(find_ffmpeg())


@pytest.fixture(scope="module")
def clip(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(ffmpeg, tmp_path_factory.mktemp("media") / "clip.mp4", *PICTURE, *TONE, "-pix_fmt", "yuv420p")


def make(ffmpeg: Ffmpeg, target: Path, *args: str) -> Path:
    ffmpeg.run([*args, "-y", source(target)])
    return target


def test_a_clip_is_read_whole(ffmpeg: Ffmpeg, clip: Path) -> None:
    found = probe(clip, ffmpeg)
    assert (found.width, found.height, found.fps) == (160, 90, 24.0)
    assert (found.video_codec, found.pixel_format, found.audio_codec) == ("h264", "yuv420p", "aac")
    assert (found.audio_rate, found.audio_channels) == (44100, 1)
    assert found.duration_s == pytest.approx(1.0, abs=0.05)
    assert found.has_video
    assert found.has_audio
    assert not found.is_image


def test_a_turned_clip_has_the_size_it_is_seen_in(ffmpeg: Ffmpeg, clip: Path, tmp_path: Path) -> None:
    turned = make(ffmpeg, tmp_path / "t.mp4", "-display_rotation", "90", "-i", source(clip), "-c", "copy")
    found = probe(turned, ffmpeg)
    assert (found.width, found.height, found.rotation) == (90, 160, 270)


def test_an_anamorphic_clip_is_as_wide_as_a_player_shows_it(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    wide = make(ffmpeg, tmp_path / "w.mp4", *PICTURE, "-vf", "setsar=4/3", "-pix_fmt", "yuv420p")
    found = probe(wide, ffmpeg)
    assert found.width == pytest.approx(160 * 4 / 3, abs=1)
    assert found.height == 90


def test_odd_sizes_are_read_as_they_are(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    odd = make(ffmpeg, tmp_path / "o.mkv", *PICTURE, "-vf", "scale=161:91", "-pix_fmt", "yuv444p")
    found = probe(odd, ffmpeg)
    assert (found.width, found.height, found.pixel_format) == (161, 91, "yuv444p")


@pytest.mark.parametrize(("layout", "channels"), [("5.1", 6), ("stereo", 2), ("7.1", 8)])
def test_channels_are_counted(ffmpeg: Ffmpeg, tmp_path: Path, layout: str, channels: int) -> None:
    sound = make(
        ffmpeg, tmp_path / "s.wav", "-f", "lavfi", "-i", f"anullsrc=r=48000:cl={layout}", "-t", "0.2"
    )
    assert probe(sound, ffmpeg).audio_channels == channels


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3"])
def test_a_cover_picture_is_no_video(ffmpeg: Ffmpeg, tmp_path: Path, name: str) -> None:
    cover = make(ffmpeg, tmp_path / "cover.jpg", *PICTURE, "-frames:v", "1")
    song = make(
        ffmpeg,
        tmp_path / name,
        *(*TONE, "-i", source(cover), "-map", "0", "-map", "1"),
        *("-c:v", "copy", "-disposition:v", "attached_pic"),
    )
    found = probe(song, ffmpeg)
    assert found.has_audio
    assert not found.has_video
    assert found.width == 0


def test_a_live_writers_file_without_length_is_counted(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    live = make(
        ffmpeg, tmp_path / "l.webm", *PICTURE, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime",
        "-live", "1",
    )  # fmt: skip
    assert "Duration: N/A" in ffmpeg.inspect(live)
    assert probe(live, ffmpeg).duration_s == pytest.approx(1.0, abs=0.1)


def test_raw_aac_has_the_length_of_its_packets(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    raw = make(ffmpeg, tmp_path / "a.aac", *TONE)
    assert probe(raw, ffmpeg).duration_s == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.webp", "p.gif"])
def test_a_still_picture_has_a_size_and_no_length(ffmpeg: Ffmpeg, tmp_path: Path, name: str) -> None:
    Image.new("RGB", (90, 60), "teal").save(tmp_path / name)
    found = probe(tmp_path / name, ffmpeg)
    assert found.is_image
    assert found.duration_s is None
    assert (found.width, found.height) == (90, 60)
    assert not found.has_audio


def test_a_photo_is_turned_as_its_exif_says(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    photo = Image.new("RGB", (90, 60), "teal")
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "p.jpg", exif=exif)
    found = probe(tmp_path / "p.jpg", ffmpeg)
    assert (found.width, found.height, found.rotation) == (60, 90, 90)


def test_a_moving_gif_is_a_video(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    found = probe(make(ffmpeg, tmp_path / "a.gif", *PICTURE), ffmpeg)
    assert not found.is_image
    assert found.duration_s == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "moov|Invalid|end of file"), (b"\x00\x00\x00\x18ftypisom" + b"x" * 5000, "moov|Invalid")],
)
def test_a_file_without_media_is_a_media_error_naming_it(
    ffmpeg: Ffmpeg, tmp_path: Path, content: bytes, cause: str
) -> None:
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=cause) as caught:
        probe(tmp_path / "bad.mp4", ffmpeg)
    assert "bad.mp4" in caught.value.operation


def test_a_missing_file_is_a_media_error(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="No such file"):
        probe(tmp_path / "gone.mp4", ffmpeg)


def test_names_that_look_like_options_or_protocols_are_names(
    ffmpeg: Ffmpeg, clip: Path, tmp_path: Path
) -> None:
    for name in ("-i.mp4", "concat:a|b.mp4", "frame%03d.mp4", "日本 'x'.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
        assert probe(tmp_path / name, ffmpeg).width == 160


@pytest.mark.parametrize(
    ("rates", "fps"),
    [("29.61 fps, 30 tbr", 30.0), ("25 fps, 50 tbr", 25.0), ("11.2 fps, 60 tbr", 30.0), ("90k tbr", 25.0)],
)
def test_the_rate_to_render_at_is_the_real_one(rates: str, fps: float) -> None:
    line = f"  Stream #0:0: Video: h264 (High), yuv420p(tv, bt709, progressive), 640x360, 98 kb/s, {rates}, 90k tbn"
    found = parse(f"Input #0, mov,mp4, from 'x':\n  Duration: 00:01:02.50, start: 0\n{line}\n")
    assert found.fps == fps
    assert found.matrix == "bt709"
    assert found.duration_s == 62.5


@given(st.text(alphabet="Input #0,from Stream:VideoAudio h264 (12x34)\n  Duration NSAR[]fps", max_size=200))
def test_whatever_ffmpeg_prints_nothing_but_a_media_error_is_raised(printed: str) -> None:
    for log in (printed, f"Input #0, x, from 'y':\n  Stream #0:0: Video: h264, {printed}"):
        try:
            parse(log)
        except MediaError as error:
            assert error.cause
