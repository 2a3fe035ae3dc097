"""The studio's own count of what it was asked for: `ledger.jsonl` in its folder, one JSON object a line.

    {"what": "session", "at": …, "session": …, "account": …}
    {"what": "upload", …, "session": …, "files": [{"name", "hash", "size"}]}
    {"what": "message", …, "id": …, "session": …, "account": …, "text": <digest>, "price": …}     accepted
    {"what": "edited", …, "id": …, "session": …, "account": …, "charged": …, "changed": …}        carried out
    {"what": "render", …, "id": …, "session": …}                                                  accepted
    {"what": "rendered", …, "id": …, "status": "completed" | "failed"}
    {"what": "token", …, "account": …, "token": <digest>, "end": …}
    {"what": "retired", …, "session": …}                                                          its files are dropped
    {"what": "expired", …, "token": <digest>}
    {"what": "fault", …, "call": …, "nth": …, "then": [<key>, …]}                                 befell a call

`at` and `end` are seconds since 1970. The lines of messages and renders are written before the records they
tell of: what a kill interrupts may stand here twice, under one id, and never lacks.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Final

from daemon.nemo.wire import JsonObject

LEDGER: Final = "ledger.jsonl"


def digest(text: str) -> str:
    """What stands in the ledger for a text that is nobody's business (SHA-256, 32 hex digits)."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Ledger:
    """Appends to the file; what the lines amount to is known once `read` was called."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER
        self._charged: dict[str, tuple[str, int]] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self._expired: set[str] = set()
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._end_line()

    def close(self) -> None:
        os.close(self._file)

    def read(self) -> None:
        """Takes in what earlier lives of the studio wrote; half lines are passed over."""
        with self._path.open("rb") as file:
            for line in file:
                try:
                    fact = json.loads(line)
                except ValueError:
                    continue
                if isinstance(fact, dict):
                    self._take_in(fact)

    def add(self, what: str, **facts: object) -> None:
        """Raises OSError where the disk takes no line."""
        fact = {"what": what, "at": round(time.time(), 3), **facts}
        line = json.dumps(fact, ensure_ascii=False).encode() + b"\n"
        written = os.write(self._file, line)
        if written < len(line):
            self._end_line()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._take_in(fact)

    def charged(self, account: str) -> int:
        """Credits, in all."""
        return sum(amount for owner, amount in self._charged.values() if owner == account)

    def token_end(self, account: str, now: float) -> float | None:
        """Until when the account's token lives, in seconds since 1970; None: none does."""
        ends = [
            end
            for token, (owner, end) in self._tokens.items()
            if owner == account and token not in self._expired
        ]
        return max((end for end in ends if end > now), default=None)

    def expired(self, token: str) -> bool:
        """Whether this token (its digest) was declared dead before its time."""
        return token in self._expired

    def _take_in(self, fact: JsonObject) -> None:
        match fact:
            case {
                "what": "edited",
                "id": str(one),
                "account": str(account),
                "charged": int(amount),
            }:
                if amount:
                    self._charged[one] = (account, amount)
            case {
                "what": "token",
                "token": str(token),
                "account": str(account),
                "end": int() | float() as end,
            }:
                self._tokens[token] = (account, float(end))
            case {"what": "expired", "token": str(token)}:
                self._expired.add(token)

    def _end_line(self) -> None:
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")
