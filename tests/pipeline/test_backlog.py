"""Files that were there before their rule, and more than may begin unasked: held, told of in one line, and free."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.app import App
from daemon.config.loading import parse
from daemon.config.model import Rule
from daemon.jobs import approvals, record
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.pipeline.backlog import FirstSights
from daemon.pipeline.drops import BEFORE, TOO_MUCH
from daemon.watching import Daemon
from tests.durability.clips import distinct, tiny
from tests.durability.studio import Studio, studio

Live = Callable[..., AbstractAsyncContextManager[Any]]

PRICE = 40
RULES = """\
state: state
api: {{url: "{url}", token: "{token}"}}
limits: {{ask_above: {limit}}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms], stream_limit: 5s}}
rules:
  - {{name: office, watch: in, output: out, instruction: trim to 1 s, settle: 100ms{keys}}}
"""


@dataclass(frozen=True)
class Home:
    """A watch folder `in` with `old` clips in it before any rule, and a paid editor."""

    folder: Path
    clip: bytes
    editor: Studio
    charged_before: int = 0

    @property
    def inbox(self) -> Path:
        return self.folder / "in"

    def drop(self, number: int, place: str = "") -> Path:
        path = self.inbox / place / f"clip{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(distinct(self.clip, number))
        return path

    def rules(self, keys: str = "", limit: int = 10_000) -> str:
        return RULES.format(
            url=self.editor.url, token=self.editor.token, keys=keys and f", {keys}", limit=limit
        )

    def charged(self) -> int:
        """Credits, by the server's count."""
        facts = [fact for fact in self.editor.facts() if fact["what"] == "edited"]
        return int(sum(fact["charged"] for fact in facts)) - self.charged_before

    def results(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").rglob("*"))


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("editor")
    with studio(folder / "studio", f"service: {{credits: 100000, prices: {{edit: {PRICE}}}}}\n") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, editor: Studio) -> Home:
    folder = tmp_path / "home"
    (folder / "in").mkdir(parents=True)
    home = Home(folder, tiny(tmp_path / "tiny.mp4"), editor)
    return replace(home, charged_before=home.charged())


@contextmanager
def lines_about_waiting() -> Iterator[list[str]]:
    told: list[str] = []
    with capture_logs() as logs:
        yield told
    told += [entry["told"] for entry in logs if entry["event"] == "files.wait"]


async def order(life: Any, name: str, **asked: Any) -> None:
    async for line in life.app.commands[name](asked):
        assert "refused" not in line, line


def states(life: Any) -> dict[str, State]:
    return {job.source.path.name: job.state for job in life.jobs()}


def test_old_clips_cost_nothing_and_are_told_of_in_one_line_until_a_person_approves(
    home: Home, live: Live
) -> None:
    for number in range(12):
        home.drop(number, "" if number % 2 else "2019")

    async def go() -> None:
        with lines_about_waiting() as told:
            async with live(home.folder, home.rules()) as life:
                await life.rest()
                await life.rest()
                assert {(job.state, job.reason) for job in life.jobs()} == {(State.HELD, BEFORE)}
                assert life.told == []
        assert told == [
            "office: 12 files were there before the rule; about 600 credits. `reeldrop approve --rule office` runs "
            "them, `reeldrop ignore --rule office` never asks again"
        ]
        assert (home.charged(), home.results()) == (0, [])
        async with live(home.folder, home.rules()) as life:
            home.drop(100)
            await life.rest(home.inbox)
            assert (home.charged(), states(life)["clip100.mp4"]) == (PRICE, State.SUCCEEDED)
            await order(life, "approve", rule="office")
            await life.rest()
            assert set(states(life).values()) == {State.SUCCEEDED}
            assert home.charged() == 13 * PRICE

    asyncio.run(go())


def test_what_was_ignored_is_never_asked_about_again_and_runs_when_it_is_dropped_anew(
    home: Home, live: Live
) -> None:
    clips = [home.drop(number) for number in range(3)]

    async def go() -> None:
        async with live(home.folder, home.rules()) as life:
            await life.rest()
            await order(life, "ignore", rule="office")
        home.inbox.rename(home.folder / "again")
        (home.folder / "again").rename(home.inbox)
        with lines_about_waiting() as told:
            for keys in ("", "match: [video, audio]"):
                async with live(home.folder, home.rules(keys)) as life:
                    await life.rest()
                    assert set(states(life).values()) == {State.CANCELLED}
            assert told == []
        async with live(home.folder, home.rules()) as life:
            clips[0].rename(home.folder / "away.mp4")
            await life.rest(home.inbox)
            (home.folder / "away.mp4").rename(clips[0])
            await life.rest(home.inbox)
            assert states(life)["clip0.mp4"] is State.SUCCEEDED
        assert home.charged() == PRICE

    asyncio.run(go())


def test_two_old_clips_of_one_content_are_paid_for_once_whichever_is_approved(home: Home, live: Live) -> None:
    shutil.copy(home.drop(0), home.inbox / "twin.mp4")

    async def go() -> None:
        async with live(home.folder, home.rules()) as life:
            await life.rest()
            newer, _ = life.jobs()
            await order(life, "approve", ids=[newer.id])
            await life.rest()
            assert set(states(life).values()) == {State.SUCCEEDED}
        assert (home.charged(), len(home.results())) == (PRICE, 6)

    asyncio.run(go())


def test_what_is_asked_about_follows_a_watch_folder_that_is_renamed(home: Home, live: Live) -> None:
    home.drop(0)
    home.drop(1, "2019")

    async def go() -> None:
        async with live(home.folder, home.rules()) as life:
            await life.rest()
        home.inbox.rename(home.folder / "inbox")
        async with live(home.folder, home.rules().replace("watch: in,", "watch: inbox,")) as life:
            await life.rest()
            assert {(job.source.path, job.state) for job in life.jobs()} == {
                (home.folder / "inbox" / "clip0.mp4", State.HELD),
                (home.folder / "inbox" / "2019" / "clip1.mp4", State.HELD),
            }
            await order(life, "approve", rule="office")
            await life.rest()
        assert home.charged() == 2 * PRICE

    asyncio.run(go())


def test_what_is_approved_is_what_the_rules_say_now(home: Home, live: Live) -> None:
    """Whoever reads what held clips would be edited to, and mends the rule, does not pay for the faulty one."""
    home.drop(0)
    home.drop(1, "2019")
    mended = home.rules().replace("name: office", "name: studio").replace("trim to 1 s", "trim to 1.2 s")

    async def go() -> None:
        async with live(home.folder, home.rules()) as life:
            await life.rest()
        with lines_about_waiting() as told:
            async with live(
                home.folder, mended.replace("output: out", 'output: out, output_name: "{stem}-x"')
            ) as life:
                await life.rest()
                assert {(job.state, job.rule) for job in life.jobs()} == {(State.HELD, "studio")}
                await order(life, "approve", rule="studio")
                await life.rest()
                assert {(job.state, job.recipe.instructions) for job in life.jobs()} == {
                    (State.SUCCEEDED, ("trim to 1.2 s",))
                }
        assert [line.partition(";")[0] for line in told] == ["studio: 2 files were there before the rule"]
        assert (home.charged(), "clip0-x.mp4" in home.results()) == (2 * PRICE, True)

    asyncio.run(go())


def test_estimates_of_what_waits_follow_what_the_rules_jobs_cost(home: Home, live: Live) -> None:
    home.drop(0)

    async def go() -> None:
        async with live(home.folder, home.rules()) as life:
            await life.rest()
            assert [job.estimate for job in life.jobs()] == [50.0]
            home.drop(1)
            await life.rest(home.inbox)
        async with live(home.folder, home.rules()) as life:
            await life.rest()
            assert [job.estimate for job in life.jobs() if job.state is State.HELD] == [float(PRICE)]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("keys", "made", "state", "charged"),
    [
        ("by: embedded", 2, State.SUCCEEDED, 0),
        ("existing: run", 2, State.SUCCEEDED, 2 * PRICE),
        ("existing: ignore", 0, None, 0),
        ("by: embedded, existing: hold", 2, State.HELD, 0),
    ],
)
def test_a_rule_says_what_becomes_of_old_clips(
    home: Home, live: Live, keys: str, made: int, state: State | None, charged: int
) -> None:
    home.drop(0)
    home.drop(1)

    async def go() -> None:
        async with live(home.folder, home.rules(keys)) as life:
            await life.rest()
            assert list(states(life).values()) == [state] * made
        async with live(home.folder, home.rules(keys)) as life:
            await life.rest()
            assert len(life.jobs()) == made
        assert home.charged() == charged

    asyncio.run(go())


def test_running_once_takes_what_is_there(home: Home) -> None:
    home.drop(0)

    async def go(keys: str) -> list[State]:
        app = App(parse(home.rules(keys), home.folder / "rules.yaml", {}), [], {})
        try:
            assert await Daemon(app).once(asyncio.Event()) == ()
            return [one for one, many in app.store.read(record.counts).items() for _ in range(many)]
        finally:
            app.close()

    assert asyncio.run(go("existing: hold")) == [State.HELD]
    for file in (home.folder / "state").glob("jobs.db*"):
        file.unlink()
    assert asyncio.run(go("")) == [State.SUCCEEDED]
    assert home.charged() == PRICE


def test_dropping_a_clip_that_is_asked_about_is_the_answer(home: Home, live: Live) -> None:
    clip = home.drop(0)
    home.drop(1)

    async def go() -> None:
        async with live(home.folder, home.rules()) as life:
            await life.rest()
            (asked,) = [job for job in life.jobs() if job.source.path == clip]
            shutil.copy(clip, home.inbox / "now please.mp4")
            await life.rest(home.inbox)
            (done,) = [job for job in life.jobs() if job.state is State.SUCCEEDED]
            assert (done.id, done.source.path.name) == (asked.id, "now please.mp4")
            assert states(life)["clip1.mp4"] is State.HELD
        assert home.charged() == PRICE

    asyncio.run(go())


def test_more_than_an_hour_may_begin_is_held_and_told_of(home: Home, live: Live) -> None:
    async def go() -> None:
        with lines_about_waiting() as told:
            async with live(home.folder, home.rules(limit=3 * PRICE)) as life:
                for number in range(5):
                    home.drop(number)
                await life.rest(home.inbox)
                held = [job for job in life.jobs() if job.state is State.HELD]
                assert {job.reason for job in held} == {TOO_MUCH}
                # What they cost is not known before the first of them is done; the public price stands for it.
                assert home.charged() == (5 - len(held)) * PRICE <= 3 * PRICE
                assert not [name for name in home.results() if "HELD" in name]
                await order(life, "approve", rule="office")
                await life.rest()
                assert (set(states(life).values()), home.charged()) == ({State.SUCCEEDED}, 5 * PRICE)
                # What a person has approved counts for nobody else.
                begun = life.app.store.read(lambda connection: approvals.begun(connection, 0.0))
                assert begun <= 3 * PRICE
        assert len(told) <= 2
        assert told[-1].startswith(f"office: {len(held)} file")
        assert "dropped beyond what `limits.ask_above` lets begin within an hour unasked; about " in told[-1]

    asyncio.run(go())


def test_what_a_person_names_is_done_whatever_the_hour(home: Home, live: Live) -> None:
    async def go() -> None:
        async with live(home.folder, home.rules(limit=0)) as life:
            clip = home.drop(0)
            await life.rest(home.inbox)
            assert states(life)["clip0.mp4"] is State.HELD
            job = await life.app.order(clip, "trim to 1.2 s", home.folder)
            assert (await life.app.finished(job)).state is State.SUCCEEDED
            assert home.charged() == PRICE

    asyncio.run(go())


def rule(folder: Path, **keys: Any) -> Rule:
    asked: dict[str, Any] = {"match": ("video",), "by": "service", "instructions": ("trim",), **keys}
    return Rule(name="office", watch=(folder / "in",), output=folder / "out", **asked)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("in/old.mp4", "in/2019/old.mp4", "in/2019/trip/old.mp4", "away/older.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"old")
    return tmp_path


def older(sights: FirstSights, by: Rule, path: Path) -> bool:
    return sights.is_older(by, by.watch[0], path, path.stat().st_ctime)


def looked(store: Store, by: Rule, *paths: Path) -> FirstSights:
    """A first sight later than the last change of these files, whatever clock the file system has."""
    sights = FirstSights(store)
    sights.look([by], sights_at(paths))
    return sights


def sights_at(paths: Iterable[Path]) -> float:
    return 0.1 + max(path.stat().st_ctime for path in paths)


def test_what_comes_later_is_no_backlog_though_its_folder_was_there(tree: Path, store: Store) -> None:
    by = rule(tree)
    old = [tree / "in/old.mp4", tree / "in/2019/old.mp4", tree / "in/2019/trip/old.mp4"]
    sights = looked(store, by, *old)
    while (tree / "in/2019").stat().st_ctime <= sights_at(old):
        os.utime(tree / "in/2019")  # as a new entry would make it, on a later day
    assert [older(sights, by, path) for path in old] == [True] * 3
    now = 10 + old[0].stat().st_ctime
    assert not sights.is_older(by, by.watch[0], tree / "in/2019/new.mp4", now)
    # The next life knows it too.
    again = FirstSights(store)
    again.look([by], now)
    assert [older(again, by, path) for path in old] == [True] * 3


def test_a_folder_that_is_moved_in_brings_drops_however_old_they_are(tree: Path, store: Store) -> None:
    by = rule(tree)
    sights = FirstSights(store)
    first = 0.5 + (tree / "away/older.mp4").stat().st_ctime
    sights.look([by], first)
    while True:
        # Until the folder's own time is beyond the first sight: what a later day would be.
        (tree / "away").rename(tree / "in/brought")
        if (tree / "in/brought").stat().st_ctime > first:
            break
        (tree / "in/brought").rename(tree / "away")
    assert not older(sights, by, tree / "in/brought/older.mp4")
    assert older(sights, by, tree / "in/2019/old.mp4")


def test_a_rule_that_takes_other_files_than_before_looks_anew(tree: Path, store: Store) -> None:
    by = rule(tree)
    looked(store, by, tree / "in/old.mp4")
    song = tree / "in/song.mp3"
    song.write_bytes(b"song")
    later = song.stat().st_ctime + 5
    wider = rule(tree, match=("video", "audio"))
    sights = FirstSights(store)
    sights.look([wider], later)
    assert older(sights, wider, song)
    renamed = wider.model_copy(update={"name": "studio"})
    sights.look([renamed], later + 5)
    assert not sights.is_older(renamed, by.watch[0], tree / "in/new.mp4", later + 1)
