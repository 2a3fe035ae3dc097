"""Ordinary human acts on clips that were delivered: none of them is paid for again. The server's ledger judges."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from daemon.app import App
from daemon.config.loading import parse
from daemon.jobs.schema import files
from daemon.jobs.states import State
from tests.durability.clips import distinct, tiny

Live = Callable[..., AbstractAsyncContextManager[Any]]
Act = Callable[["Place"], None]
DropAct = Callable[["Place", Any], Awaitable[None]]

CLIPS = 10
RULES = """\
state: state
api: {{url: "{url}", token: "{token}"}}
limits: {{ask_above: 100000}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms, 50ms], stream_limit: 5s}}
defaults: {{settle: 100ms, instruction: trim to 1 s}}
rules:
"""
OFFICE = "  - {name: office, watch: in, output: out}\n"


@dataclass(frozen=True)
class Place:
    """A home with a watch folder `in`, and what its clips became in `out`."""

    folder: Path
    kept: Path
    head: str
    ledger: Path

    @property
    def inbox(self) -> Path:
        return self.folder / "in"

    @property
    def clips(self) -> list[Path]:
        return sorted(self.inbox.glob("clip*.mp4"))

    def rules(self, *more: str, office: str = OFFICE) -> str:
        return self.head + office + "".join(more)

    def results(self, output: str = "out") -> dict[str, bytes]:
        """The media in an output folder's tree."""
        found = (self.folder / output).rglob("*.mp4")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def paid(self) -> int:
        """How many messages the server has accepted, ever."""
        facts = map(json.loads, self.ledger.read_text().splitlines())
        return len({fact["id"] for fact in facts if fact["what"] == "message"})

    def again(self) -> None:
        """As it was when all had been delivered."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory, live: Live, service: Any) -> Place:
    folder = tmp_path_factory.mktemp("acts")
    head = RULES.format(url=service.url, token=service.token)
    place = Place(folder / "home", folder / "kept", head, service.folder / "ledger.jsonl")
    for name in ("in", "other"):
        (place.folder / name).mkdir(parents=True)
    clip = tiny(folder / "tiny.mp4")

    async def deliver() -> None:
        async with live(place.folder, place.rules()) as life:
            for number in range(CLIPS):
                (place.inbox / f"clip{number}.mp4").write_bytes(distinct(clip, number))
            await life.rest()
            assert [job.state for job in life.jobs()] == [State.SUCCEEDED] * CLIPS

    asyncio.run(deliver())
    assert len(place.results()) == CLIPS
    shutil.copytree(place.folder, place.kept)
    return place


@pytest.fixture
def place(worked: Place) -> Place:
    worked.again()
    return worked


def touch(place: Place) -> None:
    for clip in place.clips:
        clip.touch()


def rewrite(place: Place) -> None:
    for clip in place.clips:
        clip.write_bytes(clip.read_bytes())


def rename(place: Place) -> None:
    for clip in place.clips:
        clip.rename(clip.with_name(f"renamed {clip.name}"))


def move_within_the_tree(place: Place) -> None:
    (place.inbox / "below").mkdir()
    for clip in place.clips:
        clip.rename(place.inbox / "below" / clip.name)


def move_the_folder(place: Place) -> None:
    move_within_the_tree(place)
    (place.inbox / "below").rename(place.inbox / "deeper")


def replace_by_a_copy(place: Place) -> None:
    for clip in place.clips:
        shutil.copy(clip, place.folder / "unfinished")
        (place.folder / "unfinished").rename(clip)


def change_the_mode(place: Place) -> None:
    for clip in place.clips:
        clip.chmod(0o600)


QUIET_ACTS: list[Act] = [
    touch,
    rewrite,
    rename,
    move_within_the_tree,
    move_the_folder,
    replace_by_a_copy,
    change_the_mode,
]


@pytest.mark.parametrize("act", QUIET_ACTS, ids=lambda act: act.__name__)
def test_an_act_that_leaves_the_content_in_the_tree_makes_no_job(place: Place, live: Live, act: Act) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            act(place)
            await life.rest(place.inbox)
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


@pytest.mark.parametrize("act", QUIET_ACTS, ids=lambda act: act.__name__)
def test_the_same_act_while_no_daemon_runs_makes_none_either(place: Place, live: Live, act: Act) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        act(place)
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


def test_looks_that_fall_while_a_moved_file_settles_make_no_drop_of_it(place: Place, live: Live) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(place.folder, place.rules().replace("settle: 100ms", "settle: 1s")) as life:
            await life.rest()
            for clip in place.clips:
                content = clip.read_bytes()
                clip.unlink()  # as one sees a move across a folder that is not listened to yet
                clip.with_name(f"moved {clip.name}").write_bytes(content)
            for _ in range(3):
                await life.daemon._rescan()  # the first sees them
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


def test_a_renamed_rule_makes_no_job(place: Place, live: Live) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(
            place.folder, place.rules(office="  - {name: studio, watch: in, output: out}\n")
        ) as life:
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


def test_a_share_that_is_mounted_again_under_another_number_makes_no_job(place: Place, live: Live) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(place.folder, place.rules()) as life:
            await life.rest()
        with sqlite3.connect(place.folder / "state" / "jobs.db") as record:
            # All that a process sees of it is the number; the files keep theirs.
            record.execute("UPDATE files SET device = device + 1")
        record.close()
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


def test_a_share_that_was_away_for_long_is_not_taken_for_emptied(place: Place, live: Live) -> None:
    """A mount point without its share is an empty folder of another file system."""

    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(place.folder, place.rules()) as life:
            await life.rest()
        with sqlite3.connect(place.folder / "state" / "jobs.db") as record:
            record.execute("UPDATE files SET device = device + 1")
        record.close()
        place.inbox.rename(place.folder / "the share")
        place.inbox.mkdir()
        async with live(place.folder, place.rules()) as life:
            for _ in range(3):
                await life.rest()
        place.inbox.rmdir()
        (place.folder / "the share").rename(place.inbox)
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


def test_a_watch_folder_that_was_renamed_makes_no_job(place: Place, live: Live) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        place.inbox.rename(place.folder / "inbox")
        async with live(
            place.folder, place.rules(office="  - {name: office, watch: inbox, output: out}\n")
        ) as life:
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


@pytest.mark.parametrize("runs", [True, False], ids=["while it runs", "while none runs"])
def test_moving_to_another_watch_folder_of_the_rule_makes_no_job(
    place: Place, live: Live, runs: bool
) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        rules = place.rules(office="  - {name: office, watch: [in, other], output: out}\n")

        def act() -> None:
            for clip in place.clips:
                clip.rename(place.folder / "other" / clip.name)

        async with live(place.folder, rules) as life:
            await life.rest()
            if runs:
                act()
                await life.rest(place.inbox, place.folder / "other")
        if not runs:
            act()
        async with live(place.folder, rules) as life:
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)

    asyncio.run(go())


@pytest.mark.parametrize(
    "office",
    [
        "  - {name: office, watch: in, output: out, instruction: trim to 1.2 s, existing: run}\n",
        "  - {name: other, watch: in, output: other, instruction: trim to 1.2 s, existing: run}\n",
    ],
    ids=["a changed instruction", "another rule"],
)
def test_other_instructions_hold_for_what_is_dropped_from_now_on(
    place: Place, live: Live, office: str
) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(place.folder, place.rules(office=office)) as life:
            await life.rest()
            assert (place.paid(), place.results(), len(life.jobs())) == (paid, results, CLIPS)
            clip = place.clips[0].read_bytes()
            (place.inbox / "dropped.mp4").write_bytes(clip)
            await life.rest(place.inbox)
            assert (place.paid(), life.jobs()[0].recipe.instructions) == (paid + 1, ("trim to 1.2 s",))

    asyncio.run(go())


OTHER = "  - {name: second, watch: other, output: out2}\n"


def copy_over(clip: Path, target: Path) -> None:
    shutil.copy(clip, target / clip.name)


def move_over(clip: Path, target: Path) -> None:
    clip.rename(target / clip.name)


@pytest.mark.parametrize("act", [copy_over, move_over], ids=lambda act: act.__name__)
def test_a_second_rule_with_the_same_instruction_is_served_by_copies(
    place: Place, live: Live, act: Callable[[Path, Path], None]
) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        async with live(place.folder, place.rules(OTHER)) as life:
            await life.rest()
            for clip in place.clips:
                act(clip, place.folder / "other")
            await life.rest(place.folder / "other")
            assert place.paid() == paid
            assert sorted(place.results("out2").values()) == sorted(results.values())

    asyncio.run(go())


async def move_out_and_back_in(place: Place, life: Any) -> None:
    away = place.folder / "away"
    away.mkdir()
    for clip in place.clips:
        clip.rename(away / clip.name)
    await life.rest(place.inbox)
    for clip in away.iterdir():
        clip.rename(place.inbox / clip.name)
    await life.rest(place.inbox)


async def move_out_and_back_in_under_other_names(place: Place, life: Any) -> None:
    away = place.folder / "away"
    away.mkdir()
    for clip in place.clips:
        clip.rename(away / clip.name)
    await life.rest(place.inbox)
    await life.app.store.write(a_minute_ago)
    for clip in away.iterdir():
        clip.rename(place.inbox / f"other {clip.name}")
    await life.rest(place.inbox)


def a_minute_ago(connection: Connection) -> None:
    """So long have files been gone that are gone."""
    connection.execute(update(files).values(gone_at=files.c.gone_at - 60.0))


async def delete_and_drop(place: Place, life: Any) -> None:
    contents = {clip: clip.read_bytes() for clip in place.clips}
    for clip in contents:
        clip.unlink()
    await life.rest(place.inbox)
    for clip, content in contents.items():
        clip.write_bytes(content)
    await life.rest(place.inbox)


@pytest.mark.parametrize(
    "act",
    [move_out_and_back_in, move_out_and_back_in_under_other_names, delete_and_drop],
    ids=lambda act: act.__name__,
)
@pytest.mark.parametrize(
    ("again", "paid_for", "served"),
    [("copy", 0, CLIPS), ("skip", 0, 0), ("redo", CLIPS, CLIPS)],
    ids=["copy", "skip", "redo"],
)
def test_a_drop_of_delivered_content_obeys_again(
    place: Place, live: Live, act: DropAct, again: str, paid_for: int, served: int
) -> None:
    async def go() -> None:
        paid = place.paid()
        rules = place.rules(office=f"  - {{name: office, watch: in, output: out, again: {again}}}\n")
        async with live(place.folder, rules) as life:
            await life.rest()
            await act(place, life)
            assert (place.paid(), len(place.results())) == (paid + paid_for, CLIPS + served)
            new = life.jobs()[:CLIPS]
            assert len(life.jobs()) == 2 * CLIPS
            assert {job.reason_code for job in new} == ({"duplicate"} if again == "skip" else {""})

    asyncio.run(go())


def test_a_drop_whose_earlier_result_went_is_held_and_costs_nothing(place: Place, live: Live) -> None:
    async def go() -> None:
        paid = place.paid()
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            shutil.rmtree(place.folder / "out")
            await delete_and_drop(place, life)
            new = life.jobs()[:CLIPS]
            assert {(job.state, job.reason_code) for job in new} == {(State.HELD, "duplicate")}
            assert place.paid() == paid

    asyncio.run(go())


def lose_the_record(place: Place) -> None:
    for file in (place.folder / "state").glob("jobs.db*"):
        file.unlink()


def test_a_lost_record_is_made_up_for_by_the_sidecars(place: Place, live: Live) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        lose_the_record(place)
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            assert (place.paid(), place.results(), life.jobs()) == (paid, results, [])
            await delete_and_drop(place, life)
            assert (place.paid(), len(place.results())) == (paid, 2 * CLIPS)

    asyncio.run(go())


def test_a_record_put_back_from_an_older_copy_is_made_up_for_by_the_sidecars(
    place: Place, live: Live
) -> None:
    async def go() -> None:
        async with live(place.folder, place.rules()) as life:
            await life.rest()
        older = {file.name: file.read_bytes() for file in (place.folder / "state").glob("jobs.db*")}
        late = place.inbox / "late.mp4"
        async with live(place.folder, place.rules()) as life:
            late.write_bytes(distinct(place.clips[0].read_bytes(), 99))
            await life.rest(place.inbox)
        paid, results = place.paid(), place.results()
        assert "out/late-office.mp4" in results
        lose_the_record(place)
        for name, content in older.items():
            (place.folder / "state" / name).write_bytes(content)
        async with live(place.folder, place.rules()) as life:
            await life.rest(place.inbox)
            served = place.results()
            assert place.paid() == paid
            assert served.pop("out/late-office-2.mp4", b"") in (b"", results["out/late-office.mp4"])
            assert served == results

    asyncio.run(go())


def test_after_a_lost_record_clips_elsewhere_in_the_tree_are_known_too(place: Place, live: Live) -> None:
    async def go() -> None:
        paid, results = place.paid(), place.results()
        lose_the_record(place)
        move_within_the_tree(place)
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            assert (place.paid(), place.results(), life.jobs()) == (paid, results, [])

    asyncio.run(go())


def test_after_a_lost_record_what_a_person_names_is_served_too(place: Place) -> None:
    lose_the_record(place)

    async def go() -> None:
        paid, results = place.paid(), place.results()
        app = App(parse(place.rules(), place.folder / "rules.yaml", {}), [], {})
        try:
            async with app.working():
                ordered = await app.order(place.clips[0], "trim to 1 s", place.folder / "out")
                job = await app.finished(ordered)
                assert (job.state, place.paid()) == (State.SUCCEEDED, paid)
                assert job.outputs[0].read_bytes() == results["out/clip0-office.mp4"]
        finally:
            app.close()

    asyncio.run(go())


def test_after_a_lost_record_a_rule_that_redoes_pays_for_drops_alone(place: Place, live: Live) -> None:
    async def go() -> None:
        paid = place.paid()
        lose_the_record(place)
        rules = place.rules(office="  - {name: office, watch: in, output: out, again: redo}\n")
        async with live(place.folder, rules) as life:
            await life.rest()
            assert place.paid() == paid
            await delete_and_drop(place, life)
            assert place.paid() == paid + CLIPS

    asyncio.run(go())


def test_content_on_its_way_under_another_path_is_paid_for_once(place: Place, live: Live) -> None:
    async def go() -> None:
        paid = place.paid()
        content = place.clips[0].read_bytes() + b"\0\0\0\x10free" + b"twins..."
        async with live(place.folder, place.rules()) as life:
            await life.rest()
            for number in range(5):
                (place.inbox / f"twin{number}.mp4").write_bytes(content)
            await life.rest(place.inbox)
            assert (place.paid(), len(place.results())) == (paid + 1, CLIPS + 5)

    asyncio.run(go())
