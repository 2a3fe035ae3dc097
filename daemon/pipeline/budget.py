"""How much may be spent in a day or a month, and what a job does that would go beyond. Pure.

Days and months are local ones. `now` is in seconds since 1970; `zone` None is the machine's own time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

from daemon.config.model import Config
from daemon.jobs.model import Job
from daemon.jobs.spending import Taking
from daemon.pipeline.retry import Hold, Park

Period = Literal["day", "month"]
_AGAIN: Final = 300.0
"""Seconds until a job looks again that only the estimates of work in progress keep waiting: it may cost less."""
_THIS: Final[dict[Period, str]] = {"day": "today", "month": "this month"}


@dataclass(frozen=True, slots=True)
class Budget:
    """`limit` credits in each period, for one rule or (None) for all together."""

    limit: float
    period: Period
    rule: str | None = None

    @property
    def key(self) -> str:
        """Where the rules file says it."""
        return f"limits.credits_per_{self.period}" if self.rule is None else "credits_per_day"

    @property
    def whose(self) -> str:
        return "all rules together" if self.rule is None else f"rule {self.rule}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a budget is spent in the current period, and `reserved` for work in progress."""

    budget: Budget
    spent: float
    reserved: float

    @property
    def left(self) -> float:
        return max(0.0, self.budget.limit - self.spent - self.reserved)

    def __str__(self) -> str:
        rule = "" if self.budget.rule is None else f"rule {self.budget.rule}, "
        reserved = f", {self.reserved:.4g} set aside for work in progress" if self.reserved else ""
        return (
            f"{rule}{_THIS[self.budget.period]}: {self.spent:.4g} of {self.budget.limit:g} credits spent{reserved}, "
            f"{self.left:.4g} left"
        )

    def for_programs(self) -> dict[str, str | float | None]:
        return {
            "rule": self.budget.rule,
            "period": self.budget.period,
            "limit": self.budget.limit,
            "spent": round(self.spent, 2),
            "reserved": round(self.reserved, 2),
            "left": round(self.left, 2),
        }


def budgets_of(config: Config) -> tuple[Budget, ...]:
    """The limits that the rules file sets now."""
    limits = config.limits
    of_all: list[tuple[float | None, Period, str | None]] = [
        (limits.credits_per_day, "day", None),
        (limits.credits_per_month, "month", None),
    ]
    of_rules: list[tuple[float | None, Period, str | None]] = [
        (rule.credits_per_day, "day", rule.name) for rule in config.rules if rule.by == "service"
    ]
    return tuple(
        Budget(limit, period, rule) for limit, period, rule in of_all + of_rules if limit is not None
    )


def begins(period: Period, now: float, zone: tzinfo | None = None) -> float:
    """When the current period began."""
    return _midnight(_first(period, now, zone), zone)


def ends(period: Period, now: float, zone: tzinfo | None = None) -> float:
    """When the next period begins: 23 to 25 hours after the day began, as the clocks are changed."""
    first = _first(period, now, zone)
    following = first + timedelta(days=1 if period == "day" else 31)
    return _midnight(following if period == "day" else following.replace(day=1), zone)


def since(budgets: Iterable[Budget], now: float, zone: tzinfo | None = None) -> float:
    """From when on spending counts for any of these budgets."""
    return min((begins(budget.period, now, zone) for budget in budgets), default=now)


def standing(budget: Budget, takings: Iterable[Taking], now: float, zone: tzinfo | None = None) -> Standing:
    """What of the budget these jobs have taken in the current period."""
    begin = begins(budget.period, now, zone)
    mine = [taking for taking in takings if budget.rule in (None, taking.rule)]
    spent = sum(taking.spent(begin) for taking in mine)
    return Standing(budget, spent, sum(taking.reserved(begin) for taking in mine))


def judge(
    job: Job,
    estimate: float,
    takings: Sequence[Taking],
    budgets: Iterable[Budget],
    now: float,
    zone: tzinfo | None = None,
) -> Park | Hold | None:
    """Whether the job may send its next message: None, or until when it waits; held where it would wait for ever.

    `estimate`: credits for the whole job. What it has spent of that already is not asked for again.
    """
    own = [cost for taking in takings if taking.job == job.id for _, cost in taking.costs]
    others = [taking for taking in takings if taking.job != job.id]
    needs = max(0.0, estimate - sum(own))
    waits = []
    for budget in budgets:
        if budget.rule not in (None, job.rule):
            continue
        end = ends(budget.period, now, zone)
        if not own and estimate > budget.limit:
            return Hold(_too_much(job, estimate, budget), end)
        spent = standing(budget, takings, now, zone).spent
        reserved = standing(budget, others, now, zone).reserved
        if spent + reserved + needs > budget.limit:
            at = end if spent + needs > budget.limit else min(end, now + _AGAIN)
            waits.append(Park(at, _spent(Standing(budget, spent, reserved), needs, at, zone), job.attempt))
    return max(waits, key=lambda wait: wait.at, default=None)


def _spent(found: Standing, needs: float, at: float, zone: tzinfo | None) -> str:
    budget = found.budget
    said = f"{budget.whose} has spent {found.spent:.4g} of {budget.limit:g} credits {_THIS[budget.period]}"
    if budget.rule is None:
        said = said.replace(" has ", " have ", 1)
    if found.reserved:
        said += f", work in progress may take {found.reserved:.4g} more"
    then = datetime.fromtimestamp(at, zone)
    return (
        f"budget: {said}, and this file may need {needs:.4g}; it goes on at {then:%H:%M} ({then:%Y-%m-%d}), "
        f"or at the next start with a higher `{budget.key}`"
    )


def _too_much(job: Job, estimate: float, budget: Budget) -> str:
    return (
        f"credits: one file of rule {job.rule} costs about {estimate:.4g} and the limit of {budget.whose} is "
        f"{budget.limit:g} a {budget.period}. Raise `{budget.key}`, start the daemon again, and "
        f"`reeldrop retry {job.id}`; `reeldrop cancel {job.id}` gives it up"
    )


def _first(period: Period, now: float, zone: tzinfo | None) -> date:
    today = datetime.fromtimestamp(now, zone).date()
    return today if period == "day" else today.replace(day=1)


def _midnight(day: date, zone: tzinfo | None) -> float:
    # Where clocks go forward at midnight there is none; the moment they do is what comes out then.
    return datetime.combine(day, time(), zone).timestamp()
