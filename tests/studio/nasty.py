"""Files that nobody ought to upload, and files that only look as if: small on disk, made by the byte."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from daemon.media.ffmpeg import find_ffmpeg

PICTURE = "testsrc2=s=160x90:r=24:d=2"
TONE = "sine=440:d=2"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def ffmpeg(target: Path, *args: str) -> Path:
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *args, str(target)], check=True)
    return target


def made(target: Path, picture: str = PICTURE, *args: str, tone: str = TONE) -> Path:
    """A video of a lavfi picture and a lavfi tone ("": none); H.264 unless `args` say otherwise."""
    sound = ("-f", "lavfi", "-i", tone) if tone else ()
    codec = () if "-c:v" in args or "-c" in args else X264
    return ffmpeg(target, "-f", "lavfi", "-i", picture, *sound, *codec, *args)


def patched(target: Path, change: Callable[[bytearray], None], *args: str) -> Path:
    """A usual video of 2 s of which `change` has altered some bytes."""
    content = bytearray(made(target.with_name(f"plain-{target.name}"), PICTURE, *args).read_bytes())
    change(content)
    target.write_bytes(content)
    return target


# --- pictures


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, body: bytes, *before: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    end = chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + end


def zeros(size: int) -> bytes:
    """So many zero bytes, compressed."""
    packer = zlib.compressobj(1)
    block = bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(size >> 20)]
    return b"".join(parts) + packer.compress(bytes(size & 0xFFFFF)) + packer.flush()


def red(*before: bytes) -> bytes:
    """A sound picture of 64x36."""
    return png(64, 36, zlib.compress((b"\0" + b"\xe0\x20\x20" * 64) * 36), *before)


def gif(width: int, height: int, frames: int, delay: int = 4) -> bytes:
    """Frames of one pixel on a large screen. `delay`: 1/100 s."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\x10\x40\x80\xff\xff\xff"
    control = b"\x21\xf9\x04\x00" + struct.pack("<H", delay) + b"\x00\x00"
    return head + (control + b"\x2c\0\0\0\0\1\0\1\0\0\x02\x02\x4c\x01\x00") * frames + b"\x3b"


def jpeg(width: int = 640, height: int = 360, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    tone = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (tone, tone.rotate(180), tone)).convert(mode)
    picture.save(file, "JPEG", **options)
    return file.getvalue()


def huge_jpeg() -> bytes:
    """The header of 65,500 x 65,500 over the body of a small one."""
    content = bytearray(jpeg())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    return bytes(content)


def many_scans(passes: int) -> bytes:
    """A progressive JPEG whose last scan stands there again and again."""
    content = jpeg(progressive=True)
    at = content.rindex(b"\xff\xda")
    return content[:at] + content[at:-2] * passes + b"\xff\xd9"


def noted(target: Path, orientation: int, size: tuple[int, int] = (120, 60)) -> Path:
    """A photo whose upper left corner, as it is to be seen, is white; by EXIF turned and mirrored."""
    seen = Image.new("RGB", size, (20, 60, 160))
    seen.paste((255, 255, 255), (0, 0, size[0] // 3, size[1] // 3))
    methods = {
        2: (Image.Transpose.FLIP_LEFT_RIGHT,),
        3: (Image.Transpose.ROTATE_180,),
        4: (Image.Transpose.FLIP_TOP_BOTTOM,),
        5: (Image.Transpose.TRANSPOSE,),
        6: (Image.Transpose.ROTATE_90,),
        7: (Image.Transpose.TRANSVERSE,),
        8: (Image.Transpose.ROTATE_270,),
    }
    for method in methods.get(orientation, ()):
        seen = seen.transpose(method)
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen.save(target, exif=exif, quality=95)
    return target


# --- mp4


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def put(kind: bytes, offset: int, value: bytes, which: int = 0) -> Callable[[bytearray], None]:
    """Alters a box's content from `offset` after its name on; `which`: the how manieth of its kind."""

    def change(content: bytearray) -> None:
        at = -1
        for _ in range(which + 1):
            at = content.index(kind, at + 1)
        at += len(kind) + offset
        content[at : at + len(value)] = value

    return change


def without_data(content: bytearray) -> None:
    """The moov box alone stays; it stands before the data."""
    del content[content.index(b"mdat") + 4 :]


def zeroed(content: bytearray) -> None:
    at = content.index(b"mdat") + 4
    content[at:] = bytes(len(content) - at)


def cut_short(content: bytearray) -> None:
    at = content.index(b"mdat")
    del content[at + (len(content) - at) // 2 :]


def hdr(transfer: str) -> tuple[str, ...]:
    """Encodes as a phone does: HEVC's colours in 10-bit H.264."""
    colours = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    return ("-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-preset", "ultrafast", "-x264-params", colours)
