from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from daemon.deliver.folder import hash_file
from daemon.media.tail import decodes_to_its_end
from daemon.watch.container import examine
from daemon.watch.inspection import any_ffmpeg, inspect
from daemon.watch.sight import Content, Finding, Seen

MEASURED = ("mp4", "faststart", "mov", "m4a", "avi", "mkv", "webm", "wav", "png", "jpg", "gif", "webp")
"""The kinds whose structure says where the file ends."""


def examined(path: Path, name: str | None = None) -> Finding:
    fd = os.open(path, os.O_RDONLY)
    try:
        decodes = partial(decodes_to_its_end, path, any_ffmpeg)
        return examine(fd, path.stat().st_size, PurePath(name or path.name), decodes)
    finally:
        os.close(fd)


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_every_accepted_kind_that_ffmpeg_finished_is_whole(media: Mapping[str, Path]) -> None:
    assert {kind: examined(path).content for kind, path in media.items()} == dict.fromkeys(
        media, Content.WHOLE
    )


@pytest.mark.parametrize(("size", "is_read"), [(1, True), (65_535, True), (65_536, False)])
def test_a_small_file_is_told_with_the_hash_of_all_its_bytes(
    tmp_path: Path, size: int, is_read: bool
) -> None:
    path = written(tmp_path, "script.txt", b"a" * size)
    sight = inspect(str(path))
    assert isinstance(sight, Seen)
    assert sight.content == (hash_file(path) if is_read else None)


@pytest.mark.parametrize("kind", MEASURED)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_no_beginning_of_a_file_passes_for_the_whole(
    media: Mapping[str, Path], tmp_path: Path, kind: str, share: float
) -> None:
    whole = media[kind].read_bytes()
    # 64 bytes: before them a cut may leave no recognisable container at all.
    cut = 64 + int(share * (len(whole) - 64))
    found = examined(written(tmp_path, media[kind].name, whole[:cut]))
    assert found.content is Content.UNFINISHED
    assert "incomplete" in found.why


@pytest.mark.parametrize("kind", ["mp4", "faststart"])
def test_an_mp4_preallocated_to_its_final_size_is_unfinished_while_its_end_is_zeros(
    media: Mapping[str, Path], tmp_path: Path, kind: str
) -> None:
    whole = media[kind].read_bytes()
    index = whole.index(b"moov") - 4
    cut = index if kind == "mp4" else 32
    preallocated = whole[:cut] + bytes(len(whole) - cut)
    assert examined(written(tmp_path, "clip.mp4", preallocated)).content is Content.UNFINISHED


@pytest.mark.parametrize("sound", ["aac", "alac", "pcm_s16le"])
@pytest.mark.parametrize("picture", ["libx264", "mpeg4", "mjpeg"])
def test_a_faststart_clip_filled_by_half_is_unfinished_and_one_that_ends_in_silence_is_whole(
    tmp_path: Path, picture: str, sound: str
) -> None:
    path = tmp_path / "clip.mov"
    frames = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=3,noise=alls=40:allf=t"]
    silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "3", "-shortest"]
    to = ["-c:v", picture, "-pix_fmt", "yuvj420p", "-c:a", sound, "-movflags", "+faststart"]
    command = [str(any_ffmpeg().binary), "-v", "error", "-y", *frames, *silence, *to, str(path)]
    subprocess.run(command, check=True)
    whole = path.read_bytes()
    assert examined(path).content is Content.WHOLE
    padded = whole + struct.pack(">I4s", 8 + 9000, b"free") + bytes(9000)
    assert examined(written(tmp_path, "padded.mov", padded)).content is Content.WHOLE
    for share in (0.5, 0.9):
        filled = int(len(whole) * share)
        found = examined(written(tmp_path, "half.mov", whole[:filled] + bytes(len(whole) - filled)))
        assert found == Finding(
            Content.UNFINISHED, "it is incomplete: it ends in zeros, and its end cannot be decoded"
        )


@pytest.mark.parametrize("kind", ["jpg", "png", "gif"])
def test_a_picture_preallocated_to_its_final_size_is_unfinished_while_its_end_is_zeros(
    media: Mapping[str, Path], tmp_path: Path, kind: str
) -> None:
    whole = media[kind].read_bytes()
    filled = len(whole) * 2 // 3
    found = examined(written(tmp_path, f"a.{kind}", whole[:filled] + bytes(len(whole) - filled)))
    assert found.content is Content.UNFINISHED
    assert examined(written(tmp_path, f"b.{kind}", whole + b"a trailer")).content is Content.WHOLE


def test_every_way_of_writing_a_jpg_is_whole_and_a_picture_inside_it_is_not_its_end(tmp_path: Path) -> None:
    inner, noise = tmp_path / "inner.jpg", random.Random(1).randbytes(400 * 300 * 3)
    picture = Image.frombytes("RGB", (400, 300), noise)
    picture.resize((64, 48)).save(inner)
    exif = Image.Exif()
    exif[0x010E] = "x\xff\xd9" * 50
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "progressive": {"progressive": True},
        "restarts": {"restart_marker_rows": 1},
        "grey": {},
        "thumbnail": {"exif": b"Exif\0\0" + exif.tobytes()[6:] + inner.read_bytes()},
    }
    for name, way in ways.items():
        path = tmp_path / f"{name}.jpg"
        (picture.convert("L") if name == "grey" else picture).save(path, quality=95, **way)
        whole = path.read_bytes()
        assert examined(path).content is Content.WHOLE, name
        for cut in (len(whole) - 1, len(whole) * 3 // 4, 2000):
            assert examined(written(tmp_path, "cut.jpg", whole[:cut])).content is Content.UNFINISHED, name


def test_a_gif_of_many_pictures_with_colours_of_their_own_is_whole_and_no_beginning_of_it(
    tmp_path: Path,
) -> None:
    frames = [
        Image.frombytes("RGB", (60, 40), random.Random(seed).randbytes(60 * 40 * 3)).quantize(64 + seed)
        for seed in range(5)
    ]
    path = tmp_path / "many.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, loop=0, comment=b"; a comment")
    whole = path.read_bytes()
    assert examined(path).content is Content.WHOLE
    for cut in range(64, len(whole), 97):
        assert examined(written(tmp_path, "cut.gif", whole[:cut])).content is Content.UNFINISHED


def test_a_recording_whose_writer_never_noted_its_size_is_told_by_nothing(
    media: Mapping[str, Path], tmp_path: Path
) -> None:
    whole = bytearray(media["mkv"].read_bytes())
    at = whole.index(b"\x18\x53\x80\x67") + 4
    whole[at : at + 8] = b"\x01" + b"\xff" * 7
    assert examined(written(tmp_path, "live.mkv", bytes(whole[:-500]))).content is Content.WHOLE


def test_bytes_that_somebody_appended_to_a_finished_mp4_do_no_harm(
    media: Mapping[str, Path], tmp_path: Path
) -> None:
    tagged = media["mp4"].read_bytes() + b"\x01\x02\x03\x04\x05\x06\x07\x08 a tag"
    assert examined(written(tmp_path, "clip.mp4", tagged)).content is Content.WHOLE


def test_an_mp4_with_64_bit_box_sizes_and_one_that_runs_to_the_end_is_whole(tmp_path: Path) -> None:
    moov = (8 + 8).to_bytes(4, "big") + b"moov" + bytes(8)
    large = (1).to_bytes(4, "big") + b"mdat" + (16 + 100).to_bytes(8, "big")
    assert examined(written(tmp_path, "a.mp4", moov + large + b"x" * 100)).content is Content.WHOLE
    assert examined(written(tmp_path, "b.mp4", moov + large + b"x" * 99)).content is Content.UNFINISHED
    to_the_end = bytes(4) + b"mdat" + b"x" * 50
    assert examined(written(tmp_path, "c.mp4", moov + to_the_end)).content is Content.WHOLE


def test_an_mp4_that_is_still_being_recorded_has_no_index_and_is_unfinished(tmp_path: Path) -> None:
    recording = (16).to_bytes(4, "big") + b"ftypisom" + bytes(4) + bytes(4) + b"mdat" + b"x" * 500
    found = examined(written(tmp_path, "clip.mp4", recording))
    assert found == Finding(Content.UNFINISHED, "it is incomplete: its index (moov) is not there yet")


def test_the_walk_over_endless_tiny_boxes_is_given_up(tmp_path: Path) -> None:
    path = written(tmp_path, "clip.mp4", ((8).to_bytes(4, "big") + b"free") * 300_000)
    assert examined(path).content is Content.UNFINISHED


@pytest.mark.parametrize(("content", "why"), [(b"", "empty"), (bytes(5000), "zeros")])
@pytest.mark.parametrize("name", ["clip.mp4", "song.mp3", "photo.jpg", "script.md"])
def test_a_file_that_begins_with_nothing_or_zeros_is_unfinished(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    found = examined(written(tmp_path, name, content))
    assert found.content is Content.UNFINISHED
    assert why in found.why


def test_random_bytes_named_mp4_are_foreign_and_the_reason_can_be_understood(tmp_path: Path) -> None:
    noise = random.Random(7).randbytes(600_000)
    found = examined(written(tmp_path, "clip.mp4", noise))
    assert found == Finding(
        Content.FOREIGN,
        "its name says video, its first bytes are no mp4, mov, mkv, webm or avi container",
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(0xE0, 0xFF), noise=st.binary(min_size=200, max_size=200))
def test_noise_that_resembles_sound_is_no_video(tmp_path: Path, first: int, noise: bytes) -> None:
    found = examined(written(tmp_path, "clip.mp4", bytes([0xFF, first]) + noise))
    assert found.content is Content.FOREIGN


def test_a_name_of_another_class_than_the_bytes_is_foreign(media: Mapping[str, Path]) -> None:
    assert examined(media["jpg"], "clip.mp4").content is Content.FOREIGN
    assert examined(media["mp3"], "photo.png").content is Content.FOREIGN
    assert examined(media["mkv"], "song.mp3").content is Content.FOREIGN
    assert examined(media["mp4"], "script.txt").content is Content.FOREIGN
    assert "but jpg" in examined(media["jpg"], "clip.mp4").why


def test_another_container_of_the_same_class_is_whole(media: Mapping[str, Path]) -> None:
    assert examined(media["mp4"], "clip.mkv").content is Content.WHOLE
    assert examined(media["mkv"], "clip.MP4").content is Content.WHOLE
    assert examined(media["m4a"], "song.mp3").content is Content.WHOLE
    assert examined(media["png"], "photo.jpg").content is Content.WHOLE


def test_a_name_the_editor_does_not_take_is_foreign_and_told_what_it_takes(
    media: Mapping[str, Path],
) -> None:
    found = examined(media["mp4"], "clip.mpeg")
    assert found.content is Content.FOREIGN
    assert ".mpeg" in found.why and "webm" in found.why


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("A calm lake. 湖面很平静。".encode(), Content.WHOLE),
        (b"\xef\xbb\xbfwith a mark", Content.WHOLE),
        (("湖" * 40_000).encode(), Content.WHOLE),  # a character is cut where the reading ends
        (b" \n\n", Content.UNFINISHED),
        ("caf\xe9 au lait".encode("latin-1"), Content.FOREIGN),
        ("script".encode("utf-16"), Content.FOREIGN),
    ],
)
def test_a_script_is_whole_when_it_holds_words_in_utf_8(
    tmp_path: Path, content: bytes, expected: Content
) -> None:
    assert examined(written(tmp_path, "script.txt", content)).content is expected


@pytest.mark.parametrize("name", ["clip.url", "clip.webloc", "day.urls.txt"])
def test_a_link_has_no_container_and_is_whole_when_it_holds_anything(tmp_path: Path, name: str) -> None:
    said = "[InternetShortcut]\r\nURL=https://example.com/a.mp4\r\n"
    for encoding in ("utf-8", "utf-16", "latin-1"):
        assert examined(written(tmp_path, name, said.encode(encoding))).content is Content.WHOLE
    assert examined(written(tmp_path, name, b"")).content is Content.UNFINISHED
    assert examined(written(tmp_path, name, b" \n")).content is Content.UNFINISHED
