"""`credits` and `status` tell the limits of the rules file, and what is left of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def limited(home: Any) -> Iterator[str]:
    """The worked home's rules with limits: 120 credits were spent today, 80 of them by `tall`."""
    rules = (home.folder / "rules.yaml").read_text()
    rules = rules.replace(
        "limits: {jobs: 1}", "limits: {jobs: 1, credits_per_day: 150, credits_per_month: 1000}"
    )
    rules = rules.replace("{name: tall,", "{name: tall, credits_per_day: 70,")
    path = home.folder / "limited.yaml"
    path.write_text(rules)
    yield "--config=limited.yaml"
    path.unlink()


def test_limits_and_what_is_left_of_them_are_told(home: Any, limited: str) -> None:
    told = [
        "Budget, today: 120 of 150 credits spent, 30 left",
        "Budget, this month: 120 of 1000 credits spent, 880 left",
        "Budget, rule tall, today: 80 of 70 credits spent, 0 left",
    ]
    lines = home.run("status", limited).stdout.splitlines()
    assert [line for line in lines if line.startswith("Budget")] == told
    lines = home.run("credits", limited).stdout.splitlines()
    assert [line for line in lines if line.startswith("Budget")] == [f"{line}." for line in told]


def test_programs_get_the_limits_as_objects(home: Any, limited: str) -> None:
    day = {"rule": None, "period": "day", "limit": 150, "spent": 120, "reserved": 0, "left": 30}
    tall = {"rule": "tall", "period": "day", "limit": 70, "spent": 80, "reserved": 0, "left": 0}
    budgets = json.loads(home.run("status", limited, "--json").stdout)["budgets"]
    assert [budgets[0], budgets[2]] == [day, tall]
    lines = [json.loads(line) for line in home.run("credits", limited, "--json").stdout.splitlines()]
    assert next(line for line in lines if line.get("by") == "budget") == {"by": "budget", **day}


def test_without_limits_nothing_is_told_of_them(home: Any) -> None:
    assert "Budget" not in home.run("status").stdout
    assert json.loads(home.run("status", "--json").stdout)["budgets"] == []
