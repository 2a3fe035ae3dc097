"""Dropped links: every way in which they are written, and every address that is not taken."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import SourceError
from daemon.nemo.links import LONGEST, MAX_BYTES, MOST, is_link, read_links

CLIP = "https://media.example.com/a/clip.mp4?sig=s3cret"
WINDOWS = f"[{{000214A0-0000-0000-C000-000000000046}}]\r\nProp3=19,2\r\n[InternetShortcut]\r\nIDList=\r\nURL={CLIP}\r\n"


@pytest.mark.parametrize("name", ["a.url", "A.URL", "x/a.webloc", "a.urls.txt", "A.b.Urls.TXT"])
def test_a_link_is_told_by_its_name(name: str) -> None:
    assert is_link(name)


@pytest.mark.parametrize("name", ["urls.txt", "a.txt", "a.mp4", "url", ".url", "a.url.part", "a.urls.md"])
def test_another_file_is_no_link(name: str) -> None:
    assert not is_link(name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_windows_shortcut_is_read_in_every_encoding(encoding: str) -> None:
    said = WINDOWS if encoding != "latin-1" else "[Bookmark]\r\nTitle=Été\r\n" + WINDOWS
    assert read_links("clip.url", said.encode(encoding)) == (CLIP,)


@pytest.mark.parametrize(
    "text",
    [
        f"[InternetShortcut]\nURL={CLIP}",
        f"[internetshortcut]\nurl = {CLIP} \nURL=https://other.example.com/",
        f"[DEFAULT]\nBASEURL=https://example.com/\n[InternetShortcut]\nURL={CLIP}\nIconFile=C:\\x.ico",
    ],
)
def test_a_shortcuts_address_is_the_first_one_of_its_section(text: str) -> None:
    assert read_links("clip.url", text.encode()) == (CLIP,)


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_mac_link_is_a_property_list(form: plistlib.PlistFormat) -> None:
    data = plistlib.dumps({"URL": CLIP, "Other": 1}, fmt=form)
    assert read_links("clip.webloc", data) == (CLIP,)
    with pytest.raises(SourceError, match="no property list"):
        read_links("clip.webloc", data[: len(data) // 2])


def test_a_list_keeps_its_order_and_takes_each_address_once() -> None:
    text = f"# clips of today\r\n\r\n  {CLIP}\r\nhttp://b.example.com/ü.mp4\r\n   # no\r\n{CLIP}\r\n"
    assert read_links("day.urls.txt", text.encode()) == (CLIP, "http://b.example.com/ü.mp4")
    assert read_links("day.urls.txt", text.encode("utf-16")) == (CLIP, "http://b.example.com/ü.mp4")
    assert read_links("day.urls.txt", text.encode("latin-1")) == (CLIP, "http://b.example.com/ü.mp4")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "begins with file:"),
        ("javascript:alert(1)", "begins with javascript:"),
        ("ftp://example.com/a.mp4", "begins with ftp:"),
        ("example.com/a.mp4", "has no http:// or https:// before it"),
        ("//example.com/a.mp4", "has no http:// or https:// before it"),
        ("https://ann:pass@example.com/a.mp4", "a user name or a password"),
        ("https://ann@example.com/a.mp4", "a user name or a password"),
        ("https://example.com/a b.mp4", "a space, a backslash or an invisible character"),
        ("https://example.com\\@10.0.0.1/", "a backslash"),
        ("https://example.com/\x00", "an invisible character"),
        ("https://example.com/\x1b[31m", "an invisible character"),
        ("https://example.com/\u2028a", "an invisible character"),
        ("https:///a.mp4", "names no host"),
        ("https://example.com:0/", "names no host"),
        ("https://example.com:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://example.com/" + "x" * LONGEST, "longer than 2000 characters"),
        ("https://www.youtube.com/watch?v=1", "a page of www.youtube.com"),
        ("https://youtu.be/1", "a page of youtu.be"),
    ],
)
def test_an_address_that_is_not_taken_says_why_and_is_not_repeated(url: str, words: str) -> None:
    for name, text in (("a.urls.txt", url), ("a.url", f"[InternetShortcut]\nURL={url}")):
        with pytest.raises(SourceError) as raised:
            read_links(name, text.encode())
        assert words in str(raised.value)
        assert url not in str(raised.value)
        assert "pass" not in raised.value.cause.replace("password", "")


def test_the_address_that_is_wrong_is_counted() -> None:
    with pytest.raises(SourceError, match=r"read a\.urls\.txt: address 2 of 3 begins with ftp:"):
        read_links("a.urls.txt", f"{CLIP}\nftp://x/\nhttps://b.example.com".encode())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.urls.txt", b"# nothing\n\n"),
        ("a.url", b"[InternetShortcut]\nURL=\n"),
        ("a.url", b"URL=https://example.com/\n"),
        ("a.webloc", plistlib.dumps({"URL": 7})),
        ("a.webloc", plistlib.dumps(["https://example.com"])),
    ],
)
def test_a_link_without_an_address_says_so(name: str, data: bytes) -> None:
    with pytest.raises(SourceError, match="it holds no address"):
        read_links(name, data)


def test_a_list_has_an_end() -> None:
    lines = [f"https://example.com/{number}" for number in range(MOST)]
    assert len(read_links("a.urls.txt", "\n".join(lines).encode())) == MOST
    with pytest.raises(SourceError, match="it holds 21 addresses"):
        read_links("a.urls.txt", "\n".join([*lines, CLIP]).encode())
    with pytest.raises(SourceError, match="larger than 128 KiB"):
        read_links("a.urls.txt", b"#" * (MAX_BYTES + 1))


@given(st.sampled_from(["a.url", "a.webloc", "a.urls.txt"]), st.binary(max_size=200))
def test_nothing_but_an_address_or_a_source_error_comes_out_of_any_bytes(name: str, data: bytes) -> None:
    try:
        assert all(url.startswith(("http://", "https://")) for url in read_links(name, data))
    except SourceError as error:
        assert error.cause
