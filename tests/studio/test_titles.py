"""Kinetic titles and captions on real renders: seen in their time and gone outside of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features

from daemon.errors import RenderError
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg, source
from daemon.nemo.wire import JsonObject
from daemon.studio.captions import Caption, Strip, sequence
from daemon.studio.captions import write as write_captions
from daemon.studio.lanes import Part, Shown, shared, timed
from daemon.studio.lettering import legible, letter
from daemon.studio.operations import Promo
from daemon.studio.promo import draft
from daemon.studio.render import render
from daemon.studio.titles import Title, compose

WIDE, HIGH, FPS = 192, 108, 10


class Screening:
    """Renders drafts over a grey clip and gives the frames."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ffmpeg = Ffmpeg(find_ffmpeg())
        grey = f"color=0x606060:s={WIDE}x{HIGH}:r={FPS}:d=8"
        self.ffmpeg.run(["-f", "lavfi", "-i", grey, "-y", source(folder / "grey.mp4")])

    def frames(self, draft: JsonObject) -> NDArray[np.int64]:
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        target = self.folder / "out.mp4"
        ffmpeg = Ffmpeg(find_ffmpeg())
        render(
            draft,
            asset=lambda name: self.folder / name,
            target=target,
            form="mp4",
            quality="high",
            ffmpeg=ffmpeg,
            progress=lambda share: None,
            work=work,
        )
        raw = self.folder / "frames.raw"
        self.ffmpeg.run(["-i", source(target), "-f", "rawvideo", "-pix_fmt", "gray", "-y", source(raw)])
        return (
            np.fromfile(raw, np.uint8).reshape(-1, draft["m"]["height"], draft["m"]["width"]).astype(np.int64)
        )


@pytest.fixture(scope="module")
def screening(tmp_path_factory: pytest.TempPathFactory) -> Screening:
    return Screening(tmp_path_factory.mktemp("titles"))


def over_grey(d: int, *texts: JsonObject) -> JsonObject:
    clip = {"d": d, "m": {"asset": "grey.mp4", "kind": "video", "from": 0, "speed": 1.0}}
    canvas = {"width": WIDE, "height": HIGH, "fps": FPS}
    return {"d": d, "m": canvas, "t": [{"tt": 0, "sg": [clip]}, {"tt": 7, "sg": list(texts)}]}


def text(words: str, start: int, d: int, **more: object) -> JsonObject:
    return {"d": d, "m": {"text": words, "start": start, "position": "center", "style": "kinetic", **more}}


def seen(frames: NDArray[np.int64]) -> list[bool]:
    """Of each frame, whether it shows more than the grey clip."""
    return [bool((np.abs(frame - np.median(frames)) > 60).sum() > 20) for frame in frames]


def test_a_kinetic_title_is_seen_in_its_time_and_gone_outside_of_it(screening: Screening) -> None:
    shown = seen(screening.frames(over_grey(4000, text("Hello", 1000, 2000))))
    assert not any(shown[:10])
    assert all(shown[13:28])
    assert not any(shown[30:])


def test_it_comes_in_step_by_step_and_stands_still(screening: Screening) -> None:
    frames = screening.frames(over_grey(4000, text("Hello there you", 1000, 2900)))
    bright = [(frame > 180).sum() for frame in frames]
    assert bright[10] < bright[13] < bright[19]
    assert np.abs(frames[24] - frames[20]).max() < 30


def test_one_title_after_another_and_the_last_stays_to_the_end(screening: Screening) -> None:
    titles = [text("One", 0, 1500), text("Two", 1500, 1500), text("Three", 3000, 1000, role="closing")]
    frames = screening.frames(over_grey(4000, *titles))
    shown = seen(frames)
    assert all(shown[at] for at in (8, 23, 36, 39))
    ones = [frames[at] > 180 for at in (8, 23, 36)]
    assert all((one != other).sum() > 40 for one, other in itertools.pairwise(ones))


def test_colours_of_the_draft_are_those_of_the_title() -> None:
    title = Title("Save 40% on lamps", "line", "center", "#123456", "#fedcba", ("lamps",))
    parts = compose(title, 640, 360)
    found = {pixel for part in parts for pixel in opaque(part)}
    assert {(0x12, 0x34, 0x56), (0xFE, 0xDC, 0xBA)} <= found


def opaque(part: Part) -> set[tuple[int, ...]]:
    pixels = np.asarray(part.draw())
    return {tuple(int(value) for value in pixel[:3]) for pixel in pixels[pixels[..., 3] == 255]}


def test_a_headline_comes_word_by_word_and_a_line_in_lines() -> None:
    headline = compose(Title("Light that follows you", "headline", "center"), 1920, 1080)
    line = compose(Title("Light that follows you", "line", "center"), 1920, 1080)
    assert sum(part.motion == "rise" for part in headline) == 4
    assert sum(part.motion == "rise" for part in line) < 4
    assert [part.turn for part in headline] == list(range(len(headline)))


def test_an_address_at_the_end_is_set_as_a_button() -> None:
    plain = compose(Title("Order now", "closing", "center"), 960, 540)
    button = compose(Title("Order now at lumen.example/desk", "closing", "center"), 960, 540)
    assert plain[-1].motion == "right"
    assert button[-1].motion == "rise"
    assert button[-1].height > 2 * plain[-1].height


def test_chinese_is_drawn_in_its_own_shapes_and_large() -> None:
    shapes = {
        compose(Title(word, "line", "center"), 640, 360)[-1].draw().tobytes()
        for word in ("春天", "茶山", "味道")
    }
    assert len(shapes) == 3
    one = compose(Title("春天", "headline", "center"), 1920, 1080)[-1]
    assert one.height > 0.15 * 1080


def test_emoji_are_left_out_and_a_title_of_nothing_else_is_none() -> None:
    assert legible("Hi 🎉👨‍👩‍👧 there ❤️ 🇩🇪 1️⃣!") == "Hi there 1!"
    assert compose(Title("🎉✨", "line", "center"), 640, 360) == []
    assert letter("Hi 🎉", "top", 640, 360).image.size == letter("Hi", "top", 640, 360).image.size
    assert legible("می\u200cروم") == "می\u200cروم"


@pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no raqm")
def test_hebrew_runs_from_right_to_left() -> None:
    try:
        whole = compose(Title("אב", "line", "center"), 640, 360)[-1].draw()
        first = compose(Title("א", "line", "center"), 640, 360)[-1].draw()
    except RenderError:
        pytest.skip("no font here has Hebrew")
    letters = np.asarray(whole.getchannel("A")) > 200
    one = np.asarray(first.getchannel("A")) > 200
    columns = np.flatnonzero(letters.any(axis=0))
    width = np.flatnonzero(one.any(axis=0)).size
    right = letters[:, columns[-1] - width + 1 : columns[-1] + 1]
    lone = one[:, np.flatnonzero(one.any(axis=0))]
    assert (right == lone).mean() > 0.95


@settings(max_examples=40)
@given(
    st.lists(
        st.sampled_from(["light", "a", "extraordinarily", "春天", "30%", "now,", "海", "—", "lamp.example"]),
        min_size=1,
        max_size=14,
    ).map(" ".join),
    st.sampled_from(["headline", "line", "closing", "other"]),
    st.sampled_from([(1920, 1080), (1080, 1920), (1080, 1080), (160, 90)]),
    st.sampled_from(["top", "center", "bottom"]),
)
def test_titles_stay_within_the_safe_area(
    words: str, role: str, size: tuple[int, int], position: str
) -> None:
    width, height = size
    for part in compose(Title(words, role, position), width, height):
        box = part.draw().getchannel("A").point(lambda value: 255 * (value > 150)).getbbox()
        assert part.draw().size == (part.width, part.height)
        if box is not None:
            assert part.x + box[0] >= 0.05 * width - 2
            assert part.x + box[2] <= 0.95 * width + 2
            assert part.y + box[1] >= 0.05 * height - 2
            assert part.y + box[3] <= 0.95 * height + 2


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 6)), max_size=30))
def test_titles_in_a_row_need_no_more_lanes_than_one_has_parts(rows: list[tuple[int, int]]) -> None:
    start, shown = 0, list[Shown]()
    for d, count in rows:
        parts = [Part(2, 2, lambda: Image.new("RGBA", (2, 2)), 0, 0, "rise", turn) for turn in range(count)]
        shown += timed(parts, start / 1000, d / 1000, leaves=True)
        start += d
    lanes = shared(shown)
    assert len(lanes) <= max((count for _, count in rows), default=0)
    assert sum(map(len, lanes)) == len(shown)
    for lane in lanes:
        assert all(one.end_s <= two.start_s + 1e-6 for one, two in itertools.pairwise(lane))


def test_a_promo_renders_in_each_shape_and_is_as_long_as_asked_for(screening: Screening) -> None:
    for width, height in ((16, 9), (9, 16)):
        promo = draft(Promo("Big news. 春天来了。 Order at a.example now.", 5000, width, height))
        promo["m"] |= {"width": 12 * width, "height": 12 * height, "fps": FPS}
        for segment in promo["t"][0]["sg"]:
            segment["m"].pop("crossfade", None)
        frames = screening.frames(promo)
        assert abs(len(frames) - 50) <= 1
        assert all(np.abs(frames[at + 5] - frames[at]).max() > 3 for at in (0, 20, 40))


def test_a_title_changed_by_hand_is_rendered_as_it_was_changed(screening: Screening) -> None:
    promo = draft(Promo("Hello there.", 2000))
    promo["m"] |= {"width": WIDE, "height": HIGH, "fps": FPS}
    before = screening.frames(promo)
    promo["t"][1]["sg"][0]["m"] |= {"text": "Bye", "role": "closing", "colour": "no colour", "stressed": 3}
    after = screening.frames(promo)
    assert np.abs(before[15] - after[15]).max() > 60


# --- captions


def caption(words: str, start: int, d: int) -> JsonObject:
    return {"d": d, "m": {"text": words, "start": start, "style": "caption", "position": "bottom"}}


def test_two_hundred_captions_are_one_input_and_each_is_seen_at_its_time(
    screening: Screening, monkeypatch: pytest.MonkeyPatch
) -> None:
    cues = [caption(f"Cue {number}", 40 * number, 20) for number in range(5, 200)]
    graphs: list[list[str]] = []
    run = Ffmpeg.run

    def noted(self: Ffmpeg, args, **options):  # type: ignore[no-untyped-def]
        graphs.append(list(args))
        return run(self, args, **options)

    monkeypatch.setattr(Ffmpeg, "run", noted)
    screening.frames(over_grey(8000, *cues))
    encode = next(args for args in graphs if "-filter_complex" in args)
    assert encode.count("-i") == 2
    assert encode[encode.index("-filter_complex") + 1].count("overlay=") == 1


def test_a_caption_is_seen_from_its_first_frame_to_its_last_at_the_bottom(screening: Screening) -> None:
    frames = screening.frames(
        over_grey(4000, caption("Hello there", 1000, 500), caption("Two 春天", 2000, 1000))
    )
    shown = [bool((frame > 190).sum() > 5) for frame in frames]
    assert shown == [10 <= at < 15 or 20 <= at < 30 for at in range(40)]
    rows = np.flatnonzero((frames[22] > 190).any(axis=1))
    assert rows[0] > HIGH / 2
    assert rows[-1] < 0.95 * HIGH


def test_a_caption_stands_clear_of_a_title_at_the_bottom(screening: Screening) -> None:
    low = text("Low", 1000, 3000, position="bottom")
    alone = screening.frames(over_grey(4000, low))
    both = screening.frames(over_grey(4000, low, caption("Words", 0, 4000)))
    title = np.flatnonzero((alone[25] > 200).any(axis=1))
    early = np.flatnonzero((both[5] > 190).any(axis=1))
    late = np.flatnonzero((np.abs(both[25] - alone[25]) > 90).any(axis=1))
    assert late[-1] < title[0]
    assert early[0] > late[0]


def test_long_captions_are_two_lines_and_then_pages(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(60))
    written = write_captions([Caption(words, 0.0, 10.0)], tmp_path, 1280, 720, 10.0)
    assert written is not None
    strip = written[1]
    assert strip.height < 0.2 * 720
    pages = [path for path in tmp_path.glob("*.png") if path.stem.isdigit()]
    assert len(pages) > 2
    times = [
        float(line.split()[1])
        for line in (tmp_path / "captions.ffconcat").read_text().splitlines()
        if "dur" in line
    ]
    assert sum(times[: len(pages)]) == pytest.approx(10.0)


def test_a_caption_that_cannot_be_moved_stays() -> None:
    strip = Strip(1, 0, 80, 100, 20)
    assert strip.clear_of([(0, 1, 10)], 108) == strip
    assert strip.clear_of([(0, 1, 70)], 108).raised_y == 50


def test_nothing_to_show_is_no_strip(tmp_path: Path) -> None:
    assert write_captions([], tmp_path, 64, 64, 1.0) is None
    assert write_captions([Caption("🎉", 0, 1), Caption("late", 5, 6)], tmp_path, 64, 64, 1.0) is None


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30), st.sampled_from("abcd")), max_size=12))
def test_captions_follow_one_another_and_show_all_that_was_to_be_shown(
    rows: list[tuple[int, int, str]],
) -> None:
    given_captions = [Caption(words, start, start + d) for start, d, words in rows]
    found = sequence(given_captions, 60.0)
    assert all(one.end_s <= two.start_s for one, two in itertools.pairwise(found))
    assert all(len(one.text.split("\n")) <= 2 for one in found)
    for at in range(60):
        wanted = {one.text for one in given_captions if one.start_s <= at < one.end_s}
        shown = {line for one in found if one.start_s <= at < one.end_s for line in one.text.split("\n")}
        assert shown <= wanted
        assert len(shown) >= min(1, len(wanted))
