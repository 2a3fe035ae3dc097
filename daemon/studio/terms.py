"""On what terms the studio works now: prices, credits, tokens, rates, and which fault befalls a call.

One place reads the faults file (before each call) and one keeps the counts; without a file everything is
free, unlimited and whole.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from daemon.errors import ExportBlocked, OutOfCredits, RateLimited
from daemon.nemo.wire import OUT_OF_CREDITS
from daemon.studio.accounts import OWNER
from daemon.studio.faults import NOTHING, UNLIMITED, Rehearsal, Service, Then, befalls, keys
from daemon.studio.ledger import Ledger, digest

MINUTE: Final = 60.0
_SHORTEST_WAIT: Final = 1.0

Read = Callable[[], Rehearsal]
"""What the faults file says at this moment."""


class Balance(NamedTuple):
    """Credits; frozen are those of messages under way."""

    available: int
    frozen: int


class Terms:
    """`read` None: no faults file. Raises UsageError from `read`, if it does, at the start alone."""

    def __init__(self, ledger: Ledger, read: Read | None = None) -> None:
        self._ledger = ledger
        self._read = read or Rehearsal
        self._now = self._read()
        self._counts: Counter[str] = Counter()
        self._reserved: dict[str, tuple[str, int]] = {}
        self._called: defaultdict[str, deque[float]] = defaultdict(deque)
        self._unattributed: set[str] = set()
        if read is not None:
            ledger.read()

    @property
    def service(self) -> Service:
        return self._now.service

    def befalls(self, call: str) -> Then:
        """What happens to this call, which is counted and, if anything does, noted.

        Other `faults` in the file begin to count anew.
        """
        now = self._read()
        if now.faults != self._now.faults:
            self._counts.clear()
        self._now = now
        self._counts[call] += 1
        then = befalls(now, call, self._counts[call], self._counts.total())
        if then is not NOTHING:
            told = [name for name in keys(Then) if getattr(then, name) != getattr(NOTHING, name)]
            self._ledger.add("fault", call=call, nth=self._counts[call], then=told)
        return then

    # --- credits

    def price(self, then: Then) -> int:
        """What a message costs that changes the draft."""
        if then.skip or then.question:
            return 0
        return self.service.prices.generate if then.second_stage else self.service.prices.edit

    def balance(self, account: str) -> Balance:
        begun = self._begun(account)
        if begun is None:
            return Balance(UNLIMITED, 0)
        frozen = sum(price for owner, price in self._reserved.values() if owner == account)
        return Balance(max(0, begun - self._ledger.charged(account) - frozen), frozen)

    def reserve(self, message: str, account: str, price: int) -> None:
        """Freezes a message's price. Raises OutOfCredits where it does not suffice."""
        limited = self._begun(account) is not None
        if price and limited and self.balance(account).available < price:
            raise OutOfCredits("", f"insufficient credits: this costs {price}", api_code=OUT_OF_CREDITS)
        self.keep(message, account, price)

    def keep(self, message: str, account: str, price: int) -> None:
        """Freezes what an accepted message was promised to cost."""
        if price:
            self._reserved[message] = (account, price)

    def release(self, message: str) -> None:
        self._reserved.pop(message, None)

    def _begun(self, account: str) -> int | None:
        if self.service.credits is None:
            return None
        return self.service.credits if account == OWNER else self.service.anonymous.credits

    # --- tokens

    def living(self, token: str) -> bool:
        return not self._ledger.expired(digest(token))

    def expire(self, token: str) -> None:
        if self.living(token):
            self._ledger.add("expired", token=digest(token))

    def may_have_token(self, account: str, now: float) -> None:
        """Raises RateLimited where a client id has a token that lives, and gets only one."""
        end = self._ledger.token_end(account, now) if self.service.anonymous.one_each else None
        if end is not None:
            raise RateLimited("", "this client id has a token already", retry_after=end - now)

    def issued(self, account: str, token: str, end: float) -> None:
        self._ledger.add("token", account=account, token=digest(token), end=end)

    # --- calls

    def count(self, account: str) -> None:
        """Raises RateLimited where the account has made its calls of this minute."""
        rate = self.service.rate
        if rate.per_minute is None:
            return
        now, called = time.monotonic(), self._called[account]
        while called and called[0] <= now - MINUTE:
            called.popleft()
        if len(called) >= rate.per_minute:
            wait = called[0] + MINUTE - now if rate.retry_after is None else rate.retry_after
            raise RateLimited("", "too many requests", retry_after=max(wait, _SHORTEST_WAIT))
        called.append(now)

    def attributed(self, session: str, complete: bool) -> None:
        """Notes that a call of this session had all its X-Skill headers, or had not."""
        if not complete:
            self._unattributed.add(session)

    def may_export(self, session: str) -> None:
        """Raises ExportBlocked."""
        if self.service.plan == "free":
            raise ExportBlocked("", "export needs a paid plan: register or upgrade", status=402)
        if self.service.attribution == "required" and session in self._unattributed:
            raise ExportBlocked("", "a call of this session lacked its X-Skill headers", status=402)
