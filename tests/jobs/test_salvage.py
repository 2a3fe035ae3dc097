"""A damaged record: what of it goes on, what waits for a person, and that no message is forgotten in silence."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, text

from daemon.errors import StateError
from daemon.jobs import files, folders, record
from daemon.jobs.model import Delivery, Job, Outcome, Source, Step, StepRecord
from daemon.jobs.salvage import Carried, Fate, carry, fate, settle
from daemon.jobs.states import Move, State
from daemon.jobs.store import Store, begin
from daemon.pipeline import plan
from tests.conftest import RECIPE

PAGE: Final = 4096
JOBS: Final = 33
WAY: Final = (
    (Step.SESSION, 0),
    (Step.UPLOAD, 0),
    (Step.EDIT, 0),
    (Step.CONFIRM, 0),
    (Step.EDIT, 1),
    (Step.CONFIRM, 1),
    (Step.RENDER, 0),
    (Step.DOWNLOAD, 0),
    (Step.DELIVER, 0),
)
BEFORE: Final = {"draft": "d", "media": "m", "available": 9.0, "frozen": 0.0, "total": 9.0}
PAID: Final = replace(
    RECIPE,
    instructions=("remove my background", "make it warmer"),
    by="service",
    folder=Path("/out"),
    base="clip",
)
ENDS: Final = (
    None,
    (Move.FAIL, "edit: no"),
    (Move.HOLD, "maybe-paid: nobody knows"),
)


def fill(connection: Connection) -> None:
    """Jobs that got differently far, from one that was never begun to one that was delivered; a fifth of them free."""
    for number in range(JOBS):
        job = a_job(number)
        record.add_job(connection, job)
        files.remember(connection, [job.source])
        record.note(connection, job.id, "settled", 1.0)
        _begin(connection, job, far=number % 11, end=ENDS[number // 11])
    folders.seen(connection, [Path("/in")], "video", 5.0)


def a_job(number: int, **fields: Any) -> Job:
    job = Job(
        id=f"{number:012x}",
        rule="rule",
        source=Source(Path(f"/in/clip {number}.mp4"), 1, number, 3, 4, f"{number:032x}"),
        recipe=replace(PAID, by="embedded" if number % 5 == 4 else "service"),
        key="key",
        account="https://a#1",
        created_at=float(number),
        updated_at=float(number),
    )
    return replace(job, **fields)


def _begin(connection: Connection, job: Job, far: int, end: tuple[Move, str] | None) -> None:
    if far == 0:
        return
    job = record.move(connection, job, Move.START, now=1.0, session_id=f"session {job.id}")
    for place, (step, index) in enumerate(WAY[:far]):
        job = record.set_job(connection, job, now=1.0, step=step.value)
        intent = {"before": BEFORE, "sent_at": 1.0} if step is Step.EDIT else {}
        opened = record.open_step(connection, job, step, index, intent, 1.0)
        record.note(connection, job.id, f"{step} is begun", 1.0)
        if place < far - 1 or far > len(WAY):
            record.close_step(connection, opened, Outcome.DONE, {"text": "as you wished " * 8}, 2.0)
    if far > len(WAY):
        media = Path(f"/out/{job.id}.mp4")
        told: dict[str, Any] = {"content": job.source.content, "key": job.key, "job": job.id, "media": media}
        record.add_delivery(connection, Delivery(**told, media_hash="f", size=1, at=2.0))
        record.move(connection, job, Move.SUCCEED, now=2.0)
    elif end is not None:
        record.move(connection, job, end[0], now=2.0, reason=end[1])


def rows(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


Known = Mapping[str, tuple[Job, tuple[StepRecord, ...]]]


def known(connection: Connection) -> Known:
    return {job.id: (job, record.steps_of(connection, job.id)) for job in record.list_jobs(connection)}


@dataclass(frozen=True)
class Whole:
    """A record as it was before the damage."""

    data: bytes
    jobs: Known

    def pages(self, table: str) -> list[int]:
        """The pages of a table or an index, the one that names the others first."""
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(self._as_journalled())
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            return list(self._below(connection.execute(query, (table,)).fetchone()[0]))

    def _below(self, number: int) -> Iterator[int]:
        yield number
        page = self.data[(number - 1) * PAGE : number * PAGE]
        if page[0] in (2, 5):
            for at in range(12, 12 + 2 * int.from_bytes(page[3:5]), 2):
                cell = int.from_bytes(page[at : at + 2])
                yield from self._below(int.from_bytes(page[cell : cell + 4]))
            yield from self._below(int.from_bytes(page[8:12]))

    def _as_journalled(self) -> bytes:
        """A database in memory has no log."""
        return self.data[:18] + b"\1\1" + self.data[20:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    path = tmp_path_factory.mktemp("whole") / "jobs.db"
    with Store(path) as store:
        store.write_now(fill)
        jobs = store.read(known)
    return Whole(path.read_bytes(), jobs)


@dataclass(frozen=True)
class After:
    carried: Carried | None
    jobs: Known
    held: frozenset[str]


def recovered(folder: Path) -> After:
    """What becomes of the database in a folder, as `reeldrop recover` does it, without its sidecars and rules."""
    made = folder / "new" / "jobs.db"
    shutil.rmtree(made.parent, ignore_errors=True)
    made.parent.mkdir()
    carried = carry(folder / "jobs.db", made)
    with Store(made) as store:
        held = []
        if carried is not None:
            held = store.write_now(partial(settle, carried=carried, stand_ins=(), now=9.0))
        assert store.read(lambda connection: connection.execute(text("PRAGMA foreign_key_check")).all()) == []
        return After(carried, store.read(known), frozenset(job.id for job in held))


def may_be_paid(job: Job, steps: tuple[StepRecord, ...]) -> bool:
    return job.made_by == "service" and job.state is not State.SUCCEEDED and plan.was_sent(steps)


def broken_laws(whole: Whole, after: After) -> list[str]:
    """What must not be: a job that had sent a message is gone, or would send it again, and nobody was told."""
    wrong = []
    for name, (job, steps) in whole.jobs.items():
        if not may_be_paid(job, steps):
            continue
        if name not in after.jobs:
            if after.carried is not None and after.carried.lost["jobs"] == 0:
                wrong.append(f"{name} is lost in silence")
            continue
        now, kept = after.jobs[name]
        due = plan.next_step(now, kept)
        if due is None or due.open is not None or now.session_id is None:
            continue
        was_sent = any((one.step, one.index) == (Step.EDIT, due.index) for one in steps)
        if due.step in (Step.SESSION, Step.UPLOAD) or (due.step is Step.EDIT and was_sent):
            wrong.append(f"{name} ({now.state}) would send again: {due}")
    return wrong


def damaged(folder: Path, data: bytes) -> Path:
    (folder / "jobs.db").write_bytes(data)
    return folder


def overwritten(data: bytes, page: int, content: bytes) -> bytes:
    at = (page - 1) * PAGE
    return data[:at] + content + data[at + PAGE :]


def test_what_is_whole_is_carried_over_as_it_was(whole: Whole, tmp_path: Path) -> None:
    after = recovered(damaged(tmp_path, whole.data))
    assert after.carried is not None and not any(after.carried.lost.values())
    assert (after.jobs, after.held) == (whole.jobs, frozenset())


def test_of_a_table_with_a_hole_both_ends_are_read_and_what_lies_between_two_holes(
    whole: Whole, tmp_path: Path
) -> None:
    leaves = whole.pages("steps")[1:]
    noise = bytes(PAGE)
    data = overwritten(overwritten(whole.data, leaves[1], noise), leaves[-2], noise)
    after = recovered(damaged(tmp_path, data))
    assert after.carried is not None and after.carried.unsure is not None
    lost, kept = after.carried.lost["steps"], sum(len(steps) for _, steps in whole.jobs.values())
    assert lost is not None and 0 < lost < kept / 2
    # All but those that lost a record are what they were.
    assert {name: of for name, of in after.jobs.items() if name not in after.carried.unsure} == {
        name: of for name, of in whole.jobs.items() if name not in after.carried.unsure
    }
    assert after.held and after.held < after.carried.unsure
    assert broken_laws(whole, after) == []


def test_of_a_table_whose_index_is_damaged_too_both_ends_are_read(whole: Whole, tmp_path: Path) -> None:
    leaves, index = whole.pages("steps")[1:], whole.pages("steps_job")[0]
    data = overwritten(overwritten(whole.data, leaves[1], bytes(PAGE)), index, bytes(PAGE))
    after = recovered(damaged(tmp_path, data))
    assert after.carried is not None and (after.carried.lost["steps"], after.carried.unsure) == (None, None)
    before, left = (
        sorted((one.id, one.job, one.step) for _, steps in jobs.values() for one in steps)
        for jobs in (whole.jobs, after.jobs)
    )
    assert before[0] in left and before[-1] in left
    assert broken_laws(whole, after) == []


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(whole: Whole, tmp_path: Path) -> None:
    after = recovered(damaged(tmp_path, whole.data[: -2 * PAGE]))
    assert after.carried is not None and len(after.jobs) > JOBS / 2
    assert broken_laws(whole, after) == []


def test_what_cannot_stand_in_a_column_is_lost_and_counted(whole: Whole, tmp_path: Path) -> None:
    path = damaged(tmp_path, whole.data) / "jobs.db"
    with closing(sqlite3.connect(path)) as connection:
        for number, nonsense in enumerate(
            (
                "created_at = 'soon'",
                "state = 'odd'",
                "outputs = '[\"'",
                "rule = CAST(x'fffe' AS TEXT)",
                "path = 5",
            )
        ):
            connection.execute(f"UPDATE jobs SET {nonsense} WHERE id = '{number:012x}'")
        connection.commit()
    after = recovered(tmp_path)
    assert after.carried is not None and after.carried.lost["jobs"] == 5
    assert after.jobs == {name: of for name, of in whole.jobs.items() if int(name, 16) >= 5}


def test_a_job_whose_messages_are_forgotten_waits_for_a_person(whole: Whole, tmp_path: Path) -> None:
    after = recovered(damaged(tmp_path, overwritten(whole.data, whole.pages("steps")[0], bytes(PAGE))))
    for name, (job, steps) in whole.jobs.items():
        now, kept = after.jobs[name]
        begun = job.step not in (None, Step.SESSION, Step.UPLOAD)
        if job.made_by == "embedded" or job.state is State.SUCCEEDED or not begun:
            assert (now, name in after.held) == (job, False)
        elif job.state in (State.FAILED, State.CANCELLED):
            assert (now.state, now.reason, now.session_id) == (job.state, job.reason, None)
        else:
            assert now.state is State.HELD and (now.reason or "").startswith(
                "maybe-paid: the job database was"
            )
            assert (now.not_before, now.session_id, name in after.held) == (None, None, True)
        if begun and job.made_by == "service" and job.state is not State.SUCCEEDED:
            assert steps and plan.was_sent(kept)


def test_a_later_step_shows_that_all_messages_were_carried_out(whole: Whole, tmp_path: Path) -> None:
    first = whole.pages("steps")[1]
    after = recovered(damaged(tmp_path, overwritten(whole.data, first, bytes(PAGE))))
    shown = [
        (job, steps, after.jobs[name])
        for name, (job, steps) in whole.jobs.items()
        if job.step in (Step.RENDER, Step.DOWNLOAD, Step.DELIVER) and job.state is State.RUNNING
        if len(after.jobs[name][1]) and job.made_by == "service"
    ]
    assert shown
    for job, steps, (now, kept) in shown:
        assert (now.state, now.session_id) == (job.state, job.session_id)
        assert plan.next_step(now, kept) == plan.next_step(job, steps)


def test_the_head_of_the_file_and_its_list_of_tables_are_made_up_for(whole: Whole, tmp_path: Path) -> None:
    for size in (100, PAGE):
        after = recovered(damaged(tmp_path, bytes(size) + whole.data[size:]))
        assert (after.jobs, after.held) == (whole.jobs, frozenset())


@pytest.mark.parametrize(
    "table", ["jobs", "steps", "timeline", "deliveries", "files", "recipes", "folders", "accounts"]
)
def test_each_table_may_be_lost_whole_and_nothing_is_paid_for_unasked(
    whole: Whole, tmp_path: Path, table: str
) -> None:
    after = recovered(
        damaged(tmp_path, overwritten(whole.data, whole.pages(table)[0], random.Random(1).randbytes(PAGE)))
    )
    assert after.carried is not None and broken_laws(whole, after) == []
    assert table == "accounts" or after.carried.lost[table] != 0
    lost_jobs = table in ("jobs", "recipes")
    with Store(tmp_path / "new" / "jobs.db") as store:
        # The files of lost jobs are to be looked at again, and none may count as one that was dropped.
        assert store.read(partial(rows, table="files")) == (0 if lost_jobs or table == "files" else JOBS)
        assert store.read(partial(rows, table="folders")) == (
            not lost_jobs and table not in ("files", "folders")
        )


def test_of_a_lost_job_it_is_told_what_file_it_was_and_whether_it_may_have_been_paid(
    whole: Whole, tmp_path: Path
) -> None:
    after = recovered(damaged(tmp_path, overwritten(whole.data, whole.pages("jobs")[0], bytes(PAGE))))
    assert after.carried is not None and after.carried.lost["jobs"] == JOBS
    expected = {
        name: (job.source, any(one.step is Step.EDIT for one in steps))
        for name, (job, steps) in whole.jobs.items()
        if job.state is not State.SUCCEEDED
    }
    assert {one.id: (one.source, one.sent) for one in after.carried.gone} == expected


def test_what_stands_for_a_lost_job_sends_nothing(whole: Whole, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    damaged(tmp_path, overwritten(whole.data, whole.pages("jobs")[0], bytes(PAGE)))
    carried = carry(tmp_path / "jobs.db", tmp_path / "new" / "jobs.db")
    assert carried is not None
    stand_ins = [a_job(int(one.id, 16), state=State.HELD) for one in carried.gone if one.sent]
    with Store(tmp_path / "new" / "jobs.db") as store:
        held = store.write_now(partial(settle, carried=carried, stand_ins=stand_ins, now=9.0))
        assert [job.id for job in held] == [job.id for job in stand_ins]
        for job, steps in store.read(known).values():
            due = plan.next_step(job, steps)
            assert due is not None and due.step not in (Step.SESSION, Step.UPLOAD)
            assert (job.state, job.session_id, plan.was_sent(steps)) == (State.HELD, None, True)


@pytest.mark.parametrize("is_there", [True, False])
def test_an_emptied_database_is_read_from_its_log(whole: Whole, tmp_path: Path, is_there: bool) -> None:
    (tmp_path / "busy").mkdir()
    with Store(tmp_path / "busy" / "jobs.db") as store:
        store.write_now(fill)
        shutil.copyfile(tmp_path / "busy" / "jobs.db-wal", tmp_path / "jobs.db-wal")
    if is_there:
        (tmp_path / "jobs.db").touch()
    assert recovered(tmp_path).jobs == whole.jobs


def test_without_what_was_written_last_no_paid_job_goes_on_that_may_have_begun_since(
    whole: Whole, tmp_path: Path
) -> None:
    (tmp_path / "jobs.db-shm").touch()
    after = recovered(damaged(tmp_path, whole.data))
    for job, steps in after.jobs.values():
        if job.made_by == "service" and job.state in (State.QUEUED, State.RUNNING, State.WAITING):
            assert any(one.step in (Step.RENDER, Step.DOWNLOAD, Step.DELIVER) for one in steps)


def test_a_damaged_database_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    begin(path, "0001")
    recipe = asdict(RECIPE) | {"folder": "/out"}
    del recipe["archive"], recipe["quarantine"]
    with closing(sqlite3.connect(path)) as old:
        for number in range(40):
            job = a_job(number, state=State.RUNNING, step=Step.EDIT, session_id="s")
            source = asdict(job.source)
            del source["companions"]
            values = {
                **{
                    name: getattr(job, name)
                    for name in ("id", "rule", "key", "attempt", "priority", "session_id")
                },
                **{name: getattr(job, name) for name in ("created_at", "updated_at", "account")},
                **source,
                "path": bytes(job.source.path),
                "recipe": json.dumps({**recipe, "by": job.made_by}),
                "state": job.state.value,
                "step": "edit",
                "outputs": "[]",
            }
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join("?" * len(values))
            old.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", list(values.values()))
            sent = (job.id, "session", 0, "{}", 1.0, "done", "{}")
            into = 'INSERT INTO steps (job, step, "index", intent, intent_at, outcome, result)'
            old.execute(f"{into} VALUES (?, ?, ?, ?, ?, ?, ?)", sent)
        old.commit()
    whole = Whole(path.read_bytes(), {})
    after = recovered(damaged(tmp_path, overwritten(whole.data, whole.pages("jobs")[2], bytes(PAGE))))
    assert after.carried is not None and after.carried.lost["jobs"] == 40 - len(after.jobs) > 0
    for name, (job, steps) in after.jobs.items():
        assert replace(job, recipe=PAID) == replace(
            a_job(int(name, 16), state=State.RUNNING, step=Step.EDIT, session_id="s"), recipe=PAID
        )
        assert (job.made_by, len(steps)) == (a_job(int(name, 16)).made_by, 1)


def test_a_damaged_database_of_a_newer_version_is_refused(whole: Whole, tmp_path: Path) -> None:
    path = damaged(tmp_path, whole.data) / "jobs.db"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    path.write_bytes(overwritten(path.read_bytes(), whole.pages("steps")[0], bytes(PAGE)))
    with pytest.raises(StateError, match="newer Reeldrop"):
        recovered(tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_no_damage_makes_a_paid_message_forgotten_in_silence(whole: Whole, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        data = chance.choice(DAMAGES)(whole.data, chance)
        after = recovered(damaged(tmp_path, data))
        assert broken_laws(whole, after) == []


def _two_pages(data: bytes, chance: random.Random) -> bytes:
    return _noise(_noise(data, chance), chance)


def _noise(data: bytes, chance: random.Random) -> bytes:
    return overwritten(data, _some_page(data, chance), chance.randbytes(PAGE))


def _zeros(data: bytes, chance: random.Random) -> bytes:
    return overwritten(data, _some_page(data, chance), bytes(PAGE))


def _misplaced(data: bytes, chance: random.Random) -> bytes:
    at = (_some_page(data, chance) - 1) * PAGE
    return overwritten(data, _some_page(data, chance), data[at : at + PAGE])


def _flipped(data: bytes, chance: random.Random) -> bytes:
    page, changed = _some_page(data, chance), bytearray(data)
    for _ in range(20):
        changed[(page - 1) * PAGE + chance.randrange(PAGE)] ^= chance.randrange(1, 256)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(PAGE, len(data))]


def _headless(data: bytes, chance: random.Random) -> bytes:
    size = chance.choice((16, 100, 512, PAGE))
    return bytes(size) + data[size:]


def _some_page(data: bytes, chance: random.Random) -> int:
    return chance.randrange(2, len(data) // PAGE + 1)


DAMAGES: Final = (_noise, _two_pages, _zeros, _misplaced, _flipped, _cut, _headless)


def a_record(step: Step, outcome: Outcome | None = Outcome.DONE) -> StepRecord:
    return StepRecord(id=1, job="j", step=step, index=0, intent={}, intent_at=0.0, outcome=outcome)


SESSION, EDIT, RENDER = (a_record(step) for step in (Step.SESSION, Step.EDIT, Step.RENDER))
AT_EDIT: Final = {"state": State.RUNNING, "step": Step.EDIT, "session_id": "s"}


@pytest.mark.parametrize(
    ("fields", "steps", "unsure", "stale", "expected"),
    [
        ({"state": State.QUEUED}, [], True, False, Fate.GOES_ON),
        ({**AT_EDIT, "step": Step.UPLOAD}, [SESSION], True, False, Fate.GOES_ON),
        (AT_EDIT, [SESSION, EDIT], False, False, Fate.GOES_ON),
        (AT_EDIT, [SESSION], False, False, Fate.GOES_ON),
        (AT_EDIT, [SESSION], True, False, Fate.FORGETS),
        (AT_EDIT, [], False, False, Fate.FORGETS),
        ({**AT_EDIT, "state": State.FAILED}, [], False, False, Fate.GOES_ON),
        ({**AT_EDIT, "state": State.FAILED}, [], True, False, Fate.FORGETS),
        ({**AT_EDIT, "state": State.SUCCEEDED}, [], True, True, Fate.GOES_ON),
        ({**AT_EDIT, "step": Step.RENDER}, [SESSION, RENDER], True, False, Fate.FILLED),
        ({**AT_EDIT, "step": Step.RENDER}, [a_record(Step.RENDER, Outcome.VOID)], True, False, Fate.FORGETS),
        ({"state": State.QUEUED}, [], False, True, Fate.FORGETS),
    ],
)
def test_a_job_goes_on_where_no_message_of_it_can_be_missing(
    fields: dict[str, Any], steps: list[StepRecord], unsure: bool, stale: bool, expected: Fate
) -> None:
    assert fate(a_job(1, **fields), steps, unsure=unsure, stale=stale) is expected
    assert fate(a_job(4, **fields), steps, unsure=unsure, stale=stale) is Fate.GOES_ON
