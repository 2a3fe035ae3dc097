"""What a settled file becomes: decided purely, and carried out on a record."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.states import State
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.drops import (
    BEFORE,
    TOO_MUCH,
    Find,
    NewJob,
    NoJob,
    RunAgain,
    Sighting,
    asked_above,
    work_for,
)
from daemon.pipeline.hooks import Happening, JobChanged
from daemon.rules.match import RuleBook

MakeJob = Callable[..., Job]
MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
Studio = Callable[..., AbstractContextManager[Any]]
HERE, ELSEWHERE = Path("/in/clip.mp4"), Path("/in/other.mp4")
PRICED = "service: {credits: 100000, prices: {edit: 50}}\n"


@pytest.mark.parametrize("seen", [Sighting.SAME, Sighting.MOVED])
@pytest.mark.parametrize("state", list(State))
def test_content_that_never_left_the_tree_is_no_work_however_its_job_ended(
    make_job: MakeJob, seen: Sighting, state: State
) -> None:
    assert work_for(Find(seen=seen, path=HERE, earlier=[make_job(state=state)])) == NoJob()
    assert work_for(Find(seen=seen, path=HERE, existing="run")) == NoJob()


@pytest.mark.parametrize(
    ("state", "reason", "path", "work"),
    [
        (State.QUEUED, None, HERE, "none"),
        (State.QUEUED, None, ELSEWHERE, "new"),
        (State.HELD, "credits: none left", HERE, "none"),
        (State.HELD, BEFORE, HERE, "again"),
        (State.HELD, BEFORE, ELSEWHERE, "again"),
        (State.HELD, TOO_MUCH, HERE, "again"),
        (State.SUCCEEDED, None, HERE, "new"),
        (State.FAILED, "edit: no", HERE, "again"),
        (State.CANCELLED, "approval: ignored", HERE, "again"),
        (State.CANCELLED, "source: gone", ELSEWHERE, "again"),
    ],
)
def test_a_drop_is_done_unless_its_own_job_is_on_the_way(
    make_job: MakeJob, state: State, reason: str | None, path: Path, work: str
) -> None:
    job = make_job(state=state, reason=reason, path=path)
    found = work_for(
        Find(seen=Sighting.DROPPED, path=HERE, earlier=[job], delivered=state is State.SUCCEEDED)
    )
    assert found == {"none": NoJob(), "new": NewJob(), "again": RunAgain(job)}[work]


def test_a_drop_of_what_several_jobs_ask_about_answers_the_first_of_them(make_job: MakeJob) -> None:
    newer, older = (make_job(state=State.HELD, reason=BEFORE, created_at=at) for at in (2.0, 1.0))
    find = Find(seen=Sighting.DROPPED, path=HERE, earlier=[newer, older])
    assert work_for(find) == RunAgain(older)


def test_writing_over_a_file_what_was_delivered_before_is_no_drop() -> None:
    assert work_for(Find(seen=Sighting.REPLACED, path=HERE, delivered=True)) == NoJob()
    assert work_for(Find(seen=Sighting.REPLACED, path=HERE)) == NewJob()


@pytest.mark.parametrize(
    ("existing", "work"), [("hold", NewJob(BEFORE)), ("run", NewJob()), ("ignore", NoJob())]
)
def test_what_was_there_before_the_rule_becomes_what_the_rule_says(existing: Any, work: object) -> None:
    assert work_for(Find(seen=Sighting.DROPPED, path=HERE, existing=existing)) == work
    stands = Find(seen=Sighting.DROPPED, path=HERE, existing=existing, delivered=True, stands=True)
    assert work_for(stands) == NoJob()


@pytest.mark.parametrize("existing", ["hold", "run", "ignore"])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.FAILED, "edit: no"),
        (State.CANCELLED, "approval: ignored"),
        (State.CANCELLED, "user: cancelled"),
        (State.HELD, BEFORE),
    ],
)
def test_what_was_tried_or_ignored_once_is_not_asked_about_again(
    make_job: MakeJob, existing: Any, state: State, reason: str
) -> None:
    job = make_job(state=state, reason=reason, path=HERE)
    assert work_for(Find(seen=Sighting.DROPPED, path=HERE, earlier=[job], existing=existing)) == NoJob()


def test_a_file_that_was_away_with_its_folder_when_its_turn_came_is_not_lost(make_job: MakeJob) -> None:
    job = make_job(state=State.CANCELLED, reason="source: removed", path=ELSEWHERE)
    for existing, held in (("run", None), ("hold", BEFORE)):
        find = Find(seen=Sighting.DROPPED, path=HERE, earlier=[job], existing=existing)  # type: ignore[arg-type]
        assert work_for(find) == RunAgain(job, held)


def test_old_files_that_cannot_be_edited_are_not_asked_about() -> None:
    assert work_for(Find(seen=Sighting.DROPPED, path=HERE, existing="hold", rejected=True)) == NoJob()
    assert work_for(Find(seen=Sighting.DROPPED, path=HERE, rejected=True)) == NewJob()


@pytest.mark.parametrize(
    ("estimate", "begun", "held"),
    [(50, 0, False), (50, 50, False), (50, 51, True), (0, 1000, False), (101, 0, True)],
)
def test_what_would_exceed_the_hour_is_held(estimate: float, begun: float, held: bool) -> None:
    work = asked_above(NewJob(), estimate=estimate, begun=begun, limit=100)
    assert work == NewJob(TOO_MUCH if held else None)


def messages(service: Any) -> int:
    """How many messages the server has accepted."""
    facts = [json.loads(line) for line in (service.folder / "ledger.jsonl").read_text().splitlines()]
    return len({fact["id"] for fact in facts if fact["what"] == "message"})


def test_a_clip_dropped_anew_after_a_failure_keeps_its_id_and_what_was_paid(
    studio: Studio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    fails = PRICED + "faults: [{call: render, nth: [1, 2, 3], then: {fail: out of memory}}]\n"

    async def go() -> None:
        with studio(fails) as service:
            async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
                failed = await desk.ended(await desk.drop(make_clip("a.mp4")))
                assert (failed.state, messages(service)) == (State.FAILED, 1)
                (desk.inbox / "a.mp4").unlink()
                desk.app.intake.forget(desk.inbox / "a.mp4")
                again = await desk.ended(await desk.drop(make_clip("a.mp4")))
                assert (again.id, again.state) == (failed.id, State.SUCCEEDED)
                assert messages(service) == 1

    asyncio.run(go())


def test_a_clip_that_was_away_when_its_turn_came_runs_when_it_is_back(
    service: Any, open_desk: OpenDesk, make_clip: MakeClip, tmp_path: Path
) -> None:
    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            path, away = desk.inbox / "back.mp4", tmp_path / "away.mp4"
            forget = desk.app.listen(lambda told: path.exists() and path.rename(away))
            job = await desk.ended(await desk.drop(make_clip("back.mp4")))
            forget()
            assert (job.state, job.reason_code) == (State.CANCELLED, "source")
            away.rename(path)
            found = path.stat()
            stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            assert not desk.app.intake.is_known(str(path), stamp)
            match = RuleBook(desk.app.config.rules).match(path)
            assert match is not None
            again = await desk.app.intake.take(Arrival(match, path, stamp))
            assert (await desk.ended(again)).state is State.SUCCEEDED
            assert again.id == job.id

    asyncio.run(go())


def test_a_moved_clip_is_no_drop_though_its_old_path_is_told_gone_before_it_is_written_down(
    service: Any, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    """The intake reads what is known first and writes later; in between a look found the old path gone."""

    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            await desk.ended(await desk.drop(make_clip("here.mp4")))
            old, new = desk.inbox / "here.mp4", desk.inbox / "there.mp4"
            old.rename(new)
            found = new.stat()
            match = RuleBook(desk.app.config.rules).match(new)
            assert match is not None
            begun, read = threading.Event(), threading.Event()

            def hold_up(_: Connection) -> None:
                begun.set()
                read.wait()

            desk.app.store.write_later(hold_up)
            await asyncio.to_thread(begun.wait)
            desk.app.intake.forget(old)  # not on disk before the intake has read
            stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            taking = asyncio.create_task(desk.app.intake.take(Arrival(match, new, stamp)))
            async with asyncio.timeout(30):
                while desk.app.store._queue.qsize() < 2:  # noqa: ASYNC110  # nobody tells of it
                    await asyncio.sleep(0.005)
            read.set()
            assert await taking is None

    asyncio.run(go())


def test_a_clip_renamed_while_a_slot_looks_for_it_goes_on_under_its_new_name(
    service: Any, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            old, new = desk.inbox / "old.mp4", desk.inbox / "new.mp4"

            def rename(told: Happening) -> None:
                if isinstance(told, JobChanged) and told.job.state is State.RUNNING and old.exists():
                    old.rename(new)
                    desk.app.intake.follow(old, new)

            desk.app.listen(rename)
            job = await desk.ended(await desk.drop(make_clip("old.mp4")))
            assert (job.state, job.source.path) == (State.SUCCEEDED, new)
            assert len(desk.app.store.read(record.list_jobs)) == 1

    asyncio.run(go())


def test_large_files_delay_no_small_one(service: Any, open_desk: OpenDesk, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            book = RuleBook(desk.app.config.rules)

            def put(path: Path) -> None:
                found, match = path.stat(), book.match(path)
                assert match is not None
                stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
                desk.app.intake.put(Arrival(match, path, stamp))

            for number in range(4):
                with (desk.inbox / f"large-{number}.mp4").open("wb") as file:
                    file.truncate(1 << 40)  # hours of reading
                put(desk.inbox / f"large-{number}.mp4")
            small = desk.inbox / "small.mp4"
            shutil.copy(make_clip("small.mp4"), small)
            put(small)
            async with asyncio.timeout(30):
                while not (jobs := desk.app.store.read(record.list_jobs)):  # noqa: ASYNC110  # nobody tells of it
                    await asyncio.sleep(0.005)
            assert [job.source.path for job in jobs] == [small]

    asyncio.run(go())


def test_a_daemon_that_ends_reads_no_large_file_to_its_end(
    service: Any, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            large = desk.inbox / "large.mp4"
            with large.open("wb") as file:
                file.truncate(1 << 40)  # hours of reading
            found = large.stat()
            match = RuleBook(desk.app.config.rules).match(large)
            assert match is not None
            stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            desk.app.intake.put(Arrival(match, large, stamp))
        async with open_desk(service.url, service.token, ["trim to 1 s"]) as desk:
            assert not desk.app.intake.is_known(str(large), stamp)

    asyncio.run(go())
