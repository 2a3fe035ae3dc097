"""A hundred thousand jobs: what a pick looks at, what jobs share, and older databases that did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.states import State
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]
LATER = ("after", "archive", "quarantine")
"""What recipes did not say then."""


def work_of_a_pick(folder: Path, make_job: MakeJob, queued: int) -> int:
    """How many of SQLite's own steps a pick takes, before and after which it is asked what is due."""
    path = folder / f"{queued}.db"
    with Store(path) as store:

        def fill(connection: Any) -> None:
            for number in range(queued):
                record.add_job(connection, make_job(content=f"{number:032}", created_at=float(number)))
                waiting = make_job(
                    content=f"w{number:031}", state=State.HELD, by="service", not_before=1e6 + number
                )
                record.add_job(connection, waiting)
                record.add_job(connection, make_job(content=f"d{number:031}", state=State.SUCCEEDED))

        store.write_now(fill)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with create_engine(f"sqlite:///{path}").connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(count, 1)
        claimed = record.claim(connection, now=10.0)
        assert claimed is not None and claimed.created_at == 0.0
        assert record.is_busy(connection)
        assert record.any_open(connection, "embedded") and record.any_open(connection, "service")
        assert record.next_due(connection, 10.0) == 1e6
        driver.set_progress_handler(None, 0)
    return steps


def test_a_pick_looks_at_the_first_job_alone_however_many_wait(tmp_path: Path, make_job: MakeJob) -> None:
    few, many = (work_of_a_pick(tmp_path, make_job, number) for number in (20, 2000))
    assert many < 1.5 * few


def test_a_job_due_before_others_of_its_state_goes_first_and_priority_decides_between_states(
    store: Store, make_job: MakeJob
) -> None:
    due_last = make_job(content="a", state=State.WAITING, not_before=9.0, priority=2)
    due_first = make_job(content="b", state=State.WAITING, not_before=8.0, priority=2)
    urgent = make_job(content="c", priority=3, created_at=5.0, by="service")
    plain = make_job(content="d", created_at=1.0)
    not_due = make_job(content="e", state=State.HELD, not_before=11.0, priority=9)
    for job in (due_last, due_first, urgent, plain, not_due):
        store.write_now(lambda connection, job=job: record.add_job(connection, job))  # type: ignore[misc]
    taken = [store.write_now(lambda connection: record.claim(connection, 10.0)) for _ in range(5)]
    assert [job.id for job in taken if job] == [one.id for one in (urgent, due_first, due_last, plain)]


def test_jobs_share_what_their_rule_says_and_keep_their_own_name(store: Store, make_job: MakeJob) -> None:
    one, other = make_job(base="one", content="a"), make_job(base="other", content="b")
    for job in (one, other):
        store.write_now(lambda connection, job=job: record.add_job(connection, job))  # type: ignore[misc]
    shared = "SELECT count(*) FROM recipes"
    assert store.read(lambda connection: connection.execute(text(shared)).scalar()) == 1
    changed = replace(one.recipe, base="third", again="redo")
    store.write_now(lambda connection: record.set_recipe(connection, one, changed))
    assert store.read(lambda connection: record.get_job(connection, one.id)) == replace(one, recipe=changed)
    assert store.read(lambda connection: record.get_job(connection, other.id)) == other


def test_jobs_of_an_older_database_keep_what_their_rules_said(tmp_path: Path, make_job: MakeJob) -> None:
    path = tmp_path / "jobs.db"
    jobs = [make_job(base=f"clip {n}", content=f"{n}", quality="low" if n % 2 else "high") for n in range(5)]
    config = Config()
    config.set_main_option("script_location", "daemon:jobs/migrations")
    config.set_main_option("path_separator", "os")
    with create_engine(f"sqlite:///{path}").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for job in jobs:
            said = asdict(job.recipe) | {"folder": str(job.recipe.folder)}
            said = {name: value for name, value in said.items() if name not in LATER}
            connection.execute(
                text(
                    "INSERT INTO jobs (id, rule, path, device, inode, size, mtime_ns, content, recipe, key, made_by,"
                    " state, attempt, priority, outputs, created_at, updated_at) VALUES (:id, 'rule', :path, 1, 2, 3,"
                    " 4, :content, :recipe, 'key', 'embedded', 'queued', 1, 0, '[]', 0, 0)"
                ),
                {
                    "id": job.id,
                    "path": bytes(job.source.path),
                    "content": job.source.content,
                    "recipe": json.dumps(said),
                },
            )
            connection.execute(
                text("INSERT INTO timeline (job, at, text) VALUES (:id, 0, 'settled')"), {"id": job.id}
            )
        connection.commit()
    with Store(path) as store:
        found = store.read(lambda connection: record.list_jobs(connection))
        assert {job.id: job for job in found} == {job.id: job for job in jobs}
        assert [entry.text for entry in store.read(lambda c: record.timeline_of(c, jobs[0].id))] == [
            "settled"
        ]
        assert store.read(lambda c: c.execute(text("SELECT count(*) FROM recipes")).scalar()) == 2
