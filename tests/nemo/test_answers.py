"""From what the service answers to a value or an error."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import errors
from daemon.nemo import answers, refusals

NOW = 1_800_000_000.0
TOKEN = "nmv_usr_5ecretOfTheAccount"
SPELLED = "".join(f"\\u00{ord(letter):02x}" for letter in TOKEN)

Refused = type[errors.Refused]


def _read(
    status: int,
    body: object,
    headers: dict[str, str] | None = None,
    *,
    missing: Refused = errors.NotFound,
    taken: Refused = errors.Refused,
) -> dict[str, object]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answers.read_answer("do it", status, headers or {}, raw, NOW, TOKEN, missing=missing, taken=taken)


def _error(
    status: int,
    body: object,
    headers: dict[str, str] | None = None,
    *,
    missing: Refused = errors.NotFound,
    taken: Refused = errors.Refused,
) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        _read(status, body, headers, missing=missing, taken=taken)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (200, {"code": 1001, "message": "expired"}, errors.TokenRefused, 1001),
        (200, {"code": 1010, "message": "bad"}, errors.TokenRefused, 1010),
        (403, {"code": 1011, "message": "bad"}, errors.TokenRefused, 1011),
        (401, {}, errors.TokenRefused, None),
        (401, b"<html>sign in</html>", errors.TokenRefused, None),
        (200, {"code": 1002, "message": "no session"}, errors.SessionGone, 1002),
        (404, {"detail": "Not Found"}, errors.NotFound, None),
        (410, {}, errors.NotFound, None),
        (200, {"code": 404}, errors.NotFound, 404),
        (200, {"code": 2001}, errors.OutOfCredits, 2001),
        (200, {"code": "2001"}, errors.OutOfCredits, 2001),
        (200, {"code": 2001.0}, errors.OutOfCredits, 2001),
        (402, {"code": 2001}, errors.OutOfCredits, 2001),
        (200, {"error": {"code": 2001, "message": "none left"}}, errors.OutOfCredits, 2001),
        (400, {"detail": {"code": "2001", "message": "none left"}}, errors.OutOfCredits, 2001),
        (400, {"code": 4001, "message": "exe"}, errors.FileRefused, 4001),
        (415, b"", errors.FileRefused, None),
        (200, {"code": 4002}, errors.FileRefused, 4002),
        (413, b"<h1>413 Request Entity Too Large</h1>", errors.FileRefused, None),
        (402, {}, errors.ExportBlocked, None),
        (200, {"code": 402, "message": "upgrade"}, errors.ExportBlocked, 402),
        (403, {"message": "no"}, errors.Forbidden, None),
        (429, {}, errors.RateLimited, None),
        (429, b"<html>slow down</html>", errors.RateLimited, None),
        (200, {"code": 429}, errors.RateLimited, 429),
        (400, {"message": "bad request"}, errors.Refused, None),
        (405, b"", errors.Refused, None),
        (409, {"message": "session is busy"}, errors.Refused, None),
        (422, {"detail": [{"loc": ["body", "id"], "msg": "field required"}]}, errors.Refused, None),
        (200, {"code": -1, "message": "no"}, errors.Refused, -1),
        (200, {"code": 0, "success": False}, errors.Refused, 0),
        (200, {"success": False, "error": "duplicate id"}, errors.Refused, None),
        (400, {"code": 500, "message": "a 4xx is a refusal"}, errors.Refused, 500),
        (407, b"", errors.Unreachable, None),
        (408, b"", errors.Unanswered, None),
        (425, {}, errors.Unanswered, None),
        (500, {}, errors.Unanswered, None),
        (500, {"code": 2001}, errors.Unanswered, 2001),
        (502, b"<html>Bad gateway</html>", errors.Unanswered, None),
        (511, b"<html>Sign in</html>", errors.Unanswered, None),
        (999, b"", errors.Unanswered, None),
        (200, {"code": 503, "message": "busy"}, errors.Unanswered, 503),
        (200, {"code": 5001, "message": "generation failed"}, errors.Unanswered, 5001),
        (200, {"code": "INTERNAL", "message": "broke"}, errors.Unanswered, None),
        (200, {"code": True}, errors.Unanswered, None),
        (200, {"code": {"is": 2001}}, errors.Unanswered, None),
        (200, b'{"code": 1e999}', errors.Unanswered, None),
        (200, b'{"code": ' + b"9" * 4000 + b"}", errors.Unanswered, None),
        (200, b'{"code": "' + b"9" * 5000 + b'"}', errors.Unanswered, None),
        (200, {"error": "broke"}, errors.Unanswered, None),
        (200, {"detail": "broke"}, errors.Unanswered, None),
        (200, b"<html>Sign in</html>", errors.Unanswered, None),
        (200, b"", errors.Unanswered, None),
        (204, b"", errors.Unanswered, None),
        (101, b"", errors.Unanswered, None),
        (103, {"code": 0, "data": {}}, errors.Unanswered, None),
        (302, b"", errors.Unanswered, None),
        (304, b"", errors.Unanswered, None),
        (200, b"[]", errors.Unanswered, None),
        (200, b"null", errors.Unanswered, None),
        (200, b'{"code": 0, "data": {', errors.Unanswered, None),
        (200, b'{"a": "\xff"}', errors.Unanswered, None),
        (200, b"[" * 100_000, errors.Unanswered, None),
        (200, b'{"data":' * 100_000, errors.Unanswered, None),
    ],
)
def test_each_answer_that_is_none_is_the_error_it_stands_for(
    status: int, body: object, error: type[errors.ApiError], code: int | None
) -> None:
    told = _error(status, body)
    assert (type(told), told.api_code, told.status) == (error, code, status)
    assert told.operation == "do it" and told.cause and told.hint


def test_a_404_means_what_is_missing_at_that_call() -> None:
    gone = _error(404, {"detail": "Not Found"}, missing=errors.SessionGone)
    assert type(gone) is errors.SessionGone and "session" in gone.cause
    assert type(_error(200, {"code": 404}, missing=errors.SessionGone)) is errors.SessionGone


def test_a_gateways_404_says_nothing_of_sessions() -> None:
    for page in (b"", b"default backend - 404", b"<title>404 Not Found</title>"):
        assert type(_error(404, page, missing=errors.SessionGone)) is errors.NotFound


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, {"message": "conflict"}),
        (409, b"conflict"),
        (400, {"message": "duplicate id"}),
        (200, {"success": False, "message": "Duplicate id"}),
        (200, {"code": 3007, "message": "duplicate render id"}),
    ],
)
def test_a_duplicate_is_one_only_where_an_id_was_sent(status: int, body: object) -> None:
    assert type(_error(status, body, taken=errors.DuplicateRender)) is errors.DuplicateRender
    assert type(_error(status, body)) is errors.Refused


def test_no_word_makes_a_duplicate_of_what_has_a_code_of_its_own() -> None:
    for code, error in ((2001, errors.OutOfCredits), (1001, errors.TokenRefused)):
        assert (
            type(_error(200, {"code": code, "message": "duplicate"}, taken=errors.DuplicateRender)) is error
        )


@pytest.mark.parametrize(
    ("said", "scope"),
    [
        ("missing scope: render", "render"),
        ("Insufficient permission: UPLOAD", "upload"),
        ("scope * required", "*"),
        ("scope read required, and read is not there", "read"),
        ("token has scopes read, write; needs render", ""),
        ("scope missing", ""),
        ("you cannot read this session", ""),
        ("scopes preread rewrite", ""),
    ],
)
def test_a_403_names_the_scope_that_lacks_where_it_is_plain(said: str, scope: str) -> None:
    told = _error(403, {"message": said})
    if scope:
        assert told.cause.startswith(f"the token lacks the scope `{scope}`")
        assert told.hint == f"Use a token with the scope `{scope}`."
    else:
        assert "lacks" not in told.cause and "read, write, upload and render" in told.hint


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (401, {}, "NEMO_TOKEN"),
        (405, {}, "api.url"),
        (407, b"", "HTTPS_PROXY"),
        (413, b"", "500 MB"),
        (415, b"", "mp4, mov"),
        (511, b"", "sign-in"),
        (200, b"<html>Hotel</html>", "sign-in"),
    ],
)
def test_the_hint_names_what_a_person_can_change(status: int, body: object, hint: str) -> None:
    assert hint in _error(status, body).hint


def test_a_missing_client_id_says_where_one_is_set() -> None:
    told = _error(400, {"message": "header X-Client-Id required"})
    assert type(told) is errors.Refused and "NEMO_CLIENT_ID" in told.hint


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.hotel.example/?next=api", "login.hotel.example"),
        ("/elsewhere", "another address"),
        ("http://[broken", "another address"),
        (f"https://{TOKEN}.example/", "another address"),
        (None, "another address"),
    ],
)
def test_a_redirect_says_where_it_leads(location: str | None, shown: str) -> None:
    told = _error(302, b"", {} if location is None else {"location": location})
    assert type(told) is errors.Unanswered
    assert f"sent on to {shown}" in told.cause
    assert "api.url" in told.hint


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (400, {"message": "  no\n\tsuch\x1b[31m thing "}, {}, "(HTTP 400: no such [31m thing)"),
        (200, {"code": 2001, "msg": "none"}, {}, "(code 2001: none)"),
        (403, {"code": 1007, "msg": "none"}, {}, "(HTTP 403, code 1007: none)"),
        (403, {"code": 403, "msg": "none"}, {}, "(HTTP 403: none)"),
        (200, {"success": False, "error": {"message": "no font"}}, {}, "(no font)"),
        (422, {"detail": [{"loc": ["body", 0, "id"], "msg": "required"}]}, {}, "body.0.id: required"),
        (500, {"error": {"error": {"message": "deep"}}}, {}, "(HTTP 500: deep)"),
        (500, {"error": [[[["deeper"]]]]}, {}, "(HTTP 500)"),
        (502, b"<html><head><title>502\nBad &amp; Ugly</title><p>nginx", {}, "(HTTP 502: 502 Bad & Ugly)"),
        (
            503,
            b"<style>p{}</style><h1>Down</h1><script>alert(1)</script> for now",
            {},
            "(HTTP 503: Down for now)",
        ),
        (403, b"<Error><Code>AccessDenied</Code></Error>", {}, "(HTTP 403: AccessDenied)"),
        (200, b"\x89PNG\r\n\0\xff", {"content-type": "image/png"}, "(HTTP 200: image/png)"),
        (200, b"upstream connect error", {}, "(HTTP 200: upstream connect error)"),
        (200, {"code": "BROKEN", "message": "cannot"}, {}, "(BROKEN: cannot)"),
    ],
)
def test_the_services_words_are_quoted_in_one_readable_line(
    status: int, body: object, headers: dict[str, str], words: str
) -> None:
    assert words in _error(status, body, headers).cause


@pytest.mark.parametrize(
    "body", [b"<" * 10_000_000, b"<title" * 1_000_000, b"<!--" * 1_000_000, b" x" * 5_000_000]
)
def test_an_enormous_page_costs_a_glance(body: bytes) -> None:
    assert len(_error(502, body).cause) <= 300


def test_envelopes_of_every_kind_give_their_data() -> None:
    assert _read(200, {"code": 0, "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"code": "0", "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"code": 200, "message": "OK", "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"code": "success", "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"code": None, "data": {"a": 1}, "error": None}) == {"a": 1}
    assert _read(200, {"success": True, "data": {"a": 1}}) == {"a": 1}
    assert _read(200, {"success": True, "detail": "queued"}) == {"success": True, "detail": "queued"}
    assert _read(201, {"status": "pending"}) == {"status": "pending"}
    assert _read(200, b"\xef\xbb\xbf" + b'{"data": {"a": 1}}') == {"a": 1}


def test_a_failed_renders_error_is_an_answer_and_no_refusal() -> None:
    for error in ("no font", {"code": 4, "message": "no font"}):
        look = answers.read_render("look", _read(200, {"status": "failed", "error": error}))
        assert (look.status, look.message) == ("failed", "no font")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from([0, 200, 401, 402, 404, 409, 429, 500, 1001, 1002, 2001, 4001, 10**400, -1])
    | st.text(st.characters(codec=None), max_size=30)
    | st.sampled_from(
        [TOKEN, f"x{TOKEN}y", "duplicate", "scope read", "client id", "ok", "2001", "9" * 5000]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "message", "detail", "error", "loc", "msg", "data", "status", "success", TOKEN]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
STATUSES = st.integers(100, 599) | st.sampled_from([200, 200, 400, 401, 402, 403, 404, 409, 429, 500, 999])


@given(
    status=STATUSES,
    body=st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    | JSON.map(lambda value: json.dumps(value).replace(TOKEN, SPELLED).encode())
    | st.sampled_from(["<title>", "<p>", "", "\n", "%PDF"]).map(
        lambda mark: f"{mark}{TOKEN} {'x' * 400}".encode()
    ),
    missing=st.sampled_from([errors.NotFound, errors.SessionGone]),
    taken=st.sampled_from([errors.Refused, errors.DuplicateRender]),
    location=st.text(max_size=20) | st.just(f"https://{TOKEN}/{TOKEN}"),
)
def test_whatever_comes_is_data_or_one_readable_error_and_never_shows_the_token(
    status: int, body: bytes, missing: Refused, taken: Refused, location: str
) -> None:
    headers = {"location": location, "content-type": TOKEN, "retry-after": location}
    try:
        data = answers.read_answer("do it", status, headers, body, NOW, TOKEN, missing=missing, taken=taken)
    except errors.ApiError as error:
        assert error.operation == "do it" and error.hint
        assert 0 < len(error.cause) <= 300 and error.cause.isprintable()
        assert TOKEN not in f"{error} {error!r} {error.reason}" and TOKEN.encode() not in pickle.dumps(error)
    else:
        assert isinstance(data, dict) and 200 <= status < 300
        assert TOKEN not in json.dumps(data)
        json.dumps(data, ensure_ascii=False).encode()


@given(JSON)
def test_whatever_an_answer_holds_its_reader_gives_a_value_or_an_error(data: object) -> None:
    held = {"state": data, "available": data, "session_id": data, "token": data, "claim_token": data}
    held |= {"files": data, "progress": data, "status": "x", "output": data, "frozen": data, "total": data}
    held |= {"expires_at": data, "expires_in": data, "outputUrl": data, "error": data, "user_id": data}
    clean = answers.read_answer("look", 200, {}, json.dumps({"data": held}).encode(), NOW)
    for read in (
        answers.read_session,
        answers.read_grant,
        answers.read_claim,
        answers.read_balance,
        answers.read_look,
        answers.read_render,
        answers.read_uploads,
    ):
        try:
            str(read("look", clean)).encode()
        except errors.Unanswered as error:
            assert error.hint


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"x": "%s"}}' % TOKEN.encode(),
        b'{"data": {"%s": [1, {"x": "a %s b"}]}}' % (TOKEN.encode(), TOKEN.encode()),
        b'{"data": {"x": "%s"}}' % SPELLED.encode(),
        b'{"data": {"x": "%s"}}' % SPELLED.upper().replace("\\U", "\\u").encode(),
        b'{"data": {"x": "nmv_usr_5ecretOf\\u0054heAccount", "y": "\\n"}}',
    ],
)
def test_a_token_that_the_service_repeats_comes_out_of_no_answer(body: bytes) -> None:
    data = _read(200, body)
    assert TOKEN not in json.dumps(data)
    assert "[token]" in json.dumps(data)


def test_a_token_with_a_slash_or_a_quote_is_found_however_it_is_spelled() -> None:
    for token, spelled in (
        ("abc/defgh+", r"abc\/defgh+"),
        ('abc"defgh', r"abc\"defgh"),
        ("abc\\defgh", r"abc\\defgh"),
    ):
        body = b'{"data": {"x": "%s"}}' % spelled.encode()
        assert answers.read_answer("do it", 200, {}, body, NOW, token) == {"x": "[token]"}


def test_no_piece_of_the_token_is_quoted_from_a_page() -> None:
    for page in (
        f"<title>{''.join(f'&#{ord(letter)};' for letter in TOKEN)}</title>",
        "x" * (refusals.QUOTED - 5) + TOKEN,
        f"<style>{'x' * ((1 << 14) - 20)}</style>{TOKEN}",
    ):
        assert TOKEN[:5] not in _error(500, page.encode()).cause.replace("<", "").replace(" ", "")


def test_a_draft_passes_through_untouched_but_for_half_letters() -> None:
    draft = {"t": [{"tt": 0, "é": "剪辑 \u2028 \U0001f600", "n": [1, 2.5, None, True]}], "url": "a/b?c=1&d=2"}
    for ascii_only in (True, False):
        body = json.dumps({"data": draft}, ensure_ascii=ascii_only).encode()
        assert _read(200, body) == draft
    assert _read(200, b'{"data": {"title": "cut \\ud83d"}}') == {"title": "cut ?"}


def test_what_is_no_secret_is_redacted_from_nothing() -> None:
    value = {"t": ["short", 1, None], "code": 0}
    assert answers.redacted(value, "") == value
    assert answers.redacted(value, "t") == value, "a draft must survive a token that a test made up"
    assert answers.redacted("Bearer abcdefgh", "abcdefgh") == "Bearer [token]"


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
    assert refusals.retry_after(header, NOW) == seconds


@pytest.mark.parametrize("body", [{}, b"<html>slow</html>"])
def test_a_rate_limit_carries_the_wait_it_was_told(body: object) -> None:
    told = _error(429, body, {"retry-after": "7"})
    assert isinstance(told, errors.RateLimited) and told.retry_after == 7.0


@pytest.mark.parametrize(
    ("data", "look"),
    [
        ({"status": "completed", "output": {"url": "u"}}, answers.RenderLook("completed", None, "u", "")),
        ({"status": "processing", "progress": 50}, answers.RenderLook("processing", 0.5, None, "")),
        ({"status": "processing", "progress": -3}, answers.RenderLook("processing", 0.0, None, "")),
        ({"status": "processing", "progress": True}, answers.RenderLook("processing", None, None, "")),
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


def test_a_state_that_is_nested_too_deeply_to_be_compared_is_no_answer() -> None:
    nested: list[object] = []
    for _ in range(10_000):
        nested = [nested]
    with pytest.raises(errors.Unanswered, match="nested too deeply"):
        answers.read_look("look", {"state": {"draft": {"t": nested}}})


def test_a_balance_without_a_total_is_the_sum() -> None:
    assert answers.read_balance("look", {"available": 7, "frozen": 3}) == answers.Balance(7.0, 3.0, 10.0)
    assert answers.read_balance("look", {"available": "7.5"}) == answers.Balance(7.5, 0.0, 7.5)
    for available in ("plenty", None, True, float("nan"), 10**400, [7]):
        with pytest.raises(errors.Unanswered):
            answers.read_balance("look", {"available": available})


@pytest.mark.parametrize(
    ("ends", "moment"),
    [
        (1_800_000_000, 1_800_000_000.0),
        (1_800_000_000_000, 1_800_000_000.0),
        ("2027-01-15T08:00:00Z", 1_800_000_000.0),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        (0, None),
        (True, None),
        (10**400, None),
    ],
)
def test_a_starter_tokens_end_is_read_in_every_public_form(ends: object, moment: float | None) -> None:
    assert answers.read_grant("ask", {"token": "t", "expires_at": ends}).expires_at == moment


@pytest.mark.parametrize(
    "token", [None, "", {}, True, "nmv_usr_a\nb", "nmv_usr_a b", "nmv_usr_–", "nmv_\ud83d"]
)
def test_a_starter_token_that_no_header_can_carry_is_none(token: object) -> None:
    with pytest.raises(errors.Unanswered, match="holds no token"):
        answers.read_grant("ask", {"token": token})
