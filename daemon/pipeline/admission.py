"""From what the disk says of settled files to jobs in the record, a batch in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from daemon.config.fields import Existing
from daemon.config.model import Config, Rule
from daemon.deliver import folder
from daemon.errors import DeliveryError
from daemon.jobs import approvals, files, holds, record
from daemon.jobs.model import Companion, Job, KnownFile, Source
from daemon.jobs.prices import Prices
from daemon.jobs.states import UNFINISHED, Move, State, after
from daemon.media.types import kind_of
from daemon.pipeline.arrivals import Arrival, Looked
from daemon.pipeline.drops import Find, NewJob, NoJob, RunAgain, Sighting, asked_above, sighting, work_for
from daemon.pipeline.orders import held_with
from daemon.pipeline.recipes import recipe_of
from daemon.rules.match import Match

_OWN_RULES: Final = "source: its own rules file is faulty: "
_HOUR: Final = 3600.0
"""Seconds for which `limits.ask_above` counts what was begun."""


@dataclass(slots=True)
class _Page:
    """What the record says of a round of arrivals, and what is to be added to it at the round's end.

    Asked and added for all of them at once: a query for each of 50,000 files took most of their time.
    """

    known: Mapping[Path, KnownFile]
    jobs: Mapping[tuple[str, str], list[Job]]
    results: frozenset[tuple[Path, str]]
    held: frozenset[str]
    prices: Prices
    begun: float
    new_files: list[Source | Companion] = field(default_factory=list)
    new_jobs: list[Job] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


class Admission:
    """Writes arrivals down. `missing`: known files that were not there at the last look, and may turn up elsewhere.

    `once`: whoever runs the rules once wants what is there now, unless they say otherwise.
    """

    def __init__(self, config: Config, now: Callable[[], float]) -> None:
        self.missing: set[Path] = set()
        self.once = False
        self._config = config
        self._now = now

    def write(self, connection: Connection, batch: Sequence[Looked]) -> list[Job | None]:
        """For each arrival the job that was made or woken; None if it is none."""
        return [job for round_ in _rounds(batch) for job in self._write_round(connection, round_)]

    def order(self, connection: Connection, arrival: Arrival, source: Source, key: str) -> Job:
        """A job for a file that a person names, whatever is known of its path."""
        earlier = record.jobs_for(connection, source.content, key)
        delivered = bool(record.deliveries_of(connection, source.content, key)) or _is_any_delivered(earlier)
        work = work_for(Find(seen=Sighting.DROPPED, path=source.path, earlier=earlier, delivered=delivered))
        if isinstance(work, NoJob):
            return next(job for job in earlier if job.state in UNFINISHED and job.source.path == source.path)
        page = self._page(connection, [])
        job = self._begin(connection, page, arrival, source, key, work, {"asked": True})
        self._add(connection, page)
        return job

    def _write_round(self, connection: Connection, batch: Sequence[Looked]) -> list[Job | None]:
        page = self._page(connection, batch)
        jobs = [self._write(connection, page, looked) for looked in batch]
        self._add(connection, page)
        return jobs

    def _page(self, connection: Connection, batch: Sequence[Looked]) -> _Page:
        paths = {path for looked in batch for path in _paths(looked)}
        spends = any(looked.arrival.match.rule.by == "service" for looked in batch)
        jobs = defaultdict[tuple[str, str], list[Job]](list)
        for job in record.jobs_with(connection, {looked.source.content for looked in batch}):
            jobs[job.source.content, job.key].append(job)
        return _Page(
            known={file.path: file for file in files.at(connection, paths)},
            jobs=jobs,
            results=record.results_at(connection, {looked.source.path for looked in batch}),
            held=frozenset(holds.held(connection)),
            prices=Prices(connection),
            begun=approvals.begun(connection, self._now() - _HOUR) if spends else 0.0,
        )

    def _add(self, connection: Connection, page: _Page) -> None:
        files.remember(connection, page.new_files)
        record.add_jobs(connection, page.new_jobs)
        record.note_all(connection, page.notes, self._now())

    def _write(self, connection: Connection, page: _Page, looked: Looked) -> Job | None:
        arrival, source, rule = looked.arrival, looked.source, looked.arrival.match.rule
        seen = self._sighted(connection, page, looked)
        if arrival.is_late and seen is Sighting.SAME:
            return self._amend(connection, page, looked)
        if (source.path, source.content) in page.results:
            return None
        earlier = page.jobs[source.content, looked.key]
        delivered = looked.delivered or _is_any_delivered(earlier)
        rejected = arrival.rejection is not None
        work = work_for(
            Find(
                seen=seen,
                path=source.path,
                earlier=earlier,
                delivered=delivered,
                stands=looked.stands,
                existing=self._existing(rule) if looked.older else None,
                rejected=rejected,
            )
        )
        if isinstance(work, NoJob):
            return None
        if work.held is None and rule.name in page.held and not rejected:
            work = replace(work, held=held_with(rule.name))
        about: dict[str, Any] = {"asked": False}
        if rule.by == "service" and not rejected:
            served = delivered and rule.again != "redo"
            cost = 0.0 if served else page.prices.estimate(rule.name, kind_of(source.path), rule).credits
            limit = self._config.limits.ask_above
            if work.held is None:
                work = asked_above(work, estimate=cost, begun=page.begun, limit=limit)
            spends = work.held is None and cost > 0
            page.begun += cost if spends else 0.0
            about |= {"estimate": cost, "begun_at": self._now() if spends else None}
        return self._begin(connection, page, arrival, source, looked.key, work, about)

    def _sighted(self, connection: Connection, page: _Page, looked: Looked) -> Sighting:
        """What the file is to us; it is known from now on."""
        source = looked.source
        here = page.known.get(source.path)
        if here is not None and here.path in self.missing:
            self.missing.discard(here.path)
            here = None
        left = _still(page, looked.left)
        seen = sighting(source.content, here, left)
        if seen is Sighting.SAME and looked.arrival.match.is_folder and _has_new(page, source):
            seen = Sighting.REPLACED
        if seen is Sighting.MOVED and left is not None:
            files.moved(connection, left.path, source.path)
            record.repath(connection, left.path, source.path)
            record.accompany(connection, source)
        page.new_files += [source, *source.companions]
        return seen

    def _existing(self, rule: Rule) -> Existing:
        return rule.existing or ("hold" if rule.by == "service" and not self.once else "run")

    def _begin(
        self,
        connection: Connection,
        page: _Page,
        arrival: Arrival,
        source: Source,
        key: str,
        work: NewJob | RunAgain,
        about: Mapping[str, Any],
    ) -> Job:
        """`about`: who asked for the job, and what it is to cost."""
        match work:
            case NewJob(held):
                job = self._new_job(arrival.match, source, key, about)
                if held is None:
                    page.notes.append((job.id, f"settled: {source.path} ({source.size:,} bytes)"))
                page.notes += _company(job, arrival, source)
                job = _ended_at_once(job, arrival, held)
                if job.state is State.FAILED:
                    page.notes.append((job.id, str(arrival.rejection)))
                page.new_jobs.append(job)
                return job
            case RunAgain(earlier, held):
                return self._run_again(connection, page, earlier, arrival, source, held, about)

    def _run_again(
        self,
        connection: Connection,
        page: _Page,
        earlier: Job,
        arrival: Arrival,
        source: Source,
        held: str | None,
        about: Mapping[str, Any],
    ) -> Job:
        now = self._now()
        job = record.move(connection, earlier, Move.RETRY, now=now, attempt=1, **about)
        job = record.set_source(connection, job, source, now)
        job = self._rebase(connection, job, arrival.match, now)
        page.notes.append((job.id, f"dropped again: {source.path}"))
        page.notes += _company(job, arrival, source)
        ended = _ended_at_once(job, arrival, held)
        if ended.state is State.HELD:
            return record.move(connection, job, Move.HOLD, now=now, reason=ended.reason)
        if ended.state is State.FAILED:
            page.notes.append((job.id, str(arrival.rejection)))
            return record.move(connection, job, Move.FAIL, now=now, reason=ended.reason)
        return job

    def _amend(self, connection: Connection, page: _Page, looked: Looked) -> Job | None:
        """Gives a job that has begun nothing what has come for it meanwhile; one that has begun is told of it."""
        arrival, source, now = looked.arrival, looked.source, self._now()
        mine = [
            job
            for job in record.list_jobs(connection, source=source.path)
            if job.rule == arrival.match.rule.name and job.source.content == source.content
        ]
        if not mine:
            return None
        job = mine[0]
        recipe = recipe_of(arrival.match, job.id, self._config.api.language, job.created_at)
        same_company = [one.content for one in job.source.companions] == [
            one.content for one in source.companions
        ]
        if (job.key, job.recipe) == (looked.key, recipe) and same_company and not arrival.fault:
            return None
        waiting = job.state in (State.QUEUED, State.WAITING, State.HELD)
        if not waiting or record.steps_of(connection, job.id):
            said = "what belongs with it changed after it had begun; `reeldrop redo` edits it as it is now"
            if not any(entry.text == said for entry in record.timeline_of(connection, job.id)):
                page.notes.append((job.id, said))
            return None
        job = record.set_source(connection, job, source, now)
        job = record.set_job(connection, job, now=now, key=looked.key)
        job = self._rebase(connection, job, arrival.match, now)
        page.notes += _company(job, arrival, source)
        was_faulty = job.state is State.HELD and (job.reason or "").startswith(_OWN_RULES)
        if arrival.fault is not None:
            return record.move(connection, job, Move.HOLD, now=now, reason=_faulty(job, arrival.fault))
        if was_faulty:
            return record.move(connection, job, Move.RETRY, now=now)
        return job

    def _rebase(self, connection: Connection, job: Job, match: Match, now: float) -> Job:
        """The same instructions may go to another folder by now: the job and its name follow."""
        recipe = recipe_of(match, job.id, self._config.api.language, now)
        base = record.reserved(connection, job.id)
        if base is not None and (recipe.folder, recipe.base) != (job.recipe.folder, job.recipe.base):
            record.release(connection, job.id)
            with suppress(DeliveryError):
                folder.remove_notes(job.recipe.folder, base)
        return record.set_recipe(connection, job, recipe)

    def _new_job(self, match: Match, source: Source, key: str, about: Mapping[str, Any]) -> Job:
        now, job_id = self._now(), record.new_id()
        return Job(
            id=job_id,
            rule=match.rule.name,
            source=source,
            recipe=recipe_of(match, job_id, self._config.api.language, now),
            key=key,
            priority=match.rule.priority,
            created_at=now,
            updated_at=now,
            **about,
        )


def _rounds(batch: Sequence[Looked]) -> Iterator[list[Looked]]:
    """Cuts a batch so that what is read for a round at its beginning stays true to its end.

    Of two arrivals with one content the second is to find the first one's job, and so it is with their paths.
    """
    round_: list[Looked] = []
    contents, paths = set[str](), set[Path]()
    for looked in batch:
        mine = _paths(looked)
        if looked.source.content in contents or not paths.isdisjoint(mine):
            yield round_
            round_, contents, paths = [], set(), set()
        round_.append(looked)
        contents.add(looked.source.content)
        paths |= mine
    yield round_


def _paths(looked: Looked) -> set[Path]:
    paths = {looked.source.path, *(one.path for one in looked.source.companions)}
    return paths if looked.left is None else {*paths, looked.left.path}


def _ended_at_once(job: Job, arrival: Arrival, held: str | None) -> Job:
    """A job is queued, unless it waits for a person from its beginning or cannot be done at all."""
    why = arrival.rejection
    if why is not None:
        return replace(job, state=after(job.state, Move.FAIL), reason=f"file: {why}")
    reason = held if held is not None or arrival.fault is None else _faulty(job, arrival.fault)
    return job if reason is None else replace(job, state=after(job.state, Move.HOLD), reason=reason)


def _company(job: Job, arrival: Arrival, source: Source) -> Iterator[tuple[str, str]]:
    for one in source.companions:
        said = f"with {one.path} ({one.size:,} bytes)" if one.sent else f"{one.path} is the same clip"
        yield job.id, said
    for lacking in arrival.lacks:
        yield job.id, lacking


def _has_new(page: _Page, source: Source) -> bool:
    """Whether a file of a folder is not what stood at its path before."""
    known = (page.known.get(one.path) for one in source.companions)
    return any(
        here is None or here.gone_at is not None or here.content != one.content
        for here, one in zip(known, source.companions, strict=True)
    )


def _faulty(job: Job, fault: str) -> str:
    then = f"Mend it, and the clip goes on by itself; `reeldrop retry {job.id}` edits it as its rule says"
    return f"{_OWN_RULES}{fault}\n{then}"


def _still(page: _Page, left: KnownFile | None) -> KnownFile | None:
    """A file that was moved away, unless another arrival of the same content has been taken for it meanwhile.

    A look that finds it gone in between changes nothing of that.
    """
    known = None if left is None else page.known.get(left.path)
    return known if known is not None and left is not None and known.content == left.content else None


def _is_any_delivered(earlier: Iterable[Job]) -> bool:
    return any(job.state is State.SUCCEEDED for job in earlier)
