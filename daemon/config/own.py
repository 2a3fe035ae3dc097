"""The rules file of one clip, `clip.mp4.reeldrop.yaml` beside it: keys of its rule, said otherwise for it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from daemon.config.document import Loc, read
from daemon.config.loading import text_of, validated
from daemon.config.located import Located
from daemon.config.model import Retry, Rule
from daemon.config.routing import misplaced
from daemon.config.skills import SKILLS
from daemon.config.written import RuleEntry, RuleKeys
from daemon.errors import Fault, RulesError

_SAYS: Final = (
    "skill", "instruction", "instructions", "output_name", "on_conflict", "file_mode", "format", "quality",
    "priority", "retry", "again", "answer",
)  # fmt: skip
_PLACES: Final = ("watch", "output", "after", "archive", "quarantine", "by")
"""Where things lie and who is paid is the rule's owner's to say, not of everyone who may drop a file."""


def own_rule(path: Path, rule: Rule) -> Rule:
    """`rule` as the file at `path` changes it.

    Raises RulesError with all faults of its text, UsageError (one line) if it cannot be read at all. No environment
    variable is filled in: whoever may drop a file would read the daemon's.
    """
    root, faults = read(text_of(path), path)
    if root is None:
        return rule
    if not isinstance(root.value, dict):
        said = "expected keys of a rule, such as `instruction: trim to 10 s`"
        raise RulesError((*faults, Fault(path, root.spot.line, root.spot.column, "", said)))
    located = Located(root, path, {}, faults)
    assert isinstance(located.data, dict)
    for key in [key for key in located.data if key not in _SAYS]:
        known = key in _PLACES or key in {
            field.alias or name for name, field in RuleEntry.model_fields.items()
        }
        if known:
            del located.data[key]
            located.fault((key,), "is for the rule to say, not for one file", at_key=True)
    keys = validated(located.data, located, RuleKeys)
    changed = _changed(rule, keys, located)
    error = located.errors()
    if error is not None:
        raise error
    return changed


def _changed(rule: Rule, keys: RuleKeys, located: Located) -> Rule:
    written = keys.model_fields_set
    changes: dict[str, object] = {key: getattr(keys, key) for key in written if key in Rule.model_fields}
    if {"instruction", "instructions"} <= written:
        located.fault(("instructions",), "stands beside `instruction`; write one of the two", at_key=True)
    texts: dict[Loc, str] = {("instructions", at): text for at, text in enumerate(keys.instructions or ())}
    if keys.instruction is not None:
        texts = {("instruction",): keys.instruction}
    for loc, text in texts.items():
        if fault := misplaced(text):
            located.fault(located.known(loc), fault)
    if texts:
        changes["instructions"] = tuple(texts.values())
    elif keys.skill and rule.skill and rule.instructions == (SKILLS[rule.skill.name].instruction,):
        changes["instructions"] = (SKILLS[keys.skill.name].instruction,)
    if "retry" in written:
        changes["retry"] = retry = Retry(
            **dict(rule.retry) | {key: getattr(keys.retry, key) for key in keys.retry.model_fields_set}
        )
        if retry.first > retry.longest:
            located.fault(("retry",), "`first` must not be longer than `longest`")
    return rule.model_copy(update=changes)
