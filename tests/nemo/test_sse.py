"""The event-stream parser against the WHATWG text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.nemo.sse import Event, Parser


def _parse(*pieces: bytes) -> list[Event]:
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


def _data(*pieces: bytes) -> list[str]:
    return [event.data for event in _parse(*pieces)]


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: one\n\ndata: two\n\n", ["one", "two"]),
        (b"data: one\r\n\r\ndata: two\r\rdata:three\n\n", ["one", "two", "three"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:  two spaces\n\n", [" two spaces"]),
        (b"data\n\n", [""]),
        (b"data:\n\n", [""]),
        (b"data:\ndata:\n\n", ["\n"]),
        (b": a comment\n\n", []),
        (b"event: beat\n\n", []),
        (b"\xef\xbb\xbfdata: after a BOM\n\n", ["after a BOM"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\n", []),
        (b"\xef\xbb\xbf\ndata: after a BOM and a line end\n\n", ["after a BOM and a line end"]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), ["a\u2028b\u0085c\x0bd"]),
        (b"data: unfinished\n", []),
        (b"dat: x\ndata : y\n\n", []),
        (b"data: \xff\xfe\n\n", ["\ufffd\ufffd"]),
    ],
)
def test_streams_are_read_as_the_standard_says(stream: bytes, data: list[str]) -> None:
    assert _data(stream) == data


def test_type_and_last_id_come_with_the_event() -> None:
    events = _parse(b"event: note\nid: 7\ndata: x\n\ndata: y\n\nid: no\0pe\ndata: z\n\nid\ndata: w\n\n")
    assert events == [
        Event("note", "x", "7"),
        Event("message", "y", "7"),
        Event("message", "z", "7"),
        Event("message", "w", ""),
    ]


_LINES = st.lists(
    st.sampled_from(
        [b"data: x", b"data", b":c", b"id: 1", b"event: e", b"", b"data:\xe2\x80\xa8", b"\xff", b"\xc3"]
    ),
    max_size=12,
)
_ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(
    lines=_LINES,
    ends=st.lists(_ENDS, min_size=13, max_size=13),
    cuts=st.lists(st.integers(0, 120), max_size=6),
)
def test_how_the_network_cuts_a_stream_changes_nothing(
    lines: list[bytes], ends: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert _parse(*pieces) == _parse(stream)
