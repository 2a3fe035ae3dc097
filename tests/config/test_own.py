from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import Rule, parse
from daemon.config.own import own_rule
from daemon.errors import RulesError

TEXT = "rules: [{watch: in, skill: background-music, output: out, retry: {attempts: 3}}]"


@pytest.fixture
def rule() -> Rule:
    return parse(TEXT, Path("/rules.yaml"), {"HOME": "/home/me"}).rules[0]


def said(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clip.mp4.reeldrop.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("instruction: trim to 2 s", {"instructions": ("trim to 2 s",)}),
        ("instructions: [trim to 2 s, add a title]", {"instructions": ("trim to 2 s", "add a title")}),
        ("format: webm\nquality: low\npriority: 5", {"format": "webm", "quality": "low", "priority": 5}),
        ("file_mode: 0640", {"file_mode": 0o640}),
    ],
)
def test_it_changes_the_keys_that_it_says_and_no_others(
    tmp_path: Path, rule: Rule, text: str, changes: dict[str, object]
) -> None:
    assert own_rule(said(tmp_path, text), rule) == rule.model_copy(update=changes)


def test_a_skill_brings_its_instruction_where_the_rules_own_came_from_one(tmp_path: Path, rule: Rule) -> None:
    path = said(tmp_path, "skill: tomoviee-video-background")
    assert "virtual office" in own_rule(path, rule).instructions[0]
    worded = rule.model_copy(update={"instructions": ("trim",)})
    assert own_rule(path, worded).instructions == ("trim",)


def test_retry_is_merged_key_by_key(tmp_path: Path, rule: Rule) -> None:
    retry = own_rule(said(tmp_path, "retry: {first: 1s}"), rule).retry
    assert (retry.attempts, retry.first, retry.longest) == (3, 1.0, 900.0)


@pytest.mark.parametrize("key", ["watch", "output", "after", "archive", "quarantine", "by"])
def test_where_things_lie_and_who_is_paid_is_not_for_a_dropped_file_to_say(
    tmp_path: Path, rule: Rule, key: str
) -> None:
    path = said(tmp_path, f"instruction: trim\n{key}: service\n")
    with pytest.raises(RulesError) as caught:
        own_rule(path, rule)
    assert str(caught.value) == f"{path}:2:1: {key}: is for the rule to say, not for one file"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("match: video", "1:1", "is for the rule to say"),
        ("name: x", "1:1", "is for the rule to say"),
        ("\nqualty: low", "2:1", 'did you mean "quality"?'),
        ("format: mp5", "1:9", "expected one of auto, mp4"),
        ("- a", "1:1", "expected keys of a rule"),
        ("instruction: a\ninstructions: [b]", "2:1", "write one of the two"),
        ("instruction: how many credits are left?", "1:14", "asks for the account's credits"),
        ("retry: {first: 5h}", "1:8", "must not be longer than"),
        ("a: [", "1:5", "begins no value"),
    ],
)
def test_a_fault_has_its_place(tmp_path: Path, rule: Rule, text: str, place: str, words: str) -> None:
    path = said(tmp_path, text)
    with pytest.raises(RulesError) as caught:
        own_rule(path, rule)
    [fault] = caught.value.faults
    assert str(fault).startswith(f"{path}:{place}: ")
    assert words in fault.message


def test_it_cannot_read_the_daemons_environment(
    tmp_path: Path, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_hidden")
    with pytest.raises(RulesError) as caught:
        own_rule(said(tmp_path, "instruction: add the title ${NEMO_TOKEN}"), rule)
    assert "not set" in str(caught.value)
    assert "hidden" not in str(caught.value)
