"""What the operations on time, picture and sound do to a draft, and what they say about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.nemo.wire import JsonObject, summary
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
    Operation,
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

TALK = Clip("talk.mp4", "a" * 64, "video", 10_000, 1920, 1080, 30.0)
OTHER = Clip("other.mp4", "b" * 64, "video", 4_000, 1280, 720, 30.0)
PHOTO = Clip("kitchen.jpg", "c" * 64, "image", 5_000, 1600, 1200, 30.0, silent=True)
LOGO = Clip("logo.png", "d" * 64, "image", 5_000, 400, 200, 30.0, silent=True)
VOICE = Clip("voice.wav", "e" * 64, "clip", 6_000)
FACTS = Facts(
    assets=(
        Asset("talk.mp4", "a" * 64, "video"),
        Asset("kitchen.jpg", "c" * 64, "image"),
        Asset("logo.png", "d" * 64, "image"),
        Asset("river song.mp3", "f" * 64, "audio"),
    ),
    pictures=("our brand/Stage Left.png",),
    music=("calm/rain.mp3", "calm/snow.mp3", "any.wav"),
    silences={"a" * 64: ((0, 1000), (4000, 5000), (7000, 7400))},
    matting=True,
)


def after(*operations: Operation, clips: tuple[Clip, ...] = (TALK,), facts: Facts = FACTS) -> JsonObject:
    draft: JsonObject = {}
    for clip in clips:
        draft = append(draft, clip)
    return apply(draft, operations, facts).draft


def words(*operations: Operation, clips: tuple[Clip, ...] = (TALK,), facts: Facts = FACTS) -> str:
    draft: JsonObject = {}
    for clip in clips:
        draft = append(draft, clip)
    return apply(draft, operations, facts).said[-1].words("en")


def refusal(*operations: Operation, clips: tuple[Clip, ...] = (TALK,), facts: Facts = FACTS) -> str:
    with pytest.raises(Impossible) as refused:
        after(*operations, clips=clips, facts=facts)
    return refused.value.said.words("en")


def pieces(draft: JsonObject) -> list[tuple[int, int]]:
    return [(one["m"]["from"], one["d"]) for one in draft["t"][0]["sg"]]


def bed(draft: JsonObject) -> JsonObject:
    found: JsonObject = next(
        one["m"] for track in draft["t"] for one in track["sg"] if one["m"].get("kind") == "bgm"
    )
    return found


def test_pauses_go_but_for_a_breath_beside_every_word() -> None:
    assert pieces(after(RemoveSilence(700))) == [(850, 3300), (4850, 5150)]
    assert words(RemoveSilence(700)) == "Cut out 2 pauses, 1.55 s in all; the clip is 8.45 s long now."
    assert "no pause of 3 s" in words(RemoveSilence(3000))


def test_pauses_count_as_long_as_they_last_on_the_timeline() -> None:
    assert pieces(after(Speed(2.0), RemoveSilence(500))) == [(700, 1800), (4700, 2650)]
    assert len(pieces(after(Speed(2.0), RemoveSilence(700)))) == 1


def test_pauses_are_cut_where_the_clip_was_cut_before() -> None:
    assert pieces(after(Keep((Span(4500, None),)), RemoveSilence(400))) == [(4850, 2300), (7250, 2750)]
    assert refusal(RemoveSilence(700), clips=(PHOTO,)) == "The clip has no sound to level."


def test_crossfades_are_half_of_a_neighbour_at_most_and_are_gone_when_asked() -> None:
    draft = after(Crossfade(3000), clips=(TALK, OTHER, TALK))
    assert [one["m"].get("crossfade") for one in draft["t"][0]["sg"]] == [None, 2000, 2000]
    assert [one["m"]["start"] for one in draft["t"][0]["sg"]] == [0, 8000, 10_000]
    assert draft["d"] == 20_000
    assert after(Crossfade(3000), Without("crossfades"), clips=(TALK, OTHER)) == after(clips=(TALK, OTHER))
    assert "only one clip" in refusal(Crossfade(600))


def test_a_cut_through_a_crossfade_is_exactly_as_long_as_it_says() -> None:
    for end in (7000, 8500, 9500, 11_000):
        draft = after(Crossfade(2000), Keep((Span(1000, end),)), clips=(TALK, OTHER))
        assert draft["d"] == end - 1000


def test_every_photo_of_a_slideshow_stands_as_long_as_said() -> None:
    draft = after(EachPicture(3000), Crossfade(600), clips=(PHOTO, LOGO, PHOTO))
    assert draft["d"] == 9000 - 1200
    assert "no still picture" in refusal(EachPicture(3000))


def test_a_thumbnail_is_one_moment_without_music() -> None:
    draft = after(AddText("Hi", "top", Span(0, 9000)), AddMusic(), Thumbnail(8000))
    assert (draft["d"], pieces(draft), draft["m"]["thumbnail"]) == (100, [(8000, 100)], True)
    assert [track["tt"] for track in draft["t"]] == [0, 7]
    assert pieces(after(Thumbnail())) == [(3333, 100)]
    assert pieces(after(Thumbnail(9990))) == [(9900, 100)]
    assert "nothing at 12 s" in refusal(Thumbnail(12_000))


@pytest.mark.parametrize(
    ("operation", "size", "told"),
    [
        (Resize(720), (1280, 720), "1280x720"),
        (Resize(2160), (1920, 1080), "nothing is enlarged"),
        (CropTo(1, 1), (1080, 1080), "Cropped to 1:1"),
        (CropTo(9, 16), (608, 1080), "Cropped to 9:16"),
        (CropTo(16, 9), (1920, 1080), "16:9 already"),
        (CropSides(top=0.1, bottom=0.1), (1920, 864), "1920x864"),
        (Rotate(90), (1080, 1920), "90 degrees clockwise"),
        (Rotate(180), (1920, 1080), "180 degrees"),
        (Flip("vertical"), (1920, 1080), "upside down"),
        (Fade(1000, 20_000), (1920, 1080), "comes out of black for 1 s and goes into black for 5 s"),
    ],
)
def test_the_canvas_follows_what_is_done_to_the_picture(
    operation: Operation, size: tuple[int, int], told: str
) -> None:
    draft = after(operation)
    assert (draft["m"]["width"], draft["m"]["height"]) == size
    assert told in words(operation)
    assert draft["t"][0]["sg"][0]["m"].get("fit") is None


def test_every_clip_is_cropped_to_the_shape_and_none_is_filled_with_blur() -> None:
    draft = after(CropTo(1, 1), clips=(TALK, PHOTO))
    metas = [one["m"] for one in draft["t"][0]["sg"]]
    assert [(meta["width"], meta["height"]) for meta in metas] == [(1080, 1080), (1200, 1200)]
    assert not any("fit" in meta for meta in metas)
    assert "Almost nothing" in refusal(CropSides(left=0.5, right=0.48))


def test_a_shape_with_bars_can_be_cropped_afterwards() -> None:
    draft = after(Reshape(9, 16), CropTo(9, 16))
    assert (draft["m"]["width"], draft["m"]["height"]) == (1080, 1920)
    assert draft["t"][0]["sg"][0]["m"].get("fit") is None


def test_a_person_is_cut_out_by_the_screen_where_there_is_one_and_else_by_the_model() -> None:
    draft = after(Background("scene", "office"))
    assert draft["t"][0]["sg"][0]["m"]["background"] == {"kind": "scene", "what": "office"}
    assert "the scene office behind the person, who was cut out by a model" in words(
        Background("scene", "office")
    )
    said = apply(append({}, TALK), [Background("scene", "beach")], FACTS).said[-1]
    assert "海滩场景" in said.words("zh")
    green = replace(FACTS, screens={"a" * 64: "#00b140"}, matting=False)
    draft = after(Background("colour", "#ffffff"), facts=green)
    assert draft["t"][0]["sg"][0]["m"]["background"]["screen"] == "#00b140"
    assert "by the screen's colour (#00b140)" in words(Background("colour", "#ffffff"), facts=green)


def test_without_a_model_and_a_screen_the_refusal_says_what_to_install() -> None:
    assert "pip install 'reeldrop[matte]'" in refusal(Background("blur"), facts=replace(FACTS, matting=False))
    assert "no video" in refusal(Background("blur"), clips=(PHOTO,))


@pytest.mark.parametrize("clips", [(TALK, PHOTO, LOGO), (PHOTO, TALK, LOGO)])
def test_a_picture_behind_the_person_or_over_the_clip_is_no_clip_of_its_own(clips: tuple[Clip, ...]) -> None:
    draft = after(Background("picture", "Kitchen"), Watermark("logo.png", "top-left"), clips=clips)
    assert [one["m"]["title"] for one in draft["t"][0]["sg"]] == ["talk.mp4"]
    assert (draft["m"]["width"], draft["m"]["height"], draft["d"]) == (1920, 1080, 10_000)
    assert draft["t"][0]["sg"][0]["m"]["background"] == {
        "kind": "picture", "asset": "c" * 64, "title": "kitchen.jpg",
    }  # fmt: skip
    assert draft["t"][1]["sg"][0]["m"]["kind"] == "watermark"
    assert after(Without("watermark"), clips=(TALK,)) == after()


def test_pictures_of_the_folder_are_found_by_name_and_doubts_are_asked_about() -> None:
    draft = after(Background("picture", "stage left"))
    assert draft["t"][0]["sg"][0]["m"]["background"]["own"] == "our brand/Stage Left.png"
    assert refusal(Watermark()) == "Which picture? Say its name: kitchen.jpg, logo.png."
    assert 'no picture called "moon"' in refusal(Watermark("moon"))
    assert "send one along" in refusal(Watermark(), facts=Facts())


def test_the_users_own_music_comes_first_by_name_by_upload_and_by_mood() -> None:
    assert bed(after(AddMusic(file="any")))["own"] == "any.wav"
    assert bed(after(AddMusic()))["asset"] == "f" * 64
    folder = replace(FACTS, assets=())
    assert bed(after(AddMusic("calm"), facts=folder))["own"].startswith("calm/")
    assert bed(after(AddMusic("upbeat"), facts=folder))["own"] == "any.wav"
    assert "own" not in bed(after(AddMusic("upbeat"), facts=replace(folder, music=("calm/rain.mp3",))))
    assert 'no sound called "moon"' in refusal(AddMusic(file="moon"))


def test_a_mood_that_nobody_named_is_told_as_a_guess() -> None:
    told = words(AddMusic(mood=None), facts=Facts())
    assert "cannot feel a clip's mood" in told and "calm music" in told


def test_the_clips_own_sound_is_changed_step_by_step_and_taken_out() -> None:
    assert after(Volume(6.0), Volume(-2.5))["t"][0]["sg"][0]["m"]["gain"] == 3.5
    assert "30 dB is the most" in refusal(Volume(20), Volume(20))
    assert after(Without("sound"))["t"][0]["sg"][0]["m"]["mute"] is True
    assert "nothing would be left" in refusal(Without("sound"), clips=(VOICE,))
    assert "no sound" in refusal(Without("sound"), Volume(3))


def test_captions_end_with_the_clip_follow_its_speed_and_leave_titles_alone() -> None:
    cues = (Cue(1000, 3000, "One\ntwo"), Cue(9000, 12_000, "Three"), Cue(11_000, 13_000, "Late"))
    draft = after(AddText("Title", "top", Span(0, 3000)), Captions(cues), Speed(2.0))
    texts = [(one["m"]["text"], one["m"]["start"], one["d"]) for one in draft["t"][-1]["sg"]]
    assert texts == [("Title", 0, 3000), ("One\ntwo", 500, 1000), ("Three", 4500, 500)]
    assert "1 more begin after the clip's end" in words(Captions(cues))
    left = after(AddText("Title", "top", Span(0, 3000)), Captions(cues), Without("captions"))
    assert left == after(AddText("Title", "top", Span(0, 3000)))


def test_of_hundreds_of_captions_the_summary_tells_the_first() -> None:
    cues = tuple(Cue(at * 90, at * 90 + 80, f"Word {at}") for at in range(100))
    assert summary(after(Captions(cues))).endswith('"Word 7" (0.63-0.71s), and 92 more')


def test_the_draft_reads_well_with_all_of_it() -> None:
    draft = after(AddMusic("upbeat"), Watermark("logo"), AddText("Hi", "top", Span(0, 3000)))
    assert summary(draft) == (
        "Timeline (4 tracks): 1. Video: talk.mp4 (0-10s) 2. BGM: river song.mp3 (0-10s, 35%) "
        '3. Watermark: logo.png (0-10s) 4. Title: "Hi" (0-3s)'
    )


def test_photos_share_a_usual_frame_and_a_slow_animation_slows_no_film() -> None:
    panorama = replace(PHOTO, title="wide.jpg", width=4000, height=600)
    portrait = replace(PHOTO, title="tall.jpg", width=900, height=1600)
    canvas = after(clips=(panorama, PHOTO, portrait))["m"]
    assert canvas == {"width": 1920, "height": 1080, "fps": 30.0}
    assert after(clips=(portrait, portrait, PHOTO))["m"]["height"] == 1600
    assert (after(clips=(PHOTO,))["m"]["width"], after(clips=(PHOTO,))["m"]["height"]) == (1600, 1200)
    slow = Clip("a.gif", "9" * 64, "video", 2_000, 320, 240, 5.0, silent=True)
    assert after(clips=(slow, TALK))["m"] == {"width": 1920, "height": 1080, "fps": 30.0}
    assert after(clips=(TALK, slow))["m"] == {"width": 1920, "height": 1080, "fps": 30.0}
    assert after(clips=(OTHER, TALK))["m"]["width"] == 1920
    assert after(clips=(slow,))["m"]["fps"] == 5.0


def test_a_canvas_that_somebody_asked_for_is_kept_when_more_arrives() -> None:
    draft = append(after(Reshape(9, 16)), OTHER)
    assert (draft["m"]["width"], draft["m"]["height"]) == (1080, 1920)
    assert [one["m"].get("fit") for one in draft["t"][0]["sg"]] == ["blur", "blur"]


def test_a_clip_in_which_nobody_is_seen_keeps_its_picture() -> None:
    nobody = replace(FACTS, people={"a" * 64: False, "b" * 64: True})
    assert "I see nobody in the clip" in refusal(Background("scene", "beach"), facts=nobody)
    draft = after(Background("scene", "beach"), clips=(TALK, OTHER), facts=nobody)
    assert ["background" in one["m"] for one in draft["t"][0]["sg"]] == [False, True]
    assert "In talk.mp4 I see nobody" in words(
        Background("scene", "beach"), clips=(TALK, OTHER), facts=nobody
    )
