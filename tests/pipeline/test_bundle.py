"""`bundle: folder`: a dropped folder is one job once all of it has settled."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from daemon.jobs.states import State
from tests.pipeline.gathered import Live, MakeClip, picture, settle, until, uploads

RULES = """\
state: state
rules:
  - {name: trips, watch: in, by: embedded, instruction: trim to 1 s, output: out, settle: 400ms, bundle: folder,
     match: [video, image]%s}
"""


def test_a_dropped_folder_is_one_job_and_its_files_go_up_as_people_count(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES % "") as life:
            trip = tmp_path / "2026.05 Rome"
            for at, name in enumerate(("10.png", "2.png", "sub/3.png")):
                picture(trip / name, at)
            (trip / "notes.txt").write_text("for nobody")
            shutil.copy(make_clip("a.mp4"), inbox)
            shutil.copytree(trip, inbox / trip.name)
            await settle(life)
            assert {job.source.path.name for job in life.jobs()} == {"2.png", "a.mp4"}
            assert all(job.state is State.SUCCEEDED for job in life.jobs())
            assert uploads(tmp_path) == [["2.png", "10.png", "3.png"], ["a.mp4"]]
            results = {path.name for path in (tmp_path / "out").rglob("*.mp4")}
            assert results == {"2026.05 Rome-trips.mp4", "a-trips.mp4"}
        async with live(tmp_path, RULES % "") as life:
            await settle(life)
            assert len(life.jobs()) == 2

    asyncio.run(work())


def test_a_folder_waits_for_its_last_file(
    live: Live, make_clip: MakeClip, tmp_path: Path, inbox: Path
) -> None:
    whole = make_clip("a.mp4").read_bytes()

    async def work() -> None:
        async with live(tmp_path, RULES % "") as life:
            picture(inbox / "trip" / "1.png", 1)
            (inbox / "trip" / "2.mp4").write_bytes(whole[: len(whole) // 2])
            await until(lambda: bool(list(life.daemon._gathering.pending())))
            [(path, why)] = life.daemon._gathering.pending()
            assert path.name == "trip"
            assert why == "it waits for 2.mp4 in its folder, which has not settled yet"
            (inbox / "trip" / "2.mp4").write_bytes(whole)
            await settle(life)
            assert uploads(tmp_path) == [["1.png", "2.mp4"]]

    asyncio.run(work())


def test_files_that_come_one_after_the_other_are_still_one_folder(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, (RULES % "").replace("400ms", "1s")) as life:
            for at in range(5):
                picture(inbox / "trip" / f"{at}.png", at)
                await asyncio.sleep(0.6)
            await settle(life)
            assert uploads(tmp_path) == [[f"{at}.png" for at in range(5)]]

    asyncio.run(work())


def test_a_folder_that_is_renamed_or_dropped_again_is_not_edited_again(
    live: Live, tmp_path: Path, inbox: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES % "") as life:
            for at in range(2):
                picture(inbox / "trip" / f"{at}.png", at)
            await settle(life)
            (inbox / "trip").rename(inbox / "other")
            await settle(life)
            assert len(life.jobs()) == 1
            shutil.copytree(inbox / "other", inbox / "again")
            await settle(life)
            assert len(life.jobs()) == 2  # served from the first
            assert len(uploads(tmp_path)) == 1
            picture(inbox / "again" / "9.png", 9)
            await settle(life)
            assert uploads(tmp_path) == [["0.png", "1.png"], ["0.png", "1.png", "9.png"]]

    asyncio.run(work())


def test_a_folder_is_archived_whole(live: Live, tmp_path: Path, inbox: Path) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES % ", after: archive, archive: done") as life:
            for name in ("1.png", "sub/2.png"):
                picture(inbox / "trip" / name, len(name))
            await settle(life)
            assert len(life.jobs()) == 1
            done = tmp_path / "done" / "trip"
            assert {path.relative_to(done).as_posix() for path in done.rglob("*.png")} == {
                "1.png",
                "sub/2.png",
            }

    asyncio.run(work())
