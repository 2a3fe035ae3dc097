"""`retry`, `redo`, `cancel`, `hold`, `resume`, `approve`, `ignore`: asked of a daemon that works for a paid editor."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from daemon.cli import main
from daemon.control.socket import ask
from daemon.jobs import record
from daemon.jobs.model import Job, Step
from daemon.jobs.states import State
from daemon.jobs.store import Store
from tests.cli.waiting import DEADLINE, until

FOREVER = "1h"
RULES = """\
state: state
api: {{url: "{url}"}}
limits: {{jobs: 1, ask_above: 100000}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms, 100ms]}}
rules:
  - {{name: r, watch: in, instruction: trim to 1 s, output: out, settle: 100ms, existing: run}}
  - {{name: other, watch: in2, instruction: trim to 1.2 s, output: out2, settle: 100ms, existing: run}}
"""


@dataclass(frozen=True)
class Editor:
    """A studio that runs alone, as the paid editor would."""

    url: str
    token: str
    folder: Path

    def faults(self, faults: str = "[]", service: str = "") -> None:
        told = f"service: {{credits: 100000, prices: {{edit: 40}}{service}}}\nfaults: {faults}\n"
        unfinished = self.folder.parent / "unfinished.yaml"
        unfinished.write_text(told)
        unfinished.replace(self.folder.parent / "faults.yaml")

    def ledger(self, what: str) -> list[dict[str, Any]]:
        lines = (self.folder / "ledger.jsonl").read_text().splitlines()
        return [one for one in map(json.loads, lines) if one["what"] == what]


@pytest.fixture(scope="module")
def shared_editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editor")
    Editor("", "", folder / "studio").faults()
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(folder / "studio")]
    command += ["--faults", str(folder / "faults.yaml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        url, token = re.findall(r"NEMO_API_URL=(\S+) NEMO_TOKEN=(\S+)", said)[0]
        yield Editor(url, token, folder / "studio")
        process.kill()


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


@dataclass
class House:
    """Rules, folders, and the commands there."""

    folder: Path
    editor: Editor
    before: dict[str, int] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "NEMO_TOKEN": self.editor.token}

    def command(self, *words: str) -> Said:
        """Runs a command as the program does, but for its start: none takes a second."""
        argv, environ, here = sys.argv, os.environ.copy(), Path.cwd()
        out, err = io.StringIO(), io.StringIO()
        try:
            sys.argv = ["reeldrop", *words]
            os.environ.update(self.environ)
            os.chdir(self.folder)
            with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main()
        finally:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(environ)
            os.chdir(here)
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, out.getvalue(), err.getvalue())

    def once(self) -> None:
        """`run --once`."""
        command = [sys.executable, "-m", "daemon", "run", "--once"]
        subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, check=True)

    def at_a_terminal(self, answer: str, *words: str) -> tuple[int, str]:
        """Runs a command at a terminal, with one line typed; its exit code and what was shown."""
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        command = [sys.executable, "-m", "daemon", *words]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        os.close(ours)
        os.close(theirs)
        return done.returncode, done.stdout

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "daemon.log").open("a") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run"],
                cwd=self.folder,
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        try:
            until((self.folder / "state" / "control.sock").exists)
            yield running
        finally:
            if running.poll() is None:
                running.terminate()
                assert running.wait(DEADLINE) == 0, (self.folder / "daemon.log").read_text()

    def drop(self, name: str, content: str | None = None, watch: str = "in") -> Path:
        """A clip whose content is another for every name, or the one of `content`."""
        path = self.folder / watch / name
        made = self.folder / f"made-{content or name}"
        if not made.exists():
            picture = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=1.5"]
            tags = ["-metadata", f"title={content or name}"]
            ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
            subprocess.run([ffmpeg, "-v", "error", *picture, *tags, str(made)], check=True)
        shutil.copy(made, path)
        return path

    def jobs(self) -> dict[str, Job]:
        """By the name of the source; the newest of each."""
        if not (self.folder / "state" / "jobs.db").exists():
            return {}
        with Store(self.folder / "state" / "jobs.db", readonly=True) as store:
            return {job.source.path.name: job for job in reversed(store.read(record.list_jobs))}

    def is_in(self, name: str, state: State, step: Step | None = None) -> bool:
        job = self.jobs().get(name)
        return job is not None and job.state is state and step in (None, job.step)

    def timeline(self, job: Job) -> str:
        with Store(self.folder / "state" / "jobs.db", readonly=True) as store:
            return "\n".join(e.text for e in store.read(lambda c: record.timeline_of(c, job.id)))

    def asked(self, what: str) -> int:
        """How often the editor was asked for it since the test began, by its own count."""
        return len(self.editor.ledger(what)) - self.before.get(what, 0)


@pytest.fixture
def house(tmp_path: Path, shared_editor: Editor) -> Iterator[House]:
    for name in ("in", "in2"):
        (tmp_path / name).mkdir()
    (tmp_path / "rules.yaml").write_text(RULES.format(url=shared_editor.url))
    before = {
        what: len(shared_editor.ledger(what))
        for what in ("message", "render", "upload")
        if (shared_editor.folder / "ledger.jsonl").exists()
    }
    shared_editor.faults()
    yield House(tmp_path, shared_editor, before)
    shared_editor.faults()


def test_a_cancelled_upload_gives_its_slot_free_and_its_content_runs_when_it_is_dropped_anew(
    house: House,
) -> None:
    house.editor.faults(f"[{{call: upload, nth: 1, then: {{delay: {FOREVER}}}}}]")
    with house.daemon():
        source = house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.RUNNING, Step.UPLOAD))
        job = house.jobs()["a.mp4"]
        done = house.command("cancel", job.id[:6])
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{job.id}  a.mp4: cancelled; nothing had been sent to be edited\n"
        assert house.jobs()["a.mp4"].reason_code == "user"
        assert source.exists()
        assert not list((house.folder / "out").iterdir())

        # The only slot, and no upload goes through before the first one is cut.
        house.drop("b.mp4")
        until(lambda: house.is_in("b.mp4", State.SUCCEEDED))
        house.drop("again.mp4", "a.mp4")
        until(lambda: house.is_in("again.mp4", State.SUCCEEDED))
        assert house.jobs()["again.mp4"].id == job.id
    assert house.asked("message") == 2


def test_a_cancelled_render_ends_at_the_editor_and_a_retry_renders_under_a_new_id(house: House) -> None:
    house.editor.faults(service=f", render_time: {FOREVER}")
    with house.daemon():
        house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.RUNNING, Step.RENDER) and house.asked("render") == 1)
        job = house.jobs()["a.mp4"]
        done = house.command("cancel", "--rule", "r")
        assert done.returncode == 0, done.stderr
        assert "its render was cancelled at the editor" in done.stdout
        [ended] = [one for one in house.editor.ledger("rendered") if one["id"] == job.render_id]
        assert ended["status"] == "failed"

        again = house.command("retry", job.id)
        assert again.stdout == f"{job.id}  a.mp4: queued again\n"
        until(lambda: house.asked("render") == 2)
        anew = house.jobs()["a.mp4"]
        assert anew.render_id not in (None, job.render_id)
        assert anew.attempt == 1  # it was not looked for in vain first
        assert house.asked("message") == 1
        assert house.command("cancel", "--all").returncode == 0


def test_a_cancelled_edit_is_kept_and_goes_on_without_being_sent_again(house: House) -> None:
    house.editor.faults("[{call: run, nth: 1, then: {stall: 1 events}}]")
    with house.daemon():
        house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.RUNNING, Step.EDIT) and house.asked("message") == 1)
        job = house.jobs()["a.mp4"]
        done = house.command("cancel", job.id)
        assert done.returncode == 0, done.stderr
        assert "which may carry it out all the same" in done.stdout
        assert house.is_in("a.mp4", State.CANCELLED)

        done = house.command("retry", job.id)
        assert "sent again only with --resend, which may pay twice" in done.stdout
        until(lambda: house.is_in("a.mp4", State.SUCCEEDED))
        assert house.asked("message") == 1
        assert "carried out though its answer was lost" in house.timeline(job)


def test_a_cancelled_download_leaves_nothing_half_and_is_fetched_by_a_retry(house: House) -> None:
    house.editor.faults("[{call: file, nth: 1, then: {stall: 50%}}]")
    with house.daemon():
        house.drop("a.mp4")
        until(lambda: any((house.folder / "out").glob(".reeldrop-*-result")))
        job = house.jobs()["a.mp4"]
        done = house.command("cancel", job.id)
        assert "what is edited already is kept" in done.stdout
        assert not list((house.folder / "out").iterdir())
        assert house.command("retry", job.id).returncode == 0
        until(lambda: house.is_in("a.mp4", State.SUCCEEDED))
        assert (house.asked("message"), house.asked("render")) == (1, 1)


def test_a_held_rule_holds_what_is_there_and_what_is_dropped_until_it_is_resumed(house: House) -> None:
    house.editor.faults(f"[{{call: upload, nth: 1, then: {{delay: {FOREVER}}}}}]")
    with house.daemon():
        house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.RUNNING, Step.UPLOAD))
        house.drop("b.mp4")
        until(lambda: house.is_in("b.mp4", State.QUEUED))
        done = house.command("hold", "--rule", "r")
        assert done.returncode == 0, done.stderr
        said = done.stdout.splitlines()
        assert said[0].startswith("What is dropped for rule r from now on waits too")
        assert said[1].endswith("a.mp4: is uploaded now, and is held as soon as that is through")
        assert said[2].endswith("b.mp4: held until it is resumed")
        assert "r: what is dropped waits until `reeldrop resume --rule r`" in house.command("status").stdout
        house.drop("c.mp4")
        until((house.folder / "out" / "c-r.HELD.txt").exists)
        assert house.is_in("c.mp4", State.HELD)
        note = (house.folder / "out" / "c-r.HELD.txt").read_text()
        assert f"reeldrop resume {house.jobs()['c.mp4'].id}" in note
        # Another rule goes on meanwhile, in the slot that is cancelled free.
        house.drop("d.mp4", watch="in2")
        assert house.command("cancel", house.jobs()["a.mp4"].id).returncode == 0
        until(lambda: house.is_in("d.mp4", State.SUCCEEDED))
        assert {name for name, job in house.jobs().items() if job.state is State.HELD} == {"b.mp4", "c.mp4"}

        done = house.command("resume", "--rule", "r", "--json")
        assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == ["queued"] * 2
        house.drop("e.mp4")
        until(lambda: all(house.is_in(f"{name}.mp4", State.SUCCEEDED) for name in "bcde"))
        assert not list((house.folder / "out").glob("*.txt"))


def test_every_id_is_answered_and_the_others_are_done(house: House) -> None:
    house.editor.faults(f"[{{call: upload, nth: 1, then: {{delay: {FOREVER}}}}}]")
    with house.daemon():
        for name in ("a.mp4", "b.mp4"):
            house.drop(name)
        until(lambda: len(house.jobs()) == 2)
        a, b = house.jobs()["a.mp4"], house.jobs()["b.mp4"]
        assert house.command("cancel", a.id).returncode == 0
        done = house.command("cancel", a.id, "nonsense", b.id)
        assert done.returncode == 2
        assert f"job {a.id}: a.mp4 has ended already: cancelled" in done.stderr
        assert "job nonsense: is no job's id" in done.stderr
        assert house.is_in("b.mp4", State.CANCELLED) or "b.mp4 has ended" in done.stderr
        refused = house.command("resume", a.id)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "a.mp4 is not held: cancelled" in refused.stderr
        assert house.command("hold", "--rule", "nosuch").returncode == 2
        assert house.command("hold").returncode == house.command("hold", a.id, "--all").returncode == 2


def test_many_commands_at_once_are_all_done(house: House) -> None:
    house.editor.faults(f"[{{call: upload, then: {{delay: {FOREVER}}}}}]")
    with house.daemon():
        names = [f"{n}.mp4" for n in range(6)]
        for name in names:
            house.drop(name)
        until(lambda: len(house.jobs()) == len(names))
        ids = [job.id for job in house.jobs().values()]
        state = house.folder / "state"
        with ThreadPoolExecutor(6) as threads:
            done = list(threads.map(lambda one: list(ask(state, "cancel", ids=[one])), ids))
        assert [line["job"]["id"] for [line] in done] == ids
        assert {job.state for job in house.jobs().values()} == {State.CANCELLED}
    assert house.asked("message") == 0


def test_redo_says_its_price_first_and_puts_a_new_version_beside_the_old(house: House) -> None:
    with house.daemon():
        source = house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.SUCCEEDED))
        first = house.jobs()["a.mp4"]
        refused = house.command("redo", "in/a.mp4")
        assert refused.returncode == 2
        assert "1 file is edited once more: about 40 credits. Say --yes" in refused.stderr
        code, shown = house.at_a_terminal("n", "redo", "out/a-r.mp4")
        assert (code, house.jobs()["a.mp4"].id) == (130, first.id)
        assert "about 40 credits. Go on?" in shown

        done = house.command("redo", "out/a-r.mp4", "--yes")
        assert done.returncode == 0, done.stderr
        until(lambda: house.is_in("a.mp4", State.SUCCEEDED) and house.jobs()["a.mp4"].id != first.id)
        second = house.jobs()["a.mp4"]
        assert (second.parent, second.asked) == (first.id, True)
        assert second.outputs == (house.folder / "out" / "a-r-2.mp4",)
        assert first.outputs[0].exists()

        # Of a rule: each content once, however often it was edited.
        by_rule = house.command("redo", "--rule", "r", "--since", "7d")
        assert "1 file is edited once more" in by_rule.stderr
    source.write_bytes(b"something else")
    gone = house.command("redo", "out/a-r.mp4", "--yes")
    assert gone.returncode == 1
    assert f"{source} holds something else by now" in gone.stderr
    source.unlink()
    assert f"{source} is gone" in house.command("redo", "--rule", "r", "--yes").stderr
    assert house.asked("message") == 2


def test_redo_goes_by_the_rule_as_it_stands_now(house: House) -> None:
    house.drop("a.mp4")
    house.once()
    rules = house.folder / "rules.yaml"
    rules.write_text(rules.read_text().replace("trim to 1 s", "trim to 0.5 s"))
    assert house.command("redo", "in/a.mp4", "--yes").returncode == 0
    assert house.jobs()["a.mp4"].recipe.instructions == ("trim to 0.5 s",)
    again = house.command("redo", "in/a.mp4", "--yes")
    assert again.returncode == 1
    assert "is being edited once more already" in again.stderr


def test_only_resend_sends_a_maybe_paid_edit_again_and_it_asks_before(house: House) -> None:
    house.editor.faults("[{call: run, nth: 1, then: {drop: request}}]")
    with house.daemon():
        house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.HELD))
        job = house.jobs()["a.mp4"]
        assert job.reason_code == "maybe-paid"
        done = house.command("retry", job.id)
        assert "looks again whether its instruction was carried out" in done.stdout
        until(lambda: house.is_in("a.mp4", State.HELD))
        assert house.asked("message") == 0

        refused = house.command("retry", job.id, "--resend")
        assert refused.returncode == 2
        assert "may be paid a second time, about 50 credits. Say --yes" in refused.stderr
        code, shown = house.at_a_terminal("y", "retry", job.id, "--resend")
        assert code == 0, shown
        until(lambda: house.is_in("a.mp4", State.SUCCEEDED))
        assert house.asked("message") == 1


def test_without_a_daemon_the_record_is_changed_under_its_lock(house: House) -> None:
    assert house.command("cancel", "--all").returncode == 2  # nothing has ever run
    house.editor.faults(f"[{{call: upload, nth: 1, then: {{delay: {FOREVER}}}}}]")
    with house.daemon() as running:
        house.drop("a.mp4")
        until(lambda: house.is_in("a.mp4", State.RUNNING, Step.UPLOAD))
        house.drop("b.mp4")
        until(lambda: house.is_in("b.mp4", State.QUEUED))
        running.kill()
        running.wait(DEADLINE)
    assert house.is_in("a.mp4", State.RUNNING)
    held = house.command("hold", "--all")
    assert "a.mp4: held until it is resumed" in held.stdout
    assert {job.state for job in house.jobs().values()} == {State.HELD}
    assert {file.name for file in (house.folder / "out").iterdir()} == {"a-r.HELD.txt", "b-r.HELD.txt"}
    assert house.command("cancel", house.jobs()["a.mp4"].id).returncode == 0
    assert {file.name for file in (house.folder / "out").iterdir()} == {"b-r.HELD.txt"}
    resumed = house.command("resume", "--all")
    assert "No daemon runs: `reeldrop run` does it." in resumed.stdout
    house.editor.faults()
    house.once()
    assert house.is_in("b.mp4", State.SUCCEEDED)
    assert house.is_in("a.mp4", State.CANCELLED)


def test_what_waits_for_approval_is_run_by_approve_and_never_asked_again_by_ignore(house: House) -> None:
    rules = house.folder / "rules.yaml"
    rules.write_text(rules.read_text().replace("existing: run", "existing: hold"))
    for name in ("a.mp4", "b.mp4"):
        house.drop(name)
    house.drop("c.mp4", watch="in2")
    with house.daemon():
        until(lambda: [job.state for job in house.jobs().values()] == [State.HELD] * 3)
        assert not (house.folder / "out").exists() or not list((house.folder / "out").iterdir())
        done = house.command("approve", "--rule", "r")
        assert sorted(line.split("  ")[1] for line in done.stdout.splitlines()) == [
            "a.mp4: approved and queued",
            "b.mp4: approved and queued",
        ]
        until(lambda: house.is_in("a.mp4", State.SUCCEEDED) and house.is_in("b.mp4", State.SUCCEEDED))
        assert all(house.jobs()[name].asked for name in ("a.mp4", "b.mp4"))
        done = house.command("ignore", "--all")
        assert done.stdout.endswith("c.mp4: ignored; it is not asked again\n")
        assert str(house.jobs()["c.mp4"].reason).startswith("approval: ignored")
        assert "No job waits for approval." in house.command("ignore", "--all").stdout
    assert house.asked("message") == 2
