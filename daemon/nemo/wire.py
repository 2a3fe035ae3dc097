"""The words of the protocol, shared by our client and the embedded studio.

Pure: paths, headers, codes, and what can be read from a draft. The draft's short keys are the service's
own: `t` tracks, `tt` track type, `sg` segments, `d` duration in ms, `m` metadata. Whatever else a draft
holds passes through untouched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

JsonObject = dict[str, Any]

APP: Final = "nemo_agent"

ANONYMOUS_TOKEN: Final = "/api/auth/anonymous-token"
CLAIM_TOKEN: Final = "/api/auth/claim-token"
SESSION: Final = f"/api/tasks/me/with-session/{APP}"
UPLOAD: Final = f"/api/upload-video/{APP}/me/{{session}}"
RUN: Final = "/run_sse"
STATE: Final = f"/api/state/{APP}/me/{{session}}/latest"
CREDITS: Final = "/api/credits/balance/simple"
RENDER: Final = "/api/render/proxy/lambda"
RENDER_ONE: Final = "/api/render/proxy/lambda/{render}"
RENDER_CANCEL: Final = "/api/render/proxy/lambda/{render}/cancel"
RENDER_FILE: Final = "/api/render/proxy/{render}/download"

CLIENT_ID: Final = "X-Client-Id"
SKILL_SOURCE: Final = "X-Skill-Source"
SKILL_VERSION: Final = "X-Skill-Version"
SKILL_PLATFORM: Final = "X-Skill-Platform"

OK: Final = 0
BAD_TOKEN: Final = frozenset({1001, 1010, 1011})
SESSION_NOT_FOUND: Final = 1002
OUT_OF_CREDITS: Final = 2001
UNSUPPORTED_FILE: Final = 4001
FILE_TOO_LARGE: Final = 4002

VIDEO_TRACK: Final = 0
AUDIO_TRACK: Final = 1
TEXT_TRACK: Final = 7

RENDER_DONE: Final = "completed"
RENDER_FAILED: Final = frozenset({"failed", "error", "cancelled", "canceled"})
"""The documents name `failed` alone; a render that somebody cancelled would else be followed for half an hour."""

_TRACK_WORDS: Final = {VIDEO_TRACK: "Video", AUDIO_TRACK: "Audio", TEXT_TRACK: "Title"}


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def encoded(value: object) -> bytes:
    """The JSON of a request. Half a character, as a byte that is no UTF-8 leaves in a text, is sent as "?"."""
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def digest(value: object) -> str:
    """A short fingerprint of a JSON value, to see whether a draft changed (SHA-256, 32 hex digits)."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:32]


def ready(draft: object) -> bool:
    """Whether a draft can be rendered: some track of it has a segment."""
    return any(_segments(track) for track in _tracks(draft))


_TOLD_SEGMENTS: Final = 8
"""Of a track: a talk without its pauses has hundreds, and captions as many."""

_NAMED: Final = ("BGM: ", "Watermark: ")


def summary(draft: object) -> str:
    """The draft in a line for people: `Timeline (2 tracks): 1. Video: talk.mp4 (0-5.1s) 2. …`.

    What a track does not say is left out.
    """
    tracks = _tracks(draft)
    if not tracks:
        return "Timeline (empty)"
    told = " ".join(f"{n}. {_track_line(track)}" for n, track in enumerate(tracks, 1))
    return f"Timeline ({len(tracks)} track{'s' if len(tracks) != 1 else ''}): {told}"


def _track_line(track: Mapping[str, Any]) -> str:
    word = _TRACK_WORDS.get(track.get("tt", -1), "Track")
    segments = _segments(track)
    more = len(segments) - _TOLD_SEGMENTS
    words = [_segment_words(segment, word) for segment in segments[:_TOLD_SEGMENTS]]
    told = ", ".join(filter(None, [*words, f"and {more} more" if more > 0 else ""]))
    if told.startswith(_NAMED):
        return told
    return f"{word}: {told}" if told else word


def _segment_words(segment: Mapping[str, Any], word: str) -> str:
    meta = segment.get("m")
    meta = meta if isinstance(meta, Mapping) else {}
    title = str(meta.get("title", ""))
    if title and word == "Title":
        title = f'"{title}"'
    notes = []
    length = segment.get("d")
    if isinstance(length, int | float):
        start = meta.get("start", 0)
        start = start if isinstance(start, int | float) else 0
        notes.append(f"{start / 1000:g}-{(start + length) / 1000:g}s")
    volume = meta.get("volume")
    if isinstance(volume, int | float):
        notes.append(f"{volume:.0%}")
    return " ".join(filter(None, (title, f"({', '.join(notes)})" if notes else "")))


def _tracks(draft: object) -> list[Mapping[str, Any]]:
    tracks = draft.get("t") if isinstance(draft, Mapping) else None
    return [track for track in tracks if isinstance(track, Mapping)] if isinstance(tracks, list) else []


def _segments(track: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    segments = track.get("sg")
    return [one for one in segments if isinstance(one, Mapping)] if isinstance(segments, list) else []
