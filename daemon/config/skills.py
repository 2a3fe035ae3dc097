"""The five skills a rule can name: attribution, what each does unless told otherwise, what each takes.

The sentences are the ones that the skills' own public documents use as their example. Those documents read
their version from a header that was not published with them, so all are taken as 1.0.0; `skill: {name:,
version:}` says another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

DEFAULT_VERSION: Final = "1.0.0"


@dataclass(frozen=True, slots=True)
class SkillFacts:
    """A skill: its name in the attribution headers, its instruction, and the `match` it brings."""

    name: str
    instruction: str
    match: tuple[str, ...] = ("video",)


SKILLS: Final[Mapping[str, SkillFacts]] = MappingProxyType(
    {
        skill.name: skill
        for skill in (
            SkillFacts(
                "ai-video-editor-background-changer",
                "remove my background and replace it with a home office scene",
            ),
            SkillFacts(
                "tomoviee-video-background",
                "remove the original background and replace it with a virtual office scene",
            ),
            SkillFacts(
                "video-background-remover-ai",
                "remove the background and replace it with a solid color",
            ),
            SkillFacts(
                "background-music",
                "add calm background music that matches the mood of my video",
            ),
            SkillFacts(
                "generator-video",
                "generate a 30-second promotional video from this script with background music",
                match=("text",),
            ),
        )
    }
)
