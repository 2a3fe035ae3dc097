"""What a benchmark says: one line a figure, for people or for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.rounds import Spread


@dataclass(frozen=True, slots=True)
class Target:
    """Where the median should lie: `at_least` or, where less is better, at most."""

    value: float
    at_least: bool = True

    def met(self, figure: Spread) -> bool:
        return figure.median >= self.value if self.at_least else figure.median <= self.value


@dataclass(frozen=True, slots=True)
class Line:
    """`figure` is what the target is about, in `unit` (x: a ratio, more is better). `skipped`: why there is none."""

    what: str
    figure: Spread | None
    unit: str
    target: Target | None = None
    ours: str = ""
    theirs: str = ""
    skipped: str = ""

    def for_programs(self) -> dict[str, Any]:
        found, target = self.figure, self.target
        return {
            "what": self.what,
            "unit": self.unit,
            "median": found and found.median,
            "low": found and found.low,
            "high": found and found.high,
            "target": target and f"{'>=' if target.at_least else '<='} {target.value:g}",
            "met": None if target is None or found is None else target.met(found),
            "ours": self.ours,
            "theirs": self.theirs,
            "skipped": self.skipped,
        }

    def for_people(self) -> tuple[str, ...]:
        told = self.for_programs()
        verdict = {True: "met", False: "MISSED", None: ""}[told["met"]]
        found = self.figure
        figure = (
            "skipped: " + self.skipped
            if found is None
            else f"{found.median:.2f} {self.unit} ({found.low:.2f}-{found.high:.2f})"
        )
        return self.what, self.ours, self.theirs, figure, told["target"] or "", verdict


def table(lines: Sequence[Line]) -> str:
    """The lines under headings, in columns as wide as they need."""
    rows = [
        ("what", "ours", "theirs", "median (low-high)", "target", ""),
        *(one.for_people() for one in lines),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
