"""Even numbers of pixels: yuv420p has no odd sizes."""

from __future__ import annotations


def even(pixels: float) -> int:
    """The nearest one, at least 2."""
    return max(2, 2 * round(pixels / 2))


def even_within(pixels: float) -> int:
    """The next one below, at least 2: a render is never larger than the picture."""
    return max(2, int(pixels + 0.01) // 2 * 2)
