"""The client against a server of its protocol that we did not write: google-adk's, with an agent of ours."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from daemon import errors
from daemon.nemo.account import TokenAccount
from daemon.nemo.client import Attribution, Client, StreamLimits, failure_error
from daemon.nemo.events import Answer, Failure, Heartbeat, Said, Text, ToolCall, ToolResult
from daemon.nemo.transport import Reply, Transport

# `make heavy` puts it into an environment of its own, for it holds watchdog below the version Reeldrop gets.
ADK = shutil.which("adk", path=os.pathsep.join((f"{sys.prefix}/adk/bin", os.environ.get("PATH", ""))))
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(ADK is None, reason="the extra `agent` is not installed (`make heavy` does it)"),
]

DEADLINE = 60.0
CALM = StreamLimits(quiet=DEADLINE, whole=DEADLINE)
Step = dict[str, Any]


def text(said: str, **more: object) -> Step:
    return {"content": {"role": "model", "parts": [{"text": said}]}, **more}


def partial(said: str) -> Step:
    return text(said, partial=True)


CALL: Step = {
    "content": {
        "role": "model",
        "parts": [{"functionCall": {"id": "1", "name": "trim_clip", "args": {"end": 2}}}],
    }
}
RESULT: Step = {
    "content": {
        "role": "user",
        "parts": [{"functionResponse": {"id": "1", "name": "trim_clip", "response": {"status": "ok"}}}],
    },
    "actions": {"stateDelta": {"draft": {"t": []}}},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address; its home is empty, so nobody has agreed to its telemetry."""
    home = tmp_path_factory.mktemp("home")
    command = [str(ADK), "api_server", "--host", "127.0.0.1", "--port", "0", "--no-reload"]
    command += ["--session_service_uri", "memory://", "--artifact_service_uri", "memory://"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, str(Path(__file__).parent)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
        )
    try:
        end = time.monotonic() + DEADLINE
        while (found := re.search(r"running on (http://\S+)", (home / "log").read_text())) is None:
            assert server.poll() is None and time.monotonic() < end, (home / "log").read_text()
            time.sleep(0.1)
        yield found[1]
    finally:
        server.kill()
        server.wait()


class Talk:
    """A session on the server, and our client that talks in it."""

    def __init__(self, url: str, transport: Transport) -> None:
        self._transport = transport
        self._client = Client(transport, TokenAccount(url, lambda: "t0ken"), Attribution("reeldrop", "1"))
        self._id = uuid4().hex
        self._url = f"{url}/apps/nemo_agent/users/me/sessions/{self._id}"
        self.said: list[Said] = []

    async def begin(self) -> Reply:
        return await self._transport.ask("begin", "POST", self._url, {})

    async def play(
        self, *steps: Step, limits: StreamLimits = CALM, hear: Callable[[Said], None] = lambda _: None
    ) -> Answer:
        def keep(one: Said) -> None:
            self.said.append(one)
            hear(one)

        return await self._client.run(self._id, json.dumps(steps, ensure_ascii=False), limits, keep)

    async def kept(self) -> list[dict[str, Any]]:
        """The parts of all events that the server has in the session's record."""
        session = json.loads((await self._transport.ask("look", "GET", self._url, {})).body)
        return [part for event in session["events"] for part in event.get("content", {}).get("parts", ())]


@asynccontextmanager
async def talking(url: str, *, begun: bool = True) -> AsyncIterator[Talk]:
    transport = Transport()
    talk = Talk(url, transport)
    try:
        async with asyncio.timeout(DEADLINE):
            if begun:
                assert (await talk.begin()).status == 200
            yield talk
    finally:
        await transport.close()


def played(url: str, *steps: Step) -> tuple[Answer, list[str]]:
    """The answer, and all that was heard, a word or two for each."""

    async def go() -> tuple[Answer, list[str]]:
        async with talking(url) as talk:
            return await talk.play(*steps), [*map(shown, talk.said)]

    return asyncio.run(go())


def shown(said: Said) -> str:
    match said:
        case Text(content, partial=partial):
            return f"{content}…" if partial else content
        case ToolCall(name):
            return f"call {name}"
        case ToolResult(name):
            return f"result {name}"
        case Failure(code):
            return f"failure {code}"
        case Heartbeat():
            return "heartbeat"


def test_a_text_is_the_answer(url: str) -> None:
    answer, heard = played(url, text("All done."))
    assert (answer, heard) == (Answer("All done.", (), None), ["All done."])


def test_partial_texts_and_the_whole_that_repeats_them_are_counted_once(url: str) -> None:
    steps = [partial("Looking "), partial("at it."), text("Looking at it."), CALL, RESULT]
    steps += [partial("Tri"), partial("mmed."), text("Trimmed.", turnComplete=True)]
    answer, heard = played(url, *steps)
    assert answer == Answer("Looking at it.\nTrimmed.", ("trim_clip",), None)
    assert [one for one in heard if one.endswith("…")] == ["Looking …", "at it.…", "Tri…", "mmed.…"]


def test_a_tool_call_and_its_result_are_heard_as_they_come(url: str) -> None:
    _, heard = played(url, text("On it."), CALL, RESULT, text("Trimmed."))
    assert heard == ["On it.", "call trim_clip", "result trim_clip", "Trimmed."]


def test_a_partial_tool_call_is_counted_with_the_whole_that_repeats_it(url: str) -> None:
    whole = {"content": {"parts": [{"text": "On it."}, *CALL["content"]["parts"]]}}
    answer, heard = played(url, partial("On it."), {**CALL, "partial": True}, whole, RESULT)
    assert answer == Answer("On it.", ("trim_clip",), None)
    assert heard == ["On it.…", "heartbeat", "On it.", "call trim_clip", "result trim_clip"]


def test_thoughts_are_kept_back_and_all_parts_of_an_event_are_read(url: str) -> None:
    call = CALL["content"]["parts"]
    parts = [{"text": "Hm.", "thought": True}, {"text": "First."}, *call, {"text": "Second."}]
    answer, heard = played(url, {"content": {"role": "model", "parts": parts}, "longRunningToolIds": ["1"]})
    assert answer == Answer("First.\nSecond.", ("trim_clip",), None)
    assert heard == ["First.", "call trim_clip", "Second."]


def test_an_event_without_content_is_a_sign_of_life(url: str) -> None:
    _, heard = played(url, {"actions": {"escalate": True}}, text("Done."))
    assert heard == ["heartbeat", "Done."]


@pytest.mark.parametrize(
    ("code", "kind"), [("RESOURCE_EXHAUSTED", errors.Refused), ("2001", errors.OutOfCredits)]
)
def test_an_error_event_is_a_failure(url: str, code: str, kind: type[errors.ApiError]) -> None:
    answer, heard = played(url, text("On it."), {"errorCode": code, "errorMessage": "credits exhausted"})
    assert (answer.text, heard) == ("On it.", ["On it.", f"failure {code}"])
    assert answer.failure is not None
    error = failure_error(answer.failure)
    assert type(error) is kind and "credits exhausted" in str(error)


def test_an_exception_in_the_agent_is_a_failure_after_what_it_had_said(url: str) -> None:
    raised = {"raise": "backend\u2028exploded 爆炸"}
    answer, heard = played(url, CALL, partial("Almost "), partial("there"), raised)
    assert (answer.text, answer.tools) == ("Almost there", ("trim_clip",))
    assert heard[-1].startswith("failure")
    assert answer.failure is not None and raised["raise"] in answer.failure.message


@pytest.mark.parametrize(
    "letters",
    [
        "\u2028",
        "\u2029",
        "\u0085",
        "\v\f\x1c\x1d\x1e",
        "\r\n\r\ndata: no\n\n",
        "剪辑，好了",
        "🎬👩‍👩‍👧",
        "\ufeff",
        '"\\\t',
    ],
)
def test_letters_that_split_lines_elsewhere_arrive_both_ways(url: str, letters: str) -> None:
    async def go() -> None:
        async with talking(url) as talk:
            answer = await talk.play(partial(f"<{letters}"), partial(">"), text(f"<{letters}>"))
            assert answer == Answer(f"<{letters}>", (), None)
            sent, *_ = await talk.kept()
            assert json.loads(sent["text"])[-1] == text(f"<{letters}>")

    asyncio.run(go())


def test_a_long_text_arrives_whole(url: str) -> None:
    long = "剪辑" * 500_000
    assert played(url, text(long))[1] == [long]


def test_many_events_all_arrive(url: str) -> None:
    words = [f"word{number} " for number in range(2000)]
    answer, heard = played(url, *map(partial, words), text("".join(words)))
    assert answer.text == "".join(words).strip()
    assert len(heard) == 2001


def test_an_answer_may_be_empty(url: str) -> None:
    assert played(url) == (Answer("", (), None), [])


def test_a_silence_between_events_is_waited_for(url: str) -> None:
    async def go() -> None:
        async with talking(url) as talk, talking(url) as other:
            silent = asyncio.Event()
            steps = [text("Rendering."), {"wait": "silence"}, text("Done.")]
            answer = asyncio.create_task(talk.play(*steps, hear=lambda _: silent.set()))
            await silent.wait()
            await other.play({"open": "silence"})
            assert (await answer).text == "Rendering.\nDone."

    asyncio.run(go())


def test_an_unknown_session_is_gone(url: str) -> None:
    async def go() -> None:
        async with talking(url, begun=False) as talk:
            with pytest.raises(errors.SessionGone, match="Session not found") as caught:
                await talk.play(text("never said"))
            assert caught.value.status == 404

    asyncio.run(go())


def test_a_client_that_hangs_up_leaves_its_message_in_the_session_and_its_call_ended(url: str) -> None:
    async def go() -> None:
        async with talking(url) as talk:
            called = asyncio.Event()
            answer = asyncio.create_task(talk.play(CALL, {"wait": "never"}, hear=lambda _: called.set()))
            await called.wait()
            answer.cancel()
            while len(kept := await talk.kept()) < 3:
                pass
            assert [*map(set, kept)] == [{"text"}, {"functionCall"}, {"functionResponse"}]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("step", "limits", "cause"),
    [
        ({"wait": "never"}, StreamLimits(quiet=0.5, whole=DEADLINE), "did not answer in time"),
        ({"wait": "never"}, StreamLimits(quiet=DEADLINE, whole=0.5), "the stream was still open"),
        ({"forever": {"partial": True}}, StreamLimits(quiet=0.5, whole=DEADLINE), "heartbeats|in time"),
        ({"forever": partial("more")}, StreamLimits(quiet=DEADLINE, whole=0.5), "the stream was still open"),
    ],
)
def test_a_stream_beyond_its_limits_is_hung_up_on(
    url: str, step: Step, limits: StreamLimits, cause: str
) -> None:
    async def go() -> None:
        async with talking(url) as talk:
            with pytest.raises(errors.Unanswered, match=cause):
                await talk.play(CALL, step, limits=limits)

    asyncio.run(go())
