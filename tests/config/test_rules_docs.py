"""The sample and the documentation are loaded and compared with the schema: neither can promise what is not so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from daemon.config import json_schema, parse
from daemon.config.skills import SKILLS

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "rules.md").read_text("utf-8")
EXAMPLE = (ROOT / "rules.example.yaml").read_text("utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
ENVIRON = {"HOME": "/home/someone", "NEMO_TOKEN": "nmv_usr_0123456789"}

SECTIONS = {
    "RulesFile": "",
    "Api": "api.",
    "Limits": "limits.",
    "Watching": "watching.",
    "TimingKeys": "timing.",
} | {
    "StudioSettings": "studio.",
    "RuleEntry": "",
    "Retry": "retry.",
    "Where": "where.",
}


def rows() -> list[str]:
    """The table rows of docs/rules.md, one for each key of the schema."""
    schema = json_schema()
    found = []
    for section, prefix in SECTIONS.items():
        properties: dict[str, Any] = schema if section == "RulesFile" else schema["$defs"][section]
        for key, about in properties["properties"].items():
            default = about.get("default")
            shown = (
                "" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"
            )
            said = (
                about.get("description") or schema["$defs"][about["$ref"].rpartition("/")[2]]["description"]
            )
            found.append(f"| `{prefix}{key}` | {shown} | {said} |")
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row.split("`")[1]))
def test_every_key_stands_in_the_documentation_with_its_default_and_its_description(row: str) -> None:
    assert row in DOCS


def test_the_documentation_names_no_key_that_is_not_accepted() -> None:
    table = [line for line in DOCS.splitlines() if line.startswith("| `")]
    skills = [f"| `{one.name}` | {', '.join(one.match)} | {one.instruction} |" for one in SKILLS.values()]
    assert sorted(table) == sorted(rows() + skills)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_yaml_block_of_the_documentation_loads(block: str) -> None:
    assert parse(block, ROOT / "rules.yaml", ENVIRON).rules
    jsonschema.validate(yaml.safe_load(block), json_schema())


def test_the_documentation_has_yaml_blocks_at_all() -> None:
    assert len(BLOCKS) >= 4


def test_the_example_has_a_rule_for_each_skill_and_stays_on_this_machine() -> None:
    config = parse(EXAMPLE, ROOT / "rules.example.yaml", ENVIRON)
    assert {rule.skill.name for rule in config.rules if rule.skill} == set(SKILLS)
    assert {rule.by for rule in config.rules} == {"embedded"}
    assert all(folder.is_relative_to("/home/someone") for rule in config.rules for folder in rule.watch)


def test_the_schema_is_one_and_the_example_is_valid_by_it() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(EXAMPLE), schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": []},
        {"rules": [{"output": "x"}]},
        {"rules": [{"watch": "x", "colour": "red"}]},
        {"rules": [{"watch": "x", "settle": "soon"}]},
        {"rules": [{"watch": "x", "skill": "background-musik"}]},
        {"rules": [{"watch": "x", "instruction": "a", "instructions": ["b"]}]},
        {"rules": [{"watch": None}]},
        {"rules": [{"watch": "x"}], "api": {"token": "a", "token_file": "b"}},
        {"rules": [{"watch": "x"}], "api": {"max_download": "4 apples"}},
        {"rules": [{"watch": "x"}], "api": {"max_download": 0}},
        {"rules": [{"watch": "x", "after": "remove"}]},
        {"rules": [{"watch": "x", "existing": "wait"}]},
        {"rules": [{"watch": "x", "credits_per_day": "few"}]},
        {"rules": [{"watch": "x"}], "limits": {"credits_per_month": 0}},
        {"rules": [{"watch": "x"}], "limits": {"ask_above": "none"}},
        {"rules": [{"watch": "x"}], "retention": "long"},
    ],
)
def test_an_editor_that_knows_the_schema_marks_what_reeldrop_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json_schema())


def test_an_editor_takes_times_as_text_and_as_numbers() -> None:
    for time in ("5s", "500ms", "1h30m", 5, 0.5):
        jsonschema.validate({"rules": [{"watch": "x", "settle": time}]}, json_schema())


def test_an_editor_takes_sizes_as_text_and_as_numbers() -> None:
    for size in ("4GB", "1.5 gib", "500", 500):
        written = {"rules": [{"watch": "x"}], "api": {"max_download": size}}
        jsonschema.validate(written, json_schema())
        assert parse(
            json.dumps({**written, "rules": [{"watch": "x", "instruction": "a", "output": "b"}]}),
            ROOT / "rules.yaml",
            ENVIRON,
        ).api.max_download
