"""The protocol's calls over real HTTP."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

GUARDED = (
    ("POST", "/api/tasks/me/with-session/nemo_agent"),
    ("POST", "/api/upload-video/nemo_agent/me/1234567890123456789"),
    ("POST", "/run_sse"),
    ("GET", "/api/state/nemo_agent/me/1234567890123456789/latest"),
    ("GET", "/api/credits/balance/simple"),
    ("POST", "/api/render/proxy/lambda"),
    ("GET", "/api/render/proxy/lambda/render_1"),
    ("POST", "/api/render/proxy/lambda/render_1/cancel"),
    ("GET", "/api/render/proxy/render_1/download"),
)


def _tracks(client: Any, session: str) -> list[tuple[int, int]]:
    """(kind, number of segments) of each track."""
    return [(one["tt"], len(one["sg"])) for one in client.state(session)["draft"].get("t", [])]


# --- accounts


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Bearer nmv_anon_anon_1.99999999999.0", "Basic eA=="]
)
def test_a_call_without_a_known_token_is_refused(
    client: Any, method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = httpx.request(method, client.url + path, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (401, 1001)


def test_an_anonymous_token_needs_a_client_id(client: Any) -> None:
    answer = client.http.post("/api/auth/anonymous-token")
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


def test_an_anonymous_token_opens_sessions_of_its_own_and_no_others(client: Any, client_of: Any) -> None:
    answer = client.http.post("/api/auth/anonymous-token", headers={"X-Client-Id": "someone"}).json()
    assert answer["code"] == 0
    assert answer["data"]["credits"] == 100
    assert answer["data"]["user_id"].startswith("anon_")
    anonymous = client_of(client.url, answer["data"]["token"])
    own, foreign = anonymous.session(), client.session()
    path = "/api/state/nemo_agent/me/{}/latest"
    assert anonymous.http.get(path.format(own)).json()["code"] == 0
    assert anonymous.http.get(path.format(foreign)).json()["code"] == 1002
    assert client.http.get(path.format(own)).json()["code"] == 1002
    anonymous.http.close()


def test_the_same_client_id_is_the_same_account(client: Any) -> None:
    ask = {"X-Client-Id": "twice"}
    first, second = (client.http.post("/api/auth/anonymous-token", headers=ask).json() for _ in range(2))
    assert first["data"]["user_id"] == second["data"]["user_id"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "8.8.8.8", "localhost.evil.example", ""])
def test_a_foreign_host_name_is_refused_even_with_the_token(client: Any, host: str) -> None:
    answer = client.http.get("/api/credits/balance/simple", headers={"host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:9", "localhost:8080"])
def test_a_loopback_name_is_ours_whatever_its_port(client: Any, host: str) -> None:
    assert client.http.get("/api/credits/balance/simple", headers={"host": host}).status_code == 200


def test_credits_never_run_out(client: Any) -> None:
    data = client.http.get("/api/credits/balance/simple").json()["data"]
    assert data == {"available": 1_000_000, "frozen": 0, "total": 1_000_000}


# --- sessions and bodies


def test_a_session_is_a_long_decimal_string(client: Any) -> None:
    data = client.http.post("/api/tasks/me/with-session/nemo_agent", json={}).json()["data"]
    assert len(data["session_id"]) == 19
    assert data["session_id"].isdigit()
    assert data["task_id"].isdigit()
    assert data["user_id"] == "studio"


@pytest.mark.parametrize("session", ["1234567890123456789", "nope", "..", "%2e%2e", "１２３"])
def test_an_unknown_session_is_1002_at_every_call(client: Any, session: str, clip: Path) -> None:
    draft = {"t": [{"tt": 0, "sg": [{"d": 1}]}]}
    answers = [
        client.http.get(f"/api/state/nemo_agent/me/{session}/latest"),
        client.http.post("/run_sse", json=client.message(session, "trim to 1 s")),
        client.http.post("/api/render/proxy/lambda", json={"id": "r", "sessionId": session, "draft": draft}),
        client.http.post(f"/api/upload-video/nemo_agent/me/{session}", files={"files": ("a.mp4", b"x")}),
    ]
    # `..` is taken out of a path by the client itself; that is another call, which does not exist.
    assert {one.json()["code"] for one in answers} <= {1002, 404, 405}
    assert answers[1].json()["code"] == 1002


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"session_id": NaN}',
        b'{"session_id": "\\ud800"}',
        b'{"new_message": {"parts": 3}}',
        b'{"new_message": {"parts": [{"text": 3}]}}',
        b'{"new_message": {"parts": [{"text": "  "}]}}',
    ],
)
@pytest.mark.parametrize("path", ["/run_sse", "/api/render/proxy/lambda"])
def test_a_malformed_body_gets_an_envelope(client: Any, path: str, body: bytes) -> None:
    answer = client.http.post(path, content=body)
    assert answer.status_code in (200, 400)
    assert answer.json()["code"] in (400, 1002)
    assert answer.json()["message"]


def test_a_body_larger_than_any_message_is_refused(client: Any) -> None:
    answer = client.http.post("/run_sse", content=b" " * 8_100_000)
    assert answer.status_code == 413


def test_an_unknown_path_gets_an_envelope(client: Any) -> None:
    assert client.http.get("/nowhere").json()["code"] == 404
    assert client.http.get("/run_sse").json()["code"] == 405


# --- uploads


def test_an_upload_puts_the_clip_on_the_timeline(client: Any, clip: Path) -> None:
    session = client.session()
    data = client.upload(session, clip)["data"]
    assert data["session_state_applied"] is True
    info = data["files"][0]
    assert (info["filename"], info["file_type"]) == ("talk.mp4", "video")
    assert (info["duration"], info["width"], info["height"], info["fps"]) == (2.0, 64, 36, 10.0)
    state = client.state(session)
    assert state["video_infos"] == [info]
    assert state["canvas_config"] == {"width": 64, "height": 36, "fps": 10.0}
    assert state["draft"]["d"] == 2000
    assert state["draft"]["t"][0]["sg"][0]["m"]["asset"] == info["hash"]
    assert httpx.get(info["cdn_url"], trust_env=False).content == clip.read_bytes()


def test_several_uploads_follow_one_another(client: Any, clip: Path, photo: Path) -> None:
    session = client.session()
    client.upload(session, clip, photo)
    client.upload(session, clip)
    draft = client.state(session)["draft"]
    assert [one["m"]["start"] for one in draft["t"][0]["sg"]] == [0, 2000, 7000]
    assert draft["d"] == 9000


def test_a_sound_becomes_a_timeline_of_sound(client: Any, sound: Path) -> None:
    session = client.session()
    client.upload(session, sound)
    assert _tracks(client, session) == [(1, 1)]
    assert client.state(session)["draft"]["t"][0]["sg"][0]["m"]["kind"] == "clip"


def test_a_sound_beside_a_clip_stays_off_the_timeline(client: Any, clip: Path, sound: Path) -> None:
    session = client.session()
    client.upload(session, clip)
    assert client.upload(session, sound)["data"]["session_state_applied"] is False
    assert _tracks(client, session) == [(0, 1)]
    assert len(client.state(session)["video_infos"]) == 2


def test_a_file_name_keeps_its_letters_and_loses_its_folders(client: Any, clip: Path) -> None:
    session = client.session()
    files = {"files": ("../../häß/城市 \u2028x.mp4", clip.read_bytes())}
    data = client.http.post(f"/api/upload-video/nemo_agent/me/{session}", files=files).json()["data"]
    assert data["files"][0]["filename"] == "城市 \u2028x.mp4"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("script.txt", b"hello"),
        ("noise.mp4", b"\x07noise" * 100),
        ("short.mp4", b"\x00\x00"),
        ("empty.mp4", b""),
        ("broken.mp4", b"\x00\x00\x00\x18ftypisom" + b"\x01" * 5000),
        ("clip.exe", b"\x00\x00\x00\x18ftypisom" + b"\x01" * 5000),
        ("", b"\x00\x00\x00\x18ftypisom"),
    ],
)
def test_a_file_that_is_no_media_is_4001_in_words(client: Any, name: str, content: bytes) -> None:
    session = client.session()
    files = {"files": (name or "\x01", content)}
    answer = client.http.post(f"/api/upload-video/nemo_agent/me/{session}", files=files).json()
    assert answer["code"] == 4001
    assert name.partition(".")[0] in answer["message"]
    assert client.state(session)["video_infos"] == []


def test_one_bad_file_keeps_all_of_its_upload_out(client: Any, clip: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no media at all" * 10)
    session = client.session()
    assert client.upload(session, clip, bad)["code"] == 4001
    assert client.state(session)["draft"] == {}


def test_a_file_over_the_limit_is_4002_and_nothing_of_it_stays(
    client: Any, clip: Path, studio_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.studio.uploads.MAX_BYTES", 2_000_000)
    with studio_in(tmp_path / "studio") as own:
        session = own.session()
        files = {"files": ("big.mp4", clip.read_bytes() + b"\x00" * 3_000_000)}
        answer = own.http.post(f"/api/upload-video/nemo_agent/me/{session}", files=files).json()
        assert answer["code"] == 4002
        assert own.state(session)["video_infos"] == []
        kept = sum(one.stat().st_size for one in (tmp_path / "studio").rglob("*") if one.is_file())
    assert kept < 10_000


def test_links_are_refused_honestly(client: Any) -> None:
    session = client.session()
    path = f"/api/upload-video/nemo_agent/me/{session}"
    answer = client.http.post(path, json={"urls": ["http://a/b.mp4"], "source_type": "url"})
    assert answer.json()["code"] == 400
    assert "URL" in answer.json()["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"x"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=" + "b" * 3000, b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"',
        ),
    ],
)
def test_a_broken_form_is_a_bad_request(client: Any, content_type: str, body: bytes) -> None:
    path = f"/api/upload-video/nemo_agent/me/{client.session()}"
    answer = client.http.post(path, content=body, headers={"content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (400, 400)


def test_an_upload_that_breaks_off_leaves_nothing(client: Any, studio_in: Any, tmp_path: Path) -> None:
    with studio_in(tmp_path / "studio") as own:
        session = own.session()
        host, port = own.url.removeprefix("http://").split(":")
        head = (
            f"POST /api/upload-video/nemo_agent/me/{session} HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {own.token}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            "Content-Length: 900000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + b"\x00\x00\x00\x18ftypisom" + b"\x01" * 200_000)
            incoming = tmp_path / "studio" / "incoming"
            own.until(lambda: any(incoming.iterdir()))
        own.until(lambda: not any(incoming.iterdir()))
        assert own.state(session)["video_infos"] == []


# --- messages


def test_a_message_changes_the_draft_and_says_so_in_numbers(client: Any, clip: Path) -> None:
    session = client.session()
    client.upload(session, clip)
    events = client.say(session, "trim to 1.5 s and add a title “Hi”")
    assert [one["type"] for one in events] == ["tool_call", "tool_result"] * 2 + ["text"]
    assert events[0]["name"] == "keep"
    assert "Kept 0-1.5 s; the clip is 1.5 s long now." in events[-1]["content"]
    assert _tracks(client, session) == [(0, 1), (7, 1)]


def test_what_is_not_understood_changes_nothing_and_is_named(client: Any, clip: Path) -> None:
    session = client.session()
    client.upload(session, clip)
    before = client.state(session)
    events = client.say(session, "trim to 1 s and make it rain")
    assert [one["type"] for one in events] == ["text"]
    assert '"make it rain"' in events[0]["content"]
    assert "I can: trim" in events[0]["content"]
    assert client.state(session) == before


def test_a_refusal_is_in_the_language_of_the_instruction(client: Any, clip: Path) -> None:
    session = client.session()
    client.upload(session, clip)
    assert "我不会做这件事：“去噪”" in client.say(session, "去噪")[0]["content"]


def test_what_the_clip_does_not_allow_changes_nothing(client: Any, clip: Path) -> None:
    session = client.session()
    assert "upload one first" in client.say(session, "trim to 1 s")[0]["content"]
    client.upload(session, clip)
    before = client.state(session)
    assert "only" not in client.say(session, "keep from 10 to 20 s")[0]["content"]
    assert (
        "The clip is 2 s long" in client.say(session, "add calm music and keep from 10 to 20 s")[0]["content"]
    )
    assert client.state(session) == before


def test_a_wish_that_is_fulfilled_already_is_noted_and_cuts_nothing(client: Any, clip: Path) -> None:
    session = client.session()
    client.upload(session, clip)
    before = client.state(session)["draft"]
    assert "Nothing was cut" in client.say(session, "trim to 5 s")[0]["content"]
    after = client.state(session)["draft"]
    assert (after["t"], after["d"]) == (before["t"], before["d"])
    assert after["m"]["held"] == ["trim to 5 s"]


def test_an_edit_is_done_though_the_client_hangs_up(client: Any, clip: Path) -> None:
    session = client.session()
    client.upload(session, clip)
    body = json.dumps(client.message(session, "trim to 1 s")).encode()
    host, port = client.url.removeprefix("http://").split(":")
    head = f"POST /run_sse HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {client.token}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    client.until(lambda: client.state(session)["draft"]["d"] == 1000)


# --- renders


def test_a_render_becomes_a_file_at_an_address_that_needs_no_token(client: Any, clip: Path) -> None:
    session = client.edited(clip, "trim to 1 s")
    answer = client.render(session, "render_first").json()
    assert answer["success"] is True
    assert answer["data"]["id"] == "render_first"
    done = client.finished("render_first")
    assert (done["status"], done["progress"]) == ("completed", 100)
    result = httpx.get(done["outputUrl"], trust_env=False)
    assert result.headers["content-type"] == "video/mp4"
    assert result.content[4:8] == b"ftyp"
    again = client.http.get("/api/render/proxy/render_first/download")
    assert again.content == result.content
    part = httpx.get(done["outputUrl"], headers={"range": "bytes=10-19"}, trust_env=False)
    assert (part.status_code, part.content) == (206, result.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(result.content)}"


def test_the_address_of_a_result_cannot_be_made_up(client: Any, clip: Path) -> None:
    session = client.edited(clip, "trim to 1 s")
    client.render(session, "render_secret")
    url = client.finished("render_secret")["outputUrl"]
    *front, signature, name = url.split("/")
    forged = ["/".join([*front, "0" * len(signature), name])]
    forged.append(url.replace("render_secret", "render_other"))
    forged.append(f"{client.url}/files/{session}/assets/..%2f..%2f..%2fkey/{signature}/key")
    assert {httpx.get(one, trust_env=False).status_code for one in forged} == {404}


def test_a_second_render_with_the_same_id_is_a_duplicate(client: Any, clip: Path) -> None:
    session = client.edited(clip, "trim to 1 s")
    client.render(session, "render_twice")
    answer = client.render(session, "render_twice")
    assert (answer.status_code, answer.json()["code"]) == (409, 409)
    assert answer.json()["message"] == "duplicate id"


def test_a_sound_is_rendered_as_m4a(client: Any, sound: Path) -> None:
    session = client.session()
    client.upload(session, sound)
    client.render(session, "render_sound")
    done = client.finished("render_sound")
    assert done["outputUrl"].endswith(".m4a")
    assert httpx.head(done["outputUrl"], trust_env=False).headers["content-type"] == "audio/mp4"


def test_a_draft_without_a_segment_is_refused(client: Any) -> None:
    session = client.session()
    drafts: list[object] = [{}, {"t": []}, {"t": [{"tt": 0, "sg": []}]}, 7]
    for draft in drafts:
        assert client.render(session, "render_empty", draft).status_code == 400
    assert client.http.get("/api/render/proxy/lambda/render_empty").status_code == 404


@pytest.mark.parametrize("render", ["", "../x", "a/b", "x" * 200, ".hidden"])
def test_a_render_id_that_is_no_plain_name_is_refused(client: Any, clip: Path, render: str) -> None:
    session = client.edited(clip, "trim to 1 s")
    assert client.render(session, render).status_code == 400


@pytest.mark.parametrize("form", ["exe", "../mp4", ""])
def test_an_unknown_format_is_refused(client: Any, clip: Path, form: str) -> None:
    session = client.edited(clip, "trim to 1 s")
    assert client.render(session, f"render_form{len(form)}", form=form).status_code == 400


def test_a_draft_of_any_shape_fails_in_words_and_not_the_server(client: Any, clip: Path) -> None:
    session = client.edited(clip, "trim to 1 s")
    foreign = client.state(session)["draft"]
    foreign["t"][0]["sg"][0]["m"]["asset"] = "../../key"
    odd = [foreign, {"t": [{"tt": 0, "sg": [{"d": "x", "m": None}]}]}, {"t": [{"tt": 9, "sg": [{}]}]}]
    for number, draft in enumerate(odd):
        client.render(session, f"render_odd_{number}", draft)
    for number in range(len(odd)):
        done = client.finished(f"render_odd_{number}")
        assert done["status"] == "failed"
        assert done["message"]


def test_a_cancelled_render_ends_as_failed(client: Any, clip: Path) -> None:
    session = client.edited(clip, "slow down to 0.25x")
    client.render(session, "render_before")
    client.render(session, "render_cancelled")
    cancelled = client.http.post("/api/render/proxy/lambda/render_cancelled/cancel").json()["data"]
    assert (cancelled["status"], cancelled["message"]) == ("failed", "cancelled")
    assert client.finished("render_before")["status"] == "completed"
    assert client.poll("render_cancelled")["status"] == "failed"
    assert client.http.get("/api/render/proxy/render_cancelled/download").status_code == 400


def test_an_edit_while_a_render_waits_does_not_change_the_render(client: Any, clip: Path) -> None:
    session = client.edited(clip, "trim to 1 s")
    draft = client.state(session)["draft"]
    client.render(session, "render_of_old")
    client.say(session, "trim to 0.5 s")
    client.render(session, "render_of_new")
    assert client.state(session)["draft"] != draft
    for name in ("render_of_old", "render_of_new"):
        assert client.finished(name)["status"] == "completed"


def test_a_draft_edited_by_hand_is_rendered_as_it_is(client: Any, clip: Path, tmp_path: Path) -> None:
    session = client.edited(clip, "trim to 1 s")
    draft = client.state(session)["draft"]
    draft["t"][0]["sg"][0]["d"] = draft["d"] = 500
    draft["unknown"] = {"kept": True}
    client.render(session, "render_by_hand", draft, form="mkv")
    done = client.finished("render_by_hand")
    assert done["status"] == "completed", done
    assert httpx.head(done["outputUrl"], trust_env=False).headers["content-type"] == "video/x-matroska"
