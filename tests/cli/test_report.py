"""`reeldrop report`: a bundle for a bug report that tells nothing private."""

from __future__ import annotations

import json
import re
import shutil
import socket
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.jobs import record
from daemon.jobs.model import Outcome, Step
from daemon.jobs.store import Store


def contents(path: str) -> dict[str, str]:
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


@pytest.fixture
def own_home(home: Any, empty_home: Any) -> Any:
    """A copy of the home where jobs were done; the paths in its record are the first one's."""
    shutil.copytree(home.folder, empty_home.folder, dirs_exist_ok=True)
    return empty_home


def job_of(home: Any, rule: str) -> Any:
    with Store(home.folder / "state" / "jobs.db", readonly=True) as store:
        (found,) = store.read(lambda connection: record.list_jobs(connection, rule=rule))
    return found


def test_the_bundle_holds_what_a_bug_report_needs_and_no_footage(own_home: Any) -> None:
    job = job_of(own_home, "tall")
    done = own_home.run("report", job.id[:6], "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["path"] == str(own_home.folder / f"reeldrop-report-{job.id}.zip")
    assert Path(told["path"]).stat().st_mode & 0o777 == 0o600
    files = contents(told["path"])
    expected = [
        "README.txt",
        "job.json",
        "steps.json",
        "timeline.txt",
        "rules.yaml",
        "versions.txt",
        "state.json",
    ]
    assert (
        [one["name"] for one in told["contents"]] == list(files) == [*expected, "sidecar.json", "result.log"]
    )
    found = json.loads(files["job.json"])
    assert (found["id"], found["instructions"]) == (job.id, ["trim to 1 s", 'add a title "Hello"'])
    steps = json.loads(files["steps.json"])
    assert [step["step"] for step in steps].count("edit") == 2
    assert steps[2]["result"]["text"] and steps[2]["intent"]["before"]["total"] > 0
    assert 'instruction: add a title "Hello"' in files["timeline.txt"]
    rules = yaml.safe_load(files["rules.yaml"])
    assert [rule["name"] for rule in rules["rules"]] == ["tall"] and rules["limits"]["jobs"] == 1
    assert files["versions.txt"].startswith("reeldrop ") and "ffmpeg version" in files["versions.txt"]
    assert json.loads(files["state.json"])["jobs"] == {"succeeded": 3}
    assert "Read it before you send it" in files["README.txt"]


def test_no_canary_is_in_the_bundle(own_home: Any) -> None:
    """Planted wherever a job keeps words: token, cached token, client id, addresses, paths, names, mails, hosts."""
    job = job_of(own_home, "wide")
    state = own_home.folder / "state"
    (state / "token.json").write_text(json.dumps({"token": "CANARY-cached", "user_id": "CANARY-user"}))
    (state / "client_id").write_text("CANARY-client\n")
    words = (
        f"CANARY-cached CANARY-client CANARY-user CANARY-env nmv_usr_CANARY clm_CANARY Bearer CANARY "
        f"https://CANARY:CANARY@cdn.example/x?sig=CANARY canary@CANARY.example {job.source.path} "
        f"uploaded {job.source.path.name}: {job.outputs[0].with_suffix('.HELD.txt')} {socket.gethostname()} "
        f"{own_home.folder} CANARY-other.mov canary-user"
    )
    with Store(state / "jobs.db") as store:

        def plant(connection: Any) -> None:
            record.note(connection, job.id, words, 1.0)
            kept = record.open_step(connection, job, Step.RENDER, 0, {"words": words}, 1.0)
            record.close_step(connection, kept, Outcome.VOID, {"url": words, "list": [{words: words}]}, 2.0)
            record.set_job(connection, job, now=3.0, reason=f"api: {words}")

        store.write_now(plant)
    done = own_home.run("report", job.id, "-o", "mine.zip", token="CANARY-env", USER="canary-user")
    assert done.returncode == 0, done.stderr
    files = contents(str(own_home.folder / "mine.zip"))
    private = [
        "canary",
        "secret client",
        "plan (1)",
        str(own_home.folder).lower(),
        own_home.editor.token.lower(),
    ]
    for name, text in files.items():
        assert [word for word in private if word in text.lower()] == [], name
    host = socket.gethostname()
    assert host == "localhost" or not re.search(rf"(?<!\w){re.escape(host)}(?!\w)", files["timeline.txt"])
    assert "cdn.example/x?<secret>" in files["timeline.txt"]
    assert json.loads(files["job.json"])["source"].endswith("/folder-1/file-1.mp4")


def test_a_report_never_replaces_another_and_says_what_is_in_it(own_home: Any) -> None:
    job = job_of(own_home, "free")
    for suffix in ("", "-2"):
        done = own_home.run("report", job.id)
        path, *listed, warning = done.stdout.splitlines()
        assert path == str(own_home.folder / f"reeldrop-report-{job.id}{suffix}.zip")
    assert [line.split()[0] for line in listed] == list(contents(path))
    assert warning.startswith("Read it before you send it")


def test_an_unknown_job_is_exit_2_and_one_that_was_not_delivered_has_no_sidecar(
    empty_home: Any, make_job: Any
) -> None:
    assert empty_home.run("report", "abc").returncode == 2
    job = make_job(path=empty_home.folder / "scripts" / "text.md")
    (empty_home.folder / "state").mkdir()
    with Store(empty_home.folder / "state" / "jobs.db") as store:
        store.write_now(partial(record.add_job, job=job))
    assert empty_home.run("report", "zzz").returncode == 2
    done = empty_home.run("report", job.id, "-o", ".")
    assert done.returncode == 0, done.stderr
    files = contents(done.stdout.splitlines()[0])
    assert "sidecar.json" not in files and "nothing is delivered" in files["README.txt"]
    assert yaml.safe_load(files["rules.yaml"])["rules"] == []
    assert json.loads(files["job.json"])["source"] == "~/folder-1/file-1.md"
