"""Scripts as people write them, turned into drafts: every word, in order, in time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.nemo.wire import JsonObject
from daemon.studio.moving import PALETTES, STYLES
from daemon.studio.operations import MOODS, Promo
from daemon.studio.promo import MOST_CHARACTERS, SHORTEST_MS, NothingToShow, TooMuch, draft
from daemon.studio.scene import read_scene
from daemon.studio.script import FULLEST, load, pieces, screens
from daemon.studio.voice import FASTEST_WPM, has_voice, speak

SCRIPT = """# Lumen

Scene 1: (A dark office)
Narrator: It's 9 p.m. and your eyes are tired. Most lamps know 2.5 things.

[The lamp is switched on]
- No flicker
- **No glare**

CTA: Order at https://www.lumen.example/desk?utm_source=x.
"""


def texts(script: str) -> list[str]:
    return [screen.text for screen in screens(script)]


def titles(found: JsonObject) -> list[JsonObject]:
    return [segment for track in found["t"] if track["tt"] == 7 for segment in track["sg"]]


def backdrops(found: JsonObject) -> list[JsonObject]:
    return [segment for track in found["t"] if track["tt"] == 0 for segment in track["sg"]]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+|[\u4e00-\u9fff]", text.lower())


def test_a_script_is_shown_without_what_is_said_to_its_makers() -> None:
    assert texts(SCRIPT) == [
        "Lumen",
        "It's 9 p.m. and your eyes are tired",
        "Most lamps know 2.5 things",
        "No flicker",
        "No glare",
        "Order at lumen.example/desk",
    ]
    found = screens(SCRIPT)
    assert [one.role for one in found] == ["headline", "line", "line", "line", "line", "closing"]
    assert found[4].stressed == ("No glare",)
    assert found[1].scene > found[0].scene


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("Mr. Lee met Dr. Wu. They won.", ["Mr. Lee met Dr. Wu", "They won"]),
        ("Just say no. Start now!", ["Just say no", "Start now!"]),
        ("Room No. 5 is free, e.g. today.", ["Room No. 5 is free, e.g. today"]),
        ("Made in the U.S. Bought by all.", ["Made in the U.S. Bought by all"]),
        ("Wait... what? Yes!", ["Wait... what?", "Yes!"]),
        ("Node.js costs $3.50 a day. Really.", ["Node.js costs $3.50 a day", "Really"]),
        ("春天来了。快来！真的？", ["春天来了", "快来！", "真的？"]),
        ("全新 iPhone 保护壳。Only $9.99. 现在购买", ["全新 iPhone 保护壳", "Only $9.99", "现在购买"]),
        ("旁白：你好。\n画面：日出\n（音乐起）\n【字幕】再见。", ["你好", "再见"]),
        ("场景一：清晨\n标题：山间茶事", ["清晨", "山间茶事"]),
        ("0:00-0:05 Hook: Hi there.\n[0:05 - 0:10] VO: Bye.", ["Hi there", "Bye"]),
        ("Scene 2\nINT. OFFICE - DAY\nMUSIC: soft piano\nVisual: a cup\nHello.", ["Hello"]),
        ("1. One\n2) Two\n* Three\n• Four", ["One", "Two", "Three", "Four"]),
        ("A line that an editor has wrapped at a width of\nseventy goes on.", None),
        ("Read *this* and `that` in [our guide](https://a.example/b).", ["Read this and that in our guide"]),
        ("---\n***\nHi\n| --- | --- |\n```", ["Hi"]),
        ("Sizes\n| Size | Price |\n|---|:-:|\n| Big | 9 |\nAll fit.", ["Sizes", "All fit"]),
        ("Size | Price\n--- | ---\nBig | 9\n\nUs | them", ["Us | them"]),
        ("One.\n```python\nprint(1)\n\n# x\n```\nTwo.\n~~~\nx\n~~~\nThree.", ["One", "Two", "Three"]),
        ("> Best lamp.\n>\n> — A customer\n\nBuy now.", ["Best lamp. — A customer", "Buy now"]),
        ('"Great. Super." — A customer', ['"Great', 'Super." — A customer']),
        ("“好茶。”\n——一位顾客\n购买。", ["“好茶。” ——一位顾客", "购买"]),
        ("Features\n— Fast\n— Bright", ["Features", "— Fast", "— Bright"]),
        ("*** Great ***", ["Great"]),
    ],
)
def test_scripts_are_cut_where_a_reader_would(script: str, shown: list[str] | None) -> None:
    if shown is None:
        assert " ".join(texts(script)) == script.replace("\n", " ").rstrip(".")
    else:
        assert [re.sub(r"^\*+ | \*+$", "", one) for one in texts(script)] == shown


def test_a_long_sentence_becomes_screens_cut_where_it_pauses() -> None:
    script = (
        "It knows when you rise, so that your eyes can rest, while you keep working on what matters to you."
    )
    assert texts(script) == [
        "It knows when you rise,",
        "so that your eyes can rest,",
        "while you keep working on what matters to you",
    ] or all(one[-1] == "," or one.endswith("you") for one in texts(script))
    assert [one.opens for one in screens(script)] == [True] + [False] * (len(texts(script)) - 1)
    chinese = texts("手工炒制，低温慢烘，每一片叶子都要经过18道工序才能来到你的杯中。")
    assert chinese[0].endswith("低温慢烘")
    assert len(chinese) == 2
    quoted = texts("“It is the best lamp that I ever had on my old desk.”\n— Anna Smith, Berlin")
    assert len(quoted) > 1 and quoted[-1].endswith("desk.” — Anna Smith, Berlin")


def test_a_figure_keeps_what_it_counts() -> None:
    assert "18道" in [one.strip() for one in pieces("经过18道工序")]
    kept = [one.strip() for one in pieces("Holds 1.5 l or 20 kg at 9 p.m., 3 lamps")]
    assert kept == ["Holds", "1.5 l", "or", "20 kg", "at", "9 p.m.,", "3", "lamps"]


@pytest.mark.parametrize("length", [12_000, 20_001, 30_000, 61_234])
def test_the_draft_is_exactly_as_long_as_asked_for(length: int) -> None:
    found = draft(Promo(SCRIPT, length))
    assert found["d"] == length
    assert sum(one["d"] for one in titles(found)) == length
    shared = sum(one["m"].get("crossfade", 0) for one in backdrops(found))
    assert sum(one["d"] for one in backdrops(found)) - shared == length


def test_without_a_length_it_is_as_long_as_it_takes_to_read() -> None:
    one, two = draft(Promo("Hello there, friend.")), draft(Promo("Hello there, friend.\n" * 8))
    assert one["d"] < 4000 < two["d"]


def test_a_script_that_cannot_be_read_in_time_says_how_long_it_takes() -> None:
    with pytest.raises(TooMuch) as caught:
        draft(Promo(SCRIPT, 3000))
    assert 3000 < caught.value.needed < caught.value.comfortable
    assert draft(Promo(SCRIPT, caught.value.needed))["d"] == caught.value.needed
    with pytest.raises(TooMuch):
        draft(Promo("word " * MOST_CHARACTERS))


FIGURES = "In 2026, 1,250,000 customers chose Nova for $199.99."


@pytest.mark.parametrize(
    "script",
    [
        FIGURES,
        "Order now at www.nova.example",
        "Call +49 170 1234567.",
        "Now 777,777,777.",
        "价格1234567元，立即拨打。",
        "東京都渋谷区で新発売",
    ],
)
@pytest.mark.skipif(not has_voice(), reason="the extra voice is not installed")
def test_a_narrated_screen_is_shown_for_as_long_as_the_voice_needs(script: str, tmp_path: Path) -> None:
    promo = Promo(script, narrated=True)
    for one in titles(draft(promo)):
        assert speak(one["m"]["text"], tmp_path / "said.wav") <= one["d"] / 1000 * 1.02
    with pytest.raises(TooMuch) as caught:
        draft(replace(promo, length=500))
    for one in titles(draft(replace(promo, length=caught.value.needed))):
        assert speak(one["m"]["text"], tmp_path / "said.wav", rate=FASTEST_WPM) <= one["d"] / 1000


def test_figures_that_cannot_be_said_in_time_are_refused_where_they_are_narrated() -> None:
    with pytest.raises(TooMuch) as caught:
        draft(Promo(FIGURES, 5000, narrated=True))
    assert caught.value.needed > 5000
    assert draft(Promo(FIGURES, 5000))["d"] == 5000


@pytest.mark.parametrize(
    "script", ["", " \n", "[music]", "(pause)", "Scene 1:", "---", "🎉", "Music: jazz", "?!"]
)
def test_a_script_without_words_for_the_viewers_is_refused(script: str) -> None:
    with pytest.raises(NothingToShow):
        draft(Promo(script))


@pytest.mark.parametrize(
    ("width", "height", "size"), [(16, 9, (1920, 1080)), (9, 16, (1080, 1920)), (1, 1, (1080, 1080))]
)
def test_the_canvas_is_full_hd_in_the_ratio_asked_for(width: int, height: int, size: tuple[int, int]) -> None:
    canvas = draft(Promo(SCRIPT, None, width, height))["m"]
    assert (canvas["width"], canvas["height"]) == size


def test_backdrops_melt_into_one_another_and_are_of_one_look() -> None:
    found = backdrops(draft(Promo(SCRIPT * 3, None)))
    assert len(found) > 2
    assert len({(one["m"]["backdrop"], one["m"]["palette"]) for one in found}) == 1
    assert "crossfade" not in found[0]["m"]
    for before, after in pairwise(found):
        assert after["m"]["start"] == before["m"]["start"] + before["d"] - after["m"]["crossfade"]


def test_moods_and_scripts_choose_the_look() -> None:
    looks = {
        (one["m"]["backdrop"], one["m"]["palette"])
        for number in range(40)
        for one in backdrops(draft(Promo(f"Hello {number}.")))
    }
    assert {style for style, _ in looks} == set(STYLES)
    assert {palette for _, palette in looks} == set(PALETTES)
    assert all(backdrops(draft(Promo(SCRIPT, mood=mood))) for mood in MOODS)


def test_the_draft_is_plain_json_that_the_renderer_reads() -> None:
    found = draft(Promo(SCRIPT, 20_000))
    assert json.loads(json.dumps(found)) == found
    scene = read_scene(found)
    assert scene.pictures
    assert all(clip.backdrop is not None for clip in scene.clips)
    assert [text.role for text in scene.texts][::5] == ["headline", "closing"]
    assert all(text.style == "kinetic" and text.accent.startswith("#") for text in scene.texts)


WORDS = st.sampled_from(
    ["alpha", "beta", "gamma", "and", "so", "x42", "3.5", "春天", "海", "的", "extraordinarily", "I"]
)
SENTENCE = st.lists(
    st.tuples(WORDS, st.sampled_from([" ", " ", ", ", "，", "; "])), min_size=1, max_size=40
).map(lambda parts: "".join(word + gap for word, gap in parts).rstrip(" ,;，"))
SCRIPTS = st.lists(
    st.tuples(SENTENCE, st.sampled_from([". ", "! ", "。", ".\n", "\n\n"])), min_size=1, max_size=6
).map(lambda rows: "".join(text + end for text, end in rows))


@settings(max_examples=60)
@given(SCRIPTS, st.none() | st.integers(1000, 200_000))
def test_every_word_is_shown_in_order_contiguous_and_long_enough(script: str, length: int | None) -> None:
    try:
        found = draft(Promo(script, length))
    except TooMuch as error:
        assert length is not None
        assert length < error.needed <= error.comfortable
        return
    assert draft(Promo(script, length)) == found
    shown = titles(found)
    assert words(" ".join(one["m"]["text"] for one in shown)) == words(script)
    starts = [one["m"]["start"] for one in shown]
    assert starts == [sum(one["d"] for one in shown[:at]) for at in range(len(shown))]
    assert sum(one["d"] for one in shown) == found["d"] == (length or found["d"])
    assert min(one["d"] for one in shown) >= SHORTEST_MS
    assert all(load(one["m"]["text"]) <= FULLEST for one in shown)
    last = backdrops(found)[-1]
    assert last["m"]["start"] + last["d"] == found["d"]
    assert all(one["d"] > one["m"].get("crossfade", 0) for one in backdrops(found))


@settings(max_examples=150)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*"#*-[]():.!。\na字 1", "Scene", "VO", "https://"])).map("".join)
)
def test_whatever_the_script_there_is_a_draft_or_a_reason(script: str) -> None:
    try:
        found = draft(Promo(script, None))
    except NothingToShow:
        assert not screens(script)
    else:
        assert found["d"] == sum(one["d"] for one in titles(found))


@pytest.mark.parametrize(
    "part", ["(", "[", "*", "**a", "_", ".", "。", "a", "字", "a.", "a,\n", "https://", "- ", "#", "\n"]
)
def test_a_large_script_is_read_in_seconds(part: str) -> None:
    screens(part * (MOST_CHARACTERS // len(part)))
