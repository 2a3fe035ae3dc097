"""What an account's new paid steps wait for, what a person can do about it, and when it is over. Pure.

Credits that ran out, a plan that forbids exports and a token that is refused concern every job of the
account: one job finds it out, the others are held before they send anything. What is paid for already goes
on to its export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daemon.errors import ExportBlocked, OutOfCredits, Refused, TokenRefused
from daemon.jobs.model import AccountRecord, Job
from daemon.nemo.answers import Balance

_BARS: Final[dict[str, type[Refused]]] = {
    "credits": OutOfCredits,
    "subscription": ExportBlocked,
    "token": TokenRefused,
}
_RESUMES: Final = "It is looked at every 10 minutes, and goes on by itself."


@dataclass(frozen=True, slots=True)
class Payer:
    """What a person must know to mend an account: whose it is, and where it is mended.

    `user_id`: the service's name for an anonymous account. `web`: the service's pages.
    """

    anonymous: bool
    user_id: str | None
    web: str

    @property
    def registration(self) -> str:
        """Where an anonymous account is taken over by a person, with what it holds."""
        bound = f"/?bind={self.user_id}" if self.user_id else ""
        return f"{self.web}{bound}"


def code_of(error: Refused) -> str | None:
    """What the account's new paid steps wait for after this error; None where it concerns its job alone."""
    return next((code for code, kind in _BARS.items() if isinstance(error, kind)), None)


def advised(error: Refused, payer: Payer) -> Refused:
    """The error, with what a person can do about it."""
    match error:
        case OutOfCredits():
            act = f"Register at {payer.registration} to get more" if payer.anonymous else "Top up the account"
            hint = f"{act}. {_RESUMES}"
        case ExportBlocked():
            act = f"Register at {payer.registration}" if payer.anonymous else "Upgrade the plan"
            hint = (
                f"{act}: this is about the plan, not about credits. What is edited is kept; it is asked again every "
                "hour, and what waits for it goes on by itself."
            )
        case _:
            return error
    return type(error)(error.operation, error.cause, hint, status=error.status, api_code=error.api_code)


def refusal(account: AccountRecord, job: Job) -> Refused | None:
    """What a new paid step of a job meets before anything is sent; None where it may go on.

    What a person asked for is tried: a refusal costs nothing. What the plan forbade is found out by the job that
    was refused itself, too.
    """
    for code, bar in account.bars.items():
        if not (job.asked or job.reason_code == code == "subscription"):
            return _BARS[code]("", bar.reason)
    return None


def lifted(account: AccountRecord, balance: Balance) -> frozenset[str]:
    """What the account's jobs need wait for no more, now that its balance could be read."""
    over = {"token"}
    credits = account.bars.get("credits")
    if credits is not None and balance.available > (credits.available or 0.0):
        over.add("credits")
    return frozenset(over & account.bars.keys())
