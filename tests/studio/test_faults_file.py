"""The faults file: what it may say, what it is told where it is wrong, and that it is read again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon.cli.faults import FaultsFile, parse
from daemon.errors import RulesError, UsageError
from daemon.studio.faults import CALLS, Mishap, Place, Rehearsal, Service, Then, befalls, keys

FILE = Path("faults.yaml")
CREDITS = "/api/credits/balance/simple"


def _then(text: str, call: str = "run") -> Then:
    return parse(f"faults: [{{call: {call}, then: {{{text}}}}}]", FILE).faults[0].then


def _wrong(text: str) -> list[str]:
    with pytest.raises(RulesError) as raised:
        parse(text, FILE)
    return [f"{one.line}:{one.column} {one.key}: {one.message}" for one in raised.value.faults]


# --- what may be written


def test_a_file_without_a_word_in_it_is_refused_and_empty_sections_are_defaults() -> None:
    assert _wrong("") == ["1:1 : expected `faults:` or `service:`, found nothing"]
    assert parse("faults:\nservice:\n", FILE) == Rehearsal()


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("0", Place(0)),
        ("5000", Place(5000)),
        ("64kB", Place(64_000)),
        ("1 event", Place(1, "events")),
        ("3 events", Place(3, "events")),
    ],
)
def test_a_place_is_bytes_or_events(written: str, place: Place) -> None:
    assert _then(f"cut: {written}").cut == place
    assert _then(f"stall: {written}").stall == place


def test_a_place_may_be_a_share() -> None:
    assert _then("cut: 50%", "download").cut == Place(0.5, "share")
    assert _then("take: 60%", "upload").take == Place(0.6, "share")


@pytest.mark.parametrize(
    ("written", "times"),
    [
        ("2", [2]),
        ("[1, 3]", [1, 3]),
        ("2..4", [2, 3, 4]),
        ("9..", [9, 10]),
        ("[1, 9..]", [1, 9, 10]),
        ("every", list(range(1, 11))),
    ],
)
def test_nth_says_which_times(written: str, times: list[int]) -> None:
    rehearsal = parse(f"faults: [{{call: run, nth: {written}, then: {{status: 500}}}}]", FILE)
    assert [nth for nth in range(1, 11) if befalls(rehearsal, "run", nth, 99) != Then()] == times


def test_each_entry_throws_its_own_dice() -> None:
    text = "faults: [{call: run, chance: 0.5, then: {status: 500}}, {call: run, chance: 0.5, then: {status: 501}}]"
    rehearsal = parse(text, FILE)
    seen = {befalls(rehearsal, "run", nth, nth).status for nth in range(1, 100)}
    assert seen == {500, 501, None}


def test_events_are_mappings_or_raw_text() -> None:
    then = _then(
        'before: "not json", after: [{type: text, content: "3"}, {partial: true, n: 1.5, m: ~, t: 0x1}, ""]'
    )
    assert then.before == ("not json",)
    assert then.after == (
        {"type": "text", "content": 3},
        {"partial": True, "n": 1.5, "m": None, "t": "0x1"},
        "",
    )


def test_every_call_and_every_key_can_be_written() -> None:
    for call in (*CALLS, "any"):
        assert parse(f"faults: [{{call: {call}, then: {{status: 500}}}}]", FILE).faults[0].call == call
    assert set(keys(Rehearsal)) == {"faults", "service"}
    assert parse("service: {prices: {edit: 50}, credits: none}", FILE).service.prices.edit == 50


# --- what is told


def test_all_faults_come_at_once_each_with_its_line_and_the_nearest_name() -> None:
    assert _wrong(
        """\
faults:
  - call: renders
    nth: 0
    then: {statsu: 503}
  - then: {status: 500}
  - call: run
service:
  price: {edit: 3}
  plan: fre
servce: 1
"""
    ) == [
        "2:11 faults[0].call: expected one of token, session, claim, upload, run, render, state, credits, "
        'render_status, cancel, download, file, any, found "renders"; did you mean "render"?',
        '3:10 faults[0].nth: expected which times, counted from 1: 2, [1, 3], 2..4, 3.. or every, found "0"',
        '4:12 faults[0].then.statsu: no such key; did you mean "status"?',
        "5:5 faults[1]: expected a `call`",
        "6:5 faults[2]: expected a `then`",
        '8:3 service.price: no such key; did you mean "prices"?',
        '9:9 service.plan: expected one of paid, free, found "fre"; did you mean "free"?',
        '10:1 servce: no such key; did you mean "service"?',
    ]


@pytest.mark.parametrize(
    "section",
    [
        "faults: {call: run}",
        "faults: [7]",
        "faults: [[]]",
        "service: []",
        "service: {credits: -1}",
        "service: {credits: 1.5}",
        "service: {heartbeat: 0}",
        "service: {anonymous: {life: 0}}",
        "service: {rate: {per_minute: 0}}",
        "service: {ranges: yes}",
        "service: {prices: 50}",
        "service: {seed: x}",
        "service: {edit_time: soon}",
    ],
)
def test_a_section_that_cannot_be_is_one_fault(section: str) -> None:
    assert len(_wrong(section)) == 1


@pytest.mark.parametrize(
    ("call", "then"),
    [
        ("run", ""),
        ("run", "status: 199"),
        ("run", "status: 600"),
        ("run", "code: x"),
        ("run", "delay: -1s"),
        ("run", "body: [x]"),
        ("run", "message: ''"),
        ("run", "headers: x"),
        ("run", "headers: {'a b': c}"),
        ("run", 'headers: {A: "b\\nc"}'),
        ("run", 'headers: {A: "ü"}'),
        ("run", "cut: 101%"),
        ("download", "cut: 101%"),
        ("run", "cut: some"),
        ("run", "take: 3 events"),
        ("run", "drop: both"),
        ("run", "silent: 1"),
        ("run", "before: []x"),
        ("run", 'after: "two\\nlines"'),
        ("run", "question: ''"),
        # what means nothing at this call
        ("credits", "silent: true"),
        ("run", "fail: words"),
        ("credits", "take: 50%"),
        ("file", "expire: token"),
        ("run", "cut: 50%"),
        ("credits", "stall: 3 events"),
        # or beside the rest
        ("run", "done: true"),
        ("run", "status: 500, silent: true"),
        ("run", "drop: request, lose_edit: true"),
        ("render", "status: 500, fail: words"),
        ("credits", "code: 1001, expire: token"),
        ("run", "drop: answer, status: 500"),
        ("run", "drop: answer, cut: 3"),
        ("run", "drop: request, late: 3s"),
        ("run", "cut: 3, stall: 3"),
        ("run", "body: x, code: 3"),
        ("run", "status: 204"),
        ("run", 'status: 304, body: "x"'),
    ],
)
def test_what_cannot_happen_is_refused(call: str, then: str) -> None:
    assert _wrong(f"faults: [{{call: {call}, then: {{{then}}}}}]")


@pytest.mark.parametrize(
    ("call", "then"),
    [
        ("run", "status: 500, silent: true, done: true"),
        ("run", "drop: answer, lose_edit: true"),
        ("render", "drop: answer, fail: words"),
        ("download", "status: 503, take: 50%"),
        ("any", "expire: token, stall: 3 events"),
        ("run", "status: 500, cut: 50%, body: <html>"),
        ("upload", "status: 503, take: 50%"),
        ("run", "status: 204, body: ''"),
    ],
)
def test_what_can_happen_together_is_taken(call: str, then: str) -> None:
    if call == "download":
        assert _wrong(f"faults: [{{call: {call}, then: {{{then}}}}}]")
    else:
        assert _then(then, call) != Then()


@pytest.mark.parametrize("kind", [Then, Mishap, Service, Rehearsal])
def test_every_value_is_frozen_and_every_key_says_what_it_means(kind: type) -> None:
    assert all(key.about for key in keys(kind).values())
    with pytest.raises(AttributeError):
        setattr(kind(), next(iter(keys(kind))), None)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * (1 << 20) + b"x"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "faults.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"faults\.yaml") as raised:
        FaultsFile(path)
    assert "\n" not in str(raised.value)


# --- read again


def test_a_file_that_changed_is_obeyed_by_the_next_call(rehearse: Callable[[str], Any]) -> None:
    studio = rehearse("faults: [{call: credits, then: {status: 503}}]")
    answers = [studio.client.http.get(CREDITS).status_code]
    studio.write("faults: [{call: credits, then: {status: 504}}]")
    answers.append(studio.client.http.get(CREDITS).status_code)
    studio.write("service: {credits: 5}")
    assert (*answers, studio.credits()) == (503, 504, (5, 0))


def test_other_faults_count_anew_and_another_service_does_not(rehearse: Callable[[str], Any]) -> None:
    first = "faults: [{call: credits, nth: 2, then: {status: 503}}]\n"
    studio = rehearse(first)

    def ask(text: str, times: int) -> list[int]:
        studio.write(text)
        return [studio.client.http.get(CREDITS).status_code for _ in range(times)]

    assert ask(first, 2) == [200, 503]
    assert ask(first + "service: {seed: 1}", 2) == [200, 200]
    assert ask("faults: [{call: credits, nth: 2, then: {status: 502}}]", 2) == [200, 502]


def test_a_faulty_or_missing_file_changes_nothing_and_is_told_once(
    rehearse: Callable[[str], Any], capfd: pytest.CaptureFixture[str]
) -> None:
    studio = rehearse("faults: [{call: credits, then: {status: 503}}]")
    studio.write("faults: [{call: credits, then: {status: 999}}]")
    assert [studio.client.http.get(CREDITS).status_code for _ in range(2)] == [503, 503]
    said = capfd.readouterr().err
    assert said.count("faults[0].then.status") == 1
    assert "what it said before goes on" in said
    studio.file.unlink()
    assert studio.client.http.get(CREDITS).status_code == 503
    studio.write("faults: []")
    assert studio.client.http.get(CREDITS).status_code == 200


# --- the command


def _studio(tmp_path: Path, text: str, *options: str) -> subprocess.Popen[str]:
    (tmp_path / "faults.yaml").write_text(text, "utf-8")
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(tmp_path / "studio")]
    command += ["--faults", str(tmp_path / "faults.yaml"), *options]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_bad_file_ends_the_command_with_2_and_a_line_for_each_fault(tmp_path: Path) -> None:
    process = _studio(tmp_path, "faults: [{call: runs, then: {statuss: 500}}]\nservce: 3\n")
    said, told = process.communicate(timeout=30)
    assert (process.returncode, said) == (2, "")
    assert [line.partition("faults.yaml:")[2].partition(":")[0] for line in told.splitlines()] == [
        "1",
        "1",
        "2",
    ]


def test_a_process_obeys_its_file_and_ends_cleanly_while_a_call_stalls(tmp_path: Path) -> None:
    process = _studio(tmp_path, "faults: [{call: credits, nth: 2, then: {stall: 0}}]", "--attached")
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    ask = {"authorization": f"Bearer {said['token']}"}
    with httpx.Client(base_url=said["url"], headers=ask, trust_env=False) as http:
        assert http.get(CREDITS).status_code == 200
        with http.stream("GET", CREDITS) as answer:
            assert answer.status_code == 200
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "")
