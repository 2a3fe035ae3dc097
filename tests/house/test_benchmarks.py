"""The benchmarks run and say what they measured; how fast, is for people to judge."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = {
    "upload": ["upload 1 MiB, x curl -F", "upload 1 MiB, x stock httpx"],
    "download": ["download 1 MiB, x curl -o", "download 1 MiB, x curl -o and fsync"],
    "memory": ["memory growth, upload of 1 MiB", "memory growth, download of 1 MiB"],
    "lag": ["loop lag, upload of 1 MiB, p99"],
    "jobs": [
        "jobs/s, 16 at once, x the script's best -P",
        "jobs/s, one at a time, x the script, one at a time",
        "jobs/s, 16 at once, x one at a time",
        "CPU a job, one at a time",
        "CPU a job, 16 at once",
    ],
    "pipeline": ["whole daemon, 16 at once"],
    "record": [
        "start-up, 20 queued, over empty",
        "picks/s, 20 queued, x 2",
        "memory growth a queued job, started",
        "memory growth a queued job, 200 picked",
        "disk a queued job, row and indexes",
        "disk a queued job, known file and log line too",
    ],
    "watching": [
        "drop to queued, beyond the settle time",
        "matching 1,000 rules, a folder each",
        "matching 1,000 rules, one folder, a glob each",
        "burst of 10 files, its end to the last queued",
        "start-up with 20 known files, over none",
        "memory with 20 known files",
        "idle wakeups a second",
    ],
    "titles": [
        "titles over a clip",
        "captions over a clip",
        "music under a clip",
        "promo",
        "promo, all processes",
    ],
    "cutout": ["another background, CPU of the plain transcode", "another background, memory"],
}
TINY = ["--mib", "1", "--memory", "1", "--rounds", "1", "--jobs", "1", "--queued", "20", "--idle", "1"]


def bench(*arguments: str, folder: Path) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments, *TINY, "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_part_prints_a_figure_a_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in bench("--json", folder=tmp_path).splitlines()]
    assert [line["what"] for line in lines] == [what for part in LINES.values() for what in part]
    lacking = [name for name in ("curl", "jq", "xargs") if shutil.which(name) is None]
    for line in lines:
        if line["median"] is None:
            assert "not installed" in line["skipped"], line
            assert lacking or line["what"] in LINES["cutout"], line
        else:
            assert 0 <= line["low"] <= line["median"] <= line["high"], line
        assert (line["met"] is None) == (line["target"] is None or line["median"] is None), line
    assert not list(tmp_path.iterdir())


def test_a_line_names_figure_spread_and_target_for_people(tmp_path: Path) -> None:
    heading, told = bench("lag", folder=tmp_path).splitlines()
    assert heading.split() == ["what", "ours", "theirs", "median", "(low-high)", "target"]
    assert told.startswith(LINES["lag"][0]) and " ms (" in told and "<= 20" in told


def test_without_curl_its_lines_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    first, second = map(json.loads, bench("upload", "--json", folder=tmp_path).splitlines())
    assert first["skipped"] == "curl not installed" and first["met"] is None
    assert second["median"] > 0
