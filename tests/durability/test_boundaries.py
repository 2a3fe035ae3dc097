"""Kills a daemon at every commit, request and rename of a whole run, before and after the call, and resumes it.

The run is recorded first, so the list is whatever the product does today. It is a day of one home in acts:
in each a file is dropped and `reeldrop run --once` works until nothing is left to do. Before an act everything
is at rest, so a copy of the home from there is where the act begins anew for every death in it.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import pytest
import xxhash

from daemon.deliver.folder import hash_file
from daemon.jobs import record
from daemon.jobs.model import Job
from daemon.jobs.store import Store
from daemon.nemo import wire
from tests.durability.clips import distinct, tiny
from tests.durability.driver import Death, Driver, driver
from tests.durability.edges import Boundary, When
from tests.durability.soak import has_ended
from tests.durability.studio import Counts, Studio, studio

pytestmark = pytest.mark.heavy

WORKERS: Final = 2
WHENS: Final[tuple[When, ...]] = ("before", "after")
ENOUGH: Final = 10
"""Things that are wrong, after which no more deaths are looked at."""
CHANCES: Final = 5
"""Runs in which a death is sought: one that ends need not have heard yet that the file it moved is gone."""
RESUMED: Final = 4
"""Starts that a dead run gets to come to its end: a message that may be lost is looked into over several."""
OLD: Final = b"an older result"
OLD_HASH: Final = xxhash.xxh3_128_hexdigest(OLD)
ASKED: Final = {
    "session": f"request POST {wire.SESSION}",
    "upload": f"request POST {wire.UPLOAD.format(session='*')}",
    "message": f"request POST {wire.RUN}",
    "render": f"request POST {wire.RENDER}",
}
"""Lines of the server's ledger, and the request that each of them tells of."""
RULES: Final = """\
state: state
api: {{url: "{url}"}}
limits: {{jobs: 1, credits_per_day: 1000, ask_above: 1000000}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [10ms, 10ms], quiet_limit: 3s, stream_limit: 3s}}
defaults: {{settle: 10ms, output_name: "{{stem}}", retry: {{attempts: 5, first: 50ms, longest: 1s}}}}
rules:
  - {{name: two, watch: in/two, instructions: [trim to 1.2 s, trim to 1 s], output: out/two}}
  - name: again
    watch: in/again
    instructions: [trim to 1.2 s, trim to 1 s]
    output: out/again
    after: delete
  - {{name: script, watch: in/script, match: text, instruction: no music, output: out/script, quarantine: bad}}
  - name: archived
    watch: in/archived
    instruction: trim to 0.8 s
    output: out/archived
    on_conflict: overwrite
    after: archive
    archive: done
"""
SERVICE: Final = "{credits: 1000000, anonymous: {credits: 1000000}, prices: {edit: 1}}"


@dataclass(frozen=True, slots=True)
class Act:
    """`file` is dropped; `befalls`: what the editor does wrong, as a faults file has it; `stands`: an older result."""

    name: str
    file: str
    content: bytes
    befalls: tuple[str, ...] = ()
    stands: str | None = None

    @property
    def rule(self) -> str:
        return Path(self.file).parent.name


def acts(clip: bytes) -> tuple[Act, ...]:
    """So that each kind of commit, request and rename occurs."""
    first, second = distinct(clip, 1), distinct(clip, 2)
    return (
        Act(
            "two instructions, a silent answer and a lost one, a name that is taken",
            "in/two/a.mp4",
            first,
            ("call: run, nth: 1, then: {silent: true}", "call: run, nth: 2, then: {drop: answer}"),
            stands="out/two/a.mp4",
        ),
        Act("the same content under another rule, then deleted", "in/again/b.mp4", first),
        Act("a script that fails, then quarantined", "in/script/c.txt", b"no titles\n"),
        Act(
            "a session lost, a question, a render that fails, an older result, then archived",
            "in/archived/d.mp4",
            second,
            (
                "call: upload, nth: 1, then: {expire: session}",
                'call: run, nth: 1, then: {question: "Which colour?"}',
                'call: render, nth: 1, then: {fail: "out of memory"}',
            ),
            stands="out/archived/d.mp4",
        ),
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is once nothing is left to do: all of it must be the same after any death."""

    jobs: Counter[tuple[str, ...]]
    files: Counter[tuple[str, str]]
    server: Counter[str]

    def differences(self, other: Picture) -> Iterator[str]:
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                yield f"{name}: {dict(theirs - mine)} instead of {dict(mine - theirs)}"


@dataclass(slots=True)
class Scene:
    """An act as it was recorded: what it went past, and how it ended."""

    act: Act
    kept: Path
    boundaries: list[Boundary]
    picture: Picture


class Stage:
    """A worker's own home, editor and driver. What it acts, it acts one after the other."""

    def __init__(self, folder: Path, server: Studio, runs: Driver) -> None:
        self._folder = folder
        self._home = folder / "home"
        self._server = server
        self._driver = runs
        self._rehearsed = count(1)
        self._log = folder / "daemon.log"
        self._facts = 0
        for rule in ("two", "again", "script", "archived"):
            (self._home / "in" / rule).mkdir(parents=True)
        (self._home / "rules.yaml").write_text(RULES.format(url=server.url))

    def record(self, played: tuple[Act, ...]) -> list[Scene]:
        """The whole run, as it is without any death."""
        scenes = []
        for number, act in enumerate(played):
            kept = self._folder / f"before-{number}"
            _copy(self._home, kept)
            self._begin(kept, act)
            into = self._folder / f"boundaries-{number}"
            status, boundaries = self._driver.record(self._command, self._log, into)
            assert status in (0, 1), self._log.read_text()
            picture = self._picture()
            scenes.append(Scene(act, kept, boundaries, picture))
            missed = list(self._missed(scenes[-1]))
            assert not missed, f"{act.name}: {missed}"
        return scenes

    def die(self, scene: Scene, death: Death) -> list[str]:
        """Acts once more, to this death and, resumed, to the end. What is wrong then."""
        for _ in range(CHANCES):
            self._begin(scene.kept, scene.act)
            ended = self._driver.run(self._command, self._log, death)
            if ended == -signal.SIGKILL:
                break
        else:
            return [f"it never came to that, and ended with {ended}"]
        wrong = [*self._torn(scene.act)]
        wrong += self._resumed()
        wrong += self._torn(scene.act)
        wrong += self._twice()
        wrong += scene.picture.differences(self._picture())
        return wrong

    def _missed(self, scene: Scene) -> Iterator[str]:
        """What reached the world, or should have, and was not recorded: then there is no dying at it."""
        met = Counter(f"{one.kind} {one.what}" for one in scene.boundaries)
        yield from (one for one in met if one.startswith("past"))
        told = Counter(fact["what"] for fact in self._facts_since())
        yield from (f"{told[what]} x {what}" for what, call in ASKED.items() if told[what] > met[call])
        if told["fault"] != len(scene.act.befalls):
            yield f"{told['fault']} faults of {len(scene.act.befalls)}"
        renamed = [one.what for one in scene.boundaries if one.kind == "rename"]
        for path in self._new(scene.kept):
            if not any(what.endswith(f" {path.parent.name}/{path.name}") for what in renamed):
                yield f"{path} was placed by no rename"

    def _new(self, kept: Path) -> list[Path]:
        """The files in folders of the daemon's own that were not there before an act."""
        return [
            path.relative_to(self._home)
            for folder in ("out", "done", "bad")
            for path in (self._home / folder).rglob("*.*")
            if not (kept / path.relative_to(self._home)).exists() and hash_file(path) != OLD_HASH
        ]

    @property
    def _command(self) -> list[str]:
        return ["run", "--once", "--config", str(self._home / "rules.yaml")]

    def _begin(self, kept: Path, act: Act) -> None:
        shutil.rmtree(self._home)
        _copy(kept, self._home)
        # Never called; it makes the editor count its calls anew.
        befalls = (*act.befalls, f"call: claim, nth: {next(self._rehearsed)}, then: {{status: 500}}")
        faults = "".join(f"  - {{{one}}}\n" for one in befalls)
        self._server.folder.with_suffix(".yaml").write_text(f"service: {SERVICE}\nfaults:\n{faults}")
        self._facts = len(self._server.facts())
        if act.stands is not None:
            stands = self._home / act.stands
            stands.parent.mkdir(parents=True, exist_ok=True)
            stands.write_bytes(OLD)
        (self._home / act.file).write_bytes(act.content)

    def _resumed(self) -> Iterator[str]:
        for _ in range(RESUMED):
            ended = self._driver.run(self._command, self._log)
            if ended not in (0, 1):
                yield f"resumed, it ended with {ended}"
            with Store(self._home / "state/jobs.db", readonly=True) as store:
                jobs = store.read(record.list_jobs)
            left = [job for job in jobs if not has_ended(job)]
            if not left:
                return
            # The law of paid steps has a last look only after `stream_limit`, and `--once` does not wait for it.
            time.sleep(max(0.0, min(job.not_before or 0.0 for job in left) - time.time()))
        yield f"it did not come to an end: {[job.reason for job in left]}"

    def _torn(self, act: Act) -> Iterator[str]:
        """What must never be seen, however short: half a file, a result before its sidecar, no source nor result."""
        home, whole = self._home, {OLD_HASH}
        for path in home.glob("out/*/[!.]*.json"):
            try:
                whole.add(json.loads(path.read_text())["result"]["hash"].removeprefix("xxh3-128:"))
            except ValueError:
                yield f"{path.name} stands half"
        for path in home.glob("out/*/[!.]*"):
            if path.suffix == ".mp4" and hash_file(path) not in whole:
                yield f"{path.name} stands half, or without its sidecar"
            elif path.suffix in (".log", ".txt") and not path.read_text().endswith("\n"):
                yield f"{path.name} stands half"
        sources = [path for folder in ("in", "done", "bad") for path in (home / folder).rglob("*.*")]
        results = [path for path in home.glob(f"out/{act.rule}/[!.]*.mp4") if hash_file(path) != OLD_HASH]
        if not results and act.content not in [path.read_bytes() for path in sources]:
            yield f"{act.file} is gone, and there is no result"

    def _twice(self) -> Iterator[str]:
        counts = Counts(self._facts_since())
        yield from (f"{said} was sent again though it was paid, or may have been" for said in counts.twice)
        for what in (counts.paid, counts.uploads):
            yield from (f"{one} {number} times" for one, number in what.items() if number > 1)

    def _picture(self) -> Picture:
        counts = Counts(self._facts_since())
        with Store(self._home / "state/jobs.db", readonly=True) as store:
            jobs = Counter(self._told(store, job) for job in store.read(record.list_jobs))
        files = Counter(
            (str(path.relative_to(self._home)), _content(path))
            for folder in ("in", "out", "done", "bad")
            for path in (self._home / folder).rglob("*.*")
        )
        server = {"paid": counts.paid.total(), "charged": counts.charged, "renders": counts.renders.total()}
        return Picture(jobs, files, Counter({name: round(number) for name, number in server.items()}))

    def _told(self, store: Store, job: Job) -> tuple[str, ...]:
        delivered = store.read(
            lambda connection: record.deliveries_of(connection, job.source.content, job.key)
        )
        places = [
            f"{path.relative_to(self._home)}"
            for path in (job.source.path, *job.outputs, *(one.media for one in delivered))
        ]
        return (job.rule, job.state, str(job.reason_code), *places, *(one.media_hash for one in delivered))

    def _facts_since(self) -> list[dict[str, Any]]:
        """Of the sessions that were opened since the act began: an earlier death's message may end only now."""
        facts = self._server.facts()[self._facts :]
        mine = {fact["session"] for fact in facts if fact["what"] == "session"}
        return [fact for fact in facts if "session" not in fact or fact["session"] in mine]


def _content(path: Path) -> str:
    """What is the same in each run: of sidecars and logs, that they are there."""
    if path.suffix in (".json", ".log"):
        return ""
    if path.name.endswith(".FAILED.txt"):
        return re.sub(r"\b[0-9a-f]{12}\b", "ID", path.read_text())
    return hash_file(path)


def _copy(home: Path, to: Path) -> None:
    """What a daemon is to know again keeps its inode; all else is written to."""

    def copy(source: str, target: str) -> None:
        (os.link if "/in/" in source.removeprefix(str(home)) else shutil.copy2)(source, target)

    shutil.copytree(home, to, copy_function=copy)


Deaths = SimpleQueue[tuple[int, Death]]
"""Each with the number of its scene."""


def play(stage: Stage, scenes: list[Scene], deaths: Deaths, wrong: list[str]) -> None:
    """Takes deaths until none is left."""
    while len(wrong) < ENOUGH:
        try:
            number, death = deaths.get_nowait()
        except Empty:
            return
        name = f"{scenes[number].act.name}: {death}"
        wrong += [f"{name}: {one}" for one in stage.die(scenes[number], death)]


def test_a_daemon_killed_at_any_boundary_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    begun, used = time.monotonic(), _processor()
    played = acts(tiny(tmp_path / "clip.mp4"))
    wrong: list[str] = []
    with ExitStack() as stack:
        stages = []
        for folder in (tmp_path / str(worker) for worker in range(WORKERS)):
            server = stack.enter_context(studio(folder / "studio", f"service: {SERVICE}\n"))
            stages.append(Stage(folder, server, stack.enter_context(driver(folder))))
        workers = stack.enter_context(ThreadPoolExecutor(WORKERS))
        scenes = list(workers.map(lambda stage: stage.record(played), stages))
        deaths: Deaths = SimpleQueue()
        for number, scene in enumerate(scenes[0]):
            for boundary, when in product(scene.boundaries, WHENS):
                deaths.put((number, Death(when, boundary)))
        all_of_them = deaths.qsize()
        list(workers.map(lambda stage, mine: play(stage, mine, deaths, wrong), stages, scenes))
    boundaries = sum(len(scene.boundaries) for scene in scenes[0])
    took = f"{time.monotonic() - begun:.0f} s, with {_processor() - used:.0f} s of the processor"
    print(f"{boundaries} boundaries, {all_of_them} deaths in {took}")
    assert not wrong, "\n".join(wrong)


def _processor() -> float:
    """Seconds that ended children have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
