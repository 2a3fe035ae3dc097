"""Which instructions are the same: content delivered under them is not paid for again. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from daemon.config.model import Rule


def instructions_key(rule: Rule, companions: Sequence[str] = ()) -> str:
    """A digest (32 hex digits) of what a result depends on besides the content.

    The texts in their order, the skill's name, who edits, format and quality, and the contents of the `companions`
    that go up with the file, in their order; not the rule's name, its folders, nor the skill's version. It stands
    in sidecars: another digest for the same rule would pay for everything again.
    """
    said: dict[str, object] = {
        "instructions": rule.instructions,
        "skill": rule.skill.name if rule.skill else None,
        "by": rule.by,
        "format": rule.format,
        "quality": rule.quality,
    }
    if companions:  # not said of the others: their results would be paid for again
        said["companions"] = list(companions)
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
