"""What a rule says of a file, kept with its job: a rule that is changed later changes no job."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path

from daemon import __version__
from daemon.config.model import Rule
from daemon.jobs.model import Recipe
from daemon.rules.match import Match
from daemon.rules.names import base_name, relative_folder


def recipe_of(match: Match, job_id: str, language: str, now: float) -> Recipe:
    """What the rule says now, kept with the job."""
    rule: Rule = match.rule
    return Recipe(
        instructions=rule.instructions,
        skill=rule.skill.name if rule.skill else "reeldrop",
        skill_version=rule.skill.version if rule.skill else __version__,
        by=rule.by,
        language=_language(rule.instructions[0]) if language == "auto" else language,
        folder=rule.output / relative_folder(match) if "/" in match.below else rule.output,
        base=base_name(
            rule.output_name,
            source=match.root / match.below,
            rule=rule.name,
            job=job_id,
            now=_local(int(now)),
            is_folder=match.is_folder,
        ),
        on_conflict=rule.on_conflict,
        file_mode=None if rule.file_mode == "inherit" else rule.file_mode,
        format=rule.format,
        quality=rule.quality,
        attempts=rule.retry.attempts,
        first=rule.retry.first,
        longest=rule.retry.longest,
        again=rule.again,
        answer=rule.answer,
        after=rule.after,
        archive=_below(rule.archive if rule.after == "archive" else None, match),
        quarantine=_below(rule.quarantine, match),
        is_folder=match.is_folder,
    )


@lru_cache(16)
def _local(second: int) -> datetime:
    return datetime.fromtimestamp(second).astimezone()


def _below(folder: Path | None, match: Match) -> Path | None:
    """The tree below the watch folder is kept below the folders that sources are moved to."""
    if folder is None:
        return None
    return folder / (match.relative if match.is_folder else relative_folder(match))


@lru_cache(256)
def _language(text: str) -> str:
    """`zh` for an instruction with Chinese characters in it, else `en`."""
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"
