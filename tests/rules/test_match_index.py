"""The index that keeps 1,000 rules from being tried one by one: quick, and never another answer."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.config import Rule
from daemon.config.globs import CLASSES, entry_regex, folded, parts
from daemon.rules import RuleBook
from daemon.rules.index import Index

TEXT = "ab.-1"
"""Few letters, so that patterns and names meet often."""

NAMES = st.text(
    st.sampled_from([*TEXT, "A", "s", "ſ", "i", "İ", "ı", "k", "\u212a", "é", "É", "[", "]", "{", ","]),
    min_size=1,
    max_size=6,
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.one_of(
    st.text(st.sampled_from([*TEXT, "A", "s", "I", "K", "é"]), min_size=1, max_size=3),
    st.sampled_from(
        ["*", "**", "?", "/", "[ab]", "[!a]", "[a-b1]", "{a,b}", "{a,{b,-}1}", "{1..2}", "{a/b,b}", "\\*"]
    ),
    st.sampled_from(
        [
            "[",
            "]",
            "{",
            "}",
            ",",
            "!",
            "[]a]",
            "[a/b]",
            "./",
            "//",
            "/**/",
            "\\",
            "\\/",
            "@(a|b)",
            "~",
            "^",
            "|",
        ]
    ),
)


def is_entry(text: str) -> bool:
    try:
        entry_regex(text, ignoring=False)
    except ValueError:
        return False
    return True


ENTRIES = st.one_of(
    st.sampled_from([*CLASSES, "*.mp4", "a/", "a-*/**", "*.1.mp4", "**/a/*", "b*-1.{mp4,mov}"]),
    st.lists(PIECES, min_size=1, max_size=6).map("".join).filter(is_entry),
)


@settings(max_examples=300)
@given(ENTRIES, PATHS)
@example("{a,b}", "a")
@example("a.K", "A.\u212a")
@example("[a/b]*", "[a/b]1")
@example("a/", "x/A/y")
@example("**", "a")
@example("*.url", "a.URL")
def test_no_path_that_a_pattern_fits_is_missed(entry: str, path: str) -> None:
    if re.fullmatch(entry_regex(entry, ignoring=False), path):
        assert Index([(0, [entry])]).candidates(path), parts(entry)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.lists(ENTRIES, min_size=1, max_size=3), st.sampled_from(["/in", "/in/a", "/"])),
        max_size=12,
    ),
    PATHS,
)
def test_a_book_answers_as_its_rules_do_one_by_one(rules: list[tuple[list[str], str]], path: str) -> None:
    book = RuleBook(
        [rule(f"{number}", *entries, watch=watch) for number, (entries, watch) in enumerate(rules)]
    )
    found = book.match(f"/in/{path}")
    taken = [verdict.rule for verdict in book.explain(f"/in/{path}") if verdict.taken]
    assert [found.rule] == taken if found else not taken
    if found:
        assert found.root / found.relative == PurePath(f"/in/{path}")
    fitting = [rule for rule in (entry.rule for entry in book._entries) if fits(rule, f"/in/{path}")]
    assert [match.rule for match in book.matches(f"/in/{path}")] == fitting


def fits(rule: Rule, path: str) -> bool:
    """Plainly: below the watch folder, and one of the patterns."""
    root = str(rule.watch[0]).rstrip("/") + "/"
    return path.startswith(root) and any(
        re.fullmatch(entry_regex(one, ignoring=False), path[len(root) :]) for one in rule.match
    )


def test_letters_that_a_regex_takes_for_one_another_are_folded_alike() -> None:
    letters = "".join(map(chr, range(sys.maxunicode + 1)))
    for plain in "abcdefghijklmnopqrstuvwxyz":
        found = re.findall(plain, letters, re.IGNORECASE)
        assert {folded(letter) for letter in found} | {folded(f"é{letter}")[1:] for letter in found} == {
            plain
        }


def rule(name: str, *match: str, watch: str = "/in") -> Rule:
    output = Path("/out")
    return Rule(
        name=name, watch=(Path(watch),), match=match, by="embedded", instructions=("trim",), output=output
    )


Shape = tuple[Callable[[int], Rule], Callable[[int], str]]


def of_pattern(pattern: str, path: str) -> Shape:
    """A thousand rules that differ in the number 042 of `pattern`, and what each of them takes."""

    def make(number: int) -> Rule:
        return rule(f"{number}", pattern.replace("042", f"{number:03}"))

    def path_of(number: int) -> str:
        return path.replace("042", f"{number:03}")

    return make, path_of


SHAPES: dict[str, Shape] = {
    "1,000 folders": (
        lambda n: rule(f"{n}", "video", watch=f"/in/c{n:03}"),
        lambda n: f"/in/c{n:03}/day/clip-{n}.mp4",
    ),
    **{
        pattern: of_pattern(pattern, path)
        for pattern, path in {
            "client-042/**": "/in/client-042/day/clip-7.mp4",
            "client-042/*.mp4": "/in/Client-042/clip-7.mp4",
            "c042/": "/in/day/c042/clip.mp4",
            "client-042*/**": "/in/client-042 (Ltd)/clip.mp4",
            "*.042.mp4": "/in/day/clip.042.mp4",
            "client-042_*.mp4": "/in/day/client-042_clip.mp4",
            "*-042-*": "/in/day/a-042-clip.mp4",
            "*-c042.{mp4,mov}": "/in/day/a-c042.mov",
        }.items()
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_thousand_rules_are_told_apart_without_trying_them(shape: str) -> None:
    make, path_of = SHAPES[shape]
    book = RuleBook([make(number) for number in range(1000)])
    for number in (0, 7, 500, 999):
        found = book.match(path_of(number))
        assert found is not None and found.rule.name == f"{number}"
        assert len(list(book._candidates(path_of(number)))) <= 2
    assert book.match("/in/elsewhere/notes.txt") is None


def test_results_folders_of_a_thousand_rules_are_asked_of_the_disk_once_each() -> None:
    asked: list[str] = []

    def real(path: str) -> str:
        asked.append(path)
        return path

    began = time.process_time()
    RuleBook([rule(f"{number}", "video", watch=f"/in/{number}") for number in range(1000)], real)
    assert len(asked) <= 2 * 1001
    assert time.process_time() - began < 5.0
