from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import Rule
from daemon.media.types import EXTENSIONS, kind_of
from daemon.rules import RuleBook, relative_folder


def rule(
    name: str = "r",
    watch: str | tuple[str, ...] = "/in",
    match: str | tuple[str, ...] = "video",
    ignore: str | tuple[str, ...] = (),
    recursive: bool = True,
) -> Rule:
    return Rule(
        name=name,
        watch=tuple(Path(one) for one in ((watch,) if isinstance(watch, str) else watch)),
        match=(match,) if isinstance(match, str) else match,
        ignore=(ignore,) if isinstance(ignore, str) else ignore,
        recursive=recursive,
        by="embedded",
        instructions=("trim",),
        output=Path("/out"),
    )


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("*.mp4", ["a.mp4", "A.MP4", "x/y/a.mp4"], ["a.mp4.part", "a.mov", "amp4", ".a.mp4", ".x/a.mp4"]),
        ("*.{mp4,MOV}", ["a.mp4", "x/a.mov"], ["a.mkv"]),
        ("raw/*.mp4", ["raw/a.mp4", "Raw/A.mp4"], ["a.mp4", "x/raw/a.mp4", "raw/x/a.mp4"]),
        ("raw/**/*.mp4", ["raw/a.mp4", "raw/x/y/a.mp4"], ["x/raw/a.mp4"]),
        ("**/raw/*.mp4", ["raw/a.mp4", "x/y/raw/a.mp4"], ["raw/x/a.mp4"]),
        ("raw/", ["raw/a.mp4", "x/raw/y/a.txt"], ["raw", "rawer/a.mp4"]),
        ("a/raw/", ["a/raw/b", "A/RAW/x/y"], ["b/a/raw/c"]),
        ("clip?.[mk]*", ["clip1.mp4", "x/clipA.mkv"], ["clip.mp4", "clip12.mp4"]),
        (".*.mp4", [".a.mp4", "x/.a.mp4"], ["a.mp4"]),
        ("été*.mp4", ["Été-1.mp4"], ["ete.mp4"]),
        ("take\\*.mp4", ["take*.mp4"], ["take1.mp4"]),
        ("video", ["a.mp4", "x/b.MKV", "a\nb.mov"], ["a.txt", "mp4", ".mp4", ".a.mp4", ".x/a.mp4"]),
        ("text", ["a.txt", "x/b.md", "urls.txt"], ["a.mp4", "a.URLS.txt", "x/b.url"]),
        ("media", ["a.mp4", "a.jpeg", "a.wav", "a.webloc"], ["a.txt"]),
        ("audio", ["a.mp3", "a.URL", "x/a.webloc", "x/a.urls.TXT"], ["a.mp4", "urls.txt", ".a.url"]),
    ],
)
def test_a_pattern_fits_what_it_says(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    book = RuleBook([rule(match=pattern)])
    for name in fits:
        assert book.match(PurePath("/in", name)) is not None, name
    for name in fits_not:
        assert book.match(PurePath("/in", name)) is None, name


@given(st.from_regex(r"[^/\x00]{0,9}", fullmatch=True), st.sampled_from([*EXTENSIONS, "MP4", "exe", ""]))
def test_a_class_fits_exactly_the_names_that_media_types_gives_it(stem: str, ending: str) -> None:
    name = f"{stem}.{ending}"
    book = RuleBook([rule(kind, match=kind) for kind in ("video", "audio", "image", "text")])
    found = book.match(f"/in/{name}")
    kind = None if name.startswith(".") else kind_of(name)
    # A link is taken by the first of the rules that take media.
    assert (found.rule.name if found else None) == ("video" if kind == "link" else kind)


def test_the_first_rule_that_matches_takes_the_file() -> None:
    book = RuleBook([rule("texts", match="text"), rule("clips", match="*.mp4"), rule("all", match="*")])
    names = {
        name: found.rule.name for name in ("a.txt", "a.mp4", "a.exe") if (found := book.match(f"/in/{name}"))
    }
    assert names == {"a.txt": "texts", "a.mp4": "clips", "a.exe": "all"}


def test_ignore_leaves_out_what_match_fits_hidden_names_too() -> None:
    book = RuleBook([rule(match=("*", ".*"), ignore=("*.bak.mp4", "raw/", "image"))])
    taken = [
        name
        for name in ("a.mp4", "a.BAK.mp4", ".a.bak.mp4", "raw/a.mp4", "a.png", "x/.y")
        if book.match(f"/in/{name}")
    ]
    assert taken == ["a.mp4", "x/.y"]


def test_a_link_is_not_left_out_for_what_may_lie_behind_it() -> None:
    book = RuleBook([rule(match="media", ignore=("image", "*.urls.txt"))])
    assert book.match("/in/a.url")
    assert book.match("/in/a.urls.txt") is None
    assert book.match("/in/a.png") is None


def test_a_rule_that_is_not_recursive_takes_direct_children_alone() -> None:
    book = RuleBook([rule(recursive=False)])
    assert book.match("/in/a.mp4")
    assert book.match("/in/x/a.mp4") is None


def test_a_file_outside_or_beside_the_watch_folder_is_nobodys() -> None:
    book = RuleBook([rule()])
    for path in ("/a.mp4", "/inside/a.mp4", "/in.mp4", "/other/in/a.mp4", "/in"):
        assert book.match(path) is None


def test_the_tree_below_the_nearest_watch_folder_is_kept() -> None:
    book = RuleBook([rule(watch=("/in", "/in/phone", "/cam"))])
    for path, root, folder in [
        ("/in/a.mp4", "/in", "."),
        ("/in/x/y/a.mp4", "/in", "x/y"),
        ("/in/phone/x/a.mp4", "/in/phone", "x"),
        ("/cam/a.mp4", "/cam", "."),
    ]:
        found = book.match(path)
        assert found is not None
        assert (str(found.root), str(relative_folder(found))) == (root, folder)
        assert found.root / found.relative == Path(path)


def test_the_file_systems_root_can_be_watched() -> None:
    found = RuleBook([rule(watch="/")]).match("/a/b.mp4")
    assert found is not None
    assert found.relative == PurePath("a/b.mp4")


def test_order_decides_and_not_how_near_the_watch_folder_is() -> None:
    near, far = rule("near", watch="/in/x"), rule("far", watch="/in")
    assert [
        found.rule.name
        for rules in ([near, far], [far, near])
        if (found := RuleBook(rules).match("/in/x/a.mp4"))
    ] == ["near", "far"]


def test_every_rule_says_why_in_words() -> None:
    book = RuleBook(
        [
            rule("elsewhere", watch=("/x", "/y")),
            rule("flat", recursive=False),
            rule("scripts", match=("text", "*.srt")),
            rule("clean", ignore=("*.tmp.mp4", "*.bak.mp4")),
            rule("office"),
            rule("later"),
        ]
    )
    said = {verdict.rule.name: verdict.why for verdict in book.explain("/in/sub/a.bak.mp4")}
    assert said == {
        "elsewhere": "not below its watch folder /x or /y",
        "flat": "not directly in its watch folder /in, and the rule says `recursive: false`",
        "scripts": "no pattern of match (text, `*.srt`) fits .mp4",
        "clean": "left out by ignore `*.bak.mp4`",
        "office": "taken",
        "later": "an earlier rule (office) took it",
    }
    assert [verdict.rule.name for verdict in book.explain("/in/sub/a.bak.mp4") if verdict.taken] == ["office"]
    assert "begins with a dot" in RuleBook([rule()]).explain("/in/.a.mp4")[0].why
    assert "fits README" in RuleBook([rule()]).explain("/in/README")[0].why


@given(
    st.lists(
        st.builds(
            rule,
            watch=st.sampled_from(["/", "/in", "/in/x", "/out"]),
            match=st.sampled_from(["video", "*", "*.txt", "x/*"]),
            ignore=st.sampled_from([(), "x/", "text"]),
            recursive=st.booleans(),
        ),
        max_size=5,
    ),
    st.sampled_from(["/in/a.mp4", "/in/x/a.txt", "/in/x/x/a.mp4", "/b.mp4", "/out/.a.mp4"]),
)
def test_explaining_and_matching_agree(rules: list[Rule], path: str) -> None:
    book = RuleBook(rules)
    found = book.match(path)
    taken = [verdict.rule for verdict in book.explain(path) if verdict.taken]
    assert len(taken) == (found is not None)
    assert found is None or taken[0] is found.rule


def test_an_output_folder_below_a_watch_folder_is_never_input() -> None:
    inside = rule(name="inside").model_copy(update={"output": Path("/in/done")})
    beside = rule(name="beside", watch="/in/raw").model_copy(update={"output": Path("/in/raw")})
    book = RuleBook([inside, beside])
    assert book.match(PurePath("/in/done/a.mp4")) is None
    assert book.match(PurePath("/in/done/x/a.mp4")) is None
    assert book.match(PurePath("/in/done-too/a.mp4")) is not None
    taken = book.match(PurePath("/in/raw/a.mp4"))
    assert taken is not None and taken.rule.name == "beside"
    assert "results are never input" in book.explain(PurePath("/in/done/a.mp4"))[0].why


def test_archive_and_quarantine_below_a_watch_folder_are_never_input() -> None:
    moves = rule("moves").model_copy(update={"archive": Path("/in/done"), "quarantine": Path("/in/bad")})
    book = RuleBook([moves, rule("later", match="*")])
    for folder in ("done", "bad", "done/x/y"):
        assert book.match(f"/in/{folder}/a.mp4") is None
    taken = [found.rule.name for name in ("done.mp4", "done-2/a.mp4") if (found := book.match(f"/in/{name}"))]
    assert taken == ["moves", "moves"]
    said = {verdict.rule.name: verdict.why for verdict in book.explain("/in/bad/a.mp4")}
    assert said["moves"] == said["later"]
    assert said["later"] == "it lies in a folder of `quarantine`, and what was moved there is never input"
    assert "`archive`" in book.explain("/in/done/a.mp4")[0].why


def test_a_link_does_not_make_an_output_folder_input(tmp_path: Path) -> None:
    (tmp_path / "disk" / "inbox" / "done").mkdir(parents=True)
    (tmp_path / "watched").symlink_to("disk/inbox")
    (tmp_path / "results").symlink_to("disk/inbox/done")
    linked = rule(watch=str(tmp_path / "watched")).model_copy(update={"output": tmp_path / "results"})
    book = RuleBook([linked], os.path.realpath)
    assert book.match(tmp_path / "watched" / "done" / "a.mp4") is None
    assert book.match(tmp_path / "watched" / "a.mp4") is not None
    straight = linked.model_copy(update={"watch": (tmp_path / "disk" / "inbox",)})
    assert RuleBook([straight], os.path.realpath).match(tmp_path / "disk/inbox/done/a.mp4") is None


def test_an_output_folder_is_no_input_where_the_whole_file_system_is_watched() -> None:
    book = RuleBook([rule(watch="/")])
    assert book.match("/out/a.mp4") is None
    assert book.match("/outer/a.mp4") is not None
