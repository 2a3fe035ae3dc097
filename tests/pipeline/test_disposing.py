"""Sources leave the watch folder once their last job is over, as the rules say, and never otherwise."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from daemon.app import App
from daemon.config.loading import parse
from daemon.deliver import dispose as sources
from daemon.jobs import files, record
from daemon.jobs.model import Job, Recipe, Source
from daemon.jobs.states import State
from daemon.pipeline.arrivals import Arrival
from daemon.pipeline.disposing import Disposal, dispose_left, due
from daemon.pipeline.hooks import Happening, JobChanged
from daemon.rules.match import RuleBook
from daemon.watching import Daemon

MakeClip = Callable[[str], Path]
LIMIT = 60.0

RULES = """\
state: {top}/state
api: {{url: "{url}", token: "{token}"}}
limits: {{jobs: 1, ask_above: 100000}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms, 100ms]}}
defaults: {{output: {top}/out, settle: 100ms, retry: {{attempts: 1}}, existing: run}}
rules:
  - {{name: one, watch: {top}/in, instruction: trim to 1 s, {keys}}}
  - {{name: two, watch: {top}/in, instruction: trim to 0.5 s, {others}}}
"""


@dataclass
class Place:
    """A daemon's parts at work around the folders in, out, archive and bad."""

    top: Path
    app: App

    async def drop(self, clip: Path, name: str = "", rejected: str | None = None) -> Job:
        path = self.top / "in" / (name or clip.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, path)
        job = await self.app.intake.take(self.arrival(path, 0, rejected))
        assert job is not None
        return job

    def arrival(self, path: Path, rule: int, rejected: str | None = None) -> Arrival:
        match = RuleBook([self.app.config.rules[rule]]).match(path)
        found = path.stat()
        assert match is not None
        stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        return Arrival(match, path, stat, rejected)

    async def ended(self, job: Job) -> Job:
        """The job as it is once it has ended and its source has been seen to."""
        await asyncio.wait_for(self.app.finished(job), LIMIT)
        await asyncio.wait_for(self.app.runner.idle(), LIMIT)
        return self.app.job(job.id)

    async def order(self, name: str, job: Job) -> None:
        async for _ in self.app.commands[name]({"ids": [job.id]}):
            pass

    async def rescan(self) -> None:
        await dispose_left(self.app.bench, self.app.config.rules)

    def said(self, job: Job) -> str:
        entries = self.app.store.read(lambda connection: record.timeline_of(connection, job.id))
        return "\n".join(entry.text for entry in entries)

    def names(self, folder: str) -> set[str]:
        top = self.top / folder
        return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}


MakePlace = Callable[..., AbstractAsyncContextManager[Place]]


@pytest.fixture
def place(tmp_path: Path, service: Any) -> MakePlace:
    """`async with place("after: archive, archive: …") as p`; {top} is where all folders are."""

    @asynccontextmanager
    async def work(keys: str, others: str = "after: keep") -> AsyncIterator[Place]:
        (tmp_path / "in").mkdir(exist_ok=True)
        keys, others = keys.format(top=tmp_path), others.format(top=tmp_path)
        text = RULES.format(top=tmp_path, url=service.url, token=service.token, keys=keys, others=others)
        app = App(parse(text, tmp_path / "rules.yaml", {}), environ={})
        try:
            async with app.working():
                yield Place(tmp_path, app)
        finally:
            app.close()

    return work


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


ARCHIVE = "after: archive, archive: '{top}/archive'"
QUARANTINE = "quarantine: '{top}/bad'"


def test_a_delivered_source_moves_to_the_archive_with_its_tree_and_its_job_follows(
    place: MakePlace, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with place(ARCHIVE) as p:
            job = await p.ended(await p.drop(make_clip("a.mp4"), "trip/day 1/a.mp4"))
            assert job.state is State.SUCCEEDED and job.outputs[0].is_file()
            assert p.names("in") == set() and p.names("archive") == {"trip/day 1/a.mp4"}
            assert job.source.path == p.top / "archive/trip/day 1/a.mp4"
            assert sources.at(job.source, job.source.path) == job.source
            assert f"moved {p.top}/in/trip/day 1/a.mp4 to {job.source.path}" in p.said(job)
            known = p.app.store.read(lambda c: files.known(c, p.top / "in/trip/day 1/a.mp4"))
            assert known is not None and known.gone_at is not None

    run(go)


def test_a_delivered_source_is_deleted_where_the_rule_says_so_and_nothing_beside_it(
    place: MakePlace, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with place("after: delete") as p:
            (p.top / "in" / "a.srt").write_text("subtitles")
            job = await p.ended(await p.drop(make_clip("a.mp4")))
            assert job.state is State.SUCCEEDED and job.outputs[0].is_file()
            assert p.names("in") == {"a.srt"} and "deleted" in p.said(job)

    run(go)


def test_a_source_stays_where_no_rule_says_otherwise(place: MakePlace, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with place("after: keep") as p:
            job = await p.ended(await p.drop(make_clip("a.mp4")))
            await p.rescan()
            assert p.names("in") == {"a.mp4"} and p.app.job(job.id).source == job.source

    run(go)


def test_a_new_drop_at_the_path_of_an_archived_source_is_a_drop(
    place: MakePlace, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with place(ARCHIVE) as p:
            first = await p.ended(await p.drop(make_clip("a.mp4")))
            other = await p.ended(await p.drop(make_clip("b.mp4"), "a.mp4"))
            again = await p.ended(await p.drop(make_clip("a.mp4")))
            assert {job.state for job in (first, other, again)} == {State.SUCCEEDED}
            assert "served from there" in p.said(again)
            # The third brings the bytes that lie in the archive already.
            assert p.names("in") == set() and p.names("archive") == {"a.mp4", "a-2.mp4"}
            assert (p.top / "archive/a.mp4").read_bytes() == make_clip("a.mp4").read_bytes()
            assert (p.top / "archive/a-2.mp4").read_bytes() == make_clip("b.mp4").read_bytes()
            assert other.source.path == p.top / "archive/a-2.mp4"

    run(go)


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9 \xff.mp4"), "Ünï 🎬 e\u0301.mp4"])
def test_every_name_is_archived_as_it_is(place: MakePlace, make_clip: MakeClip, name: str) -> None:
    async def go() -> None:
        async with place(ARCHIVE) as p:
            job = await p.ended(await p.drop(make_clip("a.mp4"), name))
            assert job.state is State.SUCCEEDED
            assert p.names("in") == set() and p.names("archive") == {name}
            assert p.app.job(job.id).source.path == p.top / "archive" / name

    run(go)


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 2))


def _another(path: Path) -> None:
    other = path.with_name(".other")
    other.write_bytes(b"y" * path.stat().st_size)
    other.replace(path)


@pytest.mark.parametrize("change", [_touch, _another])
@pytest.mark.parametrize("after", ["after: delete", ARCHIVE])
def test_a_source_that_changed_since_it_was_taken_stays_and_is_spoken_of_once(
    place: MakePlace, make_clip: MakeClip, after: str, change: Callable[[Path], None]
) -> None:
    async def go() -> None:
        async with place(after) as p:
            path = p.top / "in" / "a.mp4"

            def look(told: Happening) -> None:
                if isinstance(told, JobChanged) and told.job.state is State.SUCCEEDED:
                    change(path)

            p.app.listen(look)
            job = await p.ended(await p.drop(make_clip("a.mp4")))
            kept = path.read_bytes()
            await p.rescan()
            await p.rescan()
            assert job.state is State.SUCCEEDED and path.read_bytes() == kept
            assert p.said(job).count("it has changed since it was edited") == 1
            assert p.names("archive") == set() and job.source.path == path

    run(go)


def test_a_source_whose_result_was_taken_away_stays(place: MakePlace, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with place("after: delete") as p:

            def look(told: Happening) -> None:
                if isinstance(told, JobChanged) and told.job.state is State.SUCCEEDED:
                    told.job.outputs[0].unlink()

            p.app.listen(look)
            job = await p.ended(await p.drop(make_clip("a.mp4")))
            assert p.names("in") == {"a.mp4"}
            assert f"its result {job.outputs[0]} is not there" in p.said(job)

    run(go)


def test_a_full_archive_fails_no_job_and_takes_the_source_once_there_is_space(
    place: MakePlace, make_clip: MakeClip, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "reeldrop-test", str(archive)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a file system")
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")

    async def go() -> None:
        (archive / "fill").write_bytes(b"z" * 60_000)
        async with place(ARCHIVE) as p:
            job = await p.ended(await p.drop(make_clip("a.mp4")))
            await p.rescan()
            assert job.state is State.SUCCEEDED and p.names("in") == {"a.mp4"}
            assert p.names("archive") == {"fill"}
            assert p.said(job).count("stays where it is") == 1 and "Make space there" in p.said(job)
            (archive / "fill").unlink()
            await p.rescan()
            assert p.names("in") == set() and p.names("archive") == {"a.mp4"}
            assert p.app.job(job.id).source.path == archive / "a.mp4"

    try:
        run(go)
    finally:
        subprocess.run(["umount", str(archive)], check=True)


@pytest.mark.parametrize("killed", ["before the first", "between the two", "before it was written down"])
def test_what_a_killed_daemon_left_half_moved_is_done_at_the_next_start(
    place: MakePlace, make_clip: MakeClip, killed: str
) -> None:
    async def go() -> None:
        async with place(ARCHIVE) as p:
            (p.top / "archive").write_text("")  # a file: this daemon never gets as far as the archive
            job = await p.ended(await p.drop(make_clip("a.mp4")))
            assert job.state is State.SUCCEEDED and p.names("in") == {"a.mp4"}
        (p.top / "archive").unlink()
        if killed == "between the two":
            (p.top / "archive").mkdir()
            os.link(job.source.path, p.top / "archive" / "a.mp4")
        elif killed == "before it was written down":
            sources.move(job.source, p.top / "archive", job.id)
        async with place(ARCHIVE) as p:
            await p.rescan()
            await p.rescan()
            assert p.names("in") == set() and p.names("archive") == {"a.mp4"}
            assert p.app.job(job.id).source.path == p.top / "archive" / "a.mp4"
            assert p.said(job).count("moved ") == 1

    run(go)


def test_the_source_of_two_jobs_goes_with_the_last_one(place: MakePlace, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with place("after: delete", ARCHIVE) as p:
            stood: list[bool] = []

            def look(told: Happening) -> None:
                if isinstance(told, JobChanged) and told.job.state is State.RUNNING:
                    stood.append((p.top / "in" / "a.mp4").exists())

            p.app.listen(look)
            first = await p.drop(make_clip("a.mp4"))
            second = await p.app.intake.order(p.arrival(p.top / "in" / "a.mp4", 1))
            for job in (first, second):
                assert (await p.ended(job)).state is State.SUCCEEDED
            assert stood == [True, True]
            # One of them keeps it somewhere: that is done rather than to delete it.
            assert p.names("in") == set() and p.names("archive") == {"a.mp4"}
            assert {p.app.job(job.id).source.path for job in (first, second)} == {p.top / "archive/a.mp4"}

    run(go)


def test_the_source_of_a_job_that_failed_for_good_goes_to_quarantine_and_retry_finds_it_there(
    place: MakePlace, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with place(QUARANTINE) as p:
            failed = await p.drop(
                make_clip("a.mp4"), "sub/a.mp4", rejected="somebody says it cannot be edited"
            )
            job = p.app.job(failed.id)
            assert job.state is State.FAILED and job.source.path == p.top / "bad/sub/a.mp4"
            assert p.names("in") == set() and p.names("bad") == {"sub/a.mp4"}
            note = (p.top / "out/sub/a-one.FAILED.txt").read_text()
            assert str(job.source.path) in note and "somebody says" in note
            await p.order("retry", job)
            job = await p.ended(job)
            assert job.state is State.SUCCEEDED
            assert p.names("out") == {"sub/a-one.mp4", "sub/a-one.json", "sub/a-one.log"}
            assert p.names("bad") == {"sub/a.mp4"}

    run(go)


def test_a_job_that_the_editor_fails_goes_to_quarantine_too(place: MakePlace, make_clip: MakeClip) -> None:
    async def go() -> None:
        async with place(QUARANTINE, QUARANTINE) as p:
            clip = p.top / "broken.mp4"
            clip.write_bytes(make_clip("a.mp4").read_bytes()[:600])
            job = await p.ended(await p.drop(clip))
            assert job.state is State.FAILED, job
            assert p.names("in") == set() and p.names("bad") == {"broken.mp4"}
            assert p.names("out") == {"broken-one.FAILED.txt"}

    run(go)


def test_a_rescan_puts_aside_what_failed_while_the_quarantine_could_not_be_written(
    place: MakePlace, make_clip: MakeClip
) -> None:
    async def go() -> None:
        async with place(QUARANTINE) as p:
            (p.top / "bad").write_text("")
            job = await p.drop(make_clip("a.mp4"), rejected="no")
            assert p.names("in") == {"a.mp4"} and "stays where it is" in p.said(job)
            (p.top / "bad").unlink()
            await p.rescan()
            assert p.names("in") == set() and p.names("bad") == {"a.mp4"}
            assert p.app.job(job.id).source.path == p.top / "bad/a.mp4"

    run(go)


def test_run_once_archives_what_it_delivers_and_finds_nothing_new_afterwards(
    place: MakePlace, make_clip: MakeClip, tmp_path: Path, service: Any
) -> None:
    (tmp_path / "in").mkdir()
    keys = f"after: archive, archive: '{tmp_path}/in/done'"
    text = RULES.format(top=tmp_path, url=service.url, token=service.token, keys=keys, others="after: keep")
    config = parse(text, tmp_path / "rules.yaml", {})
    shutil.copy(make_clip("a.mp4"), tmp_path / "in")
    for _ in range(2):
        app = App(config, environ={})
        try:
            assert asyncio.run(Daemon(app).once(asyncio.Event())) == ()
            jobs = app.store.read(record.list_jobs)
        finally:
            app.close()
        assert [(job.state, job.source.path) for job in jobs] == [
            (State.SUCCEEDED, tmp_path / "in/done/a.mp4")
        ]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["done"]


SOURCE = Source(Path("/in/a.mp4"), 1, 2, 3, 4, content="c")


def ended(state: State, source: Source = SOURCE, **wishes: Any) -> Job:
    recipe = Recipe(
        instructions=("trim",), skill="s", skill_version="1", by="service", language="en", folder=Path("/out"),
        base="a", on_conflict="rename", file_mode=None, format="auto", quality="high", attempts=1, first=1.0,
        longest=1.0, again="copy", **wishes,
    )  # fmt: skip
    return Job(id=f"{state}", rule="r", source=source, recipe=recipe, key="k", state=state)


DELETE = ended(State.SUCCEEDED, after="delete")
ARCHIVED = ended(State.SUCCEEDED, after="archive", archive=Path("/done"))
KEPT = ended(State.SUCCEEDED)
FAILED = ended(State.FAILED)
ASIDE = ended(State.FAILED, quarantine=Path("/bad"))
EARLIER = replace(DELETE, source=replace(SOURCE, inode=9))


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([], None),
        ([KEPT], None),
        ([FAILED], None),
        ([DELETE], Disposal(DELETE, None)),
        ([ARCHIVED], Disposal(ARCHIVED, Path("/done"))),
        ([KEPT, DELETE], Disposal(DELETE, None)),
        ([DELETE, ARCHIVED], Disposal(ARCHIVED, Path("/done"))),
        ([DELETE, ended(State.CANCELLED)], Disposal(DELETE, None)),
        ([DELETE, FAILED], None),
        ([ARCHIVED, FAILED], Disposal(ARCHIVED, Path("/done"))),
        ([ARCHIVED, ASIDE], Disposal(ASIDE, Path("/bad"))),
        ([EARLIER, KEPT], None),
        *(
            ([one, ended(state)], None)
            for one in (DELETE, ARCHIVED, ASIDE)
            for state in (State.QUEUED, State.RUNNING, State.WAITING, State.HELD)
        ),
    ],
)
def test_what_is_due_is_decided_from_all_jobs_of_the_source(
    jobs: list[Job], expected: Disposal | None
) -> None:
    assert due(SOURCE, jobs) == expected
