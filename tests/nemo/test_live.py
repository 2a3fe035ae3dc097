"""What an answer of the live service is told as: every shape, and never a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.nemo.live import BALANCE, CALLS, CLAIM, RENDER, SESSION, STATE, Call, Seen, Verdict, judge
from daemon.nemo.transport import Reply

TOKEN = "opaque.canary/token"
DATA: dict[str, Any] = {
    BALANCE.name: {"available": 90, "frozen": 10.5, "total": 100.5},
    SESSION.name: {"session_id": "1234567890123456789", "task_id": "98765432109876"},
    STATE.name: {
        "state": {
            "draft": {},
            "video_infos": [],
            "canvas_config": {},
            "generated_media": [],
            "video_analyses": None,
        }
    },
    CLAIM.name: {"claim_token": "clm_0123456789", "expires_in": 600},
}


def seen(
    call: Call, body: object, status: int = 200, content_type: str = "application/json", **headers: str
) -> Seen:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge(call, Reply(status, {"content-type": content_type, **headers}, raw), TOKEN, 0.084)


@pytest.mark.parametrize("call", [one for one in CALLS if one is not RENDER], ids=lambda call: call.name)
def test_the_documented_answer_is_ok_in_all_its_wrappings_and_its_types_are_told(call: Call) -> None:
    data = DATA[call.name]
    for body in ({"code": 0, "message": "success", "data": data}, {"success": True, "data": data}, data):
        told = seen(call, body)
        assert told.verdict is Verdict.OK, told.told
        assert f"{call.method} {call.path} → HTTP 200, 84 ms" in told.told
    assert seen(call, {"code": 0, "data": {**data, "plan": "free"}}).told.endswith(
        "more than documented: plan"
    )


def test_types_are_told_in_jsons_own_words_and_the_envelope_with_its_code() -> None:
    told = seen(BALANCE, {"code": 0, "message": "success", "data": DATA[BALANCE.name]}).told
    assert told.endswith("{code 0, message, data}: available number, frozen number, total number")
    told = seen(BALANCE, {"available": 1, "b": None, "c": True, "d": "x", "e": [], "f": {}, "g": 1.5}).told
    assert "b null, c boolean, d string, e array, f object, g number" in told


@pytest.mark.parametrize(
    ("call", "data", "verdict", "told"),
    [
        (BALANCE, {"available": 1}, Verdict.DIFFERS, "frozen is missing; total is missing"),
        (
            BALANCE,
            {"available": "1", "frozen": 0, "total": 1},
            Verdict.DIFFERS,
            "available is string, not number",
        ),
        (BALANCE, {"balance": 1}, Verdict.FAILED, "names no balance; available is missing"),
        (BALANCE, {"available": None}, Verdict.FAILED, "available is null, not number"),
        (SESSION, {"session_id": 12, "task_id": "1"}, Verdict.DIFFERS, "session_id is number, not string"),
        (SESSION, {"task_id": "1"}, Verdict.FAILED, "names no session"),
        (SESSION, {"session_id": "1"}, Verdict.DIFFERS, "task_id is missing"),
        (STATE, {"state": {"draft": []}}, Verdict.DIFFERS, "state.draft is array, not object or null"),
        (STATE, {"draft": {}}, Verdict.FAILED, "holds no state"),
        (CLAIM, {"token": "x"}, Verdict.FAILED, "holds no claim token"),
    ],
)
def test_what_is_missing_or_of_another_type_is_told_and_only_what_we_read_is_fatal(
    call: Call, data: object, verdict: Verdict, told: str
) -> None:
    one = seen(call, {"code": 0, "data": data})
    assert (one.verdict, told in one.told) == (verdict, True), one.told


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 200, "the service answered nothing"),
        (b"", 200, "0 bytes, text/html"),
        (b"<html><title>Sign in</title>", 200, "28 bytes, text/html: the service answered a web page"),
        (b"<html><title>Sign in</title>", 200, "Sign in"),
        (b"[" * 100_000, 200, "100000 bytes"),
        (b"[1]", 200, "no JSON object"),
        (b"<h1>Bad gateway</h1>", 502, "HTTP 502"),
        ({"code": 503, "message": "later"}, 200, "code 503"),
        ({"code": 2001, "message": "no credits"}, 200, "out of credits"),
        ({"detail": "slow down"}, 429, "slow down"),
    ],
)
def test_what_is_no_answer_is_failed_and_says_what_came(body: object, status: int, told: str) -> None:
    one = seen(BALANCE, body, status, "text/html")
    assert one.verdict is Verdict.FAILED and not one.refused
    assert told in one.told


def test_a_redirect_names_the_host_alone() -> None:
    one = seen(BALANCE, b"", 302, location="https://login.example/?to=secret")
    assert one.verdict is Verdict.FAILED
    assert "login.example" in one.told and "secret" not in one.told


@pytest.mark.parametrize(("status", "code"), [(401, 1001), (200, 1001), (200, 1011), (401, None)])
def test_a_refused_token_is_told_with_what_to_do(status: int, code: int | None) -> None:
    one = seen(BALANCE, {"code": code, "message": "token expired"}, status)
    assert one.refused and one.verdict is Verdict.FAILED
    assert "token expired" in one.told and "NEMO_TOKEN" in one.told


def test_a_render_that_is_not_there_is_expected_to_be_unknown() -> None:
    assert seen(RENDER, {"code": 404, "message": "render not found"}, 404).verdict is Verdict.OK
    assert seen(RENDER, {"code": 404, "message": "render not found"}).verdict is Verdict.OK
    assert seen(RENDER, {"code": 400, "message": "bad id"}, 400).verdict is Verdict.DIFFERS
    assert seen(RENDER, {"success": True, "data": {"status": "pending"}}).verdict is Verdict.DIFFERS
    assert seen(RENDER, b"oops", 500).verdict is Verdict.FAILED
    assert seen(RENDER, {"code": 1001}, 401).refused


_CANARY = st.sampled_from([TOKEN, f"x{TOKEN}x", "CANARY", "Bearer CANARY9"])
_KEYS = st.sampled_from(["data", "state", "draft", "session_id", "available", TOKEN])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _CANARY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner),
)


@given(st.dictionaries(_KEYS, _JSON), st.sampled_from(CALLS), st.sampled_from([200, 401, 404, 500]))
def test_no_value_and_no_token_is_ever_told(body: object, call: Call, status: int) -> None:
    told = seen(call, body, status).told
    assert TOKEN not in told and "CANARY" not in told


def test_a_message_keeps_its_words_and_loses_tokens_and_ids() -> None:
    message = f"session 1234567890123456789 of {TOKEN} and clm_abc not found"
    told = seen(CLAIM, {"code": 9, "message": message}).told
    assert "session 1234… of [token] and clm_[token] not found" in told


def test_a_message_of_a_megabyte_is_cut() -> None:
    for letter in ("a-", "a", "nmv_", "1 "):
        assert len(seen(CLAIM, {"code": 9, "message": letter * 500_000}).told) < 500
