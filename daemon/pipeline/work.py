"""One job on its way through the steps, in one slot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
import xxhash

from daemon.deliver import folder
from daemon.errors import (
    DeliveryError,
    DuplicateRender,
    EditError,
    Forbidden,
    NotFound,
    RenderError,
    SessionGone,
    SourceError,
    SourceGone,
    TokenRefused,
    Unanswered,
)
from daemon.jobs import accounts, files, record
from daemon.jobs.model import Companion, Job, Outcome, Source, Step, StepRecord
from daemon.media.probe import probe
from daemon.media.types import HEAD_BYTES, sniff
from daemon.nemo import wire
from daemon.nemo.answers import Look, RenderLook
from daemon.nemo.client import Attribution, Client
from daemon.nemo.links import read_links
from daemon.nemo.transport import Downloaded, Partial, Transport
from daemon.pipeline import plan
from daemon.pipeline.barring import refusal
from daemon.pipeline.bench import Bench
from daemon.pipeline.calls import repeat
from daemon.pipeline.conditions import lift
from daemon.pipeline.delivering import deliver
from daemon.pipeline.editing import Editing
from daemon.pipeline.hooks import StepBegun, StepProgress
from daemon.pipeline.law import Before
from daemon.pipeline.opening import open_job
from daemon.pipeline.plan import Next
from daemon.pipeline.retry import Decision, Hold, Leave, Park
from daemon.pipeline.turns import CALM

_log = structlog.get_logger()

_STUCK: Final = 1800.0
"""Seconds without any progress after which a render is left for another attempt, under its id."""
_CONTAINERS: Final = {"mp4": ("mp4", "mov", "m4a"), "mkv": ("mkv",)}
_BRANDS: Final = {b"webm": ("webm", "mkv"), b"ftypM4A ": ("m4a", "mp4"), b"ftypqt  ": ("mov", "mp4")}
"""What a result calls itself in its first bytes, where containers alone do not tell sound from video."""

_BEFORE_PAYING: Final = (Step.SESSION, Step.UPLOAD, Step.EDIT)
_IN_SESSION: Final = (Step.SESSION, Step.UPLOAD, Step.EDIT, Step.CONFIRM, Step.RENDER)


class Work:
    """Carries a running job on from its record. `run` returns None once it is delivered, else a decision.

    Raises ReeldropError for a step that failed; what was begun stands in the record.
    """

    def __init__(self, bench: Bench, transport: Transport, job: Job) -> None:
        self._bench = bench
        self.job = job
        self.is_placing = False
        """Whether it writes where people look, in a thread, which cannot be stopped."""
        self.account = bench.account(job.recipe.by)
        attribution = Attribution(job.recipe.skill, job.recipe.skill_version, bench.platform)
        self.client = Client(transport, self.account, attribution, bench.terms)
        self._steps: dict[Step, Callable[[Next], Awaitable[Decision | None]]] = {
            Step.SESSION: self._open_session,
            Step.UPLOAD: self._upload,
            Step.EDIT: self._edit,
            Step.CONFIRM: self._confirm,
            Step.RENDER: self._render,
            Step.DOWNLOAD: self._download,
            Step.DELIVER: self._deliver,
        }

    async def run(self) -> Decision | None:
        decision = self._rests() or await open_job(self._bench, self.job)
        while decision is None:
            due = plan.next_step(self.job, self._bench.steps(self.job))
            if due is None:
                return None
            if due.open is None and due.step is Step.EDIT and self.job.made_by == "service":
                turn = self._bench.turns.turn(self.account.id, self.job.id, self._must_be_alone)
                async with turn as granted:
                    if not granted:
                        return Leave()
                    decision = self._rests() or self._gives_way() or await self._take(due)
            else:
                decision = await self._take(due)
        return decision

    async def _take(self, due: Next) -> Decision | None:
        await self._guard(due)
        if (decision := self._afford(due)) is not None:
            return decision
        self.job = await self._bench.set_job(self.job, step=due.step.value)
        if self.job.reason is not None and self.job.reason_code == "user":
            return Hold(self.job.reason)
        copied = due.open is not None and "copy_of" in due.open.intent
        self.is_placing = due.step is Step.DELIVER or copied
        self._bench.say(StepBegun(self.job, due.step, due.index))
        return await self._steps[due.step](due)

    def _rests(self) -> Decision | None:
        """Nothing is begun, and nothing paid, for an output folder that takes no file."""
        trouble = self._bench.folders.rests(self.job.recipe.folder, self.job.id, self._bench.now())
        return None if trouble is None else Hold(f"output: {trouble.cause}", trouble.until)

    def _gives_way(self) -> Decision | None:
        """Nothing new is paid while another job's lost answer is looked into: only so can its balance tell anything."""
        account, timing = self.account.id, self._bench.timing(self.job.recipe.by)
        heard, limit = self._bench.turns.open(account), timing.stream_limit
        if not self._bench.store.read(
            lambda connection: record.is_unclear(connection, account, heard, limit)
        ):
            return None
        reason = (
            "gate: another job's answer was lost, and what is paid now would hide whether that one was paid"
        )
        return Park(self._bench.now() + timing.recheck[0], reason, self.job.attempt)

    def _must_be_alone(self) -> bool:
        account, heard = self.account.id, self._bench.turns.open(self.account.id)
        return self._bench.store.read(lambda connection: record.has_lost(connection, account, heard, CALM))

    def _afford(self, due: Next) -> Decision | None:
        """Sets aside what the job may cost before it begins to pay, and gives back what is left once it has."""
        if self.job.made_by == "service":
            if not plan.spends(self.job, self._bench.steps(self.job)):
                self._bench.purse.give_back(self.job)
            elif due.open is None and due.step in _BEFORE_PAYING:
                return self._bench.purse.take(self.job)
        return None

    async def _guard(self, due: Next) -> None:
        """Refuses to go on under another account, to begin what cannot be paid now, or with a source that is gone."""
        if self.job.session_id is not None and due.step in _IN_SESSION:
            await self._same_account()
        if due.open is None and due.step in _BEFORE_PAYING and self.job.made_by == "service":
            barred = refusal(self._bench.account_record(self.account), self.job)
            if barred is not None and plan.spends(self.job, self._bench.steps(self.job)):
                raise barred
        if due.step in (Step.SESSION, Step.UPLOAD):
            try:
                self.job.source.path.stat()
            except FileNotFoundError:
                raise SourceGone("", f"{self.job.source.path} was removed before anything was sent") from None
            except OSError as error:
                raise SourceError("", f"{self.job.source.path} cannot be read ({error.strerror})") from None

    async def _same_account(self) -> None:
        """A token that was replaced is another account to us, until it opens the session of the old one."""
        kept, mine = self.job.account or "", self.account.id
        if kept == mine:
            return
        if kept.partition("#")[0] == mine.partition("#")[0]:
            with suppress(SessionGone, Forbidden, TokenRefused):
                await self._look()
                self.job = await self._bench.set_job(self.job, account=mine)
                return
        raise Forbidden(
            "go on with the session",
            "it belongs to another account or address",
            "Set that token and address again, and restart.",
        )

    async def _open_session(self, due: Next) -> Decision | None:
        kept = due.open or await self._bench.open_step(self.job, Step.SESSION, 0, {})
        session = await repeat(
            lambda: self.client.create_session(self.job.recipe.language), self._bench.sleep
        )
        self.job = await self._bench.set_job(
            self.job, session_id=session.session_id, task_id=session.task_id, account=self.account.id
        )
        if session.user_id:
            await self._bench.store.write(
                lambda connection: accounts.named(connection, self.account.id, str(session.user_id))
            )
        await self._bench.close_step(kept, Outcome.DONE, {"session_id": session.session_id})
        await self._bench.note(self.job, f"session {session.session_id}")
        return None

    async def _upload(self, due: Next) -> Decision | None:
        if due.index > 0:
            return await self._upload_companion(due, plan.uploaded_with(self.job.source)[due.index - 1])
        source = self.job.source
        kept = due.open or await self._bench.open_step(self.job, Step.UPLOAD, 0, {"size": source.size})

        async def there() -> bool | None:
            return bool((await self._look()).uploads) or None

        async def send() -> bool:
            if source.is_link:
                links = read_links(source.path.name, await asyncio.to_thread(_as_settled, source))
                await self.client.upload_links(self._session, source.path.name, links)
            else:
                told = self._progress(Step.UPLOAD)
                await self.client.upload(self._session, source.path, source.content, told)
            return True

        if due.open is None or not await there():
            await repeat(send, self._bench.sleep, instead=there)
        await self._bench.close_step(kept, Outcome.DONE, {})
        await self._bench.note(self.job, f"uploaded {source.path.name} ({source.size:,} bytes)")
        return None

    async def _upload_companion(self, due: Next, companion: Companion) -> Decision | None:
        """After its clip; once more only where the session has no file more than before."""
        kept = due.open
        if kept is None:
            before = len((await self._look()).uploads)
            intent = {"size": companion.size, "before": before}
            kept = await self._bench.open_step(self.job, Step.UPLOAD, due.index, intent)
        had = int(kept.intent["before"])

        async def there() -> bool | None:
            return len((await self._look()).uploads) > had or None

        async def send() -> bool:
            told = self._progress(Step.UPLOAD)
            await self.client.upload(self._session, companion.path, companion.content, told)
            return True

        try:
            if due.open is None or not await there():
                await repeat(send, self._bench.sleep, instead=there)
        except SourceGone:
            await self._settle_anew()
            raise
        await self._bench.close_step(kept, Outcome.DONE, {})
        await self._bench.note(self.job, f"uploaded {companion.path.name} ({companion.size:,} bytes)")
        return None

    async def _settle_anew(self) -> None:
        """The clip counts as gone, though it stands there: the next look takes it with what belongs to it by then."""
        now = self._bench.now()
        path = self.job.source.path
        await self._bench.store.write(lambda connection: files.mark_gone(connection, [path], now))

    async def _edit(self, due: Next) -> Decision | None:
        text = self.job.recipe.instructions[due.index]
        questions = plan.asked(self._bench.steps(self.job), due.index)
        if len(questions) > 1:
            return Hold(_still_asks(self.job, str(questions[-1].result["question"])))
        if questions:
            answer = self.job.recipe.answer
            if due.open is None:
                await self._bench.note(self.job, f"answered: {answer}")
            return await self._editing().edit(due, answer)
        if due.open is None:
            await self._bench.note(self.job, f"instruction: {text}")
        message = text
        if due.index == plan.first_message(self.job) and due.open is None:
            message = "\n\n".join([text, *await self._words()])
        return await self._editing().edit(due, message)

    async def _words(self) -> list[str]:
        """The texts that go up in the first message: a script, and those beside a clip. Raises SourceGone."""
        source = self.job.source
        told = [await asyncio.to_thread(_script, source)] if source.is_text else []
        try:
            return told + [await asyncio.to_thread(_script, one) for one in source.companions if one.is_told]
        except SourceGone:
            await self._settle_anew()
            raise

    async def _confirm(self, due: Next) -> Decision | None:
        steps = self._bench.steps(self.job)
        sent = plan.done(steps, Step.EDIT, due.index)
        assert sent is not None
        # What counts is what changed since the instruction, whichever message of it brought that about.
        first = next(iter(plan.asked(steps, due.index)), sent)
        await self._editing().confirm(due, sent, Before.noted(first.intent))
        return None

    async def _render(self, due: Next) -> Decision | None:
        if due.open is not None:
            kept, render = due.open, str(due.open.intent["render_id"])
        else:
            render = f"render_{uuid4().hex}"
            kept = await self._bench.open_step(
                self.job, Step.RENDER, 0, {"render_id": render}, render_id=render
            )
            await self._submit(render)
        done = await self._follow(kept, render)
        await self._bench.close_step(kept, Outcome.DONE, {"url": done.url})
        await self._bench.note(self.job, f"rendered {render}")
        await self._exported()
        return None

    async def _exported(self) -> None:
        """The account's plan allows exports: others need not wait to see that."""
        now = self._bench.now()
        await self._bench.store.write(lambda connection: accounts.exported(connection, self.account.id, now))
        if "subscription" in self._bench.account_record(self.account).bars:
            await lift(self._bench, self.account, {"subscription"})

    async def _submit(self, render: str) -> None:
        """Under an id that is in the record already; the service's \"duplicate\" means that it has it."""
        recipe = self.job.recipe
        draft = (await self._look()).draft
        if not wire.ready(draft):
            raise EditError("export", "the editor's timeline is empty, there is nothing to render")
        form = "mp4" if recipe.format == "auto" and recipe.by == "service" else recipe.format
        with suppress(DuplicateRender):
            await repeat(
                lambda: self.client.submit_render(render, self._session, draft, form, recipe.quality),
                self._bench.sleep,
            )

    async def _follow(self, kept: StepRecord, render: str) -> RenderLook:
        tell = self._progress(Step.RENDER)
        last, since = -1.0, self._bench.now()
        while True:
            try:
                look = await repeat(lambda: self.client.render(render), self._bench.sleep)
            except NotFound:
                await self._submit(render)
                look = await repeat(lambda: self.client.render(render), self._bench.sleep)
            if look.status == wire.RENDER_DONE:
                tell(1.0)
                return look
            if look.status in wire.RENDER_FAILED:
                await self._bench.close_step(kept, Outcome.FAILED, {"error": look.message})
                raise RenderError("render", look.message or f"the editor says {look.status}, and no reason")
            if look.progress is not None and look.progress > last:
                last, since = look.progress, self._bench.now()
                tell(look.progress)
            elif self._bench.now() - since > _STUCK:
                raise Unanswered("render", f"no progress for {_STUCK / 60:.0f} minutes")
            await self._bench.sleep(self._bench.timing(self.job.recipe.by).poll)

    async def _download(self, due: Next) -> Decision | None:
        target = folder.hidden(self.job.recipe.folder, self.job.id, "result")
        if due.open is not None and "copy_of" in due.open.intent:
            return await self._copy(due.open, target)
        render = plan.done(self._bench.steps(self.job), Step.RENDER)
        assert render is not None and self.job.render_id is not None
        kept = due.open or await self._bench.open_step(self.job, Step.DOWNLOAD, 0, {})
        url, name, tell = render.result.get("url"), self.job.render_id, self._progress(Step.DOWNLOAD)
        begun = kept.intent.get("begun")

        async def began(partial: Partial | None) -> None:
            nonlocal begun
            begun = None if partial is None else asdict(partial)
            await self._bench.note_step(kept, {"begun": begun})

        async def fetch() -> Downloaded:
            resume = None if begun is None else Partial(**begun)
            return await self.client.download(name, url, target, tell, resume=resume, began=began)

        got = await repeat(fetch, self._bench.sleep)
        try:
            ending = await asyncio.to_thread(_ending, target, self.job.recipe.format)
            seen = await asyncio.to_thread(probe, target, self._bench.ffmpeg())
        except OSError as error:
            raise DeliveryError(
                "download the result", f"{target} is gone ({error.strerror})", "It is tried again by itself."
            ) from None
        result = _result(target, ending, got.hash, got.size)
        await self._bench.close_step(kept, Outcome.DONE, result)
        length = f", {seen.duration_s:.1f} s" if seen.duration_s else ""
        await self._bench.note(self.job, f"downloaded {got.size:,} bytes ({ending}{length})")
        return None

    async def _copy(self, kept: StepRecord, target: Path) -> Decision | None:
        """Takes the result from an earlier delivery; where that has changed or gone, decides anew."""
        media, known = Path(kept.intent["media"]), str(kept.intent["hash"])
        if not await asyncio.to_thread(_is_still, media, known):
            await self._bench.close_step(kept, Outcome.VOID, {})
            return await open_job(self._bench, self.job)
        await asyncio.to_thread(folder.copy, media, target)
        result = _result(target, media.suffix[1:], known, media.stat().st_size, kept.intent["copy_of"])
        await self._bench.close_step(kept, Outcome.DONE, result)
        return None

    async def _deliver(self, due: Next) -> Decision | None:
        fetched = plan.done(self._bench.steps(self.job), Step.DOWNLOAD)
        assert fetched is not None
        self.job = await deliver(self._bench, self.job, due, fetched)
        where, now = self.job.recipe.folder, self._bench.now()
        if self._bench.folders.works(where):
            _log.info("folder.works_again", folder=str(where))
            await self._bench.store.write(lambda connection: record.release_output(connection, where, now))
        return None

    async def lose_session(self, sent: bool) -> None:
        """The service no longer knows the session. Where no instruction was sent, all in it is done anew."""
        if not sent:
            now = self._bench.now()
            await self._bench.store.write(
                lambda connection: record.void_steps(connection, self.job, _IN_SESSION, now)
            )
        self.job = await self._bench.set_job(self.job, session_id=None, task_id=None, render_id=None)

    def _editing(self) -> Editing:
        return Editing(self._bench, self.client, self.job, self._session)

    @property
    def _session(self) -> str:
        if self.job.session_id is None:
            raise SessionGone("go on with the session", "none is on record")
        return self.job.session_id

    async def _look(self) -> Look:
        return await repeat(lambda: self.client.look(self._session), self._bench.sleep)

    def _progress(self, step: Step) -> Callable[[float], None]:
        return lambda fraction: self._bench.say(StepProgress(self.job, step, fraction))


def _still_asks(job: Job, question: str) -> str:
    return (
        f"question: the editor asks again after it was answered with “{job.recipe.answer}”: {question} "
        f"Say it in the rule's instruction, or in `answer`, for the next files; `reeldrop retry {job.id} --resend` "
        "sends this one's instruction again and pays again"
    )


def _is_still(media: Path, known: str) -> bool:
    try:
        return folder.hash_file(media) == known
    except OSError:
        return False


def _result(
    target: Path, ending: str, digest: str, size: int, copy_of: str | None = None
) -> dict[str, object]:
    return {
        "file": target.name,
        "ending": ending,
        "hash": digest,
        "size": size,
        "copy_of": copy_of,
    }


def _ending(path: Path, form: str) -> str:
    """The extension a result gets, from its first bytes; raises Unanswered for what is no media."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    found = sniff(head)
    if found is None:
        raise Unanswered("download the result", "what came is no media file")
    brand = next((mark for mark in _BRANDS if mark in head), b"")
    family = _BRANDS.get(brand, _CONTAINERS.get(found, (found,)))
    return form if form in family else family[0]


def _script(source: Source | Companion) -> str:
    return _as_settled(source).decode("utf-8-sig", "replace").strip()


def _as_settled(source: Source | Companion) -> bytes:
    """What a small file holds; raises SourceGone where that is not what settled."""
    try:
        content = source.path.read_bytes()
    except FileNotFoundError:
        raise SourceGone("", f"{source.path} was removed before it was sent") from None
    except OSError as error:
        raise SourceError("", f"{source.path} cannot be read ({error.strerror})") from None
    if xxhash.xxh3_128_hexdigest(content) != source.content:
        raise SourceGone(
            "", f"{source.path} changed before it was sent", "It is taken anew once it has settled."
        )
    return content
