"""What a run left behind: the record, the output folder and the server's ledger held against each other."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from daemon.deliver.folder import hash_file
from daemon.jobs import record, schema
from daemon.jobs.model import Job, Step
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.media.probe import probe
from tests.durability.studio import Counts
from tests.durability.witness import Witness

SAMPLE: Final = 20
"""Results that are probed; all of them are hashed."""


@dataclass(slots=True)
class Report:
    """`wrong`: a line for each thing that must not be; `reconciled`: edits whose answer was lost."""

    states: Counter[State]
    maybe_paid: int
    reconciled: int
    resent: int
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        states = ", ".join(f"{number} {state}" for state, number in sorted(self.states.items()))
        told = [
            f"{states}; {self.maybe_paid} maybe-paid; {self.reconciled} edits looked into, "
            f"{self.resent} sent again unpaid; {self.seconds:.0f} s",
            *(f"WRONG: {line}" for line in self.wrong[:20]),
            f"{len(self.wrong)} things are wrong"
            if self.wrong
            else "nothing lost, nothing twice, nothing half",
        ]
        return "\n".join(told)


def audited(
    folder: Path, dropped: int, facts: list[dict[str, Any]], witness: Witness, *, expect_lost: bool
) -> Report:
    """`facts`: the ledger's; `expect_lost`: exactly the clips whose charged edit changed nothing are maybe-paid."""
    with Store(folder / "state/jobs.db", readonly=True) as store:
        jobs = store.read(record.list_jobs)
        known = store.read(_hashes)
        steps = store.read(
            lambda connection: [step for job in jobs for step in record.steps_of(connection, job.id)]
        )
    counts = Counts(facts)
    edits = [step for step in steps if step.step is Step.EDIT]
    held = [job for job in jobs if job.state is State.HELD and job.reason_code == "maybe-paid"]
    report = Report(
        states=Counter(job.state for job in jobs),
        maybe_paid=len(held),
        reconciled=sum("looks" in step.intent or "reconciled" in step.result for step in edits),
        resent=sum(number - 1 for number in counts.sent.values()),
    )
    report.wrong += _wrong_in_record(jobs, dropped)
    report.wrong += _wrong_in_folder(folder / "out", jobs, known, witness)
    report.wrong += _wrong_at_server(jobs, counts)
    report.wrong += witness.wrong
    report.wrong += _wrong_with_held({_content(job) for job in held}, counts, dropped, expect_lost)
    return report


def _wrong_with_held(held: set[str], counts: Counts, dropped: int, expect_lost: bool) -> Iterator[str]:
    """`held`: the contents that are maybe-paid; the server knows which of them were."""
    paid = {content for content, _ in counts.paid}
    if done := held & paid - counts.lost:
        yield f"{len(done)} jobs are maybe-paid though their edit was carried out"
    if expect_lost and held != counts.lost:
        yield (
            f"{len(counts.lost)} edits were charged and lost, {len(held)} jobs are maybe-paid, "
            f"{len(held & counts.lost)} of them are the same"
        )
    # Fewer than one in a hundred; of a hundred jobs, that a few are says nothing yet.
    if not expect_lost and len(held) > max(4, (dropped - 1) // 100):
        yield f"{len(held)} of {dropped} jobs are maybe-paid"


def _wrong_in_record(jobs: list[Job], dropped: int) -> Iterator[str]:
    names = Counter(job.source.path.name for job in jobs)
    if len(names) != dropped:
        yield f"{dropped} clips were dropped, {len(names)} have a job"
    for name, number in names.items():
        if number > 1:
            yield f"{name} has {number} jobs"
    left: dict[str, list[str]] = {}
    for job in jobs:
        if job.state is not State.SUCCEEDED and not (
            job.state is State.HELD and job.reason_code == "maybe-paid"
        ):
            left.setdefault(f"{job.state} at {job.step}: {job.reason}", []).append(job.source.path.name)
    for why, names_left in sorted(left.items(), key=lambda one: len(one[1])):
        yield f"{len(names_left)} jobs ({names_left[0]}, …) are {why}"


def _wrong_in_folder(
    out: Path, jobs: list[Job], known: dict[Path, list[str]], witness: Witness
) -> Iterator[str]:
    done = [job for job in jobs if job.state is State.SUCCEEDED]
    expected = {f"{job.source.path.stem}-soak.{ending}" for job in done for ending in ("mp4", "json", "log")}
    notes = {f"{job.source.path.stem}-soak.HELD.txt" for job in jobs if job.state is State.HELD}
    found = {path.name for path in out.iterdir()}
    for name in sorted(found ^ (expected | notes)):
        yield f"{name} {'stands in the output folder' if name in found else 'is not in the output folder'}"
    ffmpeg = Ffmpeg(find_ffmpeg())
    for number, job in enumerate(done):
        media = out / f"{job.source.path.stem}-soak.mp4"
        if media.name not in found:
            continue
        digest = hash_file(media)
        sidecar = json.loads(media.with_suffix(".json").read_text())
        if known.get(media) != [digest] or witness.results.get(media.name) != digest:
            yield f"{media.name} is {digest}, the record has {known.get(media)}"
        if (sidecar["job"], sidecar["result"]["hash"]) != (job.id, f"xxh3-128:{digest}"):
            yield f"the sidecar of {media.name} tells of job {sidecar['job']} and {sidecar['result']}"
        length = probe(media, ffmpeg).duration_s if number % max(1, len(done) // SAMPLE) == 0 else 1.0
        if length is None or abs(length - 1.0) > 0.15:
            yield f"{media.name} has {length} s"


def _wrong_at_server(jobs: list[Job], counts: Counts) -> Iterator[str]:
    names = {_content(job): job for job in jobs}
    for content, _ in counts.twice:
        yield f"{_name(names, content)}: its instruction was sent again though it was paid, or may have been"
    for (content, _), number in counts.paid.items():
        if number > 1:
            yield f"{_name(names, content)}: {number} edits were paid"
    for content, number in counts.renders.items():
        if number > 1:
            yield f"{_name(names, content)}: {number} renders"
    paid = {content for content, _ in counts.paid}
    for content, job in names.items():
        if job.state is State.SUCCEEDED and not (content in paid and content in counts.renders):
            yield f"{job.source.path.name} succeeded without an edit and a render"


def _name(names: dict[str, Job], content: str) -> str:
    return names[content].source.path.name if content in names else f"content {content}"


def _content(job: Job) -> str:
    """As the server knows it."""
    return hashlib.sha256(job.source.path.read_bytes()).hexdigest()


def _hashes(connection: Connection) -> dict[Path, list[str]]:
    table = schema.deliveries
    found: dict[Path, list[str]] = {}
    for media, known in connection.execute(select(table.c.media, table.c.media_hash)):
        found.setdefault(media, []).append(known)
    return found
