from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import parse
from daemon.rules.where import asks_length, left_out

RULE = "rules: [{watch: in, instruction: trim, output: out, where: {%s}}]"


@pytest.mark.parametrize(
    ("bounds", "size", "length", "said"),
    [
        ("", 10, None, None),
        ('duration: "3s.."', 1, 3.0, None),
        ('duration: "3s.."', 1, 2.5, "left out by where.duration `3s..`: it lasts 2.5 s"),
        ('duration: "..2m"', 1, 121.0, "left out by where.duration `..2min`: it lasts 2 min 1 s"),
        ('duration: "3s..2m"', 1, None, "left out by where.duration `3s..2min`: it has no length"),
        ('size: "..500MB"', 500_000_000, None, None),
        ('size: "..500MB"', 500_000_001, None, "left out by where.size `..500MB`: it has 500 MB"),
        ('size: "1kB..", duration: "1s.."', 999, None, "left out by where.size `1kB..`: it has 999 B"),
    ],
)
def test_a_bound_that_leaves_a_file_out_is_named(
    bounds: str, size: int, length: float | None, said: str | None
) -> None:
    [rule] = parse(RULE % bounds, Path("/rules.yaml"), {"HOME": "/home/me"}).rules
    assert left_out(rule, size=size, length=length) == said
    assert asks_length(rule) == ("duration" in bounds)
