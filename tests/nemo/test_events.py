"""What the editor says: two shapes of events, one set of values."""

from __future__ import annotations

import json

import pytest

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
        ('{"turnComplete":true}', (Heartbeat(),)),
        ('{"content":{"parts":[null,{"thought":true,"text":"hm"}]}}', (Heartbeat(),)),
    ],
)
def test_each_event_is_read_as_what_it_says(data: str, said: tuple[Said, ...]) -> None:
    assert read(data) == said


def test_partial_texts_are_counted_once() -> None:
    pieces = [{"content": {"parts": [{"text": text}]}, "partial": True} for text in ("Looking ", "at it")]
    whole = {"content": {"parts": [{"text": "Looking at it"}]}}
    assert _said(*pieces, whole).text == "Looking at it"
    assert _said(*pieces).text == "Looking at it"


def test_an_apology_after_an_answer_is_dropped_and_one_alone_is_the_answer() -> None:
    apology = {"type": "text", "content": "I encountered a temporary issue. Please try again."}
    assert _said({"type": "text", "content": "Trimmed."}, apology).text == "Trimmed."
    assert _said(apology).text.startswith("I encountered")


def test_tools_and_failure_are_kept() -> None:
    answer = _said({"type": "tool_call", "name": "a"}, {"type": "error", "message": "broke"})
    assert answer == Answer("", ("a",), Failure("error", "broke"))
