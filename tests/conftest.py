"""What tests in several places need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from daemon.jobs import record
from daemon.jobs.model import Job, Recipe, Source
from daemon.jobs.store import Store

# How long an example takes says how busy the machine is.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

MakeJob = Callable[..., Job]

RECIPE = Recipe(
    instructions=("trim to 1 s",),
    skill="reeldrop",
    skill_version="1",
    by="embedded",
    language="en",
    folder=Path("/nowhere/out"),
    base="clip-rule",
    on_conflict="rename",
    file_mode=None,
    format="auto",
    quality="high",
    attempts=5,
    first=10.0,
    longest=900.0,
    again="copy",
)


@pytest.fixture
def make_job() -> MakeJob:
    """A job value; keyword arguments are the job's fields, or the recipe's, or `content` and `path`."""

    def make(**fields: Any) -> Job:
        recipe = replace(
            RECIPE, **{k: fields.pop(k) for k in list(fields) if k in Recipe.__dataclass_fields__}
        )
        source = Source(
            Path(str(fields.pop("path", "/nowhere/in/clip.mp4"))),
            1,
            2,
            3,
            4,
            str(fields.pop("content", "c0ffee")),
        )
        job = Job(id=record.new_id(), rule="rule", source=source, recipe=recipe, key="key")
        return replace(job, **fields)

    return make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "jobs.db") as opened:
        yield opened
