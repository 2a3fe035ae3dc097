"""What is wrong with the machine for these rules, before anything runs."""

from __future__ import annotations

import os
from pathlib import Path

from daemon.config.model import Config, Rule
from daemon.deliver import folder as output_folder
from daemon.errors import DeliveryError, MediaError
from daemon.media.ffmpeg import find_ffmpeg
from daemon.watch.owner import Claim, patience
from daemon.watch.owners import claim_of, unkept_words


def look_over(config: Config) -> list[str]:
    """What is wrong with the machine for these rules: a line for each thing, with what would help."""
    wrong = []
    try:
        find_ffmpeg(config.studio.ffmpeg)
    except MediaError as error:
        wrong.append(str(error))
    for rule in config.rules:
        wrong += [fault for folder in rule.watch if (fault := _watch_fault(rule, folder)) is not None]
        for what, name, folder in (
            ("result", "output", rule.output),
            ("source", "archive", rule.archive if rule.after == "archive" else None),
            ("source", "quarantine", rule.quarantine),
        ):
            try:
                if folder is not None:
                    output_folder.make(folder)
            except DeliveryError as error:
                wrong.append(
                    f"rule {rule.name}: no {what} can be written to its {name} folder {error.cause}."
                )
    return wrong


def look_at_owners(config: Config) -> list[str]:
    """A line for each watch folder that another daemon has, or where no owner file keeps it away."""
    told = []
    for folder in dict.fromkeys(folder for rule in config.rules for folder in rule.watch):
        try:
            claim, standing = claim_of(folder, config.state)
        except OSError:
            continue
        if claim is Claim.HELD:
            told.append(
                f"{folder}: {standing} has it; only `reeldrop run --take-over` would take it from there."
            )
        elif claim is Claim.UNKNOWN and standing is not None:
            wait = f"`reeldrop run` waits up to {patience(standing):.0f} s to see whether that one is alive"
            told.append(f"{folder}: {standing} has it; {wait}.")
        if not os.access(folder, os.W_OK):
            told.append(f"{folder}: {unkept_words('this user cannot write there')}.")
    return told


def _watch_fault(rule: Rule, folder: Path) -> str | None:
    if not folder.exists():
        return f"rule {rule.name}: watch folder {folder} does not exist. Make it: mkdir -p {folder}"
    if not folder.is_dir():
        return f"rule {rule.name}: {folder} is a file, `watch` names a folder."
    if not os.access(folder, os.R_OK | os.X_OK):
        return f"rule {rule.name}: watch folder {folder} cannot be read by this user (`ls -ld {folder}` shows who may)."
    return None
