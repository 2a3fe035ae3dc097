from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.config import Rule, Skill
from daemon.rules import instructions_key

RULE = Rule(
    name="r", watch=(Path("/in"),), by="embedded", instructions=("trim", "add a title"), output=Path("/out")
)


@pytest.mark.parametrize(
    "change",
    [
        {"instructions": ("add a title", "trim")},
        {"instructions": ("trimadd a title",)},
        {"skill": Skill(name="background-music")},
        {"by": "service"},
        {"format": "mov"},
        {"quality": "low"},
    ],
)
def test_whatever_changes_the_result_makes_other_instructions(change: dict[str, Any]) -> None:
    assert instructions_key(RULE.model_copy(update=change)) != instructions_key(RULE)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"watch": (Path("/elsewhere"),)},
        {"output": Path("/elsewhere")},
        {"output_name": "{stem}"},
        {"priority": 5},
        {"match": ("audio",)},
    ],
)
def test_names_folders_and_order_of_work_leave_the_instructions_the_same(change: dict[str, Any]) -> None:
    assert instructions_key(RULE.model_copy(update=change)) == instructions_key(RULE)


def test_another_version_of_a_skill_is_the_same_skill() -> None:
    keys = {
        instructions_key(RULE.model_copy(update={"skill": Skill(name="background-music", version=version)}))
        for version in ("1.0.0", "2.0.0")
    }
    assert len(keys) == 1


def test_the_digest_never_changes_because_sidecars_on_disk_hold_it() -> None:
    assert instructions_key(RULE) == "f5dc1af0923e6c811b4c6635b43ff219"
