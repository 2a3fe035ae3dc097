"""An agent without a model, for google-adk's own server: the message is the script that it plays.

A script is a JSON list of steps: an event as the kit writes it, the same again and again (`{"forever": EVENT}`),
an exception (`{"raise": MESSAGE}`), a pause (`{"wait": DOOR}`) until another script plays `{"open": DOOR}`.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

from google.adk.agents import BaseAgent, InvocationContext
from google.adk.events import Event

DOORS: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


class Player(BaseAgent):  # type: ignore[misc]  # mypy's environment has no google-adk
    async def _run_async_impl(self, ctx: InvocationContext) -> AsyncGenerator[Event, None]:
        for step in json.loads(ctx.user_content.parts[0].text):
            match step:
                case {"raise": message}:
                    raise RuntimeError(message)
                case {"wait": door}:
                    await DOORS[door].wait()
                case {"open": door}:
                    DOORS[door].set()
                case {"forever": event}:
                    while True:
                        yield self._event(ctx, event)
                case _:
                    yield self._event(ctx, step)

    def _event(self, ctx: InvocationContext, event: dict[str, Any]) -> Event:
        return Event(author=self.name, invocation_id=ctx.invocation_id, **event)


root_agent = Player(name="nemo_agent")
