"""The paid step and what follows from it: send an instruction once, confirm by the state, reconcile."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Final

from daemon.errors import ApiError, EditError, Refused, Unanswered, Unreachable
from daemon.jobs import record
from daemon.jobs.model import Job, Outcome, Step, StepRecord
from daemon.nemo import wire
from daemon.nemo.answers import Balance, Look
from daemon.nemo.client import Client, StreamLimits, failure_error
from daemon.nemo.events import Answer, Said, ToolCall
from daemon.nemo.questions import asks
from daemon.nemo.screen import Action, translate
from daemon.pipeline.bench import Bench
from daemon.pipeline.calls import repeat
from daemon.pipeline.hooks import EDITOR_SAYS
from daemon.pipeline.law import (
    Before,
    GoOn,
    HoldMaybePaid,
    LookAgain,
    SendAgain,
    elapsed,
    judge_unknown,
    lost_after,
)
from daemon.pipeline.plan import Next
from daemon.pipeline.retry import Decision, Fail, Hold, Park

_WORDLESS: Final = "the editor closed the conversation without a word, and its draft is what it was"


class Editing:
    """The edits of one job, in its session."""

    def __init__(self, bench: Bench, client: Client, job: Job, session: str) -> None:
        self._bench = bench
        self._client = client
        self._job = job
        self._session = session
        self._timing = bench.timing(job.recipe.by)
        self._lost_after = lost_after(job.made_by, self._timing.stream_limit)

    async def edit(self, due: Next, message: str) -> Decision | None:
        """Sends the instruction, or finds out what became of one that was sent before."""
        if due.open is not None:
            return await self._reconcile(due.open)
        before = Before.read(await self._look(), await self._balance())
        intent = {
            "before": asdict(before),
            "message": wire.digest(message),
            "sent_at": self._bench.now(),
            "uptime": asdict(self._bench.uptime()),
        }
        kept = await self._bench.open_step(self._job, Step.EDIT, due.index, intent)
        try:
            answer = await self._listen(message)
        except (Unreachable, Refused) as error:
            await self._bench.close_step(kept, Outcome.REFUSED, {"error": str(error)})
            raise
        except Unanswered as error:
            return await self._lost(kept, error)
        if answer.failure is not None:
            return await self._judge_failure(kept, before, answer)
        await self._answered(kept, before, answer)
        return None

    async def _answered(self, kept: StepRecord, before: Before, answer: Answer) -> None:
        """A message whose stream closed: what was said is noted without its talk of buttons, which the steps do."""
        told = translate(answer.text)
        result: dict[str, object] = {"text": told.content, "tools": list(answer.tools)}
        question = asks(answer)
        if told.content:
            await self._bench.note(self._job, f"{EDITOR_SAYS}{told.content}")
        elif question is not None:
            await self._bench.note(self._job, f"the editor asks: {question.text}")
        if question is None:
            await self._done(kept, before, result)
        else:
            outcome = Outcome.ASKED if question.by_tool else Outcome.DONE
            await self._done(kept, before, {**result, "question": question.text}, outcome)
        if Action.CREDITS in told.wanted:
            with suppress(ApiError):
                left = await self._balance()
                await self._bench.note(self._job, f"the account has {left.available:g} credits")

    async def confirm(self, due: Next, sent: StepRecord, before: Before) -> None:
        """Reads the state until two readings agree; raises EditError where nothing changed since `before`."""
        kept = due.open or await self._bench.open_step(self._job, Step.CONFIRM, due.index, {"edit": sent.id})
        look = await self._settled_look()
        if not before.changed(look):
            if "question" in sent.result:
                # It only asked, so this message's edit is still to be made: the answer is its next message.
                await self._bench.close_step(sent, Outcome.ASKED, sent.result)
                await self._bench.close_step(kept, Outcome.VOID, {})
                return
            await self._bench.close_step(kept, Outcome.FAILED, {"draft": look.draft_digest})
            raise EditError("", str(sent.result.get("text") or _WORDLESS))
        told = wire.summary(look.draft)
        await self._bench.close_step(kept, Outcome.DONE, {"draft": look.draft_digest, "timeline": told})
        await self._bench.note(self._job, told)

    async def _listen(self, message: str) -> Answer:
        bench, job = self._bench, self._job
        told = bench.now()

        def hear(said: Said) -> None:
            nonlocal told
            if isinstance(said, ToolCall):
                bench.note_soon(job, f"the editor used {said.name}")
            elif bench.now() - told < self._timing.still_working:
                return
            else:
                bench.note_soon(job, "still working")
            told = bench.now()

        limits = StreamLimits(self._timing.quiet_limit, self._timing.stream_limit)
        return await self._client.run(self._session, message, limits, hear)

    async def _lost(self, kept: StepRecord, error: Unanswered) -> Decision:
        """From here on: look, never send."""
        at = self._bench.now() + self._timing.recheck[0]
        await self._bench.note_step(kept, {"looks": 1})
        lost = str(error).rstrip(".")
        await self._bench.note(self._job, f"{lost}; looking whether it was carried out")
        return Park(at, f"reconciling: {lost}. It is not sent again before that is known", self._job.attempt)

    async def _reconcile(self, kept: StepRecord) -> Decision | None:
        look, balance = await self._look(), await self._balance()
        before, sent_at = Before.noted(kept.intent), float(kept.intent["sent_at"])
        looks = int(kept.intent.get("looks", 0))
        account = self._bench.account(self._job.recipe.by).id
        others = self._bench.store.read(
            lambda connection: record.paid_between(connection, account, sent_at, kept.id, self._lost_after)
        )
        verdict = judge_unknown(
            before,
            look,
            balance,
            sent_ago=elapsed(kept.intent, self._bench.now(), self._bench.uptime()),
            looks=looks,
            recheck=self._timing.recheck,
            limit=self._lost_after,
            # The embedded studio charges nothing, so no other job's costs can hide in its balance.
            alone=self._job.made_by == "embedded" or others == 0,
            now=self._bench.now(),
        )
        match verdict:
            case GoOn():
                await self._bench.note(
                    self._job, "the instruction was carried out though its answer was lost"
                )
                await self._done(kept, before, {"reconciled": True})
                return None
            case SendAgain():
                await self._bench.close_step(kept, Outcome.REFUSED, {"error": "nothing was done or charged"})
                await self._bench.note(
                    self._job, "nothing was done or charged: the instruction is sent again"
                )
                return None
            case LookAgain(at):
                await self._bench.note_step(kept, {"looks": looks + 1})
                reason = "reconciling: the answer to an instruction was lost and nothing shows yet"
                return Park(at, reason, self._job.attempt)
            case HoldMaybePaid(last_look):
                return Hold(_maybe_paid(self._job), last_look)

    async def _judge_failure(self, kept: StepRecord, before: Before, answer: Answer) -> Decision | None:
        """An error event under HTTP 200: what it means shows in the state."""
        assert answer.failure is not None
        error = failure_error(answer.failure)
        look, balance = await self._look(), await self._balance()
        told = f"{answer.failure.code}: {answer.failure.message}"
        if before.changed(look):
            await self._bench.note(self._job, f"the editor reported an error ({told}) after it had edited")
            await self._done(kept, before, {"text": answer.text, "error": told})
            return None
        if isinstance(error, Unanswered):
            return await self._lost(kept, error)
        if not before.charged(balance):
            await self._bench.close_step(kept, Outcome.REFUSED, {"error": told})
            raise error
        # Charged, so it counts as sent: a retry reads the state again, and only --resend sends it again.
        spent = {"text": told, "credits": None, "after": self._after(balance)}
        await self._bench.close_step(kept, Outcome.DONE, spent)
        return Fail(f"edit: the editor reported an error ({told}), and its draft is what it was")

    async def _done(
        self, kept: StepRecord, before: Before, result: dict[str, object], outcome: Outcome = Outcome.DONE
    ) -> None:
        """Closes a message that was carried out, then adds the balance after it, and what it cost where that can be
        told from other jobs' costs.

        In this order: a balance that cannot be read must not leave an answered message looking like a lost one.
        """
        await self._bench.close_step(kept, outcome, result)
        try:
            balance = await self._balance()
        except ApiError:
            return
        result = {**result, "after": self._after(balance)}
        account = self._bench.account(self._job.recipe.by).id
        others = self._bench.store.read(
            lambda connection: record.paid_between(
                connection, account, kept.intent_at, kept.id, self._lost_after
            )
        )
        if others == 0:
            result["credits"] = before.total - balance.total
        await self._bench.close_step(kept, outcome, result)

    def _after(self, balance: Balance) -> dict[str, float]:
        """The balance after a message, and when it was read: `jobs.spending` tells costs from it."""
        return {**asdict(balance), "at": self._bench.now()}

    async def _settled_look(self) -> Look:
        """Two readings, `timing.confirm` apart, that agree: generation adds music and titles after the fact."""
        look, begun = await self._look(), self._bench.now()
        while self._bench.now() - begun <= self._timing.stream_limit:
            await self._bench.sleep(self._timing.confirm)
            again = await self._look()
            if again.marks == look.marks:
                return again
            look = again
        raise Unanswered(
            "confirm the edit", f"the draft still changes after {self._timing.stream_limit:.0f} s"
        )

    async def _look(self) -> Look:
        return await repeat(lambda: self._client.look(self._session), self._bench.sleep)

    async def _balance(self) -> Balance:
        return await repeat(self._client.balance, self._bench.sleep)


def _maybe_paid(job: Job) -> str:
    return (
        "maybe-paid: the answer to an instruction was lost, and nothing shows whether it was carried out. "
        f"Look at the project; `reeldrop retry {job.id}` looks again, "
        f"`reeldrop retry {job.id} --resend` sends it again and may pay twice"
    )
