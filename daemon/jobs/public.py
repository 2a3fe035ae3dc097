"""A job as other programs see it: the fields of `--json` and of the control socket. A contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from daemon.jobs.model import Entry, Job


def public(job: Job) -> dict[str, Any]:
    """The job's public fields; times are ISO 8601 in UTC, paths strings, credits None where unknown."""
    return {
        "id": job.id,
        "rule": job.rule,
        "variant": job.variant,
        "parent": job.parent,
        "source": str(job.source.path),
        "state": job.state.value,
        "step": job.step.value if job.step else None,
        "attempt": job.attempt,
        "reason": job.reason,
        "not_before": _time(job.not_before),
        "made_by": job.made_by,
        "instructions": list(job.recipe.instructions),
        "outputs": [str(path) for path in job.outputs],
        "credits": job.credits,
        "session_id": job.session_id,
        "task_id": job.task_id,
        "render_id": job.render_id,
        "created_at": _time(job.created_at),
        "updated_at": _time(job.updated_at),
    }


def public_entry(entry: Entry) -> dict[str, Any]:
    return {"at": _time(entry.at), "text": entry.text}


def _time(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
