"""The limits themselves, and pictures that come in another form than they are shown in."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.errors import MediaError, RenderError
from daemon.media.ffmpeg import Ffmpeg
from daemon.media.limits import excess
from daemon.studio.stills import still
from daemon.studio.tones import TRANSFERS, toned
from tests.studio import nasty
from tests.studio.bench import Bench, cut, draft_of
from tests.studio.conftest import Client
from tests.studio.nasty import ffmpeg, made, png


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_grey_and_white_of_hdr_land_where_an_ordinary_screen_has_them(
    transfer: str, bench: Bench, tmp_path: Path
) -> None:
    """A grey card is 38 % of both signals, white paper 58 % of PQ and 75 % of HLG (ITU-R BT.2408)."""
    white = 0.58 if transfer == "smpte2084" else 0.75
    levels = np.repeat([round(64 + 876 * one) for one in (0.0, 0.38, white, 1.0)], 40).astype("<u2")
    frame = np.tile(levels, (90, 1)).tobytes() + np.full((90, 80), 512, "<u2").tobytes()
    (tmp_path / "bars.yuv").write_bytes(frame * 24)
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "160x90", "-r", "24")
    clip = bench.folder / f"it's {transfer}; [10] bit.mp4"
    ffmpeg(clip, *raw, "-i", str(tmp_path / "bars.yuv"), *nasty.hdr(transfer), "-crf", "5")
    result = bench.render(draft_of(cut(clip, 1000)))
    bars = bench.frame(result, 0.5)[45, 20::40].tolist()
    for bar, share in zip(bars, (0.0, 0.425, 0.911, 0.987 if white == 0.75 else 1.0), strict=True):
        assert bar == pytest.approx([share * 255] * 3, abs=4)
    assert bench.probe(result).transfer == "bt709"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.sampled_from(TRANSFERS))
def test_what_is_brighter_in_hdr_is_never_darker_afterwards(signals: list[float], transfer: str) -> None:
    grey = np.repeat(np.sort(signals)[:, None], 3, axis=1)
    after = toned(grey, transfer)
    assert np.all(np.diff(after, axis=0) >= -1e-9)
    assert after == pytest.approx(after[:, :1].repeat(3, axis=1), abs=1e-4)


def test_an_interlaced_clip_comes_out_without_combs(bench: Bench) -> None:
    moving = "color=black:s=160x96:r=48:d=1[a];color=white:s=16x96:r=48:d=1[b];[a][b]overlay=x=n*3,interlace"
    clip = made(bench.folder / "fields.mp4", moving, "-flags", "+ilme+ildct", tone="")
    combs = [
        np.abs(np.diff(bench.frame(path, 0.5)[:, :, 1], axis=0)).mean()
        for path in (clip, bench.render(draft_of(cut(clip, 900), size=(160, 96))))
    ]
    assert combs[1] < combs[0] / 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_as_its_exif_says(orientation: int, bench: Bench, tmp_path: Path) -> None:
    photo = nasty.noted(tmp_path / "photo.jpg", orientation)
    found = bench.probe(photo)
    with Image.open(still(photo, tmp_path / "still.png")) as upright:
        assert upright.size == (found.width, found.height) == (120, 60)
        corners = [upright.getpixel(at) for at in ((5, 5), (115, 5), (5, 55), (115, 55))]
    bright = [isinstance(one, tuple) and one[0] > 200 for one in corners]
    assert bright == [True, False, False, False]


def test_16_bits_of_grey_are_grey(tmp_path: Path) -> None:
    grey = (tmp_path / "grey.png", tmp_path / "still.png")
    rows = (b"\0" + struct.pack(">H", 0x8000) * 64) * 36
    grey[0].write_bytes(png(64, 36, zlib.compress(rows), depth=16, colour=0))
    with Image.open(still(*grey)) as seen:
        assert seen.getpixel((32, 18)) == pytest.approx((128, 128, 128), abs=1)


def test_a_list_of_other_files_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    """Where nobody looks at the first bytes: `where:` asks for the length of any file named mp4."""
    made(tmp_path / "other.mp4")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(MediaError, match="none of the containers"):
        bench.probe(tmp_path / "list.mp4")


def test_an_ffmpeg_is_held_within_bounds(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    # The bounds are set from outside as soon as it runs, its priority last.
    program.write_text(
        "#!/bin/sh\nwhile [ $(nice) = 0 ]; do :; done\nulimit -d >&2; ulimit -f >&2; echo $(nice) $@ >&2\n"
    )
    program.chmod(0o755)
    data, size, line = Ffmpeg(program).inspect(tmp_path / "a.mp4").splitlines()
    assert 0 < int(data) * 1024 < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert int(size) * 512 == pytest.approx(20e9, rel=0.01)
    assert line.startswith("5 ")
    assert {"-max_alloc", "-max_pixels", "-format_whitelist", "-protocol_whitelist"} <= set(line.split())


@pytest.mark.parametrize(
    ("size", "fps", "length", "word"),
    [
        ((0, 0), 0.0, 4 * 3600 + 1, "hours"),
        ((8192, 4321), 24.0, 1.0, "pixels"),
        ((16_386, 16), 24.0, 1.0, "a side"),
        ((7680, 4320), 60.0, 3600.0, "too much at once"),
    ],
)
def test_what_is_beyond_a_limit_is_told(size: tuple[int, int], fps: float, length: float, word: str) -> None:
    much = excess(*size, fps, length)
    assert much is not None
    assert word in much.cause
    assert much.hint.endswith(".")


def test_a_draft_that_lasts_a_year_is_not_begun(bench: Bench) -> None:
    with pytest.raises(RenderError, match="hours"):
        bench.render(draft_of(cut(bench.clip(), 365 * 24 * 3600 * 1000)))


def test_a_header_without_end_is_not_kept(client: Client) -> None:
    head = b"--x\r\nContent-Disposition: form-data; name=" + b"a" * 100_000
    form = {"content-type": "multipart/form-data; boundary=x"}
    path = f"/api/upload-video/nemo_agent/me/{client.session()}"
    answer = client.http.post(path, content=head, headers=form)
    assert answer.status_code == 400
    assert "header" in answer.json()["message"]


def test_more_than_200_files_at_once_are_refused(client: Client, tmp_path: Path) -> None:
    photo = nasty.noted(tmp_path / "photo.jpg", 1)
    session = client.session()
    answer = client.upload(session, *[photo] * 201)
    assert answer["code"] == 4002
    assert client.state(session)["draft"] == {}


def test_four_hours_of_full_hd_are_taken() -> None:
    assert excess(1920, 1080, 60.0, 4 * 3600) is None
