"""Two daemons with states of their own on one watch folder: one of them takes what is dropped there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import imageio_ffmpeg
import pytest

from daemon.watch.owner import NAME, Owner, read
from daemon.watch.owner_file import OwnerFile, we

DEADLINE = 60.0
RULES = """\
state: state-{name}
rules:
  - {{name: r, watch: in, instruction: trim to 1 s, output: out-{name}, settle: 200ms}}
"""
EVERY = 0.5
QUICK = f"import daemon.watch.owner as law; law.BEAT = {EVERY}; from daemon.cli import main; main()"
"""The command, with heartbeats that come as quickly as a test needs them."""


def until(condition: Callable[[], object], what: str = "") -> None:
    """Waits for another process; the pause is only how often it is asked."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@dataclass
class Life:
    """A daemon and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def watches(self) -> bool:
        assert self.process.poll() is None, self.said
        return "r: watching" in self.said

    def ends(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE)


@dataclass
class Place:
    """A watch folder, and states that each have a rule for it."""

    folder: Path
    lives: list[Life]

    @property
    def watched(self) -> Path:
        return self.folder / "in"

    def starts(self, name: str, *words: str) -> Life:
        log = self.folder / f"{name}-{len(self.lives)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(self._command(name, "run", *words), stdout=out, stderr=out)
        self.lives.append(Life(process, log))
        return self.lives[-1]

    def runs(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(name, *words), capture_output=True, text=True, check=False, timeout=DEADLINE
        )

    def owner(self) -> Owner | None:
        path = self.watched / NAME
        return read(path.read_bytes()) if path.exists() else None

    def drops(self, name: str, seconds: float) -> Path:
        source = ["-f", "lavfi", "-i", f"testsrc=size=64x64:rate=10:duration={seconds}"]
        made = self.folder / name
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(made)], check=True)
        return made.rename(self.watched / name)

    def _command(self, name: str, *words: str) -> list[str]:
        rules = self.folder / f"{name}.yaml"
        rules.write_text(RULES.format(name=name))
        return [sys.executable, "-c", QUICK, *words, "--config", str(rules)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "in").mkdir()
    made = Place(tmp_path, [])
    try:
        yield made
    finally:
        for life in made.lives:
            life.process.kill()
            life.process.wait(DEADLINE)
            assert "Traceback" not in life.said


def test_a_second_daemon_ends_with_one_line_and_takes_nothing(place: Place) -> None:
    first = place.starts("one")
    until(first.watches)
    owner = place.owner()
    assert owner is not None and (owner.process, owner.host) == (first.process.pid, os.uname().nodename)
    for words in (("run",), ("run", "--once")):
        refused = place.runs("two", *words)
        assert (refused.returncode, refused.stdout) == (2, "")
        (line,) = refused.stderr.splitlines()
        said = f"process {owner.process} on {owner.host} (state {place.folder}/state-one) since 2"
        assert said in line and str(place.watched) in line and "reeldrop run --take-over" in line
    told = place.runs("two", "check").stdout
    assert f"process {owner.process} on {owner.host}" in told and "all is well" not in told
    assert "all is well" in place.runs("one", "check").stdout
    clip = place.drops("clip.mp4", 2)
    until((place.folder / "out-one" / "clip-r.mp4").exists, first.said)
    why = json.loads(place.runs("two", "why", str(clip), "--json").stdout)
    assert f"process {owner.process}" in why["owner"] and not why["jobs"]
    assert json.loads(place.runs("one", "why", str(clip), "--json").stdout)["owner"] is None
    done = place.runs("two", "do", str(clip), "trim to 1 s")
    assert done.returncode == 0, "one file by its name needs no folder"
    assert first.ends() == 0
    assert place.owner() is None and not list((place.folder / "out-two").iterdir())


def test_a_killed_daemon_is_replaced_at_once_and_it_is_said_once(place: Place) -> None:
    first = place.starts("one")
    until(first.watches)
    first.process.kill()
    first.process.wait(DEADLINE)
    assert place.owner() is not None
    second = place.starts("two")
    until(second.watches)
    assert second.said.count("folder.taken_over") == 1
    assert f"process {first.process.pid} on" in second.said and "state-one" in second.said
    place.drops("clip.mp4", 2)
    until((place.folder / "out-two" / "clip-r.mp4").exists, second.said)
    assert second.ends() == 0 and place.owner() is None


def test_a_daemon_whose_folder_is_taken_over_takes_no_more_files_and_says_so(place: Place) -> None:
    first = place.starts("one")
    until(first.watches)
    place.drops("before.mp4", 2)
    until((place.folder / "out-one" / "before-r.mp4").exists, first.said)
    second = place.starts("two", "--take-over")
    until(second.watches)
    until(lambda: "folder.lost" in first.said)
    assert f"process {second.process.pid}" in first.said
    place.drops("after.mp4", 3)
    until((place.folder / "out-two" / "after-r.mp4").exists, second.said)
    told = place.runs("one", "status").stdout
    assert f"process {second.process.pid}" in told and "takes no file from it" in told
    why = place.runs("one", "why", str(place.watched / "after.mp4")).stdout
    assert "another daemon's" in why and f"process {second.process.pid}" in why
    jobs = place.runs("one", "jobs", "--json").stdout.splitlines()
    assert [Path(json.loads(job)["source"]).name for job in jobs] == ["before.mp4"]
    assert first.ends() == 0
    owner = place.owner()
    assert owner is not None and owner.process == second.process.pid, "it is not the loser's to remove"
    assert not (place.folder / "out-one" / "after-r.mp4").exists()


def test_a_start_waits_for_an_owner_on_another_machine_and_a_signal_ends_the_wait(place: Place) -> None:
    theirs = replace(we(Path("/theirs"), 30.0), host="studio", machine="m2", boot="b2")
    assert OwnerFile(place.watched, theirs).place()
    waiting = place.starts("one")
    until(lambda: "folder.waits" in waiting.said)
    assert "studio (state /theirs)" in waiting.said and "up to 75 s" in waiting.said
    assert waiting.ends() == 0
    owner = place.owner()
    assert owner is not None and owner.id == theirs.id
    taken = place.runs("one", "run", "--once", "--take-over")
    assert taken.returncode == 0, taken.stderr
    assert place.owner() is None


def test_a_heartbeat_goes_on_while_the_daemon_runs_and_wakes_nothing_else(place: Place) -> None:
    life = place.starts("one")
    until(life.watches)
    beats = set()

    def beaten() -> bool:
        beats.add(_heartbeat(place))
        return len(beats) > 3

    before = place.watched.stat().st_mtime_ns
    until(beaten)
    assert place.watched.stat().st_mtime_ns == before
    assert place.runs("one", "jobs").stdout == "No jobs.\n"
    assert [one.name for one in place.watched.iterdir()] == [NAME]


def _heartbeat(place: Place) -> str:
    owner = place.owner()
    assert owner is not None
    return owner.heartbeat
