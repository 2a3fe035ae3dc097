"""`reeldrop credits` against an editor that charges: the balance, and what was spent."""

from __future__ import annotations

import json
from typing import Any

import pytest


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_balance_and_what_each_rule_spent_are_told(home: Any) -> None:
    done = home.run("credits")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"Balance at {home.editor.url}: 880 credits available.",
        "Embedded studio: free, nothing is counted.",
        "tall: 80 credits for 2 edits",
        "wide: 40 credits for 1 edit",
        "total: 120 credits for 3 edits",
    ]


def test_programs_get_the_same_as_objects_and_spreadsheets_as_rows(home: Any) -> None:
    service, embedded, *groups, total = lines(home.run("credits", "--json").stdout)
    assert (service["account"], service["available"], service["total"]) == ("service", 880, 880)
    assert (embedded["account"], embedded["available"]) == ("embedded", None)
    assert [(one["by"], one["name"], one["credits"]) for one in groups] == [
        ("rule", "tall", 80),
        ("rule", "wide", 40),
    ]
    assert total == {"by": "total", "name": "total", "edits": 3, "credits": 120, "exact": True, "unknown": 0}
    done = home.run("credits", "--by", "folder", "--csv")
    assert done.stdout.splitlines() == [
        "folder,edits,credits,exact,unknown",
        f"{home.folder}/in/tall,2,80.0,true,0",
        f"{home.folder}/in/wide/Secret Client,1,40.0,true,0",
    ]


def test_months_are_told_apart(home: Any) -> None:
    *_, month, total = lines(home.run("credits", "--by", "month", "--json").stdout)
    assert month["credits"] == total["credits"] == 120
    (row,) = home.run("credits", "--month", month["name"], "--csv", "--by", "month").stdout.splitlines()[1:]
    assert row == f"{month['name']},3,120.0,true,0"
    other = home.run("credits", "--month", "2001-01")
    assert (other.returncode, "Nothing was spent in 2001-01." in other.stdout) == (0, True)


@pytest.mark.parametrize("reason", ["away", "refused"])
def test_a_balance_that_cannot_be_read_is_exit_1_and_what_was_spent_still_told(
    home: Any, reason: str
) -> None:
    if reason == "away":
        home.editor.answers("[{call: credits, then: {drop: request}}]")
        done = home.run("credits")
    else:
        done = home.run("credits", token="nmv_usr_other")
    assert done.returncode == 1
    first, *_ = done.stdout.splitlines()
    assert first.startswith(f"Balance at {home.editor.url}: not known: ")
    assert ("connection" if reason == "away" else "token") in first
    assert "total: 120 credits for 3 edits" in done.stdout


def test_looking_fetches_no_token_and_writes_nothing(empty_home: Any) -> None:
    done = empty_home.run("credits", token="")
    assert done.returncode == 1
    assert "there is no token yet" in done.stdout and "Nothing was spent yet." in done.stdout
    live = empty_home.run("check", "--live", token="")
    assert live.returncode == 0
    assert "X-Client-Id" in live.stdout and "the first job fetches one" in live.stdout
    assert not (empty_home.folder / "state").exists()


def test_without_a_paid_account_there_is_nothing_to_ask(empty_home: Any) -> None:
    rules = empty_home.folder / "rules.yaml"
    rules.write_text(rules.read_text().replace("by: service", "by: embedded"))
    done = empty_home.run("credits", token="")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Embedded studio: free, nothing is counted.",
        "Nothing was spent yet.",
    ]
