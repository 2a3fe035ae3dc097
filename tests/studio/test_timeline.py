"""Operations on a draft: what each does, and the laws that all of them keep."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.nemo.wire import JsonObject, ready, summary
from daemon.studio.draft import Impossible
from daemon.studio.facts import Asset, Facts
from daemon.studio.operations import (
    AddMusic,
    AddText,
    Background,
    Captions,
    CropSides,
    CropTo,
    Crossfade,
    Cue,
    EachPicture,
    Fade,
    Flip,
    Keep,
    Normalise,
    Operation,
    Remove,
    RemoveSilence,
    Reshape,
    Resize,
    Rotate,
    Span,
    Speed,
    Thumbnail,
    Volume,
    Watermark,
    Without,
)
from daemon.studio.timeline import Clip, append, apply

HASH = "0123456789abcdef" * 4
TALK = Clip("talk.mp4", HASH, "video", 10_000, 960, 540, 24.0)
TALL = Clip("tall.mp4", "f" * 64, "video", 4_000, 540, 960, 30.0)
VOICE = Clip("voice.wav", "e" * 64, "clip", 6_000)
PHOTO = Clip("photo.png", "d" * 64, "image", 5_000, 960, 540, 30.0, silent=True)


def _draft(*clips: Clip) -> JsonObject:
    draft: JsonObject = {}
    for clip in clips:
        draft = append(draft, clip)
    return draft


def _after(*operations: Operation, clips: Sequence[Clip] = (TALK,)) -> JsonObject:
    return apply(_draft(*clips), operations).draft


def _words(*operations: Operation, clips: Sequence[Clip] = (TALK,)) -> str:
    return " ".join(one.words("en") for one in apply(_draft(*clips), operations).said)


def _sources(draft: JsonObject) -> list[tuple[int, int]]:
    """(from, length) of each main segment, in ms."""
    return [(one["m"]["from"], one["d"]) for one in draft["t"][0]["sg"]]


def _texts(draft: JsonObject) -> list[tuple[str, int, int]]:
    return [
        (one["m"]["text"], one["m"]["start"], one["d"])
        for track in draft["t"]
        if track["tt"] == 7
        for one in track["sg"]
    ]


# --- what an upload makes


def test_the_first_clip_sets_the_canvas_and_later_ones_are_fitted_into_it() -> None:
    draft = _draft(TALK, TALL, PHOTO)
    assert draft["m"] == {"width": 960, "height": 540, "fps": 24.0}
    metas = [one["m"] for one in draft["t"][0]["sg"]]
    assert [one.get("fit") for one in metas] == [None, "blur", None]
    assert [one.get("silent") for one in metas] == [None, None, True]
    assert [one["start"] for one in metas] == [0, 10_000, 14_000]
    assert draft["d"] == 19_000
    assert ready(draft)


def test_pictures_take_the_place_of_sounds_and_sounds_stay_off_beside_them() -> None:
    assert [track["tt"] for track in _draft(VOICE, VOICE)["t"]] == [1]
    assert _draft(VOICE, VOICE)["d"] == 12_000
    assert [track["tt"] for track in _draft(VOICE, TALK)["t"]] == [0]
    assert _draft(TALK, VOICE) == _draft(TALK)


# --- cutting


@pytest.mark.parametrize(
    ("operation", "sources", "words"),
    [
        (Keep((Span(0, 3000),)), [(0, 3000)], "Kept 0-3 s; the clip is 3 s long now."),
        (Keep((Span(-2500, None),)), [(7500, 2500)], "Kept 7.5-10 s; the clip is 2.5 s long now."),
        (Keep((Span(2000, 5000),)), [(2000, 3000)], "Kept 2-5 s; the clip is 3 s long now."),
        (Keep((Span(8000, 20_000),)), [(8000, 2000)], "Kept 8-10 s; the clip is 2 s long now."),
        (
            Keep((Span(0, 1000), Span(-1000, None))),
            [(0, 1000), (9000, 1000)],
            "Kept 0-1 s, 9-10 s; the clip is 2 s",
        ),
        (Remove((Span(0, 4000),)), [(4000, 6000)], "Removed 0-4 s; the clip is 6 s long now."),
        (Remove((Span(-4000, None),)), [(0, 6000)], "Removed 6-10 s; the clip is 6 s long now."),
        (Remove((Span(2000, 3000),)), [(0, 2000), (3000, 7000)], "Removed 2-3 s; the clip is 9 s long now."),
        (
            Remove((Span(1000, 4000), Span(3000, 6000))),
            [(0, 1000), (6000, 4000)],
            "Removed 1-6 s; the clip is 5 s",
        ),
    ],
)
def test_a_cut_takes_what_it_says_from_the_source(
    operation: Operation, sources: list[tuple[int, int]], words: str
) -> None:
    assert _sources(_after(operation)) == sources
    assert words in _words(operation)


def test_a_cut_counts_on_the_timeline_whatever_the_speed() -> None:
    draft = _after(Speed(2.0), Keep((Span(1000, 3000),)))
    assert _sources(draft) == [(2000, 2000)]
    assert draft["d"] == 2000


def test_a_cut_across_two_clips_takes_a_piece_of_each() -> None:
    assert _sources(_after(Keep((Span(9000, 11_000),)), clips=(TALK, TALL))) == [(9000, 1000), (0, 1000)]


def test_texts_and_music_follow_a_cut() -> None:
    texts = [
        AddText(name, "top", Span(start, end)) for name, start, end in (("a", 0, 2000), ("b", 4000, 9000))
    ]
    draft = _after(*texts, AddMusic(), Remove((Span(1000, 6000),)))
    assert _texts(draft) == [("a", 0, 1000), ("b", 1000, 3000)]
    assert _texts(_after(*texts, Keep((Span(2000, 4000),)))) == []
    assert draft["t"][1]["sg"][0]["d"] == draft["d"] == 5000


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Keep((Span(10_000, 20_000),)), "The clip is 10 s long, so there is nothing at 10-20 s."),
        (Remove((Span(12_000, None),)), "The clip is 10 s long, so there is nothing at 12 s."),
        (Remove((Span(0, 10_000),)), "nothing would be left"),
        (Remove((Span(-15_000, None),)), "nothing would be left"),
        (Remove((Span(0, 9_950),)), "nothing would be left"),
        (Keep((Span(0, 0),)), "nothing would be left"),
        (AddText("x", "top", Span(10_000, 13_000)), "The clip is 10 s long, so there is nothing at 10-13 s."),
        (Speed(8.0), "It would play at 8x; 0.25x to 4x is what I can do."),
    ],
)
def test_what_the_clip_does_not_allow_is_refused_with_the_reason(operation: Operation, words: str) -> None:
    with pytest.raises(Impossible) as refused:
        _after(AddMusic(), operation)
    assert words in refused.value.said.words("en")


def test_a_speed_counts_together_with_the_one_before() -> None:
    assert _after(Speed(4.0), Speed(0.5))["t"][0]["sg"][0]["m"]["speed"] == 2.0
    with pytest.raises(Impossible):
        _after(Speed(4.0), Speed(2.0))


# --- the rest


def test_a_faster_clip_keeps_the_reading_time_of_its_texts() -> None:
    title, whole = AddText("title", "top", Span(2000, 5000)), AddText("whole", "bottom", Span(0, None))
    draft = _after(title, whole, Speed(2.0))
    assert sorted(_texts(draft)) == [("title", 1000, 3000), ("whole", 0, 5000)]
    assert sorted(_texts(_after(title, whole, Speed(0.5)))) == [("title", 4000, 3000), ("whole", 0, 20_000)]


def test_music_is_the_same_for_the_same_clip_and_lies_under_all_of_it() -> None:
    draft = _after(AddMusic())
    bed = draft["t"][1]["sg"][0]
    assert bed["d"] == 10_000
    assert bed["m"] == {
        "title": "BGM: calm",
        "kind": "bgm",
        "mood": "calm",
        "start": 0,
        "volume": 0.35,
        "duck": True,
        "seed": int(HASH[:7], 16),
    }
    assert _after(AddMusic()) == draft
    assert _after(AddMusic(), clips=(TALL,))["t"][1]["sg"][0]["m"]["seed"] != bed["m"]["seed"]


def test_other_music_takes_the_place_of_the_first() -> None:
    draft = _after(AddMusic(), AddMusic(volume=0.2))
    assert [track["tt"] for track in draft["t"]] == [0, 1]
    assert draft["t"][1]["sg"][0]["m"]["volume"] == 0.2


def test_loudness_is_noted_on_clips_that_have_sound() -> None:
    draft = _after(Normalise(-16.0), clips=(TALK, PHOTO))
    assert [one["m"].get("loudness") for one in draft["t"][0]["sg"]] == [-16.0, None]
    with pytest.raises(Impossible):
        _after(Normalise(), clips=(PHOTO,))


@pytest.mark.parametrize(
    ("shape", "canvas"),
    [((9, 16), (540, 960)), ((1, 1), (540, 540)), ((4, 5), (540, 676)), ((4, 3), (720, 540))],
)
def test_a_shape_keeps_the_short_side_and_even_numbers(
    shape: tuple[int, int], canvas: tuple[int, int]
) -> None:
    draft = _after(Reshape(*shape))
    assert (draft["m"]["width"], draft["m"]["height"]) == canvas
    assert draft["t"][0]["sg"][0]["m"]["fit"] == "blur"


def test_the_shape_it_came_in_needs_no_fill() -> None:
    assert _after(Reshape(9, 16), Reshape(16, 9)) == _draft(TALK)
    draft = _after(Reshape(9, 16), clips=(TALK, TALL))
    assert [one["m"].get("fit") for one in draft["t"][0]["sg"]] == ["blur", None]


def test_sound_alone_takes_no_text_and_no_shape() -> None:
    for operation in (AddText("x", "top", Span(0, None)), Reshape(9, 16)):
        with pytest.raises(Impossible):
            _after(operation, clips=(VOICE,))


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Keep((Span(0, 10_000),)), "Nothing was cut: the clip is 10 s long"),
        (Keep((Span(0, 99_000),)), "Nothing was cut"),
        (Keep((Span(-99_000, None),)), "Nothing was cut"),
        (Speed(1.0), "nothing to change"),
        (Reshape(16, 9), "The picture is 16:9 already."),
        (Without("music"), "No music was added"),
        (Without("text"), "No text was added"),
    ],
)
def test_what_is_so_already_leaves_the_draft_as_it_is_and_says_why(operation: Operation, words: str) -> None:
    outcome = apply(_draft(TALK), [operation])
    assert outcome.draft == _draft(TALK)
    assert words in outcome.said[0].words("en")


@pytest.mark.parametrize("operation", [AddMusic(), Normalise(), AddText("x", "top", Span(0, None))])
def test_the_same_wish_twice_changes_nothing_more(operation: Operation) -> None:
    assert _after(operation, operation) == _after(operation)


def test_what_is_taken_off_leaves_the_draft_as_it_was_before() -> None:
    added = (AddMusic(), AddText("x", "top", Span(0, None)))
    assert _after(*added, Without("music"), Without("text")) == _draft(TALK)


def test_the_draft_reads_well_in_the_summary() -> None:
    draft = _after(Keep((Span(0, 5100),)), AddMusic(), AddText("Urban Dreams", "top", Span(0, 3000)))
    assert summary(draft) == (
        'Timeline (3 tracks): 1. Video: talk.mp4 (0-5.1s) 2. BGM: calm (0-5.1s, 35%) 3. Title: "Urban Dreams" (0-3s)'
    )


# --- laws

_MS = st.integers(0, 20_000)
_SPANS = st.builds(
    Span, st.one_of(_MS, _MS.map(lambda ms: -ms)), st.one_of(st.none(), _MS, _MS.map(lambda ms: -ms - 1))
)
_CUTS = st.lists(_SPANS, min_size=1, max_size=3).map(tuple)
_OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Keep, _CUTS),
    st.builds(Remove, _CUTS),
    st.builds(
        AddText, st.sampled_from(["a", "b\nc", "城市"]), st.sampled_from(["top", "center", "bottom"]), _SPANS
    ),
    st.builds(AddMusic, st.just("calm"), st.sampled_from([0.2, 0.35])),
    st.builds(Normalise, st.sampled_from([-14.0, -16.0])),
    st.builds(Speed, st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])),
    st.builds(Reshape, st.just(9), st.just(16)),
    st.builds(Reshape, st.just(1), st.just(1)),
    st.builds(RemoveSilence, st.sampled_from([300, 700])),
    st.builds(Crossfade, st.sampled_from([40, 600, 5000])),
    st.builds(EachPicture, st.sampled_from([500, 3000])),
    st.builds(Resize, st.sampled_from([240, 720])),
    st.builds(CropTo, st.just(1), st.just(1)),
    st.builds(CropSides, st.sampled_from([0.0, 0.25]), st.sampled_from([0.0, 0.5])),
    st.builds(Rotate, st.sampled_from([90, 180, 270])),
    st.sampled_from(
        [Flip("horizontal"), Fade(1000, 0), Fade(0, 90_000), Volume(6.0), Volume(-6.0), Thumbnail()]
    ),
    st.builds(
        Captions, st.just((Cue(0, 900, "One"), Cue(2500, 7000, "Two\nlines"), Cue(30_000, 31_000, "Late")))
    ),
    st.sampled_from([Background("scene", "office"), Background("picture"), Watermark("photo")]),
    st.builds(
        Without,
        st.sampled_from(["music", "text", "captions", "sound", "watermark", "crossfades", "background"]),
    ),
)
FACTS = Facts(
    assets=(Asset("photo.png", "d" * 64, "image"), Asset("talk.mp4", HASH, "video")),
    silences={HASH: ((0, 800), (3000, 4500), (9500, 10_000)), "e" * 64: ((1000, 3000),)},
    screens={"f" * 64: "#00b140"},
    matting=True,
)
_CLIPS = st.lists(st.sampled_from([TALK, TALL, VOICE, PHOTO]), min_size=1, max_size=3)


def _lawful(draft: JsonObject, clips: Sequence[Clip]) -> None:
    lengths = {clip.asset: clip.length for clip in clips}
    main = draft["t"][0]["sg"]
    assert draft["d"] == sum(one["d"] - one["m"].get("crossfade", 0) for one in main) > 0
    start = 0
    for segment in main:
        meta: dict[str, Any] = segment["m"]
        assert segment["d"] > 0
        shared = meta.get("crossfade", 0)
        assert 0 <= shared <= segment["d"]
        assert meta["start"] == start - shared >= 0
        assert meta["from"] >= 0
        if "width" in meta:
            assert meta["width"] % 2 == meta["height"] % 2 == 0
            assert min(meta["width"], meta["height"], draft["m"]["width"], draft["m"]["height"]) >= 2
        if meta["kind"] != "image":
            # A rounding of half a millisecond a step, at up to four times the speed.
            assert meta["from"] + segment["d"] * meta["speed"] <= lengths[meta["asset"]] + 40
        start += segment["d"] - shared
    for track in draft["t"][1:]:
        for segment in track["sg"]:
            assert 0 <= segment["m"]["start"] < segment["m"]["start"] + segment["d"] <= draft["d"]
            assert track["tt"] == 7 or segment["d"] == draft["d"]
    assert all(track["sg"] for track in draft["t"])
    assert len([one for one in draft["t"] if one["tt"] == 7]) <= 1
    assert all(type(one["d"]) is int for track in draft["t"] for one in track["sg"])
    assert json.loads(json.dumps(draft)) == draft


@given(_CLIPS, st.lists(_OPERATIONS, max_size=6))
def test_every_draft_is_lawful_after_any_operations(clips: list[Clip], operations: list[Operation]) -> None:
    draft = _draft(*clips)
    _lawful(draft, clips)
    for operation in operations:
        before = copy.deepcopy(draft)
        try:
            outcome = apply(draft, [operation], FACTS)
            assert all(said.words("en") and said.words("zh") for said in outcome.said)
            draft = outcome.draft
        except Impossible as refused:
            assert refused.said.words("en")
            assert refused.said.words("zh")
        assert apply(before, []).draft == before
        _lawful(draft, clips)


@given(_CLIPS, _CUTS)
def test_what_is_kept_and_what_is_removed_add_up(clips: list[Clip], spans: tuple[Span, ...]) -> None:
    draft = _draft(*clips)
    try:
        kept = apply(draft, [Keep(spans)]).draft
        gone = apply(draft, [Remove(spans)]).draft
    except Impossible:
        return
    assert kept["d"] + gone["d"] == draft["d"]


@given(_CLIPS, st.integers(100, 30_000))
def test_trimming_twice_is_trimming_once(clips: list[Clip], length: int) -> None:
    trim = Keep((Span(0, length),))
    once = apply(_draft(*clips), [trim]).draft
    assert apply(once, [trim]).draft == once


@given(st.lists(_OPERATIONS, min_size=1, max_size=5))
def test_operations_together_do_what_they_do_one_by_one_or_nothing(operations: list[Operation]) -> None:
    draft = before = _draft(TALK)
    try:
        together = apply(before, operations).draft
    except Impossible:
        assert before == _draft(TALK)
        return
    for operation in operations:
        draft = apply(draft, [operation]).draft
    assert draft == together
