"""Kills and stops a daemon at random over many jobs: `python -m tests.durability.soak --kills 200 --jobs 1000`.

The daemon is `reeldrop run` over a watch folder; the editor is `reeldrop studio`, which is silent after 30 % of
the edits and does 5 % of all calls wrong. Exits 1 if anything was lost, paid or rendered twice, or seen half.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.states import FINISHED, State
from daemon.jobs.store import Store
from tests.durability.audit import Report, audited
from tests.durability.clips import distinct, tiny
from tests.durability.studio import ROOT, Studio, studio
from tests.durability.witness import watched

PATIENCE: Final = 90.0
"""Seconds without any news after which a job is taken for stuck."""
STOPPED: Final = 4.0
"""Seconds of a SIGSTOP: longer than every limit in `RULES`."""
RULES: Final = """\
state: state
api: {{url: "{url}", token: "{token}"}}
limits: {{jobs: {slots}, ask_above: 1000000}}
timing: {{poll: 50ms, confirm: 10ms, recheck: [50ms, 100ms, 200ms], quiet_limit: 2s, stream_limit: 3s}}
rules:
  - name: soak
    watch: in
    instruction: trim to 1 s
    output: out
    settle: 100ms
    retry: {{attempts: 50, first: 100ms, longest: 1s}}
"""
FAULTS: Final = """\
service: {{credits: 1000000, prices: {{edit: 1}}, edit_time: {edit_time}, seed: {seed}}}
faults:
{lost}\
  - {{call: any, chance: 0.5%, then: {{drop: request}}}}
  - {{call: any, chance: 0.5%, then: {{drop: answer}}}}
  - {{call: any, chance: 0.5%, then: {{status: 503}}}}
  - {{call: any, chance: 0.5%, then: {{status: 502, body: "<html>Bad Gateway</html>"}}}}
  - {{call: any, chance: 0.5%, then: {{status: 502, body: "<html>Bad Gateway</html>", done: true}}}}
  - {{call: any, chance: 0.5%, then: {{body: ""}}}}
  - {{call: any, chance: 0.5%, then: {{cut: 50%}}}}
  - {{call: any, chance: 0.5%, then: {{retry_after: 1s}}}}
  - {{call: any, chance: 0.5%, then: {{late: 500ms}}}}
  - {{call: run, chance: 0.5%, then: {{stall: 1 events}}}}
  - {{call: run, chance: 30%, then: {{silent: true}}}}
"""
LOST: Final = "  - {{call: run, nth: [{which}], then: {{lose_edit: true, drop: answer}}}}\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """`lost`: messages that are charged, change nothing and are not answered."""

    jobs: int
    kills: int
    stops: int
    lost: int
    seed: int


class Process:
    """`reeldrop run`, started again after every kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "daemon.log"
        self._from = 0
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._from = self._log.stat().st_size if self._log.exists() else 0
        command = [sys.executable, "-m", "daemon", "run", "--config", str(self._folder / "rules.yaml")]
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)

    def is_ready(self) -> bool:
        """Whether it has said that it watches."""
        assert self._running is not None and self._running.poll() is None, self._log.read_text()[-2000:]
        return b"soak: watching" in self._log.read_bytes()[self._from :]

    def send(self, what: signal.Signals) -> None:
        assert self._running is not None
        self._running.send_signal(what)

    def wait(self) -> int:
        assert self._running is not None
        return self._running.wait(60)

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()


class Soak:
    """One run in `folder`."""

    def __init__(self, plan: Plan, folder: Path, server: Studio) -> None:
        self._plan = plan
        self._folder = folder
        self._random = random.Random(plan.seed)
        self._process = Process(folder)
        self._clip = tiny(folder / "clip.mp4")
        self._dropped = 0
        for part in ("in", "out"):
            (folder / part).mkdir()
        # Messages that overlap hide in each other's costs; one at a time, every lost one can be told apart.
        slots = 1 if plan.lost else 4
        (folder / "rules.yaml").write_text(RULES.format(url=server.url, token=server.token, slots=slots))

    def run(self) -> int:
        """Until all jobs have ended; the daemon's exit status after a SIGTERM."""
        try:
            self._process.start()
            until("the daemon watches", self._process.is_ready)
            blows = [self._die] * self._plan.kills + [self._sleep] * self._plan.stops
            self._random.shuffle(blows)
            for number, blow in enumerate(blows, start=1):
                self._drop(self._plan.jobs * number // (len(blows) + 1))
                blow()
            self._drop(self._plan.jobs)
            self._wait_for_all()
            self._process.send(signal.SIGTERM)
            return self._process.wait()
        finally:
            self._process.kill()

    def _drop(self, number: int) -> None:
        """Clips up to this number lie in the watch folder."""
        while self._dropped < number:
            name = f"clip{self._dropped:04}.mp4"
            (self._folder / "in" / name).write_bytes(distinct(self._clip, self._dropped))
            self._dropped += 1

    def _die(self) -> None:
        # One in five dies at its start, the others at work.
        if self._random.random() < 0.2:
            time.sleep(self._random.uniform(0.0, 1.0))
        else:
            until("the daemon watches", self._process.is_ready)
            time.sleep(self._random.uniform(0.0, 2.0))
        self._process.kill()
        self._process.start()

    def _sleep(self) -> None:
        until("the daemon watches", self._process.is_ready)
        time.sleep(self._random.uniform(0.0, 2.0))
        self._process.send(signal.SIGSTOP)
        time.sleep(STOPPED)
        self._process.send(signal.SIGCONT)

    def _wait_for_all(self) -> None:
        with Store(self._folder / "state/jobs.db", readonly=True) as store:
            last, since = "", time.monotonic()
            while True:
                jobs = store.read(record.list_jobs)
                if len(jobs) >= self._dropped and all(map(has_ended, jobs)):
                    return
                news = "".join(f"{job.state}{job.step}{job.attempt}" for job in jobs)
                if news != last:
                    last, since = news, time.monotonic()
                if time.monotonic() - since > PATIENCE:
                    return
                time.sleep(0.2)


def has_ended(job: Job) -> bool:
    """Whether nothing more happens to a job by itself."""
    return job.state in FINISHED or (job.state is State.HELD and job.not_before is None)


def until(what: str, condition: Callable[[], bool]) -> None:
    """Waits for a condition of another process; the pause is only how often it is asked."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)


def faults(plan: Plan) -> str:
    """The studio's faults file."""
    which = sorted(random.Random(plan.seed).sample(range(1, plan.jobs + 1), plan.lost))
    lost = LOST.format(which=", ".join(map(str, which))) if which else ""
    # A stop is to fall into many a message.
    return FAULTS.format(seed=plan.seed, lost=lost, edit_time="300ms" if plan.stops else "0s")


def soaked(plan: Plan, folder: Path) -> Report:
    begun = time.monotonic()
    with studio(folder / "studio", faults(plan)) as server:
        soak = Soak(plan, folder, server)
        with watched(folder / "out") as witness:
            status = soak.run()
        report = audited(folder, plan.jobs, server.facts(), witness, expect_lost=plan.lost > 0)
    if status != 0:
        report.wrong.append(f"the daemon ended with {status} after SIGTERM")
    report.seconds = time.monotonic() - begun
    return report


@contextmanager
def place(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)
    else:
        folder.mkdir(parents=True)
        yield folder.absolute()


@click.command()
@click.option("--jobs", default=1000, show_default=True, help="Clips that are dropped.")
@click.option(
    "--kills", default=200, show_default=True, help="SIGKILLs at random times, each followed by a start."
)
@click.option("--stops", default=0, show_default=True, help="SIGSTOPs for longer than every limit.")
@click.option(
    "--lost-edits", "lost", default=0, show_default=True, help="Messages charged that change nothing."
)
@click.option("--seed", type=int, help="Default: another one each time; it is printed.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where it all happens, and stays. It is made."
)
def main(jobs: int, kills: int, stops: int, lost: int, seed: int | None, folder: Path | None) -> None:
    """Kill the daemon at random times and see that nothing is lost, and nothing paid twice."""
    plan = Plan(jobs, kills, stops, lost, random.randrange(10**6) if seed is None else seed)
    print(f"seed {plan.seed}: {jobs} jobs, {kills} kills, {stops} stops, {lost} lost edits", flush=True)
    with place(folder) as made:
        report = soaked(plan, made)
    print(report)
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
