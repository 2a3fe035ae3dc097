"""Prices, credits, plans, rates and anonymous tokens, over real HTTP; and what the ledger says of them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from daemon.studio.ledger import Ledger

Rehearse = Callable[[str], Any]

CREDITS = "/api/credits/balance/simple"
ATTRIBUTION = {"X-Skill-Source": "a", "X-Skill-Version": "1", "X-Skill-Platform": "b"}


def _with_clip(client: Any, clip: Path) -> str:
    session = str(client.session())
    client.upload(session, clip)
    return session


def _answer(client: Any, session: str, text: str) -> Any:
    return client.http.post("/run_sse", json=client.message(session, text))


# --- credits


def test_credits_run_out_and_come_back_with_a_higher_number_in_the_file(
    rehearse: Rehearse, clip: Path
) -> None:
    studio = rehearse("service: {credits: 120, prices: {edit: 50}}")
    client, session = studio.client, _with_clip(studio.client, clip)
    client.say(session, "trim to 1.5 s")
    client.say(session, "trim to 1 s")
    assert studio.credits() == (20, 0)
    refused = _answer(client, session, "trim to 0.5 s")
    assert (refused.status_code, refused.json()["code"]) == (200, 2001)
    assert client.state(session)["draft"]["d"] == 1000
    studio.write("service: {credits: 220, prices: {edit: 50}}")
    client.say(session, "trim to 0.5 s")
    assert (studio.credits(), client.state(session)["draft"]["d"]) == ((70, 0), 500)
    assert [one["charged"] for one in studio.ledger("edited")] == [50, 50, 50]


def test_what_changes_nothing_costs_nothing(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("service: {credits: 100, prices: {edit: 50}}")
    session = _with_clip(studio.client, clip)
    studio.client.say(session, "make it rain")
    assert studio.credits() == (100, 0)
    assert [(one["charged"], one["changed"]) for one in studio.ledger("edited")] == [(0, False)]


def test_credits_are_frozen_while_a_message_is_under_way_and_promised_to_no_other(
    rehearse: Rehearse, clip: Path
) -> None:
    studio = rehearse("service: {credits: 80, prices: {edit: 50}, edit_time: 1s}")
    client, session = studio.client, _with_clip(studio.client, clip)
    other = _with_clip(client, clip)
    with ThreadPoolExecutor(1) as aside:
        under_way = aside.submit(client.say, session, "trim to 1 s")
        client.until(lambda: studio.credits() == (30, 50))
        assert _answer(client, other, "trim to 1 s").json()["code"] == 2001
        assert under_way.result()[-1]["type"] == "text"
    assert studio.credits() == (30, 0)


def test_the_balance_is_what_the_ledger_says_also_after_a_restart(rehearse: Rehearse, clip: Path) -> None:
    text = "service: {credits: 100, prices: {edit: 40}}"
    studio = rehearse(text)
    session = _with_clip(studio.client, clip)
    studio.client.say(session, "trim to 1 s")
    studio = rehearse(text)
    assert studio.credits() == (60, 0)
    studio.client.say(session, "trim to 0.5 s")
    assert rehearse(text).credits() == (20, 0)


def test_a_message_accepted_before_a_kill_is_charged_once_after_it(
    tmp_path: Path, clip: Path, client_of: Any
) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("service: {credits: 100, prices: {edit: 40}, edit_time: 1d, heartbeat: 10ms}")
    command = [sys.executable, "-m", "daemon", "studio", "--attached", "--folder", str(tmp_path / "studio")]
    balances = []
    for life in range(3):
        process = subprocess.Popen(
            [*command, "--faults", str(faults)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        too_long = threading.Timer(60, process.kill)
        too_long.start()
        with process:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            client = client_of(told["url"], told["token"])
            if life == 0:
                body = client.message(session := _with_clip(client, clip), "trim to 1 s")
                with client.http.stream("POST", "/run_sse", json=body) as answer:
                    next(answer.iter_lines())
            data = client.http.get(CREDITS).json()["data"]
            balances.append((data["available"], data["frozen"], client.state(session)["draft"]["d"]))
            client.http.close()
            process.kill()
        too_long.cancel()
    assert balances == [(60, 40, 2000), (60, 0, 1000), (60, 0, 1000)]
    lines = (tmp_path / "studio" / "ledger.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["what"] for line in lines]
    assert kinds == ["session", "upload", "message", "edited"]


def test_without_credits_in_the_file_nothing_ever_runs_out(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("service: {prices: {edit: 999999999}}")
    session = _with_clip(studio.client, clip)
    studio.client.say(session, "trim to 1 s")
    assert studio.credits() == (1_000_000, 0)


# --- plan and attribution


def test_a_free_plan_edits_and_exports_once_it_is_paid(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("service: {plan: free}")
    client = studio.client
    session = client.edited(clip, "trim to 1 s")
    blocked = client.render(session, "render_1")
    assert (blocked.status_code, blocked.json()["code"]) == (402, 402)
    assert studio.ledger("render") == []
    studio.write("service: {plan: paid}")
    client.render(session, "render_1")
    assert client.finished("render_1")["status"] == "completed"


@pytest.mark.parametrize("lacking", [None, "upload", "render"])
def test_an_export_wants_attribution_on_every_call_of_its_session(
    rehearse: Rehearse, clip: Path, lacking: str | None
) -> None:
    client = rehearse("service: {attribution: required}").client
    client.http.headers.update(ATTRIBUTION)
    session = client.session()
    if lacking == "upload":
        del client.http.headers["X-Skill-Platform"]
    client.upload(session, clip)
    client.http.headers.update(ATTRIBUTION)
    draft = client.state(session)["draft"]
    if lacking == "render":
        client.http.headers["X-Skill-Source"] = ""
    assert client.render(session, "render_1", draft).status_code == (402 if lacking else 200)


# --- rates


def test_calls_beyond_the_rate_of_an_account_wait(rehearse: Rehearse, client_of: Any) -> None:
    studio = rehearse("service: {rate: {per_minute: 3, retry_after: 2s}}")
    client = studio.client
    answers = [client.http.get(CREDITS) for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "2"
    assert answers[-1].json()["code"] == 429
    granted = client.http.post("/api/auth/anonymous-token", headers={"X-Client-Id": "me"}).json()["data"]
    other = client_of(client.url, granted["token"])
    assert other.http.get(CREDITS).status_code == 200
    other.http.close()
    studio.write("service: {rate: {per_minute: 3}}")
    assert 1 <= int(client.http.get(CREDITS).headers["retry-after"]) <= 60
    studio.write("service: {}")
    assert client.http.get(CREDITS).status_code == 200


# --- anonymous tokens


def _ask(client: Any, client_id: str = "me") -> Any:
    return client.http.post("/api/auth/anonymous-token", headers={"X-Client-Id": client_id})


def test_a_client_id_gets_one_token_until_that_has_expired(rehearse: Rehearse) -> None:
    text = """
        faults: [{call: credits, then: {expire: token}}]
        service: {anonymous: {one_each: true, life: 2d}}
        """
    studio = rehearse(text)
    first, again, other = _ask(studio.client), _ask(studio.client), _ask(studio.client, "another")
    assert [one.status_code for one in (first, again, other)] == [200, 429, 200]
    assert 2 * 86400 - 10 < int(again.headers["retry-after"]) <= 2 * 86400 + 1
    studio = rehearse(text)
    assert _ask(studio.client).status_code == 429
    token = first.json()["data"]["token"]
    expired = studio.client.http.get(CREDITS, headers={"authorization": f"Bearer {token}"})
    assert expired.json()["code"] == 1001
    renewed = _ask(studio.client)
    assert renewed.status_code == 200
    assert renewed.json()["data"]["user_id"] == first.json()["data"]["user_id"]
    assert renewed.json()["data"]["token"] != token


def test_a_token_lives_as_long_as_the_file_says(rehearse: Rehearse) -> None:
    client = rehearse("service: {anonymous: {life: 1s, one_each: true}}").client
    data = _ask(client).json()["data"]
    assert 0 < data["expires_at"] - time.time() <= 2
    ask = {"authorization": f"Bearer {data['token']}"}
    assert client.http.get(CREDITS, headers=ask).status_code == 200
    client.until(lambda: client.http.get(CREDITS, headers=ask).status_code == 401)
    assert _ask(client).status_code == 200


def test_an_anonymous_account_has_credits_and_a_name_of_its_own(
    rehearse: Rehearse, clip: Path, client_of: Any
) -> None:
    studio = rehearse("service: {credits: 1000, prices: {edit: 60}, anonymous: {credits: 100}}")
    data = _ask(studio.client).json()["data"]
    assert data["credits"] == 100
    anonymous = client_of(studio.client.url, data["token"])
    made = anonymous.http.post("/api/tasks/me/with-session/nemo_agent", json={}).json()["data"]
    session = made["session_id"]
    state = anonymous.http.get(f"/api/state/nemo_agent/me/{session}/latest").json()["data"]
    assert made["user_id"] == state["user_id"] == data["user_id"]
    assert data["user_id"].startswith("anon_")
    anonymous.upload(session, clip)
    anonymous.say(session, "trim to 1 s")
    assert anonymous.http.get(CREDITS).json()["data"]["available"] == 40
    assert _answer(anonymous, session, "trim to 0.5 s").json()["code"] == 2001
    anonymous.http.close()
    assert studio.credits() == (1000, 0)


def test_a_claim_token_is_given_for_a_project_of_ones_own(client: Any) -> None:
    made = client.http.post("/api/tasks/me/with-session/nemo_agent", json={}).json()["data"]
    ask = {"task_id": made["task_id"], "session_id": made["session_id"]}
    tokens = [client.http.post("/api/auth/claim-token", json=ask).json()["data"] for _ in range(2)]
    assert all(one["claim_token"].startswith("clm_") and one["expires_in"] > 0 for one in tokens)
    assert tokens[0]["claim_token"] != tokens[1]["claim_token"]
    foreign = client.http.post("/api/auth/claim-token", json={**ask, "task_id": "1"})
    assert foreign.status_code == 404
    unknown = client.http.post("/api/auth/claim-token", json={**ask, "session_id": "1"})
    assert unknown.json()["code"] == 1002
    assert client.http.post("/api/auth/claim-token", headers={"authorization": ""}).status_code == 401


# --- the ledger


def test_the_ledger_tells_every_step_once_and_in_order(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("service: {credits: 100, prices: {edit: 50}}")
    client = studio.client
    _ask(client)
    session = client.session()
    client.upload(session, clip)
    client.say(session, "trim to 1 s")
    client.render(session, "render_1")
    client.render(session, "render_1")
    client.finished("render_1")
    lines = studio.ledger()
    kinds = ["token", "session", "upload", "message", "edited", "render", "rendered"]
    assert [one["what"] for one in lines] == kinds
    assert all(abs(one["at"] - time.time()) < 600 for one in lines)
    token, made, upload, message, edited, render, rendered = lines
    assert {one["session"] for one in (made, upload, message, edited, render)} == {session}
    assert {one["account"] for one in (made, upload, message, edited, render)} == {"studio"}
    content = clip.read_bytes()
    sent = {"name": "talk.mp4", "hash": hashlib.sha256(content).hexdigest(), "size": len(content)}
    assert upload["files"] == [sent]
    assert message["text"] == hashlib.sha256(b"trim to 1 s").hexdigest()[:32]
    assert message["id"] == edited["id"]
    assert (message["price"], edited["charged"], edited["changed"]) == (50, 50, True)
    assert render["id"] == rendered["id"] == "render_1"
    assert rendered["status"] == "completed"
    assert token["account"].startswith("anon_")


def test_the_ledger_holds_no_token_and_no_text(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: credits, then: {expire: token}}]")
    client, token = studio.client, _ask(studio.client).json()["data"]["token"]
    client.http.get(CREDITS, headers={"authorization": f"Bearer {token}"})
    client.edited(clip, 'add a title "canary"')
    text = (studio.folder / "ledger.jsonl").read_text()
    assert [one["what"] for one in studio.ledger("token", "expired")] == ["token", "expired"]
    assert token not in text
    assert "canary" not in text
    assert (studio.folder / "ledger.jsonl").stat().st_mode & 0o077 == 0


def test_a_half_line_and_a_line_of_nonsense_spoil_no_other(tmp_path: Path) -> None:
    charge = {"what": "edited", "id": "a", "session": "1", "account": "me", "charged": 5, "changed": True}
    lines = [
        json.dumps(charge),
        json.dumps(charge),
        "7",
        "{broken",
        json.dumps({**charge, "id": "b"}),
        '{"what": "ed',
    ]
    (tmp_path / "ledger.jsonl").write_text("\n".join(lines))
    ledger = Ledger(tmp_path)
    ledger.read()
    assert ledger.charged("me") == 10
    ledger.add("edited", id="c", session="1", account="me", charged=7, changed=True)
    ledger.close()
    again = Ledger(tmp_path)
    again.read()
    assert again.charged("me") == 17
    again.close()
