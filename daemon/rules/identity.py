"""Which instructions are the same: content delivered under them is not paid for again. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache

from daemon.config.model import Rule


def instructions_key(rule: Rule, companions: Sequence[str] = ()) -> str:
    """A digest (32 hex digits) of what a result depends on besides the content.

    The texts in their order, the skill's name, who edits, format and quality, and the contents of the `companions`
    that go up with the file, in their order; not the rule's name, its folders, nor the skill's version. It stands
    in sidecars: another digest for the same rule would pay for everything again.
    """
    skill = rule.skill.name if rule.skill else None
    return _digest(rule.instructions, skill, rule.by, rule.format, rule.quality, tuple(companions))


@lru_cache(256)
def _digest(
    instructions: tuple[str, ...],
    skill: str | None,
    by: str,
    format: str,
    quality: str,
    companions: tuple[str, ...],
) -> str:
    said: dict[str, object] = {
        "instructions": instructions,
        "skill": skill,
        "by": by,
        "format": format,
        "quality": quality,
    }
    if companions:  # not said of the others: their results would be paid for again
        said["companions"] = list(companions)
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
