"""A dropped link becomes the clip that it points to, fetched by the service and never by a private address unasked."""

from __future__ import annotations

import asyncio
import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs.states import State

MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[..., AbstractContextManager[Any]]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site(make_clip: MakeClip) -> Iterator[str]:
    """A web server on this machine that has clips; its address."""
    serve = functools.partial(_Quiet, directory=str(make_clip("linked.mp4").parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_dropped_link_is_edited_where_private_addresses_are_allowed(
    site: str, studio: MakeStudio, open_desk: OpenDesk, tmp_path: Path
) -> None:
    link = tmp_path / "holiday.url"
    link.write_text(f"[InternetShortcut]\r\nURL={site}/linked.mp4\r\n")

    async def go() -> None:
        with studio("faults: []", "--private-urls") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"], private=True) as desk:
                job = await desk.ended(await desk.drop(link))
                assert job.state is State.SUCCEEDED, job.reason
                assert job.outputs == (desk.output / "holiday-rule.mp4",)

    asyncio.run(go())


def test_a_link_into_a_private_network_is_refused_before_anything_is_paid(
    site: str, studio: MakeStudio, open_desk: OpenDesk, tmp_path: Path
) -> None:
    link = tmp_path / "inside.urls.txt"
    link.write_text(f"# a list\n{site}/linked.mp4\n")

    async def go() -> None:
        with studio("faults: []", "--private-urls") as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                job = await desk.ended(await desk.drop(link))
                assert job.state is State.FAILED
                assert "api.private_urls" in str(job.reason)
                assert '"message"' not in (service.folder / "ledger.jsonl").read_text()

    asyncio.run(go())
