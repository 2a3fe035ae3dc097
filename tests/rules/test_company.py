from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import Rule, parse
from daemon.rules import RuleBook
from daemon.rules.company import (
    bundled,
    clip_of_own_rules,
    clips_of,
    companions_of,
    goes_first,
    in_order,
    own_rules_of,
    recorded_of,
    remuxed_of,
)

TEXT = "rules: [{watch: /in, instruction: trim, output: /out, match: media, bundle: folder, with: [%s], by: service}]"


def rule(names: str) -> Rule:
    return parse(TEXT % names, Path("/rules.yaml"), {"HOME": "/home/me"}).rules[0]


@pytest.mark.parametrize(
    ("name", "clip", "path"),
    [
        ('"{stem}.srt"', "/in/a.mp4", "/in/a.srt"),
        ('"{stem}.srt"', "/in/x/DJI_1.MP4", "/in/x/DJI_1.SRT"),
        ('"{name}.txt"', "/in/a.b.mp4", "/in/a.b.mp4.txt"),
        ('"subs/{stem}-{stem}.srt"', "/in/a.mp4", "/in/subs/a-a.srt"),
        ('"{parent}-{stem}.png"', "/in/x/a.mov", "/in/x/x-a.png"),
        ('"a[{stem}].png"', "/in/(1)+.mp4", None),
        ('"({stem})+.png"', "/in/a.mp4", "/in/(a)+.png"),
    ],
)
def test_a_companion_is_found_from_its_clip_and_the_clip_from_it(
    name: str, clip: str, path: str | None
) -> None:
    if path is None:
        with pytest.raises(Exception, match="left open"):
            rule(name)
        return
    one = rule(name)
    assert Path(path) in companions_of(one, Path(clip))[0].paths
    assert Path(clip) in set(clips_of(one, Path(path)))


def test_a_shared_name_belongs_to_all_clips_of_its_folder() -> None:
    one = rule("logo.png")
    assert [place.shared for place in companions_of(one, Path("/in/x/a.mp4"))] == [True]
    assert list(clips_of(one, Path("/in/x/logo.png"))) == [Path("/in/x")]
    assert list(clips_of(one, Path("/in/x/other.png"))) == []


def test_a_clip_is_no_companion_of_its_own() -> None:
    assert companions_of(rule('"{stem}.png"'), Path("/in/a.png")) == []


def test_of_two_files_that_name_each_other_the_first_is_the_job() -> None:
    one = rule('"{stem}.mp4", "{stem}.mov"')
    mp4, mov = Path("/in/a.mp4"), Path("/in/a.mov")
    assert goes_first(one, mov, mp4)
    assert not goes_first(one, mp4, mov)


def test_a_clips_own_rules_are_called_after_its_whole_name() -> None:
    assert own_rules_of(Path("/in/a.mp4")) == Path("/in/a.mp4.reeldrop.yaml")
    assert clip_of_own_rules(Path("/in/a.mp4.reeldrop.yaml")) == Path("/in/a.mp4")
    assert clip_of_own_rules(Path("/in/.reeldrop.yaml")) is None
    assert clip_of_own_rules(Path("/in/a.yaml")) is None


def test_the_halves_of_a_pair_name_each_other() -> None:
    assert Path("/in/a.mp4") in remuxed_of(Path("/in/a.mkv"))
    assert Path("/in/a.mkv") in recorded_of(Path("/in/a.mp4"))
    assert remuxed_of(Path("/in/a.mp4")) == recorded_of(Path("/in/a.mov")) == ()


def test_a_dropped_folder_is_the_one_directly_below_the_watch_folder() -> None:
    book = RuleBook([rule("")])
    loose, deep = book.match("/in/a.mp4"), book.match("/in/trip/x/a.mp4")
    assert loose is not None and deep is not None
    assert bundled(loose) == loose
    assert (bundled(deep).relative, bundled(deep).is_folder) == (Path("trip"), True)


def test_files_of_a_folder_are_sorted_as_people_count() -> None:
    names = ["10.png", "2.png", "B.png", "a.png", "clip 2.mp4", "clip 10.mp4", "²x.png"]
    shown = sorted(map(Path, reversed(names)), key=in_order)
    assert [str(path) for path in shown][:6] == names[1:2] + names[:1] + [
        "a.png",
        "B.png",
        "clip 2.mp4",
        "clip 10.mp4",
    ]
