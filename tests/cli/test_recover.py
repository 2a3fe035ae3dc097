"""A damaged or lost job database: told in one line, set aside, and made up for by the sidecars."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from sqlalchemy import text

from daemon.jobs import record
from daemon.jobs.lock import StateLock
from daemon.jobs.store import Store

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
    assert "Lost are the timelines" in recovered.stdout
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
