"""Owner files on a disk: placed by one of two, kept by a heartbeat, lost, and removed."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.errors import UsageError
from daemon.uptime import uptime
from daemon.watch.owner import NAME, Claim, Owner, read
from daemon.watch.owner_file import OwnerFile, runs, we
from daemon.watch.owners import Owners, claim_of

DEADLINE = 30.0
EVERY = 0.2


async def until(condition: Callable[[], object]) -> None:
    """Waits for another thread; the pause is only how often it is asked."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


class Daemon:
    """The owner of some folders, with what it was told of them. `asleep`: seconds its clock has missed."""

    def __init__(self, folders: Mapping[Path, bool], state: str) -> None:
        self.told: list[tuple[str, str]] = []
        self.asleep = 0.0
        self.owners = Owners(
            folders,
            Path(state),
            lambda word, _, why: self.told.append((word, why)),
            every=EVERY,
            clock=lambda: uptime() + self.asleep,
        )

    @property
    def words(self) -> list[str]:
        return [word for word, _ in self.told]


@asynccontextmanager
async def owning(*folders: Path, state: str, over: bool = False, below: bool = True) -> AsyncIterator[Daemon]:
    daemon = Daemon(dict.fromkeys(folders, below), state)
    try:
        await daemon.owners.take(over=over)
        yield daemon
    finally:
        await daemon.owners.release()


def standing(folder: Path) -> Owner:
    found = read((folder / NAME).read_bytes())
    assert found is not None
    return found


def foreign(**said: object) -> Owner:
    """An owner on another machine."""
    return replace(we(Path("/theirs"), EVERY), host="studio", machine="m2", boot="b2", **said)  # type: ignore[arg-type]


def test_of_daemons_that_come_at_once_one_gets_the_folder(tmp_path: Path) -> None:
    files = [OwnerFile(tmp_path, replace(we(tmp_path), id=f"{number}")) for number in range(8)]
    together = threading.Barrier(len(files))
    placed: list[str] = []

    def place(file: OwnerFile) -> None:
        together.wait()
        if file.place():
            placed.append(file.mine.id)

    threads = [threading.Thread(target=place, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert placed == [standing(tmp_path).id]
    assert [one.name for one in tmp_path.iterdir()] == [NAME]


def test_of_daemons_that_replace_a_dead_one_at_once_the_later_stays(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(replace(we(tmp_path), process=2**22 + 1, id="dead").line)

    async def both() -> list[object]:
        daemons = [Daemon({tmp_path: True}, f"/state-{number}") for number in range(2)]
        try:
            return list(
                await asyncio.gather(
                    *(daemon.owners.take(over=False) for daemon in daemons), return_exceptions=True
                )
            )
        finally:
            for daemon in daemons:
                await daemon.owners.release()

    done = asyncio.run(both())
    assert sorted(type(one).__name__ for one in done) == ["NoneType", "UsageError"]


def test_a_heartbeat_is_never_seen_half_and_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    file = OwnerFile(tmp_path, we(tmp_path))
    assert file.place()
    before, first = tmp_path.stat().st_mtime_ns, standing(tmp_path)
    seen: list[Owner | None] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.append(read((tmp_path / NAME).read_bytes()))

    reader = threading.Thread(target=look)
    reader.start()
    while len(seen) < 300 or standing(tmp_path).heartbeat == first.heartbeat:
        assert file.beat() is None
    stop.set()
    reader.join()
    assert None not in seen
    assert standing(tmp_path).since == first.since
    assert tmp_path.stat().st_mtime_ns == before


def test_what_a_killed_daemon_left_half_made_is_cleared_away_and_a_living_ones_is_not(tmp_path: Path) -> None:
    alive = foreign(process=1)
    dead = replace(we(Path("/theirs")), id="dead", process=1, started=1)
    for owner in (alive, dead):
        (tmp_path / f"{NAME}-{owner.id}").write_bytes(owner.line)
    for name, text, age in (("empty", "", 0), ("half", "{", 3600), ("new", "{", 0)):
        begun = tmp_path / f"{NAME}-{name}"
        begun.write_text(text)
        os.utime(begun, times=(time.time() - age,) * 2)

    async def scenario() -> None:
        async with owning(tmp_path, state="/mine"):
            left = {path.name for path in tmp_path.iterdir()}
            assert left == {NAME, f"{NAME}-{alive.id}", f"{NAME}-new"}

    asyncio.run(scenario())


def test_a_heartbeat_does_not_overwrite_who_came_meanwhile(tmp_path: Path) -> None:
    mine, other = OwnerFile(tmp_path, we(tmp_path)), OwnerFile(tmp_path, we(tmp_path))
    assert mine.place()
    other.replace()
    found = mine.beat()
    assert found is not None and found.owner == other.mine
    mine.remove()
    assert standing(tmp_path) == other.mine
    other.remove()
    assert not list(tmp_path.iterdir())


def test_a_second_daemon_is_refused_with_who_since_when_and_what_helps(tmp_path: Path) -> None:
    async def second() -> None:
        async with owning(tmp_path, state="/one") as first:
            with pytest.raises(UsageError) as refused:
                async with owning(tmp_path, state="/two"):
                    raise AssertionError("two daemons have it")
            told = str(refused.value)
            here = we(Path("/one"))
            assert f"process {os.getpid()} on {here.host} (state /one) since 2" in told
            assert "reeldrop run --take-over" in told and "\n" not in told
            assert first.owners.holds(tmp_path) and not first.told

    asyncio.run(second())
    assert not list(tmp_path.iterdir())


def test_who_loses_one_of_its_folders_goes_on_with_the_others(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()

    async def lose() -> None:
        async with owning(one, two, state="/first") as first:
            async with owning(one, state="/second", over=True) as second:
                assert second.words == ["taken_over"]
                await until(lambda: first.told)
                assert first.words == ["lost"] and "(state /second)" in first.told[0][1]
                assert (first.owners.holds(one), first.owners.holds(two)) == (False, True)
                assert (first.owners.troubles()[0]).startswith(f"{one}: process")
                assert second.owners.holds(one)
            # The other has ended, and no files are taken by surprise.
            await asyncio.sleep(2 * EVERY)
            assert not first.owners.holds(one)

    asyncio.run(lose())
    assert not list(one.iterdir()) and not list(two.iterdir())


def test_a_folder_that_vanishes_and_comes_back_is_owned_again(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    async def vanish() -> None:
        async with owning(folder, state="/one") as daemon:
            (folder / NAME).unlink()
            folder.rmdir()
            await until(lambda: not daemon.owners.holds(folder))
            assert daemon.owners.troubles() and not daemon.told
            folder.mkdir()
            await until(lambda: daemon.owners.holds(folder))
            assert daemon.words == ["regained"]
            assert standing(folder).state == "/one"

    asyncio.run(vanish())
    assert not list(folder.iterdir())


def test_a_daemon_that_slept_takes_nothing_before_its_next_heartbeat(tmp_path: Path) -> None:
    async def sleep() -> None:
        async with owning(tmp_path, state="/one") as daemon:
            assert daemon.owners.holds(tmp_path)
            daemon.asleep = 3600.0
            assert not daemon.owners.holds(tmp_path)
            await until(lambda: daemon.words == ["regained"])
            assert daemon.owners.holds(tmp_path)

    asyncio.run(sleep())


def test_an_owner_on_another_machine_is_held_if_its_heartbeat_goes_on(tmp_path: Path) -> None:
    other = OwnerFile(tmp_path, foreign(every=20.0, heartbeat="1999-01-01T00:00:00.000+00:00"))
    assert other.place()

    async def beating() -> None:
        daemon = Daemon({tmp_path: True}, "/one")
        taking = asyncio.create_task(daemon.owners.take(over=False))
        await until(lambda: daemon.told)
        assert daemon.words == ["waits"] and "for up to 50 s" in daemon.told[0][1]
        other.beat()
        with pytest.raises(UsageError, match=r"on studio \(state /theirs\)"):
            await taking
        await daemon.owners.release()

    asyncio.run(beating())
    assert standing(tmp_path).host == "studio"


@pytest.mark.parametrize("over", [False, True])
def test_a_silent_owner_on_another_machine_is_waited_for_unless_a_person_decides(
    tmp_path: Path, over: bool
) -> None:
    # Its clock is a year ahead: no clock of another machine is believed.
    assert OwnerFile(tmp_path, foreign(since="2099-01-01T00:00:00.000+00:00")).place()

    async def silent() -> None:
        began = time.monotonic()
        async with owning(tmp_path, state="/one", over=over) as daemon:
            assert daemon.words == (["taken_over"] if over else ["waits", "taken_over"])
            assert over or time.monotonic() - began >= 2.5 * EVERY
            assert standing(tmp_path).state == "/one"

    asyncio.run(silent())


def test_a_daemon_with_the_folder_above_keeps_others_from_what_is_below(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    async def nested() -> None:
        async with owning(tmp_path, state="/one"):
            with pytest.raises(UsageError, match="all that is below it"):
                async with owning(below, state="/two", over=True):
                    raise AssertionError("both take what is below")
        async with owning(tmp_path, state="/one", below=False), owning(below, state="/two") as second:
            await asyncio.sleep(2 * EVERY)
            assert not second.told
        async with owning(below, state="/two") as second, owning(tmp_path, state="/one") as first:
            await until(lambda: second.told)
            assert second.words == ["lost"] and not second.owners.holds(below)
            assert first.owners.holds(tmp_path)

    asyncio.run(nested())


def test_one_daemon_may_have_a_folder_and_another_below_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    async def own() -> None:
        async with owning(tmp_path, tmp_path / "sub", state="/one") as daemon:
            await asyncio.sleep(2 * EVERY)
            assert daemon.owners.holds(tmp_path) and daemon.owners.holds(tmp_path / "sub")

    asyncio.run(own())


def test_what_is_no_owner_file_ends_nothing_and_is_never_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(we(tmp_path).line)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / NAME).symlink_to(precious)
    before = precious.read_bytes()
    file = OwnerFile(folder, we(tmp_path))
    found = file.standing()
    assert found is not None and found.owner is None
    assert file.beat() == found
    file.replace()
    assert precious.read_bytes() == before and not (folder / NAME).is_symlink()
    (folder / NAME).unlink()
    os.mkfifo(folder / NAME)
    found = file.standing()
    assert found is not None and found.owner is None
    (folder / NAME).unlink()
    (folder / NAME).mkdir()

    async def own() -> None:
        # A folder of that name cannot be replaced: ours is taken all the same, and it is said.
        daemon = Daemon({folder: True}, "/one")
        await daemon.owners.take(over=False)
        assert daemon.words == ["waits", "unkept"]
        assert daemon.owners.holds(folder)
        await daemon.owners.release()

    monkeypatch.setattr("daemon.watch.owner.BEAT", 0.1)
    asyncio.run(own())


def test_a_process_is_told_from_a_later_one_with_its_number(tmp_path: Path) -> None:
    mine = we(tmp_path)
    assert runs(mine) is True
    assert runs(replace(mine, started=mine.started - 1)) is False
    assert runs(replace(mine, process=2**22 + 1)) is False
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert runs(replace(mine, process=child)) is False, "one that has ended and is not cleared away yet"
    os.waitpid(child, 0)


def test_who_only_looks_counts_the_own_states_daemon_as_ours(tmp_path: Path) -> None:
    assert claim_of(tmp_path, Path("/one"))[0] is Claim.FREE
    assert OwnerFile(tmp_path, we(Path("/one"))).place()
    assert claim_of(tmp_path, Path("/one"))[0] is Claim.OURS
    assert claim_of(tmp_path, Path("/two"))[0] is Claim.HELD
