"""What a file is by its name."""

from __future__ import annotations

import pytest

from daemon.media.types import kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("clip.MP4", "video"),
        ("/in/a.b.mkv", "video"),
        ("song.aac", "audio"),
        ("photo.JPEG", "image"),
        ("script.md", "text"),
        ("notes.txt", "text"),
        ("urls.txt", "text"),
        ("today.urls.txt", "link"),
        ("Clip.URL", "link"),
        ("clip.webloc", "link"),
        ("clip.mp4.url", "link"),
        ("clip.url.mp4", "video"),
        ("clip", None),
        (".mp4", None),
        ("clip.", None),
        ("clip.exe", None),
    ],
)
def test_a_name_tells_the_kind(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind
