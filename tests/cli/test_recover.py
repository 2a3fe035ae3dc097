"""A damaged or lost job database: told in one line, set aside, and made up for by the sidecars."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from sqlalchemy import text

from daemon.jobs import record
from daemon.jobs.lock import StateLock
from daemon.jobs.model import Job
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.studio.ledger import LEDGER

CLIPS = 3


@pytest.fixture
def done_home(worked_home: Any, tmp_path: Path) -> Any:
    """A home whose clips were delivered, one of them from a folder below; everything in it may be broken."""
    shutil.copytree(worked_home.folder, tmp_path / "home")
    return replace(worked_home, folder=tmp_path / "home")


def database(home: Any) -> Path:
    return Path(home.folder) / "state" / "jobs.db"


def set_aside(home: Any) -> list[Path]:
    found = database(home).parent.glob("jobs.db.damaged-*")
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


def destroy(home: Any, *tables: str) -> None:
    """The first page of each of these tables becomes another one's."""
    with closing(sqlite3.connect(database(home))) as connection:
        found = dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))
    with database(home).open("r+b") as file:
        for table in tables:
            file.seek((found[table] - 1) * 4096)
            file.write(random.Random(table).randbytes(4096))


def damage(home: Any) -> bytes:
    """Bytes flip in the middle of a page, as a failing disk does it."""
    path = database(home)
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 64] = bytes(byte ^ 0xFF for byte in data[page : page + 64])
    path.write_bytes(data)
    return bytes(data)


def spent(home: Any) -> int:
    done = home.run("credits", "--json")
    balance = next(line for line in map(json.loads, done.stdout.splitlines()) if "available" in line)
    return int(balance["available"])


def results(home: Any) -> list[str]:
    return sorted(str(path) for path in (home.folder / "out").rglob("*") if path.is_file())


def test_a_damaged_record_is_named_set_aside_and_made_up_for(done_home: Any) -> None:
    before, paid = results(done_home), spent(done_home)
    damaged = damage(done_home)
    refused = done_home.run("run", "--once")
    assert refused.returncode == 2
    assert "jobs.db cannot be used" in refused.stderr and "`reeldrop recover`" in refused.stderr
    assert database(done_home).read_bytes() == damaged

    recovered = done_home.run("recover")
    assert recovered.returncode == 0, recovered.stderr
    assert f"  {CLIPS} deliveries below {done_home.folder / 'out'}" in recovered.stdout
    assert "Nothing of it can be read" in recovered.stdout
    (aside,) = set_aside(done_home)
    assert aside.read_bytes() == damaged and str(aside) in recovered.stdout

    again = done_home.run("run", "--once")
    assert (again.returncode, results(done_home), spent(done_home)) == (0, before, paid)
    with Store(database(done_home), readonly=True) as store:
        assert store.read(record.list_jobs) == []


def test_a_second_damage_replaces_nothing_that_was_set_aside(done_home: Any) -> None:
    damage(done_home)
    assert done_home.run("recover").returncode == 0
    database(done_home).write_bytes(b"no database at all")
    database(done_home).with_name("jobs.db-wal").write_bytes(b"nor a log of one")
    assert done_home.run("recover").returncode == 0
    assert len(set_aside(done_home)) == 2
    logs = (done_home.folder / "state").glob("jobs.db.damaged-*-wal")
    assert b"nor a log of one" in [path.read_bytes() for path in logs]


def test_a_lost_record_is_made_anew_from_all_folders_that_are_named(done_home: Any) -> None:
    elsewhere = done_home.folder / "moved away"
    (done_home.folder / "out" / "Secret Client").rename(elsewhere)
    for file in (done_home.folder / "state").glob("jobs.db*"):
        file.unlink()
    done = done_home.run("recover", "--json", "moved away")
    assert json.loads(done.stdout) == {
        "whole": False,
        "set_aside": None,
        "carried": {"jobs": 0, "go_on": 0, "held": 0, "unclear": 0, "deliveries": 0},
        "lost": None,
        "not_held": [],
        "deliveries": {str(done_home.folder / "out"): CLIPS - 1, str(elsewhere): 1},
    }


def test_a_whole_record_is_left_as_it_is(done_home: Any) -> None:
    before = database(done_home).read_bytes()
    done = done_home.run("recover")
    assert done.returncode == 0 and f"is whole ({CLIPS} jobs)" in done.stdout
    assert database(done_home).read_bytes() == before
    assert set_aside(done_home) == []


def test_nothing_is_touched_while_a_daemon_runs(done_home: Any) -> None:
    damaged = damage(done_home)
    with StateLock(done_home.folder / "state"):
        refused = done_home.run("recover")
    assert refused.returncode == 2 and "is in use by process" in refused.stderr
    assert database(done_home).read_bytes() == damaged


def test_what_is_held_again_has_one_note_under_its_own_name_until_it_is_solved(
    worked_home: Any, tmp_path: Path
) -> None:
    clip = tmp_path / "in" / "clip.mp4"
    clip.parent.mkdir()
    (tmp_path / "rules.yaml").write_text(
        "state: state\nrules:\n"
        "  - {name: r, watch: in, output: out, instruction: trim to 1 s, settle: 100ms, on_conflict: skip}\n"
    )
    source = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(clip)], check=True)
    home = replace(worked_home, folder=tmp_path)

    def job_in(note: str) -> str:
        return next(line for line in note.splitlines() if "reeldrop job" in line)

    notes = []
    for _ in range(2):
        assert home.run("recover", token="").returncode == 0
        assert home.run("hold", "--rule", "r", token="").returncode == 0
        assert home.run("run", "--once", token="").returncode == 1
        assert results(home) == [str(tmp_path / "out" / "clip-r.HELD.txt")]
        notes.append((tmp_path / "out" / "clip-r.HELD.txt").read_text())
        for file in (tmp_path / "state").glob("jobs.db*"):
            file.unlink()
    assert job_in(notes[0]) != job_in(notes[1])
    assert home.run("run", "--once", token="").returncode == 0
    assert results(home) == [str(tmp_path / "out" / f"clip-r.{ending}") for ending in ("json", "log", "mp4")]


def test_a_record_of_a_newer_version_is_not_taken_for_damage(done_home: Any) -> None:
    with Store(database(done_home)) as store:
        store.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    before = database(done_home).read_bytes()
    refused = done_home.run("recover")
    assert refused.returncode == 2 and "newer Reeldrop" in refused.stderr
    assert database(done_home).read_bytes() == before


def test_a_folder_that_is_none_is_usage(done_home: Any) -> None:
    refused = done_home.run("recover", "nowhere")
    assert (refused.returncode, "nowhere is no folder" in refused.stderr) == (2, True)


QUESTION = 'call: run, nth: every, then: {question: "Which colour?"}'


@pytest.fixture(scope="module")
def once_asked(paid_editor: Any, worked_home: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A paid job that was asked back twice, and so has two messages sent and is held; and one that was never begun."""
    home = replace(worked_home, folder=tmp_path_factory.mktemp("asked") / "home")
    (home.folder / "in").mkdir(parents=True)
    (home.folder / "rules.yaml").write_text(
        f'state: state\napi: {{url: "{paid_editor.url}"}}\nlimits: {{jobs: 1}}\n'
        "timing: {poll: 20ms, confirm: 5ms}\n"
        "rules:\n  - {name: r, watch: in, output: out, instruction: trim to 1 s, settle: 100ms}\n"
    )
    paid_editor.answers(f"[{{{QUESTION}}}]")
    clip(home, "sent", 2)
    assert home.run("run", "--once").returncode == 1
    paid_editor.answers()
    assert home.run("hold", "--rule", "r").returncode == 0
    clip(home, "begun later", 3)
    assert home.run("run", "--once").returncode == 1
    shutil.copytree(home.folder, home.folder.parent / "kept")
    return home


@pytest.fixture
def asked_home(once_asked: Any, editor: Any) -> Any:
    """The same home in the same place, as it was then: the record knows its paths."""
    for name in ("state", "out"):
        shutil.rmtree(once_asked.folder / name)
        shutil.copytree(once_asked.folder.parent / "kept" / name, once_asked.folder / name)
    return once_asked


def clip(home: Any, name: str, seconds: int) -> None:
    source = ["-f", "lavfi", "-i", f"testsrc=size=64x64:rate=10:duration={seconds}"]
    path = home.folder / "in" / f"{name}.mp4"
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(path)], check=True)


def jobs(home: Any) -> dict[str, Job]:
    """The jobs by their source's name."""
    with Store(database(home), readonly=True) as store:
        return {job.source.path.stem: job for job in store.read(record.list_jobs)}


def messages(home: Any) -> int:
    """How many messages the editor has taken and charged for, by its own ledger."""
    ledger = home.editor.faults.parent / "studio" / LEDGER
    return sum(json.loads(line)["what"] == "message" for line in ledger.read_text().splitlines())


def test_a_job_goes_on_from_a_damaged_record_where_its_own_records_are_whole(asked_home: Any) -> None:
    before = jobs(asked_home)
    destroy(asked_home, "timeline", "deliveries_media")
    assert asked_home.run("run", "--once").returncode == 2
    recovered = asked_home.run("recover")
    assert "Carried over: 2 jobs (0 ended, 0 go on by themselves, 2 held), 0 deliveries." in recovered.stdout
    assert "Lost: " in recovered.stdout and "lines of jobs' logs." in recovered.stdout
    assert jobs(asked_home) == before
    sent = messages(asked_home)
    assert asked_home.run("resume", "--rule", "r").returncode == 0
    assert asked_home.run("run", "--once").returncode == 1
    assert messages(asked_home) == sent + 1
    after = jobs(asked_home)
    assert (after["sent"], after["begun later"].state) == (before["sent"], State.SUCCEEDED)


@pytest.mark.parametrize("table", ["steps", "jobs"])
def test_what_may_have_been_paid_is_not_sent_again_before_a_person_says_so(
    asked_home: Any, table: str
) -> None:
    job_id, paid = jobs(asked_home)["sent"].id, messages(asked_home)
    destroy(asked_home, table)
    told = json.loads(asked_home.run("recover", "--json").stdout)
    assert (told["carried"]["unclear"], told["not_held"]) == (1, [])
    assert told["lost"][table] > 0
    note = (asked_home.folder / "out" / "sent-r.HELD.txt").read_text()
    assert "the job database was damaged" in note and f"reeldrop retry {job_id} --resend" in note

    assert asked_home.run("retry", job_id).returncode == 0
    # Nor is the other one paid for unasked, though its file may count as one that was there before.
    assert asked_home.run("run", "--once").returncode == 1
    sent = jobs(asked_home)["sent"]
    assert (sent.id, sent.state) == (job_id, State.HELD)
    assert messages(asked_home) == paid

    assert asked_home.run("retry", job_id, "--resend", "--yes").returncode == 0
    assert asked_home.run("run", "--once").returncode == 1
    assert jobs(asked_home)["sent"].state is State.SUCCEEDED
    assert messages(asked_home) == paid + 1


def test_a_recover_that_was_stopped_is_ended_by_the_next(asked_home: Any) -> None:
    before = jobs(asked_home)
    destroy(asked_home, "timeline")
    old = database(asked_home).read_bytes()
    assert asked_home.run("recover").returncode == 0
    for old_is_there in (True, False):
        database(asked_home).rename(database(asked_home).with_name("jobs.db.recovered"))
        if old_is_there:
            database(asked_home).write_bytes(old)
        for words in (("run", "--once"), ("hold", "--all")):
            refused = asked_home.run(*words)
            assert refused.returncode == 2, refused.stdout
        ended = asked_home.run("recover")
        assert ended.returncode == 0 and "is whole (2 jobs)" in ended.stdout
        assert jobs(asked_home) == before
    assert sorted(file.read_bytes() == old for file in set_aside(asked_home)) == [True, True]
