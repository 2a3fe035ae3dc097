"""Uploads that name URLs, fetched from a server of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from daemon.studio.links import public

StudioIn = Callable[..., AbstractContextManager[Any]]


@dataclass
class Page:
    """What a path of the test's server answers; `length` is announced instead of the body's own."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    waits: threading.Event | None = None


@dataclass
class Web:
    url: str
    pages: dict[str, Page]
    asked: list[str]


@pytest.fixture
def web() -> Iterator[Web]:
    pages: dict[str, Page] = {}
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            page = pages.get(self.path, Page(status=404))
            if page.waits is not None:
                page.waits.wait(30)
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body) if page.length is None else page.length))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Web(f"http://127.0.0.1:{server.server_port}", pages, asked)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def studio(studio_in: StudioIn, tmp_path: Path) -> Iterator[Any]:
    with studio_in(tmp_path / "studio", reach="anywhere") as client:
        yield client


def _upload(client: Any, session: str, *urls: str, **more: Any) -> Any:
    body = {"urls": list(urls), "source_type": "url", **more}
    return client.http.post(f"/api/upload-video/nemo_agent/me/{session}", json=body)


def test_files_are_fetched_and_stand_on_the_timeline(studio: Any, web: Web, clip: Path, photo: Path) -> None:
    web.pages["/a/talk%20one.mp4?sig=secr%C3%A9t"] = Page(clip.read_bytes())
    web.pages["/photo.png"] = Page(photo.read_bytes())
    session = studio.session()
    answer = _upload(
        studio, session, f"{web.url}/a/talk one.mp4?sig=secrét#part", f"{web.url}/photo.png"
    ).json()
    assert answer["code"] == 0
    assert [one["filename"] for one in answer["data"]["files"]] == ["talk one.mp4", "photo.png"]
    assert studio.state(session)["video_infos"] == answer["data"]["files"]
    assert studio.http.get(answer["data"]["files"][0]["cdn_url"]).content == clip.read_bytes()
    assert studio.state(session)["draft"]["d"] == 7000


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/v?id=3", {"Content-Disposition": 'attachment; filename="my talk.mp4"'}, "my talk.mp4"),
        ("/v?id=3", {"Content-Disposition": "attachment; filename*=UTF-8''%E5%9F%8E.mov"}, "城.mov"),
        ("/v?id=3", {"Content-Disposition": 'attachment; filename="../../x.mp4"'}, "x.mp4"),
        ("/v?id=3", {"Content-Type": "video/mp4"}, "v.mp4"),
        ("/", {}, "file.mp4"),
    ],
)
def test_a_file_has_a_name_whatever_its_address(
    studio: Any, web: Web, clip: Path, path: str, headers: dict[str, str], name: str
) -> None:
    web.pages[path] = Page(clip.read_bytes(), headers=headers)
    answer = _upload(studio, studio.session(), web.url + path).json()
    assert [one["filename"] for one in answer["data"]["files"]] == [name]


def test_a_redirect_is_followed_and_an_endless_one_is_not(studio: Any, web: Web, clip: Path) -> None:
    web.pages["/old.mp4"] = Page(status=302, headers={"Location": "/new"})
    web.pages["/new"] = Page(clip.read_bytes())
    web.pages["/round"] = Page(status=307, headers={"Location": "round"})
    session = studio.session()
    assert _upload(studio, session, f"{web.url}/old.mp4").json()["data"]["files"][0]["filename"] == "old.mp4"
    endless = _upload(studio, session, f"{web.url}/round")
    assert endless.status_code == 400
    assert "redirects" in endless.json()["message"]


def test_what_cannot_be_fetched_is_refused_in_words_without_its_signature(
    studio: Any, web: Web, clip: Path
) -> None:
    web.pages["/half.mp4"] = Page(clip.read_bytes()[:5000], length=9000)
    web.pages["/file"] = Page(status=302, headers={"Location": "file:///etc/passwd"})
    cases = {
        f"{web.url}/none.mp4?sig=secret": "HTTP 404",
        f"{web.url}/half.mp4": "4000 bytes too early",
        f"{web.url}/file": "only http and https",
        "ftp://127.0.0.1/a.mp4": "only http and https",
        "file:///etc/passwd": "only http and https",
        "http://": "only http and https",
        "http://127.0.0.1:99999/": "no address",
        "http://[::1/": "no address",
        "http://me:secret@127.0.0.1/": "user or password",
        "http://no.such.host.invalid/a.mp4": "no host",
        "http://127.0.0.1:9/a.mp4": "refused",
    }
    session = studio.session()
    for url, said in cases.items():
        answer = _upload(studio, session, url)
        assert (answer.status_code, answer.json()["code"]) == (400, 400)
        assert said in answer.json()["message"]
        assert "secret@" not in answer.json()["message"]
        assert "sig=" not in answer.json()["message"]
    assert studio.state(session)["video_infos"] == []


def test_one_bad_address_keeps_all_of_its_upload_out(studio: Any, web: Web, clip: Path) -> None:
    web.pages["/a.mp4"] = Page(clip.read_bytes())
    web.pages["/page.mp4"] = Page(b"<html>not a clip</html>" * 10)
    session = studio.session()
    answer = _upload(studio, session, f"{web.url}/a.mp4", f"{web.url}/page.mp4").json()
    assert answer["code"] == 4001
    assert studio.state(session)["draft"] == {}


def test_a_fetched_file_over_the_limit_is_4002(
    studio: Any, web: Web, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.studio.uploads.MAX_BYTES", 1_000_000)
    web.pages["/big.mp4"] = Page(clip.read_bytes() + b"\x00" * 2_000_000)
    assert _upload(studio, studio.session(), f"{web.url}/big.mp4").json()["code"] == 4002


@pytest.mark.parametrize(
    "body", [{}, {"urls": "http://a"}, {"urls": []}, {"urls": [3]}, {"urls": ["http://a"] * 21}]
)
def test_a_broken_list_is_a_bad_request(studio: Any, body: dict[str, Any]) -> None:
    path = f"/api/upload-video/nemo_agent/me/{studio.session()}"
    assert studio.http.post(path, json=body).status_code == 400
    assert studio.http.post(path, json={"urls": ["http://a"], "source_type": "disk"}).status_code == 400


def test_a_server_that_never_answers_holds_up_nobody_else(studio: Any, web: Web, clip: Path) -> None:
    answers = threading.Event()
    web.pages["/slow.mp4"] = Page(clip.read_bytes(), waits=answers)
    session = studio.session()
    with ThreadPoolExecutor(1) as aside:
        slow = aside.submit(_upload, studio, session, f"{web.url}/slow.mp4")
        studio.until(lambda: bool(web.asked))
        assert studio.upload(session, clip)["code"] == 0
        assert not slow.done()
        answers.set()
        assert slow.result().json()["code"] == 0


# --- where it may go


def test_no_name_leads_into_a_private_network(
    studio_in: StudioIn, tmp_path: Path, web: Web, clip: Path
) -> None:
    web.pages["/a.mp4"] = Page(clip.read_bytes())
    hosts = [
        "127.0.0.1",
        "127.8.8.8",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.1.1",
        "172.20.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
    ]
    with studio_in(tmp_path / "studio", reach="public") as client:
        for host in hosts:
            url = web.url.replace("127.0.0.1", host) + "/a.mp4"
            answer = _upload(client, client.session(), url)
            assert answer.status_code == 400
            assert "private network" in answer.json()["message"], host
            assert "--private-urls" in answer.json()["message"]
    assert web.asked == []


def test_no_redirect_leads_into_a_private_network(
    studio_in: StudioIn, tmp_path: Path, web: Web, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.studio.links.public", lambda address: address == "127.0.0.1")
    inner = web.url.replace("127.0.0.1", "127.0.0.2")
    web.pages["/a.mp4"] = Page(status=302, headers={"Location": f"{inner}/b.mp4"})
    web.pages["/b.mp4"] = Page(clip.read_bytes())
    with studio_in(tmp_path / "studio", reach="public") as client:
        answer = _upload(client, client.session(), f"{web.url}/a.mp4")
        assert "127.0.0.2 is in a private network" in answer.json()["message"]
        assert _upload(client, client.session(), f"{web.url}/b.mp4").json()["code"] == 0
    assert web.asked == ["/a.mp4", "/b.mp4"]


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::ffff:93.184.215.14", True),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d70e", True),
        ("fe80::1%eth0", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, is_public: bool) -> None:
    assert public(address) is is_public


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [(["--attached"], 400, "never leaves"), ([], 400, "private network"), (["--private-urls"], 0, "")],
)
def test_the_daemons_own_studio_fetches_nothing_and_one_alone_what_it_may(
    tmp_path: Path, client_of: Any, web: Web, clip: Path, options: list[str], code: int, said: str
) -> None:
    web.pages["/a.mp4"] = Page(clip.read_bytes())
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(tmp_path / "studio"), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if options == ["--attached"]:
            told = json.loads(process.stdout.readline())
            client = client_of(told["url"], told["token"])
        else:
            words = (process.stdout.readline() + process.stdout.readline()).split()
            settings = dict(one.split("=", 1) for one in words if "=" in one)
            client = client_of(settings["NEMO_API_URL"], settings["NEMO_TOKEN"])
        answer = _upload(client, client.session(), f"{web.url}/a.mp4").json()
        client.http.close()
        process.terminate()
    assert answer["code"] == code
    assert said in answer["message"]
