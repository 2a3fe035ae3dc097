"""How much a file may hold before it is too much to decode here (pure)."""

from __future__ import annotations

from typing import Final, NamedTuple

LONGEST_S: Final = 4 * 3600.0
"""A long conference. Longer ones keep two cores busy for a day."""

LONGEST_RESULT_S: Final = 12 * 3600.0
"""Of several files, or slowed down. A draft made by hand that lasts a year would keep others waiting for it."""

LONGEST_SIDE: Final = 16_384
"""Pixels: the widest and the highest picture that x264 encodes."""

FRAME_PIXELS: Final = 8192 * 4320
"""The largest size of digital cinema, a little more than 8K television (SMPTE ST 2036-1). A render of 8K took
3.2 GB."""

PHOTO_PIXELS: Final = 120_000_000
"""What sensors of 108 million pixels give. Decoded with transparency it takes 480 MB."""

DECODED_PIXELS: Final = 2e12
"""In all frames together: four hours of 1080p at 60 frames a second are 1.8e12."""

PHOTO_SCANS: Final = 100
"""Passes over the whole of a JPEG: progressive ones have about ten. Of the largest photo 190 took 25 s."""


class Excess(NamedTuple):
    """What is too much, and what to do about it."""

    cause: str
    hint: str


def excess(width: int, height: int, fps: float, length_s: float) -> Excess | None:
    """What of a video or sound is beyond the limits, if anything: pixels (0 without a picture), frames a second,
    seconds."""
    if length_s > LONGEST_S:
        cause = f"it lasts {length_s / 3600:.1f} hours, and {LONGEST_S / 3600:.0f} are the limit"
        return Excess(cause, "Cut it into parts.")
    if width * height > FRAME_PIXELS or max(width, height) > LONGEST_SIDE:
        limit = f"{FRAME_PIXELS / 1e6:.0f} million pixels, {LONGEST_SIDE} a side,"
        return Excess(
            f"its picture has {width}x{height} pixels, and {limit} are the limit", "Make it smaller."
        )
    if width * height * fps * length_s > DECODED_PIXELS:
        cause = (
            f"{length_s / 60:.0f} minutes of {width}x{height} at {fps:g} frames a second are too much at once"
        )
        return Excess(cause, "Cut it into parts, or make it smaller.")
    return None
