"""From a settled file to a job: read it, see whether it is a drop, write the job down; many at once."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from daemon.config.model import Config
from daemon.deliver import folder
from daemon.jobs import approvals, files, record
from daemon.jobs.model import Job, Source
from daemon.jobs.states import State
from daemon.media.types import MAX_BYTES
from daemon.pipeline.admission import Admission
from daemon.pipeline.arrivals import Answer, Arrival, Incomplete, Looked, Looks, Mate, Stat, companion
from daemon.pipeline.backlog import FirstSights, told
from daemon.pipeline.bench import Bench
from daemon.pipeline.disposing import dispose
from daemon.pipeline.drops import TOO_MUCH
from daemon.pipeline.missing import find_missing
from daemon.pipeline.opening import read_results
from daemon.pipeline.runner import tell_people
from daemon.rules.identity import instructions_key

_log = structlog.get_logger()

_LARGE: Final = 16 << 20
"""Bytes from which on a file is read by itself: of smaller ones a batch is read in the time of one larger."""
_LANES: Final = (_LARGE, MAX_BYTES)
"""Bytes from which on files have lanes of their own. What is too large for the editor is read last: it can be huge."""
_READERS: Final = 2
"""Batches of small files, and large files, of a watch folder read at once: a disk reads two as fast as twenty."""
_AT_ONCE: Final = 64
"""Batches read at once. Those of folders that hang, on a network that is gone, hold a thread each."""
_BATCH: Final = 256
"""Small files that share a look and a commit."""
_BATCH_BYTES: Final = 4 * _LARGE
_FEW: Final = 4
_TOGETHER: Final = 0.05
"""Seconds for which the next batch waits for more, after one of more than a few files: that is a burst."""


class Intake:
    """Takes arrivals and makes jobs of them; `added` is called when there is new work.

    Each watch folder has lanes of its own, for small, large and too large files: one that hangs keeps no other waiting.
    `gather_anew` is called with an arrival that is taken with too little, and has to put it again.
    """

    gather_anew: Callable[[Arrival], None]

    def __init__(self, bench: Bench, config: Config, added: Callable[[], None]) -> None:
        self._bench = bench
        self._config = config
        self._added = added
        self._lanes: dict[tuple[Path, int], asyncio.Queue[Arrival]] = {}
        self._takers: asyncio.TaskGroup | None = None
        self._readers = ThreadPoolExecutor(_AT_ONCE, "read")
        self._taken: dict[str, Stat] = {}
        self._reading: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._read: set[Path] = set()
        self._sights = FirstSights(bench.store)
        self._admission = Admission(config, bench.now)
        self._looks = Looks(bench.store, self._sights, bench.now, lambda: not self._ended)
        self._ended = False
        self._moves: list[tuple[Path, Path]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()
        self._roots = list(dict.fromkeys(folder for rule in config.rules for folder in rule.watch))
        self._told: list[approvals.Waiting] = []

    async def look_at_folders(self, *, once: bool) -> None:
        """Notes which watch folders are seen for the first time; before anything is scanned.

        `once`: whoever runs the rules once wants what is there now, unless they say otherwise.
        """
        self._admission.once = once
        await asyncio.to_thread(self._sights.look, self._config.rules, self._bench.now())

    def tell_waiting(self) -> None:
        """A line for the files of each rule that wait for a person, where that has changed since the last one."""
        waiting = self._bench.store.read(approvals.waiting)
        for one in waiting:
            if one not in self._told:
                _log.warning("files.wait", told=told(one))
        self._told = waiting

    def is_known(self, path: str, stat: Stat) -> bool:
        """Whether this version of the file was taken before (or is being taken), and has stood there since."""
        found = [(path, stat)]
        return bool(self.taken(found) or self.kept(found))

    def kept(self, found: Sequence[files.Version]) -> set[files.Version]:
        """Those of a few hundred versions that are on record, and have stood there since. Blocks.

        Asked one by one, a start over 10,000 known files took 24 s.
        """
        kept = self._bench.store.read(partial(files.standing, found=found))
        if self._admission.missing:
            missing = {os.fspath(path) for path in self._admission.missing}
            kept = {one for one in kept if one[0] not in missing}
        return kept

    def taken(self, found: Sequence[files.Version]) -> set[files.Version]:
        """Those that are being taken now."""
        return {one for one in found if self._taken.get(one[0]) == one[1]} if self._taken else set()

    def put(self, arrival: Arrival) -> None:
        self._taken[os.fspath(arrival.path)] = arrival.stat
        lane = arrival.match.root, sum(arrival.stat[2] >= size for size in _LANES)
        if lane not in self._lanes:
            self._lanes[lane] = asyncio.Queue()
            self._begin(self._lanes[lane])
        self._lanes[lane].put_nowait(arrival)

    @property
    def left(self) -> int:
        """How many files that were put have become neither a job nor nothing yet."""
        return len(self._taken)

    async def idle(self) -> None:
        """Returns once everything that was put has become a job or nothing, people were told, and all is looked at."""
        for waiting in list(self._lanes.values()):
            await waiting.join()
        while self._telling:
            await asyncio.wait(set(self._telling))
        await self.looked()

    async def run(self) -> None:
        """Until cancelled; what is being read then is left to the next life."""
        try:
            async with asyncio.TaskGroup() as self._takers:
                for waiting in self._lanes.values():
                    self._begin(waiting)
                await asyncio.Event().wait()
        finally:
            # The thread of a 100 GB file kept the process for longer than a service manager waits.
            self._ended = True
            self._readers.shutdown(wait=False, cancel_futures=True)
            for looking in self._looking:
                looking.cancel()

    def _begin(self, lane: asyncio.Queue[Arrival]) -> None:
        if self._takers is not None:
            for _ in range(_READERS):
                self._takers.create_task(self._take_all(lane))

    async def _take_all(self, waiting: asyncio.Queue[Arrival]) -> None:
        among = False
        while True:
            first = await waiting.get()
            if among and waiting.empty():
                await asyncio.sleep(_TOGETHER)
            batch = [first, *_more(waiting)]
            among = len(batch) > _FEW
            try:
                for job in await self._take(batch):
                    self._announce_soon(job)
            finally:
                for arrival in batch:
                    self._taken.pop(os.fspath(arrival.path), None)
                    waiting.task_done()

    async def take(self, arrival: Arrival) -> Job | None:
        """The job that was made or woken for a settled file; None if it is none."""
        jobs = await self._take([arrival])
        for job in jobs:
            await self._announce(job)
        return jobs[0] if jobs else None

    async def order(self, arrival: Arrival) -> Job:
        """A job for a file that a person names, whatever is known of its path. Raises OSError."""
        content = await asyncio.to_thread(folder.hash_file, arrival.path)
        source = Source(arrival.path, *arrival.stat, content=content)
        key = instructions_key(arrival.match.rule)
        job = await self._bench.store.write(
            partial(self._admission.order, arrival=arrival, source=source, key=key)
        )
        await self._announce(job)
        return job

    def look_for_missing(self, root: Path, known: int) -> None:
        """Begins to note which known files below a watch folder are gone, after a scan that met so many of them.

        A root that is gone itself says nothing about its files. Those found missing now may yet turn up under
        another name; those that were missing at the last look are gone, and a file that comes to their path is
        a drop.
        """
        self._beside(self._looking, self._look_for_missing(root, known))

    async def looked(self) -> None:
        """Returns once no watch folder is looked at for what is missing."""
        while self._looking:
            await asyncio.wait(set(self._looking))

    async def _look_for_missing(self, root: Path, known: int) -> None:
        now, before = self._bench.now(), self._roots[: self._roots.index(root)]
        missing = await asyncio.to_thread(find_missing, self._bench.store, root, before, known)
        earlier = {
            path
            for path in self._admission.missing
            if root in path.parents and not set(before) & set(path.parents)
        }
        gone = missing & earlier
        self._admission.missing -= earlier
        self._admission.missing |= missing - gone
        if gone:
            await self._bench.store.write(lambda connection: files.mark_gone(connection, gone, now))

    def was_taken(self, path: Path) -> bool:
        """Whether the file at this path has, or is about to get, a job of its own."""
        if os.fspath(path) in self._taken:
            return True
        return bool(
            self._bench.store.read(lambda connection: record.list_jobs(connection, source=path, limit=1))
        )

    async def set_aside(self, path: Path, stat: Stat) -> None:
        """A file that is no job of its own is known from now on. Raises OSError."""
        one = await asyncio.to_thread(companion, Mate(path, stat))
        await self._bench.store.write(lambda connection: files.remember(connection, [one]))

    def forget(self, path: Path) -> None:
        """The file is gone: a file that comes to this path is a drop. Until the next look it may turn up elsewhere."""
        now = self._bench.now()
        self._later(lambda connection: files.mark_gone(connection, [path], now))

    def forget_below(self, folder: Path) -> None:
        """A folder is gone with all that was in it."""
        now = self._bench.now()
        self._later(lambda connection: files.mark_gone_below(connection, folder, now))

    def follow(self, source: Path, target: Path) -> None:
        """The file has a new path; its unfinished job goes on from there.

        Those of one turn of the loop are one change: of a burst, each for itself took its own savepoint.
        """
        if not self._moves:
            asyncio.get_running_loop().call_soon(self._write_moves)
        self._moves.append((source, target))

    def _write_moves(self) -> None:
        moves, self._moves = self._moves, []

        def change(connection: Connection) -> None:
            for source, target in moves:
                files.moved(connection, source, target)
                record.repath(connection, source, target)

        if moves:
            self._bench.store.write_later(change)

    def _later(self, change: Callable[[Connection], None]) -> None:
        self._write_moves()
        self._bench.store.write_later(change)

    async def _take(self, batch: Sequence[Arrival]) -> list[Job]:
        """The jobs that were made or woken."""
        for output in {arrival.match.rule.output for arrival in batch} - self._read:
            await self._read_results(output)
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._readers, self._looks.look, batch)
        for arrival, answer in zip(batch, answers, strict=True):
            self._not_taken(arrival, answer)
        looked = [answer for answer in answers if isinstance(answer, Looked)]
        if not looked:
            return []
        self._write_moves()
        jobs = await self._bench.store.write(partial(self._admission.write, batch=looked))
        return [job for job in jobs if job is not None]

    def _not_taken(self, arrival: Arrival, answer: Answer) -> None:
        if isinstance(answer, Incomplete):
            self.gather_anew(arrival)
        elif isinstance(answer, OSError) and not self._ended:
            # It is looked at again: what is not written down as known is new at the next scan.
            _log.warning("file.unreadable", path=str(arrival.path), error=answer.strerror)

    def _announce_soon(self, job: Job) -> None:
        """Notes are written beside: an output folder that hangs must not keep other rules' files waiting."""
        if job.state not in (State.FAILED, State.HELD):
            self._tell(job)
            return
        self._beside(self._telling, self._announce(job))

    def _beside(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _announce(self, job: Job) -> None:
        if job.state is State.HELD and job.reason_code == approvals.CODE:
            # One line for all of them: a person who points at 5,000 old clips need not read of each.
            if job.reason == TOO_MUCH and not any(
                (one.rule, one.reason) == (job.rule, job.reason) for one in self._told
            ):
                self.tell_waiting()
            return
        self._tell(job)
        if job.state in (State.FAILED, State.HELD):
            await tell_people(self._bench.store, job)
            await dispose(self._bench, job)

    def _tell(self, job: Job) -> None:
        self._bench.changed(job)
        self._added()

    async def _read_results(self, output: Path) -> None:
        """Before the first file of a life: what the sidecars of earlier states tell."""
        async with self._reading[output]:
            if output not in self._read:
                await read_results(self._bench, output, below=True)
                self._read.add(output)


def _more(waiting: asyncio.Queue[Arrival]) -> Iterator[Arrival]:
    """What else waits and may share a look."""
    size = 0
    for _ in range(_BATCH - 1):
        if waiting.empty() or size >= _BATCH_BYTES:
            return
        arrival = waiting.get_nowait()
        size += arrival.stat[2]
        yield arrival
