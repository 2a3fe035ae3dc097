"""Drafts rendered by the real ffmpeg: lengths, streams, levels, pictures."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.errors import MediaError, RenderError
from daemon.media.ffmpeg import source
from daemon.nemo.wire import JsonObject
from tests.studio.bench import GREY, H264, PICTURE, TONE, Bench, calm, cut, draft_of, level, sound_draft


def test_music_leaves_every_packet_of_the_video_as_it_was(bench: Bench) -> None:
    clip = bench.demo()
    result = bench.render(draft_of(cut(clip, 4000), size=(640, 360), bed=calm()))
    assert bench.packets(result) == bench.packets(clip)
    assert bench.probe(result).duration_s == pytest.approx(4.0, abs=0.1)
    assert bench.probe(result).audio_codec == "aac"


def test_music_under_a_clip_reaches_minus_14_lufs_below_minus_1_dbtp(bench: Bench) -> None:
    lufs, peak = bench.loudness(bench.render(draft_of(cut(bench.demo(), 4000), size=(640, 360), bed=calm())))
    assert lufs == pytest.approx(-14, abs=0.7)
    assert peak <= -1


def test_music_ducks_under_speech_and_stands_18_lu_below_it(bench: Bench) -> None:
    clip = bench.bursts()
    heard = {}
    for duck in (True, False):
        draft = sound_draft(clip, 6000)
        draft["t"].append({"tt": 1, "sg": [{"d": 6000, **calm(duck=duck)}]})
        sound = bench.sound(bench.render(draft, "wav"))
        spectrum = np.fft.rfft(sound)
        pitch = np.fft.rfftfreq(len(sound), 1 / 48000)
        music = np.fft.irfft(np.where(pitch < 2000, spectrum, 0), len(sound))
        spoken = np.concatenate([music[48000 * s + 19200 : 48000 * s + 43200] for s in (2, 4)])
        paused = np.concatenate([music[48000 * s + 33600 : 48000 * s + 46000] for s in (1, 3)])
        heard[duck] = level(spoken) - level(paused)
        speech = np.fft.irfft(np.where(pitch < 2000, 0, spectrum), len(sound))
        if duck:
            assert 12 < level(speech[48000 * 2 + 19200 : 48000 * 2 + 43200]) - level(spoken) < 30
    assert 6 <= heard[False] - heard[True] <= 10


def test_a_clip_without_sound_gets_music_alone(bench: Bench) -> None:
    silent = bench.make("silent.mp4", *PICTURE, *H264)
    result = bench.render(draft_of(cut(silent, 2000, silent=True), bed=calm()))
    assert bench.probe(result).has_audio
    assert bench.loudness(result)[0] == pytest.approx(-14, abs=0.7)


def test_normalising_reaches_the_asked_loudness_and_copies_the_video(bench: Bench) -> None:
    clip = bench.clip()
    result = bench.render(draft_of(cut(clip, 2000, loudness=-16)))
    assert bench.loudness(result)[0] == pytest.approx(-16, abs=0.7)
    assert bench.packets(result) == bench.packets(clip)


def test_peaks_are_held_when_quiet_sound_is_raised(bench: Bench) -> None:
    knocks = "sine=200:d=3,volume='if(lt(mod(t,0.5),0.02),0.9,0.02)':eval=frame"
    knocking = bench.make("knocks.wav", "-f", "lavfi", "-i", knocks)
    lufs, peak = bench.loudness(bench.render(sound_draft(knocking, 3000, loudness=-14)))
    assert peak <= -1
    assert lufs > -20


def test_silence_is_not_amplified(bench: Bench) -> None:
    hiss = bench.make("hiss.wav", "-f", "lavfi", "-i", "anoisesrc=d=2:a=0.0002")
    assert bench.loudness(bench.render(sound_draft(hiss, 2000, loudness=-14), "wav"))[1] < -60


def test_segments_play_one_after_another_exactly(bench: Bench) -> None:
    clip = bench.clip()
    draft = draft_of(cut(clip, 700, **{"from": 1300}), cut(clip, 500, **{"from": 250}))
    result = bench.render(draft)
    assert bench.probe(result).duration_s == pytest.approx(1.2, abs=0.1)
    for at, of in ((0.3, 1.6), (0.9, 0.45)):
        assert np.abs(bench.frame(result, at) - bench.frame(clip, of)).mean() < 12


def test_double_speed_halves_the_length_of_picture_and_sound(bench: Bench) -> None:
    result = bench.render(draft_of(cut(bench.clip(), 1000, speed=2.0)))
    assert bench.probe(result).duration_s == pytest.approx(1.0, abs=0.1)
    sound = bench.sound(result)[4800:43200]
    loudest = np.abs(np.fft.rfft(sound)).argmax() * 48000 / len(sound)
    assert loudest == pytest.approx(440, abs=5)


def test_a_title_is_seen_while_it_lasts_and_only_then(bench: Bench) -> None:
    grey = bench.make("grey.mp4", *GREY, *H264)
    text = {"d": 1000, "m": {"text": "标题 Hi", "start": 500, "position": "top"}}
    result = bench.render(draft_of(cut(grey, 2000), text=text))
    seen = bench.frame(result, 1.0)
    assert (seen[:45].min(axis=2) > 190).sum() > 20
    assert (seen[45:].min(axis=2) > 190).sum() == 0
    for at in (0.2, 1.8):
        assert (bench.frame(result, at).min(axis=2) > 190).sum() == 0


def test_blur_fills_the_whole_frame_with_the_picture(bench: Bench) -> None:
    grey = bench.make("grey.mp4", *GREY, *H264)
    result = bench.render(draft_of(cut(grey, 500, fit="blur"), size=(90, 160)))
    seen = bench.frame(result, 0.2)
    assert seen.shape == (160, 90, 3)
    assert seen.min() > 80
    plain = bench.frame(bench.render(draft_of(cut(grey, 500), size=(90, 160))), 0.2)
    assert plain[:20].max() < 30


def test_nothing_is_made_larger_than_it_was(bench: Bench) -> None:
    result = bench.probe(bench.render(draft_of(cut(bench.clip(), 500, fit="blur"), size=(1080, 1920))))
    assert (result.width, result.height) == (160, 284)


def test_a_photo_is_shown_turned_for_its_time_in_its_own_colours(bench: Bench) -> None:
    photo = Image.new("RGB", (120, 80), (200, 30, 30))
    photo.paste((20, 20, 200), (0, 0, 60, 80))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(bench.folder / "photo.jpg", exif=exif, quality=95, subsampling=0)
    result = bench.render(draft_of(cut(Path("photo.jpg"), 600, kind="image"), size=(80, 120), fps=25))
    assert bench.probe(result).duration_s == pytest.approx(0.6, abs=0.1)
    seen = bench.frame(result, 0.3)
    assert np.abs(seen[30, 40] - [20, 20, 200]).max() < 20
    assert np.abs(seen[90, 40] - [200, 30, 30]).max() < 20
    assert bench.probe(result).pixel_format == "yuv420p"


def test_colours_survive_from_full_range_and_untagged_sources(bench: Bench) -> None:
    red = ["-f", "lavfi", "-i", "color=0xc02040:s=160x90:r=24:d=1"]
    full = bench.make(
        "full.mp4", *red, "-vf", "scale=out_range=pc:out_color_matrix=bt709,format=yuvj420p,"
        "setparams=range=pc:colorspace=bt709", "-c:v", "libx264",
    )  # fmt: skip
    plain = bench.make("plain.mp4", *red, *H264)
    for path in (full, plain):
        seen = bench.frame(bench.render(draft_of(cut(path, 500), cut(path, 300))), 0.2)
        assert np.abs(seen[45, 80] - [0xC0, 0x20, 0x40]).max() < 12


def test_odd_and_turned_and_variable_sources_come_out_even_and_upright(bench: Bench) -> None:
    odd = bench.make(
        "odd.mkv", *PICTURE, *TONE, "-vf", "scale=161:91,setpts='(N+3*floor(N/7))/24/TB'", "-fps_mode", "vfr",
        "-c:v", "libx264", "-pix_fmt", "yuv444p", "-shortest",
    )  # fmt: skip
    result = bench.probe(bench.render(draft_of(cut(odd, 1500), size=(161, 91))))
    assert (result.width, result.height, result.pixel_format) == (160, 90, "yuv420p")
    clip = bench.clip()
    turned = bench.make("turned.mp4", "-display_rotation", "90", "-i", source(clip), "-c", "copy")
    plain = draft_of(cut(turned, 2000), size=(90, 160))
    titled = draft_of(cut(turned, 2000), size=(90, 160), text={"d": 500, "m": {"text": "Hi"}})
    for draft in (plain, titled):
        result = bench.probe(bench.render(draft))
        assert (result.width, result.height) == (90, 160)


def test_surround_sound_is_mixed_to_stereo(bench: Bench) -> None:
    centre = "[1:a]pan=5.1|FC=c0|FL=0*c0|FR=0*c0|LFE=0*c0|BL=0*c0|BR=0*c0[a]"
    surround = bench.make(
        "surround.mp4", *PICTURE, *TONE, "-filter_complex", centre, "-map", "0:v", "-map", "[a]", *H264
    )
    result = bench.render(draft_of(cut(surround, 2000, loudness=-14)))
    assert bench.probe(result).audio_channels == 2
    assert bench.loudness(result)[0] == pytest.approx(-14, abs=0.7)


def test_pictures_with_and_without_sound_stay_in_step(bench: Bench) -> None:
    silent = bench.make("silent.mp4", *PICTURE, *H264)
    result = bench.render(draft_of(cut(silent, 1000), cut(bench.clip(), 1000)))
    sound = bench.sound(result)
    assert level(sound[4800:40000]) < -80
    assert level(sound[52800:90000]) > -40
    assert bench.probe(result).duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("form", "video", "audio"),
    [
        ("auto", "h264", "aac"),
        ("mov", "h264", "aac"),
        ("mkv", "h264", "aac"),
        ("webm", "vp9", "opus"),
        ("m4a", "", "aac"),
        ("mp3", "", "mp3"),
        ("wav", "", "pcm_s16le"),
    ],
)
def test_each_form_is_what_it_says(bench: Bench, form: str, video: str, audio: str) -> None:
    result = bench.render(draft_of(cut(bench.clip(), 1000)), form)
    found = bench.probe(result)
    assert (found.video_codec, found.audio_codec) == (video, audio)
    assert found.duration_s == pytest.approx(1.0, abs=0.1)
    assert result.suffix == {"auto": ".mp4"}.get(form, f".{form}")


def test_sound_alone_becomes_m4a(bench: Bench) -> None:
    result = bench.render(sound_draft(bench.bursts(), 3000, **{"from": 1000}))
    assert result.suffix == ".m4a"
    assert bench.probe(result).duration_s == pytest.approx(3.0, abs=0.1)


def test_an_mp4_can_be_played_while_it_loads(bench: Bench) -> None:
    content = bench.render(draft_of(cut(bench.clip(), 500))).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_progress_never_goes_back_and_ends_at_one(bench: Bench) -> None:
    shares: list[float] = []
    bench.render(draft_of(cut(bench.demo(), 3000), size=(640, 360), bed=calm()), progress=shares.append)
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert len(shares) > 2


def test_a_cancelled_render_leaves_nothing_behind(bench: Bench) -> None:
    cancelled = threading.Event()
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        cancelled.set()

    draft = draft_of(
        cut(bench.demo(), 4000, loudness=-14), size=(640, 360), text={"d": 4000, "m": {"text": "Hi"}}
    )
    with pytest.raises(RenderError, match="cancelled"):
        bench.render(draft, progress=stop, cancelled=cancelled)
    assert shares
    assert shares[-1] < 1
    left = [path.name for path in bench.folder.iterdir() if path.name.endswith(".part")]
    assert left == []


@pytest.mark.parametrize(
    "draft", [{}, {"t": []}, {"t": [{"tt": 0, "sg": [{"d": 0}]}]}, {"t": 5}, {"t": [{"tt": 7}]}]
)
def test_a_draft_without_a_clip_is_refused(bench: Bench, draft: JsonObject) -> None:
    with pytest.raises(RenderError, match="no clip"):
        bench.render(draft)


def test_what_cannot_be_rendered_is_refused_by_name(bench: Bench) -> None:
    (bench.folder / "noise.mp4").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(MediaError, match=r"noise\.mp4"):
        bench.render(draft_of(cut(Path("noise.mp4"), 1000)))
    with pytest.raises(RenderError, match=r"gone\.mp4 is gone"):
        bench.render(draft_of(cut(Path("gone.mp4"), 1000)))
    with pytest.raises(RenderError, match="no picture"):
        bench.render(draft_of(cut(bench.bursts(), 1000)))
    with pytest.raises(RenderError, match="no format gif"):
        bench.render(draft_of(cut(bench.clip(), 1000)), "gif")
    with pytest.raises(RenderError, match="no sound"):
        bench.render(draft_of(cut(bench.make("silent.mp4", *PICTURE, *H264), 1000)), "mp3")


def test_keys_that_are_not_known_change_nothing(bench: Bench) -> None:
    draft = draft_of(cut(bench.clip(), 500, sparkle=9))
    draft["zz"] = {"t": 1}
    draft["t"].append({"tt": 42, "sg": [{"d": 9}]})
    assert bench.probe(bench.render(draft)).duration_s == pytest.approx(0.5, abs=0.1)
