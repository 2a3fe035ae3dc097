"""What every operation does to a render, seen and heard by the real ffmpeg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from daemon.nemo.wire import JsonObject
from daemon.studio.library import Library
from daemon.studio.reading import reads
from daemon.studio.scene import read_scene
from tests.studio.bench import H264, TONE, Bench, calm, cut, draft_of, level, sound_draft

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (235, 235, 235)


def quarters(bench: Bench) -> Path:
    """Red, green / blue, white: every turn of it looks different."""
    boxes = (
        "drawbox=0:0:80:45:0xdc1e1e:fill,drawbox=80:0:80:45:0x1ec81e:fill,drawbox=0:45:80:45:0x1e1edc:fill"
    )
    picture = ["-f", "lavfi", "-i", "color=0xebebeb:s=160x90:r=24:d=1", "-vf", boxes]
    return bench.make("quarters.mp4", *picture, *H264)


def plain(bench: Bench, name: str, colour: str, tone: int) -> Path:
    picture = ["-f", "lavfi", "-i", f"color={colour}:s=160x90:r=24:d=2"]
    return bench.make(name, *picture, "-f", "lavfi", "-i", f"sine={tone}:d=2", *H264)


def corners(seen: NDArray[np.int64]) -> list[str]:
    """The colours of the four quarters' middles, row by row."""
    high, wide = seen.shape[0], seen.shape[1]
    found = []
    for y, x in ((1, 1), (1, 3), (3, 1), (3, 3)):
        colour = seen[high * y // 4, wide * x // 4]
        known = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
        found.append(min(known, key=lambda name: int(np.abs(colour - np.array(known[name])).sum())))
    return found


def pitch(sound: NDArray[np.float64]) -> float:
    """The loudest frequency, in hertz."""
    return float(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * 48000 / len(sound))


@pytest.mark.parametrize(
    ("geometry", "size", "expected"),
    [
        ([{"turn": 90}], (90, 160), ["blue", "red", "white", "green"]),
        ([{"turn": 180}], (160, 90), ["white", "blue", "green", "red"]),
        ([{"turn": 270}], (90, 160), ["green", "white", "red", "blue"]),
        ([{"flip": "horizontal"}], (160, 90), ["green", "red", "white", "blue"]),
        ([{"flip": "vertical"}], (160, 90), ["blue", "white", "red", "green"]),
        ([{"crop": [0.5, 0.0, 0.0, 0.0]}], (80, 90), ["green", "green", "white", "white"]),
        ([{"crop": [0.0, 0.0, 0.0, 0.5]}, {"turn": 90}], (44, 160), ["red", "red", "green", "green"]),
        ([{"turn": 90}, {"crop": [0.0, 0.0, 0.0, 0.5]}], (90, 80), ["blue", "red", "blue", "red"]),
    ],
)
def test_a_picture_is_turned_mirrored_and_cropped_in_the_order_of_its_steps(
    bench: Bench, geometry: list[JsonObject], size: tuple[int, int], expected: list[str]
) -> None:
    result = bench.render(draft_of(cut(quarters(bench), 500, geometry=geometry), size=size))
    found = bench.probe(result)
    assert (found.width, found.height) == size
    assert corners(bench.frame(result, 0.2)) == expected


def test_a_photo_is_turned_as_a_clip_is(bench: Bench) -> None:
    photo = bench.make("quarters.png", "-i", str(quarters(bench)), "-frames:v", "1")
    segment = cut(photo, 500, kind="image", geometry=[{"turn": 90}], silent=True)
    result = bench.render(draft_of(segment, size=(90, 160)))
    assert corners(bench.frame(result, 0.2)) == ["blue", "red", "white", "green"]


def test_the_whole_comes_out_of_black_and_silence_and_goes_back_into_them(bench: Bench) -> None:
    draft = draft_of(cut(plain(bench, "red.mp4", "red", 440), 2000))
    draft["m"]["fade"] = {"in": 500, "out": 500}
    result = bench.render(draft)
    assert bench.probe(result).duration_s == pytest.approx(2, abs=0.1)
    reds = [int(bench.frame(result, at)[40, 80, 0]) for at in (0.0, 0.25, 1.0, 1.75, 1.95)]
    assert reds[0] < 30 and reds[4] < 60
    assert reds[0] < reds[1] < reds[2] > reds[3] > reds[4]
    sound = bench.sound(result)
    assert level(sound[:2400]) < level(sound[40000:56000]) - 15
    assert level(sound[-4000:-1000]) < level(sound[40000:56000]) - 15


def test_clips_melt_into_one_another_in_picture_and_sound(bench: Bench) -> None:
    red, blue = plain(bench, "red.mp4", "red", 440), plain(bench, "blue.mp4", "blue", 1760)
    draft = draft_of(cut(red, 1500), cut(blue, 1500, crossfade=500), cut(red, 1000))
    draft["d"] = 3500
    result = bench.render(draft)
    assert bench.probe(result).duration_s == pytest.approx(3.5, abs=0.1)
    seen = [bench.frame(result, at)[40, 80] for at in (0.8, 1.25, 2.0, 3.0)]
    assert seen[0][0] > 180 > 60 > seen[0][2] and seen[3][0] > 180 > 60 > seen[3][2]
    assert 70 < seen[1][0] < 180 and 70 < seen[1][2] < 190
    assert seen[2][2] > 180 > 60 > seen[2][0]
    sound = bench.sound(result)
    assert pitch(sound[14400:43200]) == pytest.approx(440, abs=5)
    assert pitch(sound[86400:115200]) == pytest.approx(1760, abs=5)
    assert level(sound[57600:62400]) > level(sound[14400:43200]) - 4


def test_a_hundred_cuts_leave_picture_and_sound_together_to_the_frame(bench: Bench) -> None:
    counted = "nullsrc=s=160x90:r=24:d=20,geq=lum='16+mod(N,12)*18':cb=128:cr=128"
    swept = "aevalsrc='0.3*sin(2*PI*(300+150*mod(floor(t*2),6))*t)':d=20:s=48000"
    clip = bench.make("long.mp4", "-f", "lavfi", "-i", counted, "-f", "lavfi", "-i", swept, *H264)
    pieces = [cut(clip, 117, **{"from": round(at * 190)}) for at in range(100)]
    draft = draft_of(*pieces)
    result = bench.render(draft)
    assert bench.probe(result).duration_s == pytest.approx(11.7, abs=0.1)
    for at in (3, 50, 97):
        middle = at * 0.117 + 0.0585
        seen = bench.frame(result, middle)[40, 80, 0]
        near = [int(bench.frame(clip, at * 0.19 + 0.0585 + shift / 24)[40, 80, 0]) for shift in (-1, 0, 1)]
        assert min(abs(int(seen) - one) for one in near) < 8
        heard = pitch(bench.sound(result)[round((middle - 0.045) * 48000) : round((middle + 0.045) * 48000)])
        assert heard == pytest.approx(300 + 150 * (int((at * 0.19 + 0.0585) * 2) % 6), abs=30)


def test_many_pieces_of_one_file_are_read_by_one_decoder() -> None:
    pieces = [cut(Path("a.mp4"), 500, **{"from": at * 700}) for at in range(250)]
    found = reads(read_scene(draft_of(*pieces)).clips)
    assert [read.count for read in found] == [100, 100, 50]
    apart = draft_of(
        cut(Path("a.mp4"), 500), cut(Path("a.mp4"), 500, **{"from": 60_000}), cut(Path("a.mp4"), 500)
    )
    assert [read.count for read in reads(read_scene(apart).clips)] == [1, 1, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 90_000), st.integers(100, 9000)), min_size=1))
def test_every_piece_lies_within_what_is_read_for_it(pieces: list[tuple[str, int, int]]) -> None:
    clips = read_scene(draft_of(*(cut(Path(name), d, **{"from": at}) for name, at, d in pieces))).clips
    covered = []
    for read in reads(clips):
        for clip in clips[read.first : read.first + read.count]:
            assert read.start_s <= clip.from_s + 1e-9
            assert clip.from_s + clip.d_s * clip.speed <= read.start_s + read.d_s + 1e-9
            covered.append(clip)
    assert covered == list(clips)


def test_a_watermark_lies_over_the_whole_in_its_corner_and_shines_through(bench: Bench) -> None:
    logo = bench.folder / "logo.png"
    Image.new("RGBA", (400, 200), (255, 255, 255, 255)).save(logo)
    draft = draft_of(cut(plain(bench, "blue.mp4", "blue", 1760), 1000))
    meta = {"kind": "watermark", "asset": "logo.png", "corner": "top-right", "opacity": 0.5, "width": 0.25}
    draft["t"].append({"tt": 0, "sg": [{"d": 1000, "m": meta}]})
    result = bench.render(draft)
    for at in (0.0, 0.9):
        seen = bench.frame(result, at)
        assert 90 < seen[10, 140, 0] < 170
        assert seen[10, 20, 0] < 40 and seen[80, 140, 0] < 40


def test_music_of_the_users_own_is_looped_under_the_whole_and_faded_out(bench: Bench) -> None:
    folder = bench.folder / "music"
    folder.mkdir(exist_ok=True)
    bench.make("music/calm tune.wav", "-f", "lavfi", "-i", "sine=880:d=1.5")
    silent = bench.make("silent.mp4", "-f", "lavfi", "-i", "color=red:s=160x90:r=24:d=6", *H264)
    bed = calm(own="calm tune.wav")
    result = bench.render(
        draft_of(cut(silent, 6000, silent=True), bed=bed), library=Library(music_folder=folder)
    )
    sound = bench.sound(result)
    assert pitch(sound[48000 * 2 : 48000 * 4]) == pytest.approx(880, abs=5)
    assert level(sound[-12000:-2400]) < level(sound[48000 * 2 : 48000 * 4]) - 15
    assert bench.loudness(result)[0] == pytest.approx(-14, abs=0.7)


def test_a_muted_clip_has_music_alone_and_a_quieter_one_is_quieter_by_what_was_said(bench: Bench) -> None:
    clip = bench.clip()
    muted = bench.render(draft_of(cut(clip, 2000, mute=True), bed=calm()))
    assert pitch(bench.sound(muted)) != pytest.approx(440, abs=5)
    assert not bench.probe(bench.render(draft_of(cut(clip, 2000, mute=True)))).has_audio
    as_it_is = bench.loudness(bench.render(sound_draft(clip, 2000), "wav"))[0]
    for gain in (-9.0, 6.0):
        changed = bench.render(sound_draft(clip, 2000, gain=gain), "wav")
        assert bench.loudness(changed)[0] == pytest.approx(as_it_is + gain, abs=0.3)


def test_sound_that_is_raised_far_is_held_below_full_scale(bench: Bench) -> None:
    loud = bench.make("loud.wav", *TONE[:3], "sine=440:d=2,volume=12dB")
    assert bench.loudness(bench.render(sound_draft(loud, 2000, gain=20.0), "wav"))[1] <= -1


def test_a_thumbnail_is_a_jpeg_of_its_moment_with_the_title_on_it(bench: Bench) -> None:
    text = {"d": 100, "m": {"text": "Hi", "start": 0, "position": "top"}}
    draft = draft_of(cut(plain(bench, "red.mp4", "red", 440), 100, **{"from": 900}), text=text, bed=calm())
    draft["m"]["thumbnail"] = True
    result = bench.render(draft, "mp4")
    with Image.open(result) as opened:
        assert (opened.format, opened.size) == ("JPEG", (160, 90))
        seen = np.asarray(opened.convert("RGB")).astype(int)
    assert abs(seen[80, 80] - np.array([254, 0, 0])).max() < 12
    assert (seen[:45, :, 1] > 100).sum() > 10


def before_a_screen(bench: Bench) -> Path:
    """A red figure in the middle of a green screen, down to the lower edge."""
    box = "drawbox=60:40:40:50:0xc02020:fill"
    picture = ["-f", "lavfi", "-i", "color=0x14b446:s=160x90:r=24:d=2", "-vf", box]
    return bench.make("screen.mp4", *picture, *H264)


def test_a_figure_stands_on_the_lower_edge_of_a_taller_frame(bench: Bench) -> None:
    background = {"kind": "colour", "what": "#2040c0", "screen": "#14b446"}
    segment = cut(before_a_screen(bench), 1000, background=background, fit="blur", silent=True)
    seen = bench.frame(bench.render(draft_of(segment, size=(160, 284))), 0.5)
    assert abs(seen[275, 80] - np.array([192, 32, 32])).max() < 40
    for y, x in ((20, 80), (150, 80), (275, 10)):
        assert abs(seen[y, x] - np.array([32, 64, 192])).max() < 20


def test_a_transparent_result_fades_into_nothing_and_not_into_black(bench: Bench) -> None:
    background = {"kind": "transparent", "screen": "#14b446"}
    draft = draft_of(cut(before_a_screen(bench), 2000, background=background, silent=True))
    draft["m"]["fade"] = {"out": 1000}
    result = bench.render(draft)
    assert result.suffix == ".webm"
    alphas = []
    for at in (0.5, 1.5, 1.9):
        picture = bench.folder / "faded.png"
        read = ["-c:v", "libvpx-vp9", "-ss", f"{at}", "-i", str(result), "-frames:v", "1", "-pix_fmt", "rgba"]
        bench.ffmpeg.run([*read, "-y", str(picture)])
        with Image.open(picture) as opened:
            alphas.append(int(np.asarray(opened.convert("RGBA"))[70, 80, 3]))
    assert alphas[0] > 245 and 90 < alphas[1] < 170 and alphas[2] < 60


@pytest.mark.parametrize(("position", "down"), [("top", True), ("center", True), ("bottom", False)])
def test_texts_at_one_place_and_time_are_stacked(bench: Bench, position: str, down: bool) -> None:
    def seen(*texts: tuple[str, int, int]) -> NDArray[np.bool_]:
        """The rows of the frame in which there are letters, in a blue picture."""
        draft = draft_of(cut(plain(bench, "blue.mp4", "blue", 440), 1000), size=(320, 180))
        rows = [
            {"d": d, "m": {"title": words, "text": words, "start": start, "position": position}}
            for words, start, d in texts
        ]
        draft["t"].append({"tt": 7, "sg": rows})
        return np.asarray((bench.frame(bench.render(draft), 0.3)[:, :, 1] > 120).any(axis=1))

    first, both = seen(("HHH", 0, 1000)), seen(("HHH", 0, 1000), ("HHHHH", 100, 800))
    apart = seen(("HHH", 0, 1000), ("HHHHH", 500, 500))
    assert (apart == first).all()
    other = both & ~first
    assert (both & first).sum() >= first.sum() - 1
    assert other.sum() >= first.sum() - 1
    low, high = np.flatnonzero(first), np.flatnonzero(other)
    assert high.min() > low.max() if down else high.max() < low.min()
