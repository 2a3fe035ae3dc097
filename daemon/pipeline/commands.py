"""The commands that change jobs, as the control socket and a command without a daemon carry them out alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from daemon.config.model import Config
from daemon.control.socket import Command, Message
from daemon.errors import ApiError, ReeldropError, UsageError
from daemon.jobs import holds, record
from daemon.jobs.model import Job
from daemon.jobs.public import public
from daemon.jobs.states import State
from daemon.jobs.store import Store
from daemon.nemo.client import Attribution, Client
from daemon.nemo.transport import Transport
from daemon.pipeline import orders, redo
from daemon.pipeline.bench import Bench
from daemon.pipeline.orders import ORDERS, Busy, Done, Order
from daemon.pipeline.runner import Runner, tell_people

_AT_ONCE: Final = 100
"""Jobs in one transaction: other changes must not wait for thousands of them."""
_RENDER_LIMIT: Final = 5.0
"""Seconds for the editor to answer that it has cancelled a render, which costs nothing either way."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """The daemon that runs; `look` asks the account whether what its jobs are held for is over."""

    bench: Bench
    runner: Runner
    look: Callable[[], Awaitable[None]]


class Commands:
    """Carries out orders on jobs; for each of them a line says what was done (`job`, `said`) or why not (`refused`)."""

    def __init__(self, store: Store, config: Config, daemon: AtWork | None = None) -> None:
        self._store = store
        self._config = config
        self._daemon = daemon

    @property
    def table(self) -> dict[str, Command]:
        given: dict[str, Command] = {name: partial(self._give, name) for name in ORDERS}
        return {"retry": self._retry, "redo": self._redo, **given}

    async def _retry(self, asked: Message) -> AsyncIterator[Message]:
        order = partial(orders.retry, resend=bool(asked.get("resend")))
        async for line in self._carry_out(order, [str(one) for one in asked["ids"]]):
            yield line
        if self._daemon is not None:
            # A person who has topped up, or set another token, says so by `retry`: the other jobs go on too.
            await self._daemon.look()

    async def _redo(self, asked: Message) -> AsyncIterator[Message]:
        for one in asked["jobs"]:
            order = partial(self._anew, path=Path(one["source"]))
            async for line in self._carry_out(order, [str(one["id"])]):
                yield line

    def _anew(self, connection: Connection, job: Job, now: float, *, path: Path) -> Done:
        job_id = record.new_id()
        recipe, key = redo.anew(self._config, job, path, job_id, now)
        source = redo.source_at(job, path)
        return orders.redo(connection, job, now, job_id=job_id, source=source, recipe=recipe, key=key)

    async def _give(self, name: str, asked: Message) -> AsyncIterator[Message]:
        if "ids" in asked:
            ids = [str(one) for one in asked["ids"]]
        else:
            rule = asked.get("rule")
            said = await self._mark_rules(name, None if rule is None else str(rule))
            # After the rules: what is dropped in between is held, or let go, by its rule's word.
            ids = self._store.read(partial(orders.chosen, name=name, rule=rule))
            if said is not None:
                yield {"said": said}
            elif not ids:
                yield {"said": f"No job{'' if rule is None else f' of rule {rule}'} {_NOTHING[name]}."}
        async for line in self._carry_out(ORDERS[name], ids):
            yield line

    async def _mark_rules(self, name: str, rule: str | None) -> str | None:
        """Holds a rule or all of them for what is still to be dropped, or lets them go on; says so."""
        names = {one.name for one in self._config.rules}
        if rule not in (None, *names) and not self._store.read(partial(record.list_jobs, rule=rule, limit=1)):
            known = f"There are: {', '.join(sorted(names))}." if names else ""
            raise UsageError("", f"no rule is called {rule}, and no job is of one", known)
        concerned = sorted(names) if rule is None else [rule]
        now = time.time()
        if name == "hold" and concerned:
            await self._store.write(lambda connection: holds.hold(connection, concerned, now))
            way = "--all" if rule is None else f"--rule {rule}"
            return f"What is dropped for {_rules(concerned)} from now on waits too, until `reeldrop resume {way}`."
        if name == "resume":
            held = [one for one in self._store.read(holds.held) if rule in (None, one)]
            await self._store.write(lambda connection: holds.resume(connection, held))
            return f"What is dropped for {_rules(held)} is taken again." if held else None
        return None

    async def _carry_out(self, order: Order, ids: Sequence[str]) -> AsyncIterator[Message]:
        for begin in range(0, len(ids), _AT_ONCE):
            some = ids[begin : begin + _AT_ONCE]
            answers = await self._store.write(
                partial(orders.carry_out, order=order, prefixes=some, now=time.time())
            )
            if self._daemon is not None:
                self._daemon.runner.wake()
            # Side by side: of a thousand notes each waits for the disk.
            for line in await asyncio.gather(
                *(self._carried_out(order, *one) for one in zip(some, answers, strict=True))
            ):
                yield line

    async def _carried_out(self, order: Order, prefix: str, answer: Done | Busy | ReeldropError) -> Message:
        free = await self._let_go(order, answer.job) if isinstance(answer, Busy) else answer
        return await self._told(prefix, free)

    async def _let_go(self, order: Order, job: Job) -> Done | Busy | ReeldropError:
        """The same once no slot works on the job."""
        assert self._daemon is not None
        change = partial(orders.carry_out, order=order, prefixes=[job.id], now=time.time())
        [answer] = await self._daemon.runner.without(job.id, change)
        self._daemon.runner.wake()
        return answer

    async def _told(self, prefix: str, answer: Done | Busy | ReeldropError) -> Message:
        if not isinstance(answer, Done):
            usage = isinstance(answer, UsageError)
            return {"refused": prefix, "said": str(answer), "usage": usage}
        said = answer.said
        if answer.job.state is not State.RUNNING:
            await tell_people(self._store, answer.job)
        if self._daemon is not None:
            self._daemon.bench.changed(answer.job)
        if answer.render is not None:
            said += await self._end_render(answer.job, answer.render)
        return {"job": public(answer.job), "said": said}

    async def _end_render(self, job: Job, render: str) -> str:
        """Tells the editor that nobody waits for a render any more; what came of that, for a person."""
        if self._daemon is None:
            return ". Its render goes on at the editor, which costs nothing"
        bench, transport = self._daemon.bench, Transport()
        attribution = Attribution(job.recipe.skill, job.recipe.skill_version, bench.platform)
        try:
            async with asyncio.timeout(_RENDER_LIMIT):
                await Client(transport, bench.account(job.made_by), attribution).cancel_render(render)
        except (ApiError, TimeoutError) as error:
            return f". Its render could not be cancelled at the editor ({error or 'no answer'}); that costs nothing"
        finally:
            await transport.close()
        return "; its render was cancelled at the editor"


_NOTHING: Final = {
    "cancel": "is unfinished",
    "hold": "can be held",
    "resume": "is held by `reeldrop hold`",
    "approve": "waits for approval",
    "ignore": "waits for approval",
}


def _rules(names: Sequence[str]) -> str:
    return f"rule {names[0]}" if len(names) == 1 else f"the rules {', '.join(names)}"
