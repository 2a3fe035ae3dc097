"""From what the service answers to a value or an error."""

from __future__ import annotations

import json

import pytest

from daemon import errors
from daemon.nemo import answers

NOW = 1_800_000_000.0


def _read(status: int, body: object, headers: dict[str, str] | None = None) -> dict[str, object]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answers.read_answer("do it", status, headers or {}, raw, NOW)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"code": 1001, "message": "expired"}, errors.TokenRefused),
        (200, {"code": 1010, "message": "bad"}, errors.TokenRefused),
        (401, {}, errors.TokenRefused),
        (200, {"code": 1002, "message": "no session"}, errors.SessionGone),
        (404, {"detail": "Session not found: 7"}, errors.SessionGone),
        (404, {"detail": "Not Found"}, errors.NotFound),
        (200, {"code": 2001}, errors.OutOfCredits),
        (400, {"code": 4001, "message": "exe"}, errors.FileRefused),
        (200, {"code": 4002}, errors.FileRefused),
        (402, {}, errors.ExportBlocked),
        (403, {"message": "scope render"}, errors.Forbidden),
        (429, {}, errors.RateLimited),
        (200, {"code": 429}, errors.RateLimited),
        (400, {"message": "bad request"}, errors.Refused),
        (200, {"success": False, "message": "duplicate id"}, errors.DuplicateRender),
        (500, {}, errors.Unanswered),
        (502, b"<html>Bad gateway</html>", errors.Unanswered),
        (200, {"code": 503, "message": "busy"}, errors.Unanswered),
        (200, b"<html>Sign in</html>", errors.Unanswered),
        (200, b"", errors.Unanswered),
        (200, b"[]", errors.Unanswered),
    ],
)
def test_each_refusal_is_the_error_it_stands_for(
    status: int, body: object, error: type[errors.ApiError]
) -> None:
    with pytest.raises(errors.ApiError) as caught:
        _read(status, body)
    assert type(caught.value) is error


def test_both_kinds_of_envelope_give_their_data() -> None:
    assert _read(200, {"code": 0, "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"success": True, "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"status": "pending"}) == {"status": "pending"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", 12.0),
        ("0", 1.0),
        ("-5", 1.0),
        ("1e12", 86_400.0),
        ("inf", None),
        ("nan", None),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2021 08:00:30 GMT", 1.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    assert answers.retry_after(header, NOW) == seconds


def test_a_rate_limit_carries_the_wait_it_was_told() -> None:
    with pytest.raises(errors.RateLimited) as caught:
        _read(429, {}, {"retry-after": "7"})
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("data", "look"),
    [
        ({"status": "completed", "output": {"url": "u"}}, answers.RenderLook("completed", None, "u", "")),
        ({"status": "processing", "progress": 50}, answers.RenderLook("processing", 0.5, None, "")),
        (
            {"status": "completed", "outputUrl": "u", "progress": 100},
            answers.RenderLook("completed", 1.0, "u", ""),
        ),
        ({"status": "FAILED", "error": "no font"}, answers.RenderLook("failed", None, None, "no font")),
    ],
)
def test_both_public_shapes_of_a_render_are_read(data: dict[str, object], look: answers.RenderLook) -> None:
    assert answers.read_render("look", data) == look


def test_a_state_without_draft_is_an_empty_one_and_its_marks_tell_changes() -> None:
    empty = answers.read_look("look", {"state": {"draft": None}})
    same = answers.read_look("look", {"state": {}})
    other = answers.read_look("look", {"state": {"draft": {"t": []}, "video_infos": [{"filename": "a.mp4"}]}})
    made = answers.read_look("look", {"state": {"generated_media": [1]}})
    assert empty.marks == same.marks
    assert len({empty.marks, other.marks, made.marks}) == 3
    assert other.uploads == (answers.Uploaded("a.mp4", None),)


def test_a_balance_without_a_total_is_the_sum() -> None:
    assert answers.read_balance("look", {"available": 7, "frozen": 3}) == answers.Balance(7.0, 3.0, 10.0)
    with pytest.raises(errors.Unanswered):
        answers.read_balance("look", {"available": "plenty"})
