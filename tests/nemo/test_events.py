"""What the editor says: two shapes of events, one set of values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.nemo.events import Answer, Failure, Heartbeat, Said, Text, ToolCall, ToolResult, gather, read


def _said(*events: object) -> Answer:
    return gather(one for event in events for one in read(json.dumps(event)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"type":"text","content":"Done."}', (Text("Done."),)),
        ('{"type":"tool_call","name":"trim","args":{}}', (ToolCall("trim"),)),
        ('{"type":"tool_result","name":"trim","result":{}}', (ToolResult("trim"),)),
        ('{"type":"heartbeat"}', (Heartbeat(),)),
        ('{"type":"error","code":2001,"message":"no credits"}', (Failure("2001", "no credits"),)),
        ('{"type":"something new"}', (Heartbeat(),)),
        ("", (Heartbeat(),)),
        ("not JSON", (Heartbeat(),)),
        ("[1]", (Heartbeat(),)),
        ('{"content":{"parts":[{"text":"Hi"}],"role":"model"},"partial":true}', (Text("Hi", partial=True),)),
        ('{"content":{"parts":[{"functionCall":{"name":"cut","args":{}}}]}}', (ToolCall("cut"),)),
        ('{"content":{"parts":[{"functionResponse":{"name":"cut"}}]}}', (ToolResult("cut"),)),
        ('{"errorCode":"RESOURCE_EXHAUSTED","errorMessage":"no"}', (Failure("RESOURCE_EXHAUSTED", "no"),)),
        (
            '{"error": "RuntimeError: backend exploded"}',
            (Failure("error", "RuntimeError: backend exploded"),),
        ),
        ('{"error": ""}', (Failure("error", "no reason given"),)),
        (
            '{"error": "", "error_details": {"error_type": "ValueError"}}',
            (Failure("error", "ValueError"),),
        ),
        (
            '{"error": "ValueError: x", "error_details": {"error_type": "ValueError"}}',
            (Failure("error", "ValueError: x"),),
        ),
        ('{"type":"error","error":{"code":2001,"message":"no credits"}}', (Failure("2001", "no credits"),)),
        ('{"type":"error","data":{"code":"1002","message":"gone"}}', (Failure("1002", "gone"),)),
        ('{"type":"error","code":2001.0}', (Failure("2001", "no reason given"),)),
        ('{"type":"error","code":0,"content":"broke"}', (Failure("error", "broke"),)),
        ('{"type":"error","code":{"a":1},"message":[1]}', (Failure("error", "no reason given"),)),
        ('{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow"}}', (Failure("429", "slow"),)),
        ('{"error":{"status":"RESOURCE_EXHAUSTED"}}', (Failure("RESOURCE_EXHAUSTED", "no reason given"),)),
        ('{"code":2001,"message":"no credits"}', (Failure("2001", "no credits"),)),
        ('{"code":"1001","message":"expired"}', (Failure("1001", "expired"),)),
        ('{"code":0,"message":"ok","data":{}}', (Heartbeat(),)),
        ('{"code":"running"}', (Heartbeat(),)),
        (
            '{"content":{"parts":[{"text":"Half"}]},"errorCode":"MAX_TOKENS"}',
            (Text("Half"), Failure("MAX_TOKENS", "no reason given")),
        ),
        ('{"error_code":"SAFETY","error_message":"no"}', (Failure("SAFETY", "no"),)),
        ('{"errorCode":"STOP","finishReason":"STOP"}', (Heartbeat(),)),
        ('{"turnComplete":true}', (Heartbeat(),)),
        ('{"longRunningToolIds":["call-1"],"actions":{"stateDelta":{"draft":{}}}}', (Heartbeat(),)),
        ('{"type":"heartbeat","content":"still here"}', (Heartbeat(),)),
        ('{"type":"status","content":"Looking"}', (Text("Looking"),)),
        ('{"type":"note","text":"Looking"}', (Text("Looking"),)),
        ('{"type":"thinking","content":"hm"}', (Heartbeat(),)),
        ('{"type":["text"],"content":{"parts":[{"text":"Hi"}]}}', (Text("Hi"),)),
        ('{"type":"text","content":{"a":1}}', (Heartbeat(),)),
        ('{"type":"text","content":""}', (Heartbeat(),)),
        ('{"type":"text","content":"\\ud800a\\u0000"}', (Text("?a"),)),
        ('{"type":"tool_call","name":{"a":1},"args":[]}', (ToolCall("tool"),)),
        ('{"author":"user","content":{"parts":[{"text":"trim"}]}}', (Heartbeat(),)),
        (
            '{"author":"a","invocationId":"e","content":{"parts":[{"text":"Hi"}]}}',
            (Text("Hi", False, "a/e"),),
        ),
        ('{"partial":true,"content":{"parts":[{"functionCall":{"name":"cut"}}]}}', (Heartbeat(),)),
        ("[" * 100_000, (Heartbeat(),)),
        ("1" * 10_000, (Heartbeat(),)),
        ("null", (Heartbeat(),)),
        ('"text"', (Heartbeat(),)),
        ("[DONE]", (Heartbeat(),)),
        ('{"content":{"parts":[null,{"thought":true,"text":"hm"}]}}', (Heartbeat(),)),
    ],
)
def test_each_event_is_read_as_what_it_says(data: str, said: tuple[Said, ...]) -> None:
    assert read(data) == said


def _agent(text: str, *, partial: bool = False, author: str = "editor") -> dict[str, object]:
    event: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}, "author": author}
    return event | {"invocationId": "e-1"} | ({"partial": True} if partial else {})


def _plain(text: str) -> dict[str, object]:
    return {"type": "text", "content": text}


_CALL = {"author": "editor", "content": {"parts": [{"functionCall": {"name": "cut", "args": {}}}]}}
_RESULT = {"author": "editor", "content": {"parts": [{"functionResponse": {"name": "cut"}}], "role": "user"}}


@pytest.mark.parametrize(
    ("events", "text"),
    [
        pytest.param(
            [_agent("Looking ", partial=True), _agent("at it", partial=True), _agent("Looking at it")],
            "Looking at it",
            id="repeated",
        ),
        pytest.param(
            [_agent("Looking ", partial=True), _agent("at it", partial=True)], "Looking at it", id="no-final"
        ),
        pytest.param(
            [_agent("Looking ", partial=True), _agent("at it", partial=True), _agent("at it")],
            "Looking at it",
            id="final-holds-the-last-piece",
        ),
        pytest.param(
            [
                _agent("Looking ", partial=True),
                _agent("at  it\n", partial=True),
                _agent("Looking at it. Done."),
            ],
            "Looking at it. Done.",
            id="final-holds-more",
        ),
        pytest.param(
            [_agent("Looking", partial=True), _agent("A cat.")], "Looking\nA cat.", id="final-is-another"
        ),
        pytest.param(
            [
                _agent("Looking ", partial=True),
                _agent("Je re", partial=True, author="other"),
                _agent("at it", partial=True),
                _agent("garde", partial=True, author="other"),
                _agent("Looking at it"),
                _agent("Je regarde", author="other"),
            ],
            "Looking at it\nJe regarde",
            id="two-speakers",
        ),
        pytest.param(
            [
                *[_agent("Looking", partial=True), _agent("Looking"), _CALL, _RESULT],
                *[_agent("Do", partial=True), _agent("ne", partial=True), _agent("Done")],
            ],
            "Looking\nDone",
            id="two-turns",
        ),
        pytest.param(
            [_agent("Looking", partial=True), _CALL, _RESULT, _agent("Done", partial=True)],
            "Looking\nDone",
            id="two-turns-without-finals",
        ),
        pytest.param(
            [_agent("Looking", partial=True), _CALL, _agent("Done", partial=True), _agent("Looking. Done")],
            "Looking. Done",
            id="one-final-for-two-turns",
        ),
        pytest.param([_agent("Done"), _agent("Done") | {"turnComplete": True}], "Done", id="final-twice"),
        pytest.param([_agent(" \n", partial=True), _agent(" ")], "", id="nothing-but-space"),
        pytest.param(
            [_plain("Look"), _plain("ing at"), _plain(" it"), _plain(".")], "Looking at it.", id="plain"
        ),
        pytest.param(
            [_plain("Looking "), _plain("at it."), _plain("Looking at it.")],
            "Looking at it.",
            id="plain-repeated",
        ),
        pytest.param(
            [_plain("Trimmed."), _plain("Added music.")], "Trimmed.\nAdded music.", id="plain-wholes"
        ),
    ],
)
def test_each_text_is_counted_once(events: list[object], text: str) -> None:
    assert _said(*events).text == text


@pytest.mark.parametrize(
    "apology",
    [
        "I encountered a temporary issue",
        "I encountered a temporary issue. Please try again.",
        "Sorry, I encountered a temporary issue while processing your request. Please try again later.",
        "I'm sorry, but I ran into a temporary problem. You can try again in a moment!",
        "我遇到了临时问题。",
        "抱歉，我遇到了一个临时性的问题，请稍后再试。",
    ],
)
def test_an_apology_after_an_answer_is_dropped_and_one_alone_is_the_answer(apology: str) -> None:
    half = len(apology) // 2
    assert _said(_plain("Trimmed."), _plain(apology)).text == "Trimmed."
    assert _said(_agent("Trimmed."), _agent(apology)).text == "Trimmed."
    pieces = [_agent(text, partial=True) for text in ("Trimmed. ", apology[:half], apology[half:])]
    assert _said(*pieces).text == _said(*pieces, _agent(f"Trimmed. {apology}")).text == "Trimmed."
    assert _said(_plain("Trimmed."), _plain(apology[:half]), _plain(apology[half:])).text == "Trimmed."
    assert _said(_plain(apology)).text == apology


@pytest.mark.parametrize(
    "told",
    [
        "I encountered a temporary issue with the music, so I used another track.",
        "I encountered a temporary issue; the title is missing.",
        "I encountered a temporary issue. The title is missing.",
        "我遇到了临时问题，所以换了一首音乐。",
    ],
)
def test_an_apology_that_tells_something_stays(told: str) -> None:
    assert _said(_plain("Trimmed."), _plain(told)).text == f"Trimmed.\n{told}"


def test_tools_and_the_first_failure_are_kept() -> None:
    first, later = {"type": "error", "message": "broke"}, {"error": "RuntimeError: broke"}
    answer = _said({"type": "tool_call", "name": "a"}, first, later)
    assert answer == Answer("", ("a",), Failure("error", "broke"))


@pytest.mark.parametrize(
    ("name", "args", "question"),
    [
        ("ask_question", {"question": "Which colour?"}, "Which colour?"),
        (
            "ask_question",
            {"question": "Which colour?", "options": ["red", "blue"]},
            "Which colour? (red, blue)",
        ),
        (
            "ask_question",
            {"questions": [{"question": "Which?", "options": [{"label": "red"}]}, "How loud?"]},
            "Which? (red) How loud?",
        ),
        ("ask_question", '{"question": "Which colour?"}', "Which colour?"),
        ("ask_question", "Which colour?", "Which colour?"),
        ("ask_question", "{broken", "{broken"),
        ("ask_question", "[" * 100_000, "[" * 1_999 + "…"),
        ("default_api:ask_question", {"text": "Which?"}, "Which?"),
        ("ask_question", {}, ""),
        ("ask_question", None, ""),
        ("ask_question", [None, [[[[[[["deep"]]]]]]], {"question": {"a": 1}}], ""),
        ("ask_question", {"question": 7}, ""),
        ("cut", {"question": "Which?"}, None),
    ],
)
def test_a_question_is_read_from_the_tools_arguments_in_both_shapes(
    name: str, args: object, question: str | None
) -> None:
    plain = _said({"type": "tool_call", "name": name, "args": args})
    agent = _said({"content": {"parts": [{"functionCall": {"name": name, "args": args}}]}})
    assert plain == agent == Answer("", (name,), None, question)


def test_the_same_question_twice_is_asked_once() -> None:
    ask = {"type": "tool_call", "name": "ask_question", "args": {"question": "Which?"}}
    other = {"type": "tool_call", "name": "ask_question", "args": {"question": "Why?"}}
    assert _said(ask, ask, other).question == "Which? Why?"


def test_an_answer_without_end_is_cut_short() -> None:
    answer = _said(_plain("x" * 10**7), {"type": "error", "code": "c" * 10**6, "message": "m" * 10**6})
    assert answer.failure is not None
    assert [len(one) for one in (answer.text, answer.failure.code, answer.failure.message)] == [
        *(100_000, 100, 2_000)
    ]


_KEYS = """type content parts text partial author invocationId functionCall functionResponse name args question
questions options error code message data errorCode errorMessage error_details status"""
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS.split()),
            below | st.sampled_from(["text", "error", "tool_call", "ask_question", "thinking"]),
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(st.lists(_JSON, max_size=5))
def test_any_events_give_an_answer_that_can_be_stored(events: list[object]) -> None:
    answer = _said(*events)
    told = (answer.text, *answer.tools, answer.question or "")
    "".join(told if answer.failure is None else (*told, answer.failure.code, answer.failure.message)).encode()


@given(st.text())
def test_any_data_gives_values(data: str) -> None:
    assert read(data)
