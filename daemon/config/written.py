"""What may be written in a rules file; validation, JSON Schema and docs/rules.md all come from here.

Whether a key was written is told by `model_fields_set`, so the defaults stand here as people read them.
Nothing is required by these types: `daemon.config.resolve` misses keys only after `defaults` had their say.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from daemon.config.document import NOTHING
from daemon.config.fields import (
    By,
    Folder,
    FolderOrNone,
    Instructions,
    Match,
    RuleName,
    SchemaVersion,
    Seconds,
    Text,
    WatchFolders,
    choice,
    expected,
    section,
)
from daemon.config.model import Api, Limits, RuleSettings, StudioSettings, TimingKeys, Value, Watching


def _rules(value: object) -> object:
    if value is NOTHING:
        return ()
    if isinstance(value, list):
        return tuple(value)
    raise expected("a list of rules, each beginning with `- `")


def _not_both(schema: dict[str, Any]) -> None:
    schema["not"] = {"required": ["instruction", "instructions"]}


def _watch_required(schema: dict[str, Any]) -> None:
    _not_both(schema)
    schema["required"] = ["watch"]


def _rules_required(schema: dict[str, Any]) -> None:
    schema["required"] = ["rules"]
    schema["properties"]["rules"]["minItems"] = 1
    del schema["properties"]["rules"]["default"]


class RuleKeys(RuleSettings):
    """Keys that all rules share unless they say otherwise."""

    model_config = ConfigDict(json_schema_extra=_not_both)

    match: Match | None = Field(
        default=None,
        description="Which files: video, audio, image, text, media (video, audio and image), or globs; one or a list. "
        "Default: what the skill takes, else video.",
    )
    by: Annotated[By, choice(By)] | None = Field(
        default=None,
        description="Who edits: `embedded` never leaves this machine, `service` is the paid editor. Default: service "
        "where `api.url` is set, else embedded.",
    )
    instruction: Text | None = Field(
        default=None, description="What is to be done, in words. Default: the skill's own sentence."
    )
    instructions: Instructions | None = Field(
        default=None,
        description="Several, in order, in one session, for one result; instead of `instruction`.",
    )
    output: Folder | None = Field(
        default=None,
        description="Where results go; made if missing, and the tree below `watch` is kept below it.",
    )
    archive: Folder | None = Field(
        default=None,
        description="Where `after: archive` moves sources; made if missing, the tree below `watch` is kept below it, "
        "and nothing is overwritten (-2, -3).",
    )
    quarantine: FolderOrNone = Field(
        default=None,
        description="Where the sources of jobs that failed for good are moved, in the same way. `retry` finds them "
        "there.",
        json_schema_extra={"default": "none"},
    )


class RuleEntry(RuleKeys):
    """One rule: a watch folder, what is done with the files dropped there, and where results go."""

    model_config = ConfigDict(json_schema_extra=_watch_required)

    name: RuleName | None = Field(
        default=None,
        description="Unique. Default: the watch folder's name; a second rule there must be named.",
    )
    watch: WatchFolders | None = Field(default=None, description="The watch folder, or a list of them.")


class RulesFile(Value):
    """The rules file of Reeldrop: drop a clip into a folder, and a rule says what comes out of another."""

    model_config = ConfigDict(json_schema_extra=_rules_required)

    version: SchemaVersion = Field(default=1, description="The version of this file's form.")
    state: Folder | None = Field(
        default=None,
        description="Folder of the daemon's own records. Default: $STATE_DIRECTORY under systemd, else "
        "~/.local/state/reeldrop.",
    )
    api: Annotated[Api, BeforeValidator(section)] = Field(default=Api(), description="The paid editor.")
    limits: Annotated[Limits, BeforeValidator(section)] = Field(
        default=Limits(), description="How much happens at once, and how much may be spent."
    )
    retention: Seconds = Field(
        default=90 * 86_400.0,
        description="How long the timelines of finished jobs are kept. What was delivered is remembered for ever.",
        json_schema_extra={"default": "90d"},
    )
    watching: Annotated[Watching, BeforeValidator(section)] = Field(
        default=Watching(), description="How folders are looked at."
    )
    timing: Annotated[TimingKeys, BeforeValidator(section)] = Field(
        default=TimingKeys(), description="How long is waited for the editor."
    )
    studio: Annotated[StudioSettings, BeforeValidator(section)] = Field(
        default=StudioSettings(), description="The embedded studio's folders of your files, and its tools."
    )
    defaults: Annotated[RuleKeys, BeforeValidator(section)] = Field(
        default=RuleKeys(),
        description="Any rule key but `name` and `watch`, for all rules that do not say it.",
    )
    rules: Annotated[tuple[Annotated[RuleEntry, BeforeValidator(section)], ...], BeforeValidator(_rules)] = (
        Field(default=(), description="The rules; the first one that matches a file takes it.")
    )
