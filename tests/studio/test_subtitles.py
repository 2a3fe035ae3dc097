"""Subtitle files as people have them: every dialect read, nothing raised."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.studio.operations import Cue
from daemon.studio.subtitles import cues, is_subtitles

SRT = """1
00:00:01,000 --> 00:00:02,500
Hello there

2
00:00:03,000 --> 00:00:04,000
Two
lines
"""


def test_subrip_is_read() -> None:
    assert cues(SRT) == (Cue(1000, 2500, "Hello there"), Cue(3000, 4000, "Two\nlines"))


def test_webvtt_is_read_without_header_notes_styles_settings_and_names() -> None:
    text = (
        "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE\n00:00 --> 00:09\nnot shown\n\n"
        "REGION\nid:fred\n\nintro\n00:01.000 --> 00:02.000 align:start\n<v Anna>Hi &amp; <c.loud>bye</c>\n\n"
        "01:00:00.5 --> 01:00:01.25\n<00:00:01.000>late"
    )
    assert cues(text) == (Cue(1000, 2000, "Hi & bye"), Cue(3600_500, 3601_250, "late"))


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("{\\an8}top", "top"),
        ("<i>slanted</i> <font color='#fff'>white</font>", "slanted white"),
        ("a<br/>b", "a\nb"),
        ("a\\Nb", "a\nb"),
        ("3 < 5 and 6 > 4", "3 < 5 and 6 > 4"),
        ("tea&nbsp;&lt;hot&gt; &#20013;", "tea <hot> 中"),
        ("  wide   gap ", "wide gap"),
    ],
)
def test_marks_are_taken_out_and_words_stay(given_text: str, shown: str) -> None:
    assert cues(f"1\n00:00:01,000 --> 00:00:02,000\n{given_text}\n") == (Cue(1000, 2000, shown),)


def test_the_ends_of_lines_and_a_mark_at_the_start_do_not_matter() -> None:
    for ending in ("\r\n", "\r", "\n"):
        assert cues("\ufeff" + SRT.replace("\n", ending)) == cues(SRT)


def test_counters_and_blank_lines_may_be_missing() -> None:
    assert cues("00:01 --> 00:02\none\n00:03 --> 00:04\ntwo") == (
        Cue(1000, 2000, "one"),
        Cue(3000, 4000, "two"),
    )
    assert cues("1\n0:0:1 --> 0:0:2\none\n2\n0:0:3 --> 0:0:4\n42\n\n") == (
        Cue(1000, 2000, "one"),
        Cue(3000, 4000, "42"),
    )


def test_what_cannot_be_shown_is_left_out_and_the_rest_is_put_in_order() -> None:
    text = (
        "00:09 --> 00:10\nlast\n\n00:05 --> 00:04\nbackwards\n\n00:05 --> 00:05\nno time\n\n"
        "00:01 --> 00:08\nlong\n\n00:02 --> 00:03\nwithin\n\n00:06 --> 00:07\n<i></i>\n"
    )
    assert [cue.text for cue in cues(text)] == ["long", "within", "last"]


@pytest.mark.parametrize(
    "text", ["", "WEBVTT", "a --> b", "A script.\n\nWith two parts.", "1:2:3 -->", "--> 1:2"]
)
def test_a_text_that_is_no_subtitle_file_gives_nothing(text: str) -> None:
    assert cues(text) == ()
    assert not is_subtitles(text)


def test_a_subtitle_file_is_told_from_a_script() -> None:
    assert is_subtitles(SRT)
    assert is_subtitles("WEBVTT\n\n00:01.000 --> 00:02.000\nHi")
    assert not is_subtitles("Press A --> B to go on.")


PARTS = [
    "-->",
    "00:00:01,000",
    "00:01.5",
    " ",
    "\n",
    "\r\n",
    "1",
    "<",
    ">",
    "<i",
    "{\\",
    "}",
    "&",
    ";",
    "NOTE",
    "字",
]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=60).map("".join))
def test_whatever_the_text_cues_are_in_order_and_show_something(text: str) -> None:
    found = cues(text)
    assert all(0 <= cue.start < cue.end and cue.text.strip() for cue in found)
    assert list(found) == sorted(found, key=lambda cue: (cue.start, cue.end))
    assert is_subtitles(text) == bool(found)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.integers(1, 10**5), st.text("ab 字", min_size=1, max_size=9)),
        max_size=9,
    )
)
def test_what_is_written_is_read_again(rows: list[tuple[int, int, str]]) -> None:
    def stamp(ms: int) -> str:
        return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02},{ms % 1000:03}"

    said = [(start, start + d, " ".join(text.split())) for start, d, text in rows if text.strip()]
    text = "".join(f"{n}\n{stamp(a)} --> {stamp(b)}\n{t}\n\n" for n, (a, b, t) in enumerate(said, 1))
    assert sorted((cue.start, cue.end, cue.text) for cue in cues(text)) == sorted(said)


@settings(max_examples=16)
@given(st.sampled_from([*PARTS, "<a", "{\\a", "00:01 --> 00:02\n", "1\n", "(", "&#1", "&lt"]), st.booleans())
def test_a_megabyte_of_anything_is_read_to_its_end(part: str, begun: bool) -> None:
    """What takes the square of the length would not come back for minutes."""
    text = ("00:01 --> 00:02\n" if begun else "") + part * (1_000_000 // len(part))
    assert all(cue.start < cue.end for cue in cues(text))
