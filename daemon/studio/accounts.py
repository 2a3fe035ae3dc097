"""Who may ask: the token the studio was started with, and anonymous ones it gives out itself.

An anonymous token carries its account and its end, signed with a key that stays in the studio's folder, so
nothing has to be kept for it. An account sees its own sessions alone.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OWNER: Final = "studio"
_PREFIX: Final = "nmv_anon_"
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Accounts:
    token: str
    key: bytes

    def issue(self, account: str, now: float, life: float) -> tuple[str, int]:
        """A token of this anonymous account, unlike any before, and its end in seconds since 1970."""
        end = math.ceil(now + life)
        said = f"{account}.{end}.{secrets.token_hex(4)}"
        return f"{_PREFIX}{said}.{self.sign(said)}", end

    def account(self, token: str, now: float) -> str | None:
        """Whose token it is, or None for a wrong or expired one."""
        if hmac.compare_digest(token.encode(), self.token.encode()):
            return OWNER
        said, _, signature = token.removeprefix(_PREFIX).rpartition(".")
        if not token.startswith(_PREFIX) or not self.signed(said, signature):
            return None
        account, end, _ = said.split(".")
        return account if now < int(end) else None

    def sign(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:32]

    def signed(self, text: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(text).encode(), signature.encode())


def anonymous(client_id: str) -> str:
    """The account of a client id; always the same one."""
    return f"anon_{hashlib.sha256(client_id.encode()).hexdigest()[:24]}"


def open_accounts(folder: Path, token: str | None) -> Accounts:
    """The accounts of a studio's folder; the key is made at the first start. No token: a random one."""
    path = folder / "key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) != _KEY_BYTES:
        key = secrets.token_bytes(_KEY_BYTES)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    return Accounts(token or secrets.token_urlsafe(32), key)
