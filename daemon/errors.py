"""Every error Reeldrop raises, in one tree.

    ReeldropError
    ├── UsageError                 the command line or the machine cannot do what was asked (exit 2)
    │   ├── RulesError             the rules file; carries every fault at once
    │   └── StateError             the state folder: locked by another daemon, damaged, not writable
    ├── SourceError                the dropped file itself: unreadable, no accepted container
    │   └── SourceGone             removed, or changed since it settled
    ├── MediaError                 ffmpeg is missing, failed, or ran out of time
    │   └── MediaTooLarge          more than is decoded here
    ├── DeliveryError              the output folder: gone, not writable, full
    ├── EditError                  the editor answered, and nothing was edited
    ├── RenderError                the editor could not render its own draft
    └── ApiError                   the editing service
        ├── Unreachable            no connection, or a proxy's no: not a byte of it came to the service
        ├── Unanswered             sent, and no usable answer: timeout, reset, cut, 5xx, HTML, empty, redirect
        └── Refused                a clear no; nothing was done
            ├── TokenRefused       1001, 1010, 1011, HTTP 401
            ├── SessionGone        1002; 404 where a session was asked for
            ├── NotFound           404, 410
            ├── OutOfCredits       2001
            ├── FileRefused        4001, 4002; 413, 415
            ├── ExportBlocked      402
            ├── Forbidden          403
            ├── RateLimited        429; carries `retry_after` in seconds
            │   └── GateShut       our own: the account rests for a while, nothing was sent
            └── DuplicateRender    a render id of ours that the service already has

An error says which `operation` failed, on what, the `cause` in plain words, the `hint` (what a person
can do) and `retryable` (whether trying again by itself can help). `code` is the short word that stands
first in a job's `reason`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class ReeldropError(Exception):
    """Base of all errors: operation, cause, hint, and whether another try can help."""

    code = "error"
    retryable = False

    def __init__(self, operation: str, cause: str, hint: str = "") -> None:
        super().__init__(operation, cause, hint)
        self.operation = operation
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        said = f"{self.operation}: {self.cause}" if self.operation else self.cause
        if not self.hint:
            return said
        return f"{said.rstrip('.')}. {self.hint}"

    @property
    def reason(self) -> str:
        """`code: sentence a person can act on`, as a job's record keeps it."""
        return f"{self.code}: {self}"


class UsageError(ReeldropError):
    """What was asked for cannot be done as it was asked; ends a command with exit code 2."""

    code = "usage"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a rules file: where it stands, the key's path, and what was expected there."""

    file: Path
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}:{self.column}: {key}{self.message}"


class RulesError(UsageError):
    """A rules file that cannot be used; `faults` holds all of them, in the file's order."""

    code = "rules"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("", "\n".join(str(fault) for fault in faults))
        self.args = (faults,)
        self.faults = faults


class StateError(UsageError):
    """The state folder cannot be used."""

    code = "state"


class SourceError(ReeldropError):
    """The dropped file cannot be worked on."""

    code = "source"


class SourceGone(SourceError):
    """The dropped file is no longer what settled: removed or changed."""


class MediaError(ReeldropError):
    """ffmpeg is missing, failed, or ran out of time."""

    code = "media"


class MediaTooLarge(MediaError):
    """The file may be sound, and holds more than is decoded here."""


class DeliveryError(ReeldropError):
    """The output folder cannot take the result now; waiting may help, and costs nothing."""

    code = "output"
    retryable = True


class EditError(ReeldropError):
    """The editor answered and its draft did not change: its own words are the cause."""

    code = "edit"


class RenderError(ReeldropError):
    """The editor said that a render failed."""

    code = "render"
    retryable = True


class ApiError(ReeldropError):
    """The editing service. `status` is the HTTP status (0: none), `api_code` the envelope's code."""

    code = "api"

    def __init__(
        self, operation: str, cause: str, hint: str = "", *, status: int = 0, api_code: int | None = None
    ) -> None:
        super().__init__(operation, cause, hint)
        self.status = status
        self.api_code = api_code


class Unreachable(ApiError):
    """No connection was made, so nothing was sent."""

    retryable = True


class Unanswered(ApiError):
    """The request may or may not have been carried out."""

    retryable = True


class Refused(ApiError):
    """The service said no before doing anything."""


class TokenRefused(Refused):
    code = "token"


class SessionGone(Refused):
    """Another try makes it anew, where nothing was paid for in it."""

    code = "session"
    retryable = True


class NotFound(Refused):
    """Another try asks for it anew: a render that a service forgot is submitted again under its id."""

    code = "not-found"
    retryable = True


class OutOfCredits(Refused):
    code = "credits"


class FileRefused(Refused):
    code = "file"


class ExportBlocked(Refused):
    code = "subscription"


class Forbidden(Refused):
    code = "forbidden"


class RateLimited(Refused):
    """HTTP 429. `retry_after`: seconds the service asked for, None when it named none."""

    code = "rate"
    retryable = True

    def __init__(
        self,
        operation: str,
        cause: str,
        hint: str = "",
        *,
        status: int = 429,
        api_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(operation, cause, hint, status=status, api_code=api_code)
        self.retry_after = retry_after


class GateShut(RateLimited):
    """No request is made for `retry_after` seconds: the account's gate is shut (`nemo.gate`)."""

    code = "gate"


class DuplicateRender(Refused):
    """The render id is already known to the service: ours, so it was accepted."""

    code = "duplicate-render"
