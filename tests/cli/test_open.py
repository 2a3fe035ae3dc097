"""`reeldrop open`: a link that opens a project, and stands nowhere afterwards."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import record
from daemon.jobs.store import Store


def job_of(home: Any, rule: str) -> Any:
    with Store(home.folder / "state" / "jobs.db", readonly=True) as store:
        (found,) = store.read(lambda connection: record.list_jobs(connection, rule=rule))
    return found


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_fresh_link_is_printed_and_written_nowhere(home: Any) -> None:
    job = job_of(home, "wide")
    done = home.run("open", job.id[:6], NEMO_WEB_URL="https://web.example/")
    assert done.returncode == 0, done.stderr
    link = done.stdout.strip()
    assert re.fullmatch(r"https://web.example/workspace/claim\?ct=clm_[\w-]+", link)
    assert "opens the project for anyone who has it for 10 min" in done.stderr
    again = json.loads(home.run("open", job.id, "--json").stdout)
    assert again["url"].startswith("https://nemovideo.com/workspace/claim?ct=clm_")
    assert again["url"].partition("=")[2] != link.partition("=")[2] and again["expires_in"] == 600
    written = everything_written(home.folder)
    for url in (link, again["url"]):
        assert url.partition("=")[2].encode() not in written


def test_a_job_of_the_embedded_studio_has_no_project(home: Any) -> None:
    done = home.run("open", job_of(home, "free").id)
    assert (done.returncode, done.stdout) == (1, "")
    assert "made by the embedded studio" in done.stderr


@pytest.mark.parametrize(
    ("then", "told"),
    [
        ("{code: 1002}", "its project is gone"),
        ("{status: 404}", "its project is gone"),
        ("{status: 503}", "503"),
    ],
)
def test_a_project_that_is_gone_is_one_plain_line(home: Any, then: str, told: str) -> None:
    home.editor.answers(f"[{{call: claim, then: {then}}}]")
    done = home.run("open", job_of(home, "wide").id)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_job_without_a_session_or_of_another_address_is_told_as_such(
    empty_home: Any, make_job: Any
) -> None:
    (empty_home.folder / "state").mkdir()
    account = {"by": "service", "account": "https://elsewhere.example#1"}
    without = make_job(**account, content="a")
    elsewhere = make_job(**account, content="b", session_id="1", task_id="2")
    with Store(empty_home.folder / "state" / "jobs.db") as store:
        for job in (without, elsewhere):
            store.write_now(partial(record.add_job, job=job))
    for job, told in ((without, "has no project"), (elsewhere, "was made at https://elsewhere.example")):
        done = empty_home.run("open", job.id)
        assert (done.returncode, told in done.stderr) == (1, True)
    assert empty_home.run("open", "zzz").returncode == 2
