"""The README is true: its rules load, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.cli import reeldrop
from daemon.config.loading import parse

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_every_rules_file_shown_is_one(block: str, tmp_path: Path) -> None:
    assert parse(block, tmp_path / "rules.yaml", {"HOME": "/home/you", "NEMO_TOKEN": "t"}).rules


def test_the_first_two_sh_blocks_are_one_line_each() -> None:
    first, second = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[:2]
    assert (first, second) == ("make demo\n", "make test\n")


def test_every_command_is_told_of_and_every_one_told_of_exists() -> None:
    told = set(re.findall(r"`reeldrop ([a-z]+)", README))
    assert told <= set(reeldrop.commands or told) | set(reeldrop.list_commands(None))  # type: ignore[arg-type]
    assert set(reeldrop.list_commands(None)) - told <= {"demo"}  # type: ignore[arg-type]


def test_every_link_leads_to_a_file() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
