"""What stands beside a result: the sidecar for programs, the log and the notes for people. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daemon import __version__
from daemon.jobs.model import Companion, Entry, Job, Outcome, Step, StepRecord
from daemon.jobs.states import State


def when(at: float) -> str:
    """A time as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sidecar(job: Job, steps: Iterable[StepRecord], media: dict[str, Any], now: float) -> str:
    """The sidecar's JSON text. `media`: the result's name, size in bytes, hash, and what it was copied from."""
    done = [step for step in steps if step.outcome is Outcome.DONE]
    told = next((step.result.get("timeline") for step in reversed(done) if step.step is Step.CONFIRM), None)
    return json.dumps(
        {
            "reeldrop": __version__,
            "job": job.id,
            "rule": job.rule,
            "source": {
                "path": str(job.source.path),
                "size": job.source.size,
                "content": f"xxh3-128:{job.source.content}",
                **(
                    {"companions": [_companion(one) for one in job.source.companions]}
                    if job.source.companions
                    else {}
                ),
            },
            "instructions": list(job.recipe.instructions),
            "instructions_key": job.key,
            "skill": job.recipe.skill,
            "made_by": job.made_by,
            "session": job.session_id,
            "task": job.task_id,
            "render": job.render_id,
            "timeline": told,
            "credits": job.credits,
            "result": media,
            "answers": [step.result["text"] for step in done if step.result.get("text")],
            "times": {
                "created": when(job.created_at),
                **{_stamp(step): when(step.result_at) for step in done if step.result_at},
                "delivered": when(now),
            },
        },
        ensure_ascii=False,
        indent=2,
    )


def _companion(one: Companion) -> dict[str, Any]:
    return {"path": str(one.path), "size": one.size, "content": f"xxh3-128:{one.content}", "sent": one.sent}


def log(entries: Iterable[Entry]) -> str:
    """A line for each thing that happened."""
    return "".join(f"{when(entry.at)}  {line}\n" for entry in entries for line in entry.text.splitlines())


def note(job: Job) -> str:
    """The text of `NAME.FAILED.txt` or `NAME.HELD.txt`: what happened, to which file, and what to do."""
    code, _, said = (job.reason or "").partition(": ")
    asked = "\n".join(f"  {text}" for text in job.recipe.instructions)
    if job.state is State.HELD:
        what, then = "waits for you", "Once that is done:  reeldrop retry"
        if job.not_before is not None:
            then = "It looks again by itself. At once:  reeldrop retry"
        if code == "user":
            then = "To let it go on:  reeldrop resume"
    else:
        what, then = "could not be edited", "To try it again:  reeldrop retry"
        if code == "edit" and job.made_by == "embedded":
            then = "The same words get the same answer: change the rule's instruction, and drop the file again. Or"
            then += ":  reeldrop retry --resend"
        elif code == "edit":
            then = "To send the same instruction again (it may be paid again):  reeldrop retry --resend"
        elif code == "file":
            then = "Drop a file that the editor takes; it is a job of its own. To try this one again:  reeldrop retry"
    return (
        f"{job.source.path.name} {what}.\n\n{said}\n\n"
        f"File:  {job.source.path}\nRule:  {job.rule}\nAsked:\n{asked}\nCode:  {code}\n\n{then} {job.id}\n"
        f"What happened, step by step:  reeldrop job {job.id}\n"
    )


def is_about(note: str, source: Path) -> bool:
    """Whether a note, as it was read from its file, tells of the source that lies there."""
    written = str(source).encode("utf-8", "replace").decode()  # as `folder.write` does
    return f"\nFile:  {written}\n" in note


def _stamp(step: StepRecord) -> str:
    counted = step.step in (Step.EDIT, Step.CONFIRM) or step.index > 0
    return f"{step.step.value} {step.index + 1}" if counted else step.step.value
