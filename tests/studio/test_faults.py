"""What a faults file makes of the calls, over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

Rehearse = Callable[[str], Any]

CREDITS = "/api/credits/balance/simple"


def _raw(client: Any, method: str, path: str, body: bytes = b"", *, read_s: float = 30.0) -> bytes:
    """All bytes that one request brings until the server closes, or (an answer that stalls) none has come for a time.

    Raises ConnectionResetError where the server resets.
    """
    host, port = client.url.removeprefix("http://").split(":")
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {client.token}\r\nConnection: close\r\n"
    with socket.create_connection((host, int(port)), read_s) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
        except TimeoutError:
            got += b"<still open>"
        return got


def _run(client: Any, session: str, text: str, **options: Any) -> bytes:
    return _raw(client, "POST", "/run_sse", json.dumps(client.message(session, text)).encode(), **options)


def _with_clip(client: Any, clip: Path) -> str:
    session = str(client.session())
    client.upload(session, clip)
    return session


def _length(client: Any, session: str) -> int:
    return int(client.state(session)["draft"]["d"])


# --- another answer


def test_a_code_is_an_envelope_under_its_status(rehearse: Rehearse) -> None:
    cases = [
        ("{code: 1001}", 200, 1001),
        ("{code: 2001}", 200, 2001),
        ("{code: 4001, message: no such type}", 200, 4001),
        ("{code: 4002}", 200, 4002),
        ("{status: 400}", 400, 400),
        ("{status: 401, code: 1010}", 401, 1010),
        ("{status: 402}", 402, 402),
        ("{status: 403, message: the scope render lacks}", 403, 403),
        ("{status: 404}", 404, 404),
        ("{status: 503}", 503, 503),
        ("{code: 503}", 200, 503),
        ("{status: 200}", 200, 0),
    ]
    entries = [
        f"  - {{call: credits, nth: {nth}, then: {then}}}" for nth, (then, _, _) in enumerate(cases, 1)
    ]
    client = rehearse("\n".join(["faults:", *entries])).client
    for then, status, code in cases:
        answer = client.http.get(CREDITS)
        assert (answer.status_code, answer.json()["code"]) == (status, code), then
        assert answer.headers["content-type"] == "application/json"
        assert "message" not in then or answer.json()["message"] in then


def test_a_gateway_answers_html_and_an_empty_body_is_empty(rehearse: Rehearse) -> None:
    client = rehearse(
        """
        faults:
          - {call: credits, nth: 1, then: {status: 502, body: "<html>Bad Gateway</html>"}}
          - {call: credits, nth: 2, then: {body: ""}}
          - {call: credits, nth: 3, then: {body: "{}", content_type: application/json}}
          - {call: credits, nth: 4, then: {status: 204, body: ""}}
        """
    ).client
    answers = [client.http.get(CREDITS) for _ in range(4)]
    assert [one.text for one in answers] == ["<html>Bad Gateway</html>", "", "{}", ""]
    assert [one.status_code for one in answers] == [502, 200, 200, 204]
    assert answers[0].headers["content-type"] == "text/html; charset=utf-8"
    assert answers[2].headers["content-type"] == "application/json"


def test_a_wait_is_asked_for_in_seconds_and_as_a_date(rehearse: Rehearse) -> None:
    client = rehearse(
        """
        faults:
          - {call: credits, nth: 1, then: {retry_after: 2500ms}}
          - {call: credits, nth: 2, then: {retry_after_date: 1h}}
          - {call: credits, nth: 3, then: {status: 503, retry_after: 7s}}
        """
    ).client
    seconds, date, other = (client.http.get(CREDITS) for _ in range(3))
    assert (seconds.status_code, seconds.headers["retry-after"]) == (429, "3")
    assert date.status_code == 429
    wait = parsedate_to_datetime(date.headers["retry-after"]).timestamp() - time.time()
    assert 3500 < wait <= 3601
    assert (other.status_code, other.headers["retry-after"]) == (503, "7")


def test_headers_and_content_type_are_those_of_the_real_answer_too(rehearse: Rehearse) -> None:
    client = rehearse(
        "faults: [{call: credits, then: {headers: {X-Odd: here, Content-Type: x/y}, content_type: text/html}}]"
    ).client
    answer = client.http.get(CREDITS)
    assert answer.json()["code"] == 0
    assert answer.headers["x-odd"] == "here"
    assert answer.headers.get_list("content-type") == ["text/html"]


def test_a_call_that_is_answered_otherwise_is_not_carried_out(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: run, nth: 1, then: {status: 500}}]")
    session = _with_clip(studio.client, clip)
    answer = studio.client.http.post("/run_sse", json=studio.client.message(session, "trim to 1 s"))
    assert answer.status_code == 500
    assert studio.ledger("message") == []
    studio.client.say(session, "trim to 1 s")
    assert len(studio.ledger("message")) == 1


def test_a_gateway_may_fail_after_the_work_is_done(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: run, then: {status: 504, body: <html>, done: true}}]")
    session = _with_clip(studio.client, clip)
    answer = studio.client.http.post("/run_sse", json=studio.client.message(session, "trim to 1 s"))
    assert (answer.status_code, answer.text) == (504, "<html>")
    assert _length(studio.client, session) == 1000


def test_an_upload_is_read_to_its_end_before_it_is_refused(rehearse: Rehearse) -> None:
    client = rehearse("faults: [{call: upload, then: {status: 503}}]").client
    path = f"/api/upload-video/nemo_agent/me/{client.session()}"
    answer = client.http.post(path, files={"files": ("big.mp4", b"\x00" * 5_000_000)})
    assert answer.status_code == 503
    assert client.http.get(CREDITS).status_code == 200


# --- times


def test_nth_counts_the_calls_of_its_name_and_any_counts_all(rehearse: Rehearse) -> None:
    client = rehearse(
        """
        faults:
          - {call: session, nth: 2, then: {status: 500}}
          - {call: credits, nth: [1, 3..4], then: {status: 501}}
          - {call: any, nth: 7.., then: {status: 502}}
        """
    ).client
    answers = [client.http.get(CREDITS).status_code for _ in range(3)]
    answers += [
        client.http.post("/api/tasks/me/with-session/nemo_agent", json={}).status_code for _ in range(2)
    ]
    answers += [client.http.get(CREDITS).status_code for _ in range(3)]
    assert answers == [501, 200, 501, 200, 500, 501, 502, 502]


def test_the_first_entry_that_applies_wins(rehearse: Rehearse) -> None:
    client = rehearse(
        "faults: [{call: credits, nth: 2, then: {status: 500}}, {call: any, then: {status: 404}}]"
    ).client
    assert [client.http.get(CREDITS).status_code for _ in range(3)] == [404, 500, 404]


def test_chance_falls_alike_for_the_same_seed_and_about_as_often_as_it_says(rehearse: Rehearse) -> None:
    def outcomes(seed: int) -> list[int]:
        text = f"faults: [{{call: credits, chance: 30%, then: {{status: 500}}}}]\nservice: {{seed: {seed}}}"
        client = rehearse(text).client
        return [client.http.get(CREDITS).status_code for _ in range(100)]

    first = outcomes(7)
    assert first == outcomes(7)
    assert first != outcomes(8)
    assert 20 <= first.count(500) <= 40


# --- late and broken connections


def test_a_delay_comes_before_the_work_and_late_is_the_answer_alone(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse(
        """
        faults:
          - {call: run, nth: 1, then: {delay: 1d}}
          - {call: run, nth: 2, then: {late: 1d}}
        """
    )
    client, session = studio.client, _with_clip(studio.client, clip)
    for text in ("2x", "trim to 0.5 s"):
        with pytest.raises(httpx.ReadTimeout):
            client.http.post("/run_sse", json=client.message(session, text), timeout=0.3)
    client.until(lambda: _length(client, session) == 500)
    assert len(studio.ledger("message")) == 1


def test_an_answer_comes_late_and_whole(rehearse: Rehearse) -> None:
    client = rehearse("faults: [{call: credits, then: {delay: 100ms, late: 100ms}}]").client
    assert client.http.get(CREDITS).json()["code"] == 0


def test_a_request_is_dropped_before_and_an_answer_after_the_work(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse(
        "faults: [{call: run, nth: 1, then: {drop: request}}, {call: run, nth: 2, then: {drop: answer}}]"
    )
    client, session = studio.client, _with_clip(studio.client, clip)
    for text in ("2x", "trim to 0.5 s"):
        with pytest.raises(ConnectionResetError):
            _run(client, session, text)
    assert _length(client, session) == 500
    assert [one["changed"] for one in studio.ledger("edited")] == [True]
    struck = [(one["call"], one["nth"], one["then"]) for one in studio.ledger("fault")]
    assert struck == [("run", 1, ["drop"]), ("run", 2, ["drop"])]


def test_a_lost_render_answer_is_a_duplicate_id_the_next_time(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: render, nth: 1, then: {drop: answer}}]")
    session = _with_clip(studio.client, clip)
    with pytest.raises(studio.client.errors):
        studio.client.render(session, "render_lost")
    again = studio.client.render(session, "render_lost")
    assert (again.status_code, again.json()["message"]) == (409, "duplicate id")
    assert studio.client.finished("render_lost")["status"] == "completed"
    assert len(studio.ledger("render")) == 1


def test_an_answer_is_cut_after_so_many_bytes(rehearse: Rehearse) -> None:
    whole = b'{"code":0,"message":"success","data":{"available":1000000,"frozen":0,"total":1000000}}'
    cuts = {"10": 10, "50%": len(whole) // 2, "0": 0, "5kB": len(whole)}
    entries = [f'{{call: credits, nth: {nth}, then: {{cut: "{cut}"}}}}' for nth, cut in enumerate(cuts, 1)]
    client = rehearse(f"faults: [{', '.join(entries)}]").client
    for came in cuts.values():
        head, _, body = _raw(client, "GET", CREDITS).partition(b"\r\n\r\n")
        assert f"content-length: {len(whole)}".encode() in head
        assert body == whole[:came]


def test_a_download_is_cut_and_goes_on_where_it_was_cut(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse("faults: [{call: file, nth: 1, then: {cut: 50%}}]").client
    session = _with_clip(client, clip)
    client.render(session, "render_cut")
    url = client.finished("render_cut")["outputUrl"]
    first = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.Client(trust_env=False) as http,
        http.stream("GET", url) as answer,
    ):
        tag = answer.headers["etag"]
        for piece in answer.iter_raw():
            first += piece
    ask = {"range": f"bytes={len(first)}-", "if-range": tag}
    rest = httpx.get(url, headers=ask, trust_env=False)
    whole = httpx.get(url, trust_env=False).content
    assert rest.status_code == 206
    assert len(first) == len(whole) // 2
    assert first + rest.content == whole


def test_a_stream_is_cut_after_some_events_and_the_edit_is_done(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse("faults: [{call: run, then: {cut: 2 events}}]").client
    session = _with_clip(client, clip)
    got = _run(client, session, "trim to 1 s and 2x")
    assert got.count(b"data: ") == 2
    assert not got.endswith(b"0\r\n\r\n")
    assert _length(client, session) == 500


def test_a_stream_stalls_and_stays_open(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse(
        "faults: [{call: run, nth: 1, then: {stall: 2 events}}, {call: run, nth: 2, then: {stall: 0}}]"
    ).client
    session = _with_clip(client, clip)
    for text, events in (("trim to 1 s and 2x", 2), ("slow down to 0.5x", 0)):
        got = _run(client, session, text, read_s=0.3)
        assert got.startswith(b"HTTP/1.1 200")
        assert got.count(b"data: ") == events
        assert got.endswith(b"<still open>")
    assert _length(client, session) == 1000


def test_other_answers_stall_too(rehearse: Rehearse) -> None:
    client = rehearse("faults: [{call: credits, then: {stall: 20}}]").client
    got = _raw(client, "GET", CREDITS, read_s=0.3)
    assert got.partition(b"\r\n\r\n")[2] == b'{"code":0,"message":<still open>'


def test_a_studio_ends_though_a_stream_stalls(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: run, then: {stall: 0}}]")
    session = _with_clip(studio.client, clip)
    host, port = studio.client.url.removeprefix("http://").split(":")
    body = json.dumps(studio.client.message(session, "2x")).encode()
    head = f"POST /run_sse HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {studio.client.token}\r\n"
    with socket.create_connection((host, int(port)), 30) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert connection.recv(1024)
        again = rehearse("faults: []")
    assert _length(again.client, session) == 1000


def test_an_upload_is_reset_under_way_and_nothing_of_it_stays(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: upload, nth: 1, then: {take: 60%}}]")
    client, session = studio.client, studio.client.session()
    path = f"/api/upload-video/nemo_agent/me/{session}"
    form = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
        + clip.read_bytes()
        + b"\x00" * 20_000_000
    )
    host, port = client.url.removeprefix("http://").split(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {client.token}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(form)}\r\n\r\n"
    )
    sent = 0
    with (
        socket.create_connection((host, int(port)), 30) as connection,
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        connection.sendall(head.encode())
        while sent < len(form):
            sent += connection.send(form[sent : sent + 65536])
        connection.recv(1024)
    assert sent >= 0.6 * len(form)
    client.until(lambda: not any((studio.folder / "incoming").iterdir()))
    assert client.state(session)["video_infos"] == []
    assert client.upload(session, clip)["code"] == 0
    assert len(studio.ledger("upload")) == 1


def test_a_body_that_any_fault_takes_leaves_calls_without_one_alone(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: []")
    uploaded = studio.client.upload(studio.client.session(), clip)["data"]["files"][0]
    studio.write("faults: [{call: any, then: {take: 60%}}]")
    assert studio.client.http.get(uploaded["cdn_url"]).content == clip.read_bytes()
    with pytest.raises(studio.client.errors):
        studio.client.session()


# --- tokens and sessions


def test_a_token_expires_for_good_and_a_new_one_of_the_same_client_works(
    rehearse: Rehearse, client_of: Any
) -> None:
    faults = "faults: [{call: credits, nth: 2, then: {expire: token}}]"
    client = rehearse(faults).client

    def ask() -> str:
        answer = client.http.post("/api/auth/anonymous-token", headers={"X-Client-Id": "me"})
        return str(answer.json()["data"]["token"])

    old = ask()
    client.http.headers["authorization"] = f"Bearer {old}"
    codes = [client.http.get(CREDITS).json()["code"] for _ in range(3)]
    assert codes == [0, 1001, 1001]
    client = rehearse(faults).client
    client.http.headers["authorization"] = f"Bearer {old}"
    assert client.http.get(CREDITS).status_code == 401
    client.http.headers["authorization"] = f"Bearer {ask()}"
    assert client.http.get("/api/state/nemo_agent/me/1/latest").json()["code"] == 1002


def test_a_session_is_gone_from_a_call_on(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: []")
    client, other = studio.client, _with_clip(studio.client, clip)
    gone = []
    for call in ("state", "upload", "run", "render", "claim"):
        session = _with_clip(client, clip)
        draft = client.state(session)["draft"]
        studio.write(f"faults: [{{call: {call}, nth: 1, then: {{expire: session}}}}]")
        calls = _calls_of(client, session, clip, draft)
        assert calls[call]()["code"] == 1002
        assert {name: one()["code"] for name, one in calls.items()} == dict.fromkeys(calls, 1002)
        assert _length(client, other) == 2000
        studio.write("faults: []")
        gone.append(session)
    client = rehearse("faults: []").client
    paths = [f"/api/state/nemo_agent/me/{session}/latest" for session in gone]
    assert {client.http.get(path).json()["code"] for path in paths} == {1002}


def _calls_of(client: Any, session: str, clip: Path, draft: Any) -> dict[str, Callable[[], Any]]:
    claim = {"session_id": session, "task_id": "1"}
    return {
        "state": lambda: client.http.get(f"/api/state/nemo_agent/me/{session}/latest").json(),
        "upload": lambda: client.upload(session, clip),
        "run": lambda: client.http.post("/run_sse", json=client.message(session, "2x")).json(),
        "render": lambda: client.render(session, "render_1", draft).json(),
        "claim": lambda: client.http.post("/api/auth/claim-token", json=claim).json(),
    }


# --- what a stream says


def _types(events: list[Any]) -> list[str]:
    return [one["type"] for one in events]


def test_an_edit_is_done_without_a_word(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse("faults: [{call: run, then: {silent: true}}]").client
    session = _with_clip(client, clip)
    assert client.say(session, "trim to 1 s") == []
    assert _length(client, session) == 1000


def test_events_stand_before_and_after_the_streams_own(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse(
        """
        faults:
          - call: run
            nth: 1
            then:
              before: {type: tool_call, name: look, args: {deep: true, times: 3}}
              after:
                - {type: text, content: One more thing.}
                - {type: error, code: "507", message: disk}
          - {call: run, nth: 2, then: {before: ["{broken", ""], skip: true}}
        """
    ).client
    session = _with_clip(client, clip)
    events = client.say(session, "trim to 1 s")
    assert _types(events) == ["tool_call", "tool_call", "tool_result", "text", "text", "error"]
    assert events[0]["args"] == {"deep": True, "times": 3}
    assert events[-1]["code"] == 507
    answer = client.http.post("/run_sse", json=client.message(session, "2x"))
    assert answer.text == "data: {broken\n\ndata: \n\n"
    assert _length(client, session) == 1000


def test_an_error_event_without_the_edit_charges_nothing(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse(
        """
        faults: [{call: run, then: {skip: true, after: {type: error, code: "2001", message: no credits}}}]
        service: {credits: 100, prices: {edit: 50}}
        """
    )
    session = _with_clip(studio.client, clip)
    events = studio.client.say(session, "trim to 1 s")
    assert _types(events) == ["error"]
    assert (_length(studio.client, session), studio.credits()) == (2000, (100, 0))
    assert [one["charged"] for one in studio.ledger("edited")] == [0]


def test_an_apology_trails_the_answer(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse("faults: [{call: run, then: {apology: true}}]").client
    session = _with_clip(client, clip)
    events = client.say(session, "trim to 1 s")
    assert _types(events)[-2:] == ["text", "text"]
    assert events[-1]["content"].startswith("I encountered a temporary issue")
    assert _length(client, session) == 1000


@pytest.mark.parametrize("ask", ["tool", "text"])
def test_a_question_is_answered_and_then_the_first_message_is_carried_out(
    rehearse: Rehearse, clip: Path, ask: str
) -> None:
    studio = rehearse(
        f"""
        faults: [{{call: run, nth: 1..2, then: {{question: "Which colour?", ask: {ask}}}}}]
        service: {{credits: 100, prices: {{edit: 50}}}}
        """
    )
    client, session = studio.client, _with_clip(studio.client, clip)
    asked = client.say(session, "trim to 1 s")
    client.say(session, "red")
    assert len(asked) == 1
    assert "Which colour?" in (asked[0]["args"]["question"] if ask == "tool" else asked[0]["content"])
    assert (_length(client, session), studio.credits()) == (2000, (100, 0))
    assert client.say(session, "use your best judgement")[-1]["type"] == "text"
    assert (_length(client, session), studio.credits()) == (1000, (50, 0))


def test_a_lost_edit_is_charged_and_changes_nothing(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse(
        "faults: [{call: run, then: {lose_edit: true}}]\nservice: {credits: 100, prices: {edit: 50}}"
    )
    session = _with_clip(studio.client, clip)
    assert studio.client.say(session, "trim to 1 s")[-1]["type"] == "text"
    assert (_length(studio.client, session), studio.credits()) == (2000, (50, 0))
    assert [(one["charged"], one["changed"]) for one in studio.ledger("edited")] == [(50, False)]


def test_a_generation_changes_the_draft_a_second_time_by_itself(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse(
        """
        faults: [{call: run, then: {second_stage: 300ms}}]
        service: {credits: 200, prices: {edit: 50, generate: 100}}
        """
    )
    client, session = studio.client, _with_clip(studio.client, clip)
    client.say(session, "trim to 1 s")
    first = client.state(session)["draft"]
    assert [one["tt"] for one in first["t"]] == [0]
    client.until(lambda: client.state(session)["draft"] != first)
    assert [one["tt"] for one in client.state(session)["draft"]["t"]] == [0, 1]
    assert studio.credits() == (100, 0)


def test_a_render_fails_with_the_words_that_are_written(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("faults: [{call: render, nth: 1, then: {fail: the lambda ran out of memory}}]")
    client, session = studio.client, _with_clip(studio.client, clip)
    client.render(session, "render_1")
    done = client.finished("render_1")
    assert (done["status"], done["message"]) == ("failed", "the lambda ran out of memory")
    client.render(session, "render_2")
    assert client.finished("render_2")["status"] == "completed"
    assert [(one["id"], one["status"]) for one in studio.ledger("rendered")] == [
        ("render_1", "failed"),
        ("render_2", "completed"),
    ]


# --- shapes


def test_the_agents_shape_says_a_text_in_pieces_and_then_whole(rehearse: Rehearse, clip: Path) -> None:
    client = rehearse(
        """
        faults: [{call: run, nth: 2, then: {after: {type: error, code: "507", message: disk}}}]
        service: {shape: agent}
        """
    ).client
    session = _with_clip(client, clip)
    events = client.say(session, "trim to 1 s")
    parts = [one["content"]["parts"][0] for one in events]
    assert parts[0]["functionCall"]["name"] == parts[1]["functionResponse"]["name"] == "keep"
    assert parts[0]["functionCall"]["id"] == parts[1]["functionResponse"]["id"]
    pieces = [part["text"] for part, one in zip(parts, events, strict=True) if one.get("partial")]
    assert len(pieces) == 3
    assert "".join(pieces) == parts[-1]["text"]
    assert {one["author"] for one in events} == {"nemo_agent"}
    failed = client.say(session, "2x")[-1]
    assert (failed["errorCode"], failed["errorMessage"]) == ("507", "disk")


@pytest.mark.parametrize("shape", ["plain", "agent"])
def test_a_stream_that_waits_beats(rehearse: Rehearse, clip: Path, shape: str) -> None:
    client = rehearse(f"service: {{edit_time: 500ms, heartbeat: 100ms, shape: {shape}}}").client
    session = _with_clip(client, clip)
    answer = client.http.post("/run_sse", json=client.message(session, "trim to 1 s")).text
    beat = 'data: {"type": "heartbeat"}\n\n' if shape == "plain" else "data:\n\n"
    assert answer.startswith(beat * 2)
    assert _length(client, session) == 1000


def test_a_render_is_told_in_either_shape(rehearse: Rehearse, clip: Path) -> None:
    studio = rehearse("service: {render_shape: A, render_time: 200ms}")
    client, session = studio.client, _with_clip(studio.client, clip)
    first = client.render(session, "render_1").json()
    assert (first["id"], first["status"]) == ("render_1", "pending")
    status = "/api/render/proxy/lambda/render_1"
    client.until(lambda: client.http.get(status).json()["status"] == "completed")
    done = client.http.get(status).json()
    assert httpx.get(done["output"]["url"], trust_env=False).status_code == 200
    studio.write("service: {render_shape: B}")
    assert client.http.get(status).json()["data"]["outputUrl"] == done["output"]["url"]
    studio.write("service: {result_url: 'http://127.0.0.1:9/gone.mp4'}")
    assert client.poll("render_1")["outputUrl"] == "http://127.0.0.1:9/gone.mp4"
    studio.write('service: {result_url: ""}')
    assert "outputUrl" not in client.poll("render_1")
    assert client.http.get("/api/render/proxy/render_1/download").status_code == 200


@pytest.mark.parametrize("ranges", [True, False])
def test_results_are_served_in_parts_or_not(rehearse: Rehearse, clip: Path, ranges: bool) -> None:
    client = rehearse(f"service: {{ranges: {str(ranges).lower()}}}").client
    session = _with_clip(client, clip)
    client.render(session, "render_1")
    url = client.finished("render_1")["outputUrl"]
    whole = httpx.get(url, trust_env=False)
    for path in (url, client.url + "/api/render/proxy/render_1/download"):
        part = client.http.get(path, headers={"range": "bytes=5-9"})
        assert part.headers["accept-ranges"] == ("bytes" if ranges else "none")
        assert part.content == (whole.content[5:10] if ranges else whole.content)
    stale = {"range": "bytes=5-9", "if-range": '"another file"'}
    assert client.http.get(url, headers=stale).content == whole.content
    fresh = {"range": "bytes=5-9", "if-range": whole.headers["etag"]}
    assert len(client.http.get(url, headers=fresh).content) == (5 if ranges else len(whole.content))
