"""The edge of ownership: an owner file in each watch folder, kept by a heartbeat from start to stop.

The file is placed whole (linked, so that of two daemons one comes first) and each heartbeat is written over
the old one through the opened file: the folder's own time does not change, a reader never sees half, and
what somebody else has put there meanwhile is not overwritten.

One thread for each device beats, so that a share which hangs stops no other folder's heart; what it finds
is told on the event loop, and only what has changed.
"""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from daemon.errors import UsageError
from daemon.uptime import uptime
from daemon.watch import owner as law
from daemon.watch.owner import NAME, Claim, Observed, Standing
from daemon.watch.owner_file import OwnerFile, look, runs, we

LOOK: Final = 1.0
"""Seconds between two looks at an owner of whom one look cannot tell."""
PAUSE: Final = 0.5
"""Seconds after which a file that replaced another is looked at again: of two that did so, the later one won."""
_FAREWELL: Final = 5.0
"""Seconds that the owner files get to be removed at a stop; a share that hangs keeps its own."""
_UNWRITABLE: Final = frozenset(
    {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EOPNOTSUPP, errno.EISDIR}
)
"""The folder is there, and takes no file of ours: nobody else's either, or only of those who may more."""

Word = Literal["waits", "taken_over", "unkept", "lost", "regained"]
"""waits: to see whether another owner lives. unkept: no owner file can be kept. lost: to another owner."""

Tell = Callable[[Word, Path, str], None]


@dataclass(slots=True)
class _Hold:
    """How a folder is held.

    `beaten`: when it was last found ours, on the clock of `uptime`; None: it is not taken yet. `passed`: a dead
    owner's file that could not be replaced. `above`: what stood in the folders above at the last heartbeat.
    """

    file: OwnerFile
    beaten: float | None = None
    lost: str = ""
    unkept: str = ""
    passed: Standing | None = None
    above: Mapping[Path, Standing] = field(default_factory=dict)


class Owners:
    """Owns watch folders for one daemon. `folders`: recursive or not. `tell` is called on the event loop."""

    def __init__(
        self,
        folders: Mapping[Path, bool],
        state: Path,
        tell: Tell,
        *,
        every: float = law.BEAT,
        clock: Callable[[], float] = uptime,
    ) -> None:
        self._we = we(state, every)
        self._booted = time.time() - uptime()
        self._tell = tell
        self._every = every
        self._clock = clock
        self._holds = {
            folder: _Hold(OwnerFile(folder, replace(self._we, recursive=below)))
            for folder, below in folders.items()
        }
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    async def take(self, *, over: bool) -> None:
        """Makes every folder ours and begins to keep it so. `over`: also from an owner that may be alive.

        Waits where one look does not tell. Raises UsageError, with a line for each folder that is another's;
        then none is ours.
        """
        self._loop = asyncio.get_running_loop()
        # Before all are taken: one that has to be waited for must not let the others' hearts stop.
        await asyncio.to_thread(self._begin)
        done = await asyncio.gather(
            *(self._take(hold, over) for hold in self._holds.values()), return_exceptions=True
        )
        failures = [one for one in done if isinstance(one, BaseException)]
        if failures:
            raise next((one for one in failures if not isinstance(one, UsageError)), _joined(failures))

    async def release(self) -> None:
        """Removes our files; what hangs is left behind, and is taken over as a dead process's."""
        self._stop.set()
        await asyncio.to_thread(self._join)

    def holds(self, folder: Path) -> bool:
        """Whether files may be taken from the folder now."""
        hold = self._holds.get(folder)
        return hold is None or (not hold.lost and not self._has_lapsed(hold, self._clock()))

    def _has_lapsed(self, hold: _Hold, now: float) -> bool:
        return hold.beaten is None or now - hold.beaten > law.lease(self._every)

    def troubles(self) -> list[str]:
        """Why no files are taken from a folder; a sentence each."""
        told = []
        for folder, hold in self._holds.items():
            if hold.lost:
                told.append(f"{folder}: {hold.lost}")
            elif not self.holds(folder):
                why = hold.unkept or "it does not answer"
                told.append(f"{folder}: no file is taken, since its {NAME} cannot be renewed ({why})")
        return told

    async def _take(self, hold: _Hold, over: bool) -> None:
        file = hold.file
        observed: dict[Path, Observed] = {}
        while hold.beaten is None:
            found: dict[Path, Standing] = {}
            try:
                found = await asyncio.to_thread(self._contenders, file)
                claims = {path: self._claim(path, one, observed) for path, one in found.items()}
                there = claims.get(file.path, Claim.FREE)
                if over and there in (Claim.HELD, Claim.UNKNOWN):
                    claims[file.path] = there = Claim.DEAD
                if held := [path for path, claim in claims.items() if claim is Claim.HELD]:
                    raise _refusal(file, held[0], found[held[0]])
                if unknown := [path for path, claim in claims.items() if claim is Claim.UNKNOWN]:
                    await self._wait(file, unknown[0], found[unknown[0]], observed)
                elif there is Claim.OURS or (there is Claim.FREE and await asyncio.to_thread(file.place)):
                    hold.beaten = self._clock()
                else:
                    if there is Claim.DEAD:
                        await asyncio.to_thread(file.replace)
                        self._tell("taken_over", file.folder, f"it was had by {found[file.path]}")
                    await asyncio.sleep(PAUSE)
            except OSError as error:
                if over and file.path in found:
                    raise _not_replaced(file, found[file.path], error) from None
                hold.passed = found.get(file.path)
                self._unkept(hold, error)
        await asyncio.to_thread(self._clear, file)

    def _clear(self, file: OwnerFile) -> None:
        """Removes what daemons left there that were killed before their file had its name."""
        with suppress(OSError):
            for path, found in file.left():
                age = time.time() - found.mtime_ns / 1e9
                is_dead = law.claim(found, self._we, self._booted, runs) is Claim.DEAD
                # An empty one has had no time to be written, or whoever made it had none.
                if is_dead or not found.text or (found.owner is None and age > law.patience(found)):
                    path.unlink()

    def _contenders(self, file: OwnerFile) -> dict[Path, Standing]:
        found = dict(file.above())
        if (here := file.standing()) is not None:
            found[file.path] = here
        return found

    def _claim(self, path: Path, standing: Standing, observed: Mapping[Path, Observed]) -> Claim:
        before = observed.get(path)
        told = law.claim(standing, self._we, self._booted, runs)
        if told is Claim.UNKNOWN and before is not None:
            return before.claim(standing, self._clock())
        return told

    async def _wait(
        self, file: OwnerFile, path: Path, standing: Standing, observed: dict[Path, Observed]
    ) -> None:
        if path not in observed:
            observed[path] = Observed(standing, self._clock())
            words = f"{standing} has it; for up to {law.patience(standing):.0f} s it is seen whether that one is alive"
            skip = "" if path != file.path else ". `reeldrop run --take-over` does not wait"
            self._tell("waits", path.parent, words + skip)
        await asyncio.sleep(min(LOOK, law.patience(standing) / 4))

    def _unkept(self, hold: _Hold, error: OSError) -> None:
        hold.unkept = error.strerror or str(error)
        hold.beaten = self._clock()
        self._tell("unkept", hold.file.folder, unkept_words(hold.unkept))

    def _begin(self) -> None:
        """Heartbeats, in a thread for each device. Not of a pool: one that hangs must not keep us from ending."""
        devices: dict[object, list[_Hold]] = {}
        for folder, hold in self._holds.items():
            device = hold.file.device()
            devices.setdefault(folder if device is None else device, []).append(hold)
        for number, holds in enumerate(devices.values()):
            thread = threading.Thread(target=self._keep, args=(holds,), name=f"owner-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _join(self) -> None:
        end = time.monotonic() + _FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _keep(self, holds: list[_Hold]) -> None:
        while not self._stop.wait(self._every):
            for hold in holds:
                if hold.beaten is not None and not hold.lost:
                    self._beat(hold)
        for hold in holds:
            hold.file.remove()

    def _beat(self, hold: _Hold) -> None:
        began = self._clock()
        try:
            other = hold.file.beat()
            hold.unkept = ""
        except OSError as error:
            other, hold.unkept = None, error.strerror or str(error)
            if error.errno not in _UNWRITABLE:
                return
        if other is not None and other.owner is None:
            hold.unkept = str(other)
            return
        other = (None if other == hold.passed else other) or self._one_above(hold)
        if other is not None:
            hold.lost = f"{other} has it now; this daemon takes no file from it until it is started again"
            self._say("lost", hold.file.folder, hold.lost)
            return
        lapsed, hold.beaten = self._has_lapsed(hold, began), began
        if lapsed:
            self._say("regained", hold.file.folder, "it is this daemon's again")

    def _one_above(self, hold: _Hold) -> Standing | None:
        """Another daemon that has a folder above and lives: one look tells, or its heartbeat since the last look."""
        before, hold.above = hold.above, dict(hold.file.above())
        for path, found in hold.above.items():
            told = law.claim(found, self._we, self._booted, runs)
            if told is Claim.HELD or (told is Claim.UNKNOWN and before.get(path, found) != found):
                return found
        return None

    def _say(self, word: Word, folder: Path, why: str) -> None:
        # The loop may have ended while a folder kept us waiting.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._tell, word, folder, why)


def claim_of(folder: Path, state: Path) -> tuple[Claim, Standing | None]:
    """Whose a folder is, for whoever only looks; the daemon of this state itself counts as ours. Raises OSError."""
    found, mine = look(folder / NAME), we(state)
    if found and found.owner and (found.owner.machine, found.owner.state) == (mine.machine, mine.state):
        return Claim.OURS, found
    return law.claim(found, mine, time.time() - uptime(), runs), found


def unkept_words(why: str) -> str:
    """What a folder without an owner file means."""
    return (
        f"no {NAME} can be kept there ({why}); only the lock of the state folder keeps a second daemon away"
    )


def _refusal(file: OwnerFile, path: Path, standing: Standing) -> UsageError:
    if path == file.path:
        hint = "Stop that one, or take the folder from it with `reeldrop run --take-over`."
        return UsageError(f"watch {file.folder}", f"{standing} has it", hint)
    cause = f"{standing} has {path.parent}, and all that is below it"
    return UsageError(
        f"watch {file.folder}", cause, "Stop that one, or let its rules say `recursive: false`."
    )


def _not_replaced(file: OwnerFile, standing: Standing, error: OSError) -> UsageError:
    cause = f"{standing} has it, and its {NAME} cannot be replaced ({error.strerror or error})"
    return UsageError(f"watch {file.folder}", cause, "Stop that one, and start without --take-over.")


def _joined(refusals: list[BaseException]) -> UsageError:
    return UsageError("", "\n".join(str(one) for one in refusals))
