"""`reeldrop plan`: what would become of every file and what it would cost, with nothing touched."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

RULES = """\
state: state
api: {{url: "http://127.0.0.1:1"}}
limits: {{ask_above: {ask_above}}}
defaults: {{output: out, settle: 100ms, instruction: trim to 1 s, match: media}}
rules:
{rules}
"""
OFFICE = '  - {name: office, watch: in, by: service, ignore: "*draft*"}\n'
FREE = '  - {name: office, watch: in, by: embedded, output_name: "{parent}", on_conflict: %s}\n'


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below, with its size and mtime."""
    found = {}
    for here, folders, names in os.walk(folder):
        for name in (*folders, *names):
            stat = Path(here, name).lstat()
            found[str(Path(here, name))] = (stat.st_size if name in names else 0, stat.st_mtime_ns)
    return found


def planned(home: Any, *words: str) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Files by name, and totals by rule."""
    done = home.run("plan", "--json", *words)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    files = {str(Path(line["file"]).relative_to(home.folder)): line for line in lines if "file" in line}
    return files, {line["total"]: line for line in lines if "total" in line}


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not looked into")


@pytest.fixture
def plan_home(empty_home: Any) -> Any:
    write_rules(empty_home, OFFICE)
    return empty_home


def write_rules(home: Any, rules: str, ask_above: int = 500) -> None:
    (home.folder / "rules.yaml").write_text(RULES.format(rules=rules, ask_above=ask_above))


def test_a_plan_before_the_first_run_touches_nothing_and_asks_nobody(plan_home: Any) -> None:
    make_files(
        plan_home.folder / "in", "a.mp4", "day/b.MOV", "script.txt", "a draft.mp4", "notes.pdf", "c.part"
    )
    before = tree(plan_home.folder)
    done = plan_home.run("plan")
    assert done.returncode == 0 and done.stderr == ""
    assert tree(plan_home.folder) == before
    lines = done.stdout.splitlines()
    inbox, output = plan_home.folder / "in", plan_home.folder / "out"
    assert f"office  {inbox}/day/b.MOV → {output}/day/b-office.mp4  about 50 credits (held: it was there" in (
        done.stdout
    )
    assert f"-  {inbox}/notes.pdf: nothing: rule office: no pattern of match (media) fits .pdf" in lines
    assert f"-  {inbox}/a draft.mp4: nothing: rule office: left out by ignore `*draft*`" in lines
    assert "c.part" not in done.stdout
    assert "office: 2 held; about 0 credits, and about 100 for what is held" in lines


def test_what_comes_after_the_limit_of_an_hour_would_be_held(plan_home: Any) -> None:
    write_rules(plan_home, OFFICE.replace("}", ", existing: run}"), ask_above=100)
    make_files(plan_home.folder / "in", *(f"{number}.mp4" for number in range(4)))
    files, totals = planned(plan_home)
    assert [file["does"] for file in files.values()] == ["edit", "edit", "hold", "hold"]
    assert "`limits.ask_above`" in files["in/3.mp4"]["why"]
    assert totals["office"] == {
        "total": "office",
        "files": 4,
        "edit": 2,
        "copy": 0,
        "hold": 2,
        "nothing": 0,
        "credits": 100.0,
        "held_credits": 100.0,
    }


def test_results_get_the_very_names_that_were_planned(plan_home: Any) -> None:
    write_rules(plan_home, FREE % "rename")
    inbox, output = plan_home.folder / "in", plan_home.folder / "out"
    for number, name in enumerate(("red/one.mp4", "red/two.mp4", "blue/one.mp4")):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        source = ["-f", "lavfi", "-i", f"testsrc=size=64x64:rate=10:duration=1.{number + 1}"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(inbox / name)]
        subprocess.run(command, check=True)
    make_files(output / "blue", "blue.mp4")
    files, totals = planned(plan_home)
    outputs = {file["output"] for file in files.values()}
    names = ("red/red.mp4", "red/red-2.mp4", "blue/blue-2.mp4")
    assert outputs == {str(output / name) for name in names}
    assert totals["office"]["credits"] == 0.0
    assert plan_home.run("run", "--once").returncode == 0
    assert all(Path(output).stat().st_size > 1000 for output in outputs)
    files, totals = planned(plan_home)
    assert {file["does"] for file in files.values()} == {"nothing"}
    assert "delivered as" in files["in/red/one.mp4"]["why"]
    assert totals["office"]["nothing"] == 3


def test_a_taken_name_that_the_rule_skips_is_no_work(plan_home: Any) -> None:
    write_rules(plan_home, FREE % "skip")
    make_files(plan_home.folder, "in/red/one.mp4", "out/red/red.mp4")
    files, _ = planned(plan_home)
    assert files["in/red/one.mp4"]["does"] == "nothing"
    assert "is there already, and the rule says `on_conflict: skip`" in files["in/red/one.mp4"]["why"]


def test_only_the_paths_that_are_named_are_looked_at(plan_home: Any) -> None:
    make_files(plan_home.folder, "in/a.mp4", "in/day/b.mp4", "in/day/c.mp4", "elsewhere/d.mp4")
    assert set(planned(plan_home, "in/day", "elsewhere/../in/a.mp4")[0]) == {
        "in/a.mp4",
        "in/day/b.mp4",
        "in/day/c.mp4",
    }
    files, _ = planned(plan_home, "elsewhere/d.mp4")
    assert files["elsewhere/d.mp4"]["rule"] is None
    assert "not below its watch folder" in files["elsewhere/d.mp4"]["why"]
    assert plan_home.run("plan", "in/gone.mp4").returncode == 2


def test_without_rules_there_is_nothing_to_plan(tmp_path: Path, empty_home: Any) -> None:
    (tmp_path / "rules.yaml").unlink()
    assert empty_home.run("plan").returncode == 2


def test_a_rules_own_price_is_what_its_files_are_estimated_at_and_what_was_delivered_costs_nothing(
    home: Any,
) -> None:
    new = {name: home.folder / "in" / name / "new.mp4" for name in ("wide", "tall", "free")}
    wide = home.folder / "in" / "wide"
    old, moved = wide / "Secret Client" / "wide plan (1).mp4", wide / "moved.mp4"
    try:
        for path in new.values():
            path.write_bytes(b"another content")
        files, totals = planned(home)
        prices = {name: files[f"in/{name}/new.mp4"]["credits"] for name in new}
        assert prices == {"wide": 40.0, "tall": 80.0, "free": 0.0}
        assert {files[f"in/{name}/new.mp4"]["does"] for name in new} == {"edit"}
        assert files["in/wide/new.mp4"]["priced"] == "rule" and files["in/wide/new.mp4"]["new"]
        delivered = files["in/wide/Secret Client/wide plan (1).mp4"]
        assert (delivered["does"], delivered["credits"]) == ("nothing", 0.0)
        assert (totals["wide"]["credits"], totals["tall"]["credits"]) == (40.0, 80.0)
        old.rename(moved)
        files, _ = planned(home, str(moved))
        assert files["in/wide/moved.mp4"]["why"] == "it has moved here, and its content was taken before"
        os.link(moved, old)
        files, _ = planned(home, str(moved))
        linked = files["in/wide/moved.mp4"]
        assert (linked["does"], linked["credits"], linked["new"]) == ("copy", 0.0, False)
        assert "served from there" in linked["why"]
    finally:
        if moved.exists():
            moved.replace(old)
        for path in new.values():
            path.unlink(missing_ok=True)
