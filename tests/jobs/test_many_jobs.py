"""A hundred thousand jobs: what a pick looks at, what jobs share, and older databases that did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, insert, select, text

from daemon.jobs import accounts, approvals, files, folders, holds, prices, record, schema, spending
from daemon.jobs.model import Delivery, Job, Outcome, Step
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.pipeline.turns import CALM

MakeJob = Callable[..., Job]
LATER = ("after", "archive", "quarantine")
"""What recipes did not say then."""


NOW = 1e9
CROWD: dict[str, dict[str, Any]] = {
    "queued": {},
    "held": {"state": State.HELD, "reason": "approval: a person must say so"},
    "waiting": {"state": State.WAITING, "reason": "budget: tomorrow", "not_before": NOW + 9},
    "done": {"state": State.SUCCEEDED, "account": "a", "session_id": "s", "credits": 5.0, "begun_at": 1.0},
}
"""Of these the record is full, each with its file, and what is done with all that it leaves behind."""


def crowd(connection: Connection, make_job: MakeJob, number: int) -> None:
    for kind, fields in CROWD.items():
        for by in ("embedded", "service"):
            first = make_job(by=by, content=f"{kind} {by}", **fields)
            record.add_job(connection, first)
            row = dict(
                connection.execute(select(schema.jobs).where(schema.jobs.c.id == first.id)).one()._mapping
            )
            for table, values in ((schema.jobs, row), (schema.files, asdict(first.source))):
                connection.execute(insert(table), [own(values, f"{kind} {by}", n) for n in range(number)])
    done = [f"done service {n}" for n in range(number)]
    sent = {"step": "edit", "index": 0, "intent": {"before": {"total": 9}}, "outcome": "done", "result": {}}
    connection.execute(
        insert(schema.steps), [{**sent, "job": job, "intent_at": 1.0, "result_at": 2.0} for job in done]
    )
    connection.execute(insert(schema.timeline), [{"job": job, "at": 1.0, "text": "sent"} for job in done])
    out = Path("/out")
    connection.execute(insert(schema.names), [{"folder": out, "base": job, "job": job} for job in done])
    put = {"key": "key", "media_hash": "h", "size": 1, "at": 1.0}
    connection.execute(
        insert(schema.deliveries), [{**put, "content": job, "job": job, "media": out / job} for job in done]
    )


def own(row: dict[str, Any], kind: str, number: int) -> dict[str, Any]:
    """A copy of a job's row, or a file's."""
    name = f"{kind} {number}"
    mine = {"id": name, "content": name, "path": Path("/in", name), "created_at": 2.0 + number}
    return row | {column: value for column, value in mine.items() if column in row}


def asked_for(job: Job) -> dict[str, Callable[[Connection], object]]:
    """What the daemon asks of the record, or tells it, for a job (this one goes to the service) or when it wakes."""
    here, there = job.source.path, Path("/in/there.mp4")
    open_step = partial(record.open_step, job=job, step=Step.EDIT, index=0, intent={"before": {}}, now=NOW)
    delivery = Delivery(
        content=job.source.content, key=job.key, job=job.id, media=there, media_hash="h", size=1, at=NOW
    )

    def send_and_hear(connection: Connection) -> None:
        record.close_step(connection, open_step(connection), Outcome.DONE, {}, NOW)

    return {
        # A wake
        "any_open": lambda c: [record.any_open(c, by) for by in ("embedded", "service")],
        "is_busy": record.is_busy,
        "next_due": lambda c: record.next_due(c, NOW),
        "claim, nobody to be alone with": lambda c: record.claim(
            c, 1.0, alone=["service"], shut=["embedded"]
        ),
        "claim": lambda c: record.claim(c, NOW),
        "claim alone": lambda c: record.claim(c, NOW, alone=["service"]),
        "account": lambda c: accounts.account(c, "a"),
        # A drop
        "known": lambda c: files.known(c, here),
        "at": lambda c: files.at(c, [here]),
        "standing": lambda c: files.standing(c, [(str(here), (1, 2, 3, 4))]),
        "with_contents": lambda c: files.with_contents(c, [job.source.content]),
        "jobs_for": lambda c: record.jobs_for(c, job.source.content, job.key),
        "jobs_with": lambda c: record.jobs_with(c, [job.source.content]),
        "deliveries_with": lambda c: record.deliveries_with(c, [job.source.content]),
        "results_at": lambda c: record.results_at(c, [here]),
        "remember": lambda c: files.remember(c, [job.source]),
        "is_held": lambda c: holds.is_held(c, job.rule),
        "begun": lambda c: approvals.begun(c, NOW - 3600),
        "add_job": lambda c: record.add_job(c, replace(job, id="new")),
        "note": lambda c: record.note(c, job.id, "settled", NOW),
        # Its work
        "get_job": lambda c: record.get_job(c, job.id),
        "held_twin": lambda c: record.held_twin(c, job),
        "is_read": lambda c: folders.is_read(c, job.recipe.folder),
        "deliveries_of": lambda c: record.deliveries_of(c, job.source.content, job.key),
        "reserve": lambda c: record.reserve(c, job, "base"),
        "reserved": lambda c: record.reserved(c, job.id),
        "holder_of": lambda c: record.holder_of(c, job.recipe.folder, "base"),
        "set_job": lambda c: record.set_job(c, job, now=NOW, step="edit", account="a", session_id="s"),
        "set_source": lambda c: record.set_source(c, job, job.source, NOW),
        "set_recipe": lambda c: record.set_recipe(c, job, job.recipe),
        "estimate": lambda c: prices.estimate_job(c, job),
        "takings": lambda c: spending.takings(c, NOW, [job.id]),
        "is_unclear": lambda c: record.is_unclear(c, "a", [], 900.0),
        "has_lost": lambda c: record.has_lost(c, "a", [], CALM),
        "send and hear": send_and_hear,
        "paid_between": lambda c: record.paid_between(c, "a", NOW, 1, 900.0),
        "steps_of": lambda c: record.steps_of(c, job.id),
        "void_steps": lambda c: record.void_steps(c, job, [Step.RENDER], NOW),
        "timeline_of": lambda c: record.timeline_of(c, job.id),
        "add_delivery": lambda c: record.add_delivery(c, delivery),
        "hold_asked": lambda c: record.hold_asked(c, job),
        # Its end, and what becomes of its file
        "jobs_of": lambda c: record.jobs_of(c, job.source),
        "mark_gone": lambda c: files.mark_gone(c, [here], NOW),
        "moved": lambda c: files.moved(c, here, there),
        "repath": lambda c: record.repath(c, here, there),
        "release": lambda c: record.release(c, job.id),
    }


def work_of_each(store: Store, make_job: MakeJob, number: int) -> dict[str, tuple[int, list[str]]]:
    """How many of SQLite's own steps each of them takes in a record with so many jobs of each kind, and its plans."""
    job = make_job(by="service", content="mine", path="/in/mine.mp4", priority=1)
    store.write_now(partial(crowd, make_job=make_job, number=number))
    store.write_now(partial(record.add_job, job=job))
    steps, said, found = count(), list[tuple[str, Any]](), {}

    def ask(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection

        def hear(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
            said.append((statement, values[0] if many else values))

        event.listen(connection, "before_cursor_execute", hear)
        for name, question in asked_for(job).items():
            said.clear()
            before = next(steps)
            driver.set_progress_handler(lambda: next(steps) and None, 1)
            question(connection)
            driver.set_progress_handler(None, 0)
            plans = [driver.execute(f"EXPLAIN QUERY PLAN {one}", values) for one, values in said]
            found[name] = next(steps) - before, [row[3] for plan in plans for row in plan]
        event.remove(connection, "before_cursor_execute", hear)

    store.write_now(ask)
    return found


def test_what_a_job_or_a_wake_asks_for_is_no_more_work_in_a_record_with_many_jobs(
    tmp_path: Path, make_job: MakeJob
) -> None:
    found = []
    for number in (100, 2000):
        with Store(tmp_path / f"{number}.db") as store:
            found.append(work_of_each(store, make_job, number))
    few, many = found
    assert {
        name: (few[name][0], *told) for name, told in many.items() if told[0] > 1.2 * few[name][0] + 20
    } == {}
    tables = tuple(f"SCAN {name}" for name in (*schema.metadata.tables, "older"))
    scans = {(name, row) for name, (_, plans) in many.items() for row in plans if row.startswith(tables)}
    # From its end, and no further than it asks for.
    assert scans == {("has_lost", "SCAN steps USING INDEX steps_paid")}


def test_the_jobs_that_a_reason_holds_are_found_among_many_without_making_values_of_the_others(
    store: Store, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a minute in which nothing else was written: of 100,000 held jobs, all were read for each look."""
    store.write_now(partial(crowd, make_job=make_job, number=50))
    held = make_job(by="service", content="mine", state=State.HELD, reason="credits: none left")
    store.write_now(partial(record.add_job, job=held))
    made, make = list[str](), record._job

    def told(row: Any) -> Job:
        made.append(row.id)
        return make(row)

    monkeypatch.setattr(record, "_job", told)

    def look(connection: Connection) -> None:
        assert not record.any_held(connection, "service", "token")
        record.have_one_try(connection, "service", "subscription", NOW)
        record.release_output(connection, Path("/nowhere/out"), NOW)
        record.recover(connection, NOW)
        assert [job.id for job in record.release_held(connection, "service", ["credits"], NOW)] == [held.id]

    store.write_now(look)
    assert set(made) == {held.id}


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
