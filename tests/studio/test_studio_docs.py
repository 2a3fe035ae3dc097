"""docs/studio.md holds what the schema says, and its files are files that the studio takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.cli.faults import parse
from daemon.config.loading import parse as parse_rules
from daemon.config.quantities import format_time
from daemon.nemo import wire
from daemon.studio import ledger
from daemon.studio.faults import EVERY, Anonymous, Mishap, Prices, Rate, Rehearsal, Service, Then, keys

DOCS = (Path(__file__).parents[2] / "docs" / "studio.md").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
FILE = Path("faults.yaml")

SECTIONS: dict[str, type] = {
    "faults[].": Mishap,
    "then.": Then,
    "service.": Service,
    "prices.": Prices,
    "anonymous.": Anonymous,
    "rate.": Rate,
}


def shown(kind: str, default: object) -> str:
    """A default as the file would say it; empty where nothing is what happens."""
    if kind in ("section", "then") or default is None or default == ():
        return ""
    if default == EVERY:
        return "every"
    if isinstance(default, bool):
        return str(default).lower()
    if kind in ("time", "period") and isinstance(default, float):
        return format_time(default).replace(" ", "")
    return f"{default:g}" if isinstance(default, float) else str(default)


def rows() -> list[str]:
    found = []
    for prefix, section in SECTIONS.items():
        for name, key in keys(section).items():
            required = section is Mishap and name in ("call", "then")
            default = "" if required else shown(key.kind, getattr(section(), name))
            found.append(f"| `{prefix}{name}` | {f'`{default}`' if default else ''} | {key.about} |")
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row.split("`")[1]))
def test_every_key_stands_in_the_documentation_with_its_default_and_its_meaning(row: str) -> None:
    assert row in DOCS


def test_the_documentation_names_no_key_that_is_not_taken() -> None:
    assert sorted(line for line in DOCS.splitlines() if line.startswith("| `")) == sorted(rows())


@pytest.mark.parametrize("name", list(keys(Service)))
def test_a_default_that_is_written_changes_nothing(name: str) -> None:
    default = shown(keys(Service)[name].kind, getattr(Service(), name))
    if default:
        assert parse(f"service: {{{name}: {default}}}", FILE) == Rehearsal()


@pytest.mark.parametrize("block", BLOCKS)
def test_every_file_of_the_documentation_is_taken(block: str) -> None:
    if "watch:" in block:
        assert parse_rules(block, FILE, {"HOME": "/home/someone"}).api.url == "http://127.0.0.1:8788"
    else:
        assert parse(block, FILE) != Rehearsal()


def test_the_documentation_has_its_three_rehearsals_and_every_line_of_the_ledger() -> None:
    for title in ("An outage in the middle", "The bill runs out", "The answer got lost"):
        assert f"\n### {title}\n" in DOCS
    assert len(BLOCKS) >= 5
    lines = re.findall(r'"what": "\w+"', ledger.__doc__ or "")
    assert len(lines) == 10
    assert all(line in DOCS for line in lines)


def test_the_documentation_names_the_calls_by_their_paths() -> None:
    for path in (wire.ANONYMOUS_TOKEN, wire.CLAIM_TOKEN, wire.SESSION, wire.RUN, wire.CREDITS, wire.RENDER):
        assert path in DOCS
