"""Commands that ask the service while a daemon runs that alone has the token, as under systemd."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DEADLINE = 60.0


@pytest.fixture
def served_home(home: Any, empty_home: Any) -> Iterator[Any]:
    """The record of the home where jobs were done, and a daemon on it."""
    folder = empty_home.folder
    shutil.copytree(home.folder / "state", folder / "state")
    (folder / "credentials").mkdir()
    (folder / "credentials" / "nemo-token").write_text(home.editor.token)
    command = [sys.executable, "-m", "daemon", "run"]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
    }
    with (folder / "daemon.log").open("w") as log:
        daemon = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        end = time.monotonic() + DEADLINE
        while not (folder / "state" / "control.sock").exists():
            assert time.monotonic() < end and daemon.poll() is None
            time.sleep(0.05)
        yield empty_home
    finally:
        daemon.terminate()
        assert daemon.wait(DEADLINE) == 0


def test_the_daemon_asks_with_its_token_and_keeps_nothing_of_a_link(served_home: Any) -> None:
    done = served_home.run("credits", token="")
    assert done.returncode == 0, done.stdout
    assert "880 credits available" in done.stdout and "total: 120 credits for 3 edits" in done.stdout
    live = served_home.run("check", "--live", "--json", token="")
    assert live.returncode == 0, live.stdout
    assert [one["verdict"] for one in json.loads(live.stdout)["live"]] == ["ok"] * 10
    jobs = [json.loads(line) for line in served_home.run("jobs", "--json", token="").stdout.splitlines()]
    paid = next(job for job in jobs if job["rule"] == "wide")
    opened = served_home.run("open", paid["id"], token="")
    assert opened.returncode == 0, opened.stderr
    claim = opened.stdout.strip().partition("=")[2]
    assert claim.startswith("clm_")
    free = next(job for job in jobs if job["rule"] == "free")
    refused = served_home.run("open", free["id"], token="")
    assert (refused.returncode, "embedded studio" in refused.stderr) == (1, True)
    kept = [path for path in Path(served_home.folder).rglob("*") if path.is_file()]
    assert not [path for path in kept if claim.encode() in path.read_bytes()]
