from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PurePath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.config.fields import PLACEHOLDERS
from daemon.rules import base_name
from daemon.rules.names import MAX_BASE_BYTES, MAX_NAME_BYTES

NOW = datetime(2026, 3, 1, 14, 5, 9, tzinfo=timezone(timedelta(hours=2)))


def named(template: str, source: str = "/in/sub/clip one.final.MP4", rule: str = "office") -> str:
    return base_name(template, source=PurePath(source), rule=rule, job="17", now=NOW)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}-{rule}", "clip one.final-office"),
        ("{name}", "clip one.final.MP4"),
        ("{parent}_{job}", "sub_17"),
        ("{date} {time}", "2026-03-01 14-05-09"),
        ("plain", "plain"),
    ],
)
def test_a_template_is_filled_in(template: str, name: str) -> None:
    assert named(template) == name


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("/in/x.urls.txt", "x"),
        ("/in/x.y.URLS.TXT", "x.y"),
        ("/in/x.urls.url", "x.urls"),
        ("/in/x.urls.mp4", "x.urls"),
        ("/in/x.webloc", "x"),
        ("/in/x.md.txt", "x.md"),
    ],
)
def test_the_stem_of_a_list_of_links_is_without_both_parts_of_its_ending(source: str, stem: str) -> None:
    assert named("{stem}", source) == stem


def test_every_placeholder_that_the_rules_file_allows_is_filled_in() -> None:
    assert "{" not in named("".join(f"{{{one}}}" for one in PLACEHOLDERS))


@pytest.mark.parametrize(
    ("source", "rule", "name"),
    [
        ("/in/...hidden.mp4", "r", "hidden-r"),
        ("/in/a\\b\nc.mp4", "r", "a_b_c-r"),
        ("/in/a.mp4", "trailing. .", "a-trailing"),
        ("/in/{job}.mp4", "{stem}", "{job}-{stem}"),
        (os.fsdecode(b"/in/caf\xe9.mp4"), "r", "caf_-r"),
        ("/in/纪录片🎬.mp4", "剪辑", "纪录片🎬-剪辑"),
    ],
)
def test_what_no_file_name_may_hold_is_made_safe(source: str, rule: str, name: str) -> None:
    assert named("{stem}-{rule}", source, rule) == name


def test_a_name_of_nothing_but_dots_still_is_a_name() -> None:
    assert named("{stem}", "/in/..mp4") == "clip"
    assert named(". {rule}", rule=" .") == "clip"


def test_long_names_keep_their_beginning_their_end_and_stay_two() -> None:
    first, second = ("/in/" + "x" * 249 + one + ".mp4" for one in "ab")
    names = [named("{stem}-{rule}", source) for source in (first, second)]
    assert names[0] != names[1]
    assert all(name.startswith("xxx") and name.endswith("-office") for name in names)
    endings = [named("{name}", "/in/" + "x" * 250 + ending) for ending in (".mp4", ".mov")]
    assert [ending[-4:] for ending in endings] == [".mp4", ".mov"]
    assert named("{stem}", first) == named("{stem}", first)


NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=90).filter(
    lambda one: one not in (".", "..")
)
TEMPLATES = st.lists(
    st.one_of(
        st.sampled_from([f"{{{one}}}" for one in PLACEHOLDERS]), st.sampled_from(["-", ".", " ", "名", "a/b"])
    ),
    max_size=6,
).map("".join)


@given(TEMPLATES, NAMES, NAMES, NAMES, st.datetimes(timezones=st.just(UTC)))
@example("{name}{name}", "é" * 127, "r", "\udcff", datetime(1, 1, 1, tzinfo=UTC))
def test_the_result_is_always_one_legal_file_name(
    template: str, file: str, folder: str, rule: str, now: datetime
) -> None:
    name = base_name(template, source=PurePath("/", folder, file), rule=rule, job="1", now=now)
    assert 0 < len(name.encode()) <= MAX_BASE_BYTES
    assert PurePath(name).name == name
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not any(ord(one) < 32 or one in "/\\\x7f" for one in name)


def test_the_longest_name_with_all_that_delivery_adds_fits_on_disk(tmp_path: Path) -> None:
    name = named("{name}{name}", "/in/" + "é" * 120 + ".mp4")
    longest = f".{name}-999.FAILED.txt.{'0' * 30}"
    assert len(longest.encode()) <= MAX_NAME_BYTES
    (tmp_path / longest).touch()
