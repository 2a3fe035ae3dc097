"""`reeldrop check --live` against editors that answer as documented, and otherwise."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

from daemon.nemo.account import AnonymousAccount
from daemon.nemo.client import Attribution, ask_anonymous_token

BALANCE = "/api/credits/balance/simple"


def verdicts(text: str) -> list[str]:
    known = ("ok", "differs", "failed", "skipped")
    return [word for line in text.splitlines() if (word := line.partition(" ")[0]) in known]


def test_every_editor_in_use_is_asked_and_nothing_is_paid_or_uploaded(empty_home: Any) -> None:
    before = empty_home.run("credits").stdout.splitlines()[0]
    done = empty_home.run("check", "--live")
    assert done.returncode == 0, done.stdout
    assert verdicts(done.stdout) == ["ok"] * 10
    assert "available number, frozen number, total number" in done.stdout
    assert "HTTP 404" in done.stdout and "Every answer can be used." in done.stdout
    assert f'asks {empty_home.editor.url}, where an empty project named "project" appears' in done.stdout
    assert "asks the embedded studio, started for the moment" in done.stdout
    assert empty_home.run("credits").stdout.splitlines()[0] == before
    assert not (empty_home.folder / "state").exists()


def test_an_answer_of_another_shape_says_what_came_instead_without_its_values(empty_home: Any) -> None:
    token = empty_home.editor.token
    odd = json.dumps({"code": 0, "data": {"avail": 5, f"for {token}": "a-canary-value"}})
    gone = json.dumps({"code": 0, "data": {"state": {"draft": {}, "extra": 1}, "session_id": 12345}})
    empty_home.editor.answers(
        f"[{{call: credits, then: {{body: '{odd}'}}}}, {{call: state, then: {{body: '{gone}'}}}}]"
    )
    done = empty_home.run("check", "--live", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["ok"] is False
    paid = {one["call"]: one for one in told["live"] if one["editor"] == "service"}
    assert paid["read the credits"]["verdict"] == "failed"
    assert "available is missing" in paid["read the credits"]["told"]
    assert "avail number" in paid["read the credits"]["told"]
    state = paid["read the session's state"]
    assert state["verdict"] == "differs"
    assert (
        "session_id is number, not string" in state["told"]
        and "state.video_infos is missing" in state["told"]
    )
    assert "more than documented: state.extra" in state["told"]
    assert "canary" not in done.stdout and "12345" not in done.stdout
    assert [one["verdict"] for one in told["live"] if one["editor"] == "embedded"] == ["ok"] * 5


def test_a_refused_token_ends_the_round_with_exit_2_and_what_to_do(empty_home: Any) -> None:
    done = empty_home.run("check", "--live", token="nmv_usr_no_longer_valid")
    assert done.returncode == 2
    assert verdicts(done.stdout) == ["failed"] + ["ok"] * 5
    assert "HTTP 401" in done.stdout and "NEMO_TOKEN" in done.stdout


def test_no_connection_is_one_line_and_exit_2(empty_home: Any) -> None:
    empty_home.editor.answers("[{call: credits, then: {drop: request}}]")
    done = empty_home.run("check", "--live")
    assert done.returncode == 2
    assert verdicts(done.stdout)[0] == "failed"
    assert f"GET {BALANCE}: the connection broke" in done.stdout


def test_faulty_rules_are_told_and_nobody_is_asked(empty_home: Any) -> None:
    (empty_home.folder / "in" / "wide").rmdir()
    done = empty_home.run("check", "--live")
    assert (done.returncode, verdicts(done.stdout)) == (2, [])
    assert "mkdir -p" in done.stderr


def test_what_needs_a_session_is_skipped_where_none_could_be_made(empty_home: Any) -> None:
    empty_home.editor.answers("[{call: session, then: {status: 503}}]")
    done = empty_home.run("check", "--live")
    assert done.returncode == 2
    assert verdicts(done.stdout)[:5] == ["ok", "failed", "skipped", "skipped", "ok"]
    assert "Of no use: create a session." in done.stdout


def test_a_starter_token_that_is_there_is_used_and_no_other_asked_for(empty_home: Any) -> None:
    state = empty_home.folder / "state"
    ask = partial(ask_anonymous_token, attribution=Attribution("reeldrop", "1"))
    at = asyncio.run(AnonymousAccount(empty_home.editor.url, state, ask).endpoint())
    kept = (state / "token.json").read_bytes()
    empty_home.editor.answers("[{call: token, then: {status: 429}}]")
    credits = empty_home.run("credits", token="")
    assert (credits.returncode, "100 credits available" in credits.stdout) == (0, True)
    done = empty_home.run("check", "--live", token="")
    assert done.returncode == 0
    assert verdicts(done.stdout) == ["ok"] * 5 + ["skipped"] + ["ok"] * 5
    assert "not asked just to look" in done.stdout
    assert at.token not in credits.stdout + done.stdout
    assert (state / "token.json").read_bytes() == kept
