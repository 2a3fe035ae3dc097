"""What may be spent in a day and a month: decisions, calendars, and four jobs that ask at once."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config.loading import parse
from daemon.jobs import accounts
from daemon.jobs.model import Job
from daemon.jobs.spending import Taking
from daemon.jobs.states import State
from daemon.pipeline.budget import Budget, Standing, begins, budgets_of, ends, judge, standing
from daemon.pipeline.retry import Hold, Park

MakeJob = Callable[..., Job]
MakeClip = Callable[[str], Path]
OpenDesk = Callable[..., AbstractAsyncContextManager[Any]]
MakeStudio = Callable[[str], AbstractContextManager[Any]]

UTC = ZoneInfo("UTC")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()


def taking(
    job: str, *costs: float, rule: str = "rule", to_come: float = 0.0, at: float = NOON - 60
) -> Taking:
    return Taking(job=job, rule=rule, costs=tuple((at, cost) for cost in costs), to_come=to_come, last_at=at)


def test_a_job_goes_while_spent_reserved_and_its_estimate_fit_and_waits_for_midnight_else(
    make_job: MakeJob,
) -> None:
    job = make_job(by="service", rule="office")
    budget = Budget(200, "day", "office")
    spent = [taking("a", 90, 20, rule="office"), taking("b", rule="office", to_come=40)]
    assert judge(job, 50, spent, [budget], NOON, UTC) is None
    assert judge(job, 50, [*spent, taking("c", 9000)], [budget], NOON, UTC) is None
    wait = judge(job, 91, spent, [budget], NOON, UTC)
    assert isinstance(wait, Park)
    assert (wait.at, wait.attempt) == (MIDNIGHT, job.attempt)
    assert wait.reason == (
        "budget: rule office has spent 110 of 200 credits today, work in progress may take 40 more, and this file may "
        "need 91; it goes on at 00:00 (2026-11-22), or at the next start with a higher `credits_per_day`"
    )


def test_a_job_that_only_work_in_progress_keeps_waiting_looks_again_soon(make_job: MakeJob) -> None:
    job = make_job(by="service")
    at_work = [taking("a", 100), taking("b", to_come=51)]
    wait = judge(job, 50, at_work, [Budget(200, "day")], NOON, UTC)
    assert isinstance(wait, Park)
    assert wait.at == NOON + 300
    assert "it goes on at 12:05 (2026-11-21)" in wait.reason
    late = MIDNIGHT - 10
    wait = judge(job, 50, [taking("b", to_come=151, at=late)], [Budget(200, "day")], late, UTC)
    assert isinstance(wait, Park) and wait.at == MIDNIGHT


def test_the_budget_that_lasts_longest_decides_and_yesterday_counts_for_the_month_alone(
    make_job: MakeJob,
) -> None:
    job = make_job(by="service")
    day, month = Budget(100, "day"), Budget(1000, "month")
    yesterday = taking("a", 940, at=NOON - 86_400)
    assert judge(job, 50, [yesterday], [day, month], NOON, UTC) is None
    both = [yesterday, taking("b", 60)]
    wait = judge(job, 50, both, [day, month], NOON, UTC)
    assert isinstance(wait, Park)
    assert wait.at == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert wait.reason.startswith("budget: all rules together have spent 1000 of 1000 credits this month")
    assert "00:00 (2026-12-01)" in wait.reason and "`limits.credits_per_month`" in wait.reason
    assert standing(day, both, NOON, UTC) == Standing(day, 60, 0)
    assert standing(month, both, NOON, UTC) == Standing(month, 1000, 0)


def test_what_a_job_has_paid_already_is_not_asked_for_again(make_job: MakeJob) -> None:
    job = make_job(by="service")
    own = taking(job.id, 40, to_come=10)
    assert judge(job, 50, [own], [Budget(50, "day")], NOON, UTC) is None
    dearer = taking(job.id, 60)
    assert isinstance(judge(job, 50, [dearer], [Budget(59, "day")], NOON, UTC), Park)
    assert judge(job, 50, [dearer], [Budget(60, "day")], NOON, UTC) is None


def test_a_file_that_costs_more_than_a_whole_days_limit_is_held_and_says_what_to_do(
    make_job: MakeJob,
) -> None:
    job = make_job(by="service", rule="office")
    held = judge(job, 100, [], [Budget(50, "day", "office"), Budget(500, "day")], NOON, UTC)
    assert isinstance(held, Hold)
    assert held.reason.startswith(
        "credits: one file of rule office costs about 100 and the limit of rule office is 50 a day. "
    )
    assert "`credits_per_day`" in held.reason and f"reeldrop retry {job.id}" in held.reason
    # Begun before the limit was set: it waits, since what it has paid would be lost.
    begun = judge(job, 100, [taking(job.id, 60)], [Budget(50, "day")], NOON, UTC)
    assert isinstance(begun, Park)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prices=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), max_size=12),
    limit=st.integers(60, 200),
    turns=st.lists(st.integers(0, 11), max_size=60),
)
def test_no_order_of_jobs_spends_more_than_the_limit_where_none_costs_more_than_estimated(
    make_job: MakeJob, prices: list[tuple[int, int]], limit: int, turns: list[int]
) -> None:
    """Jobs take their turns: one that may begins, one that has begun is charged (at most its estimate)."""
    job = make_job(by="service")
    begun: set[int] = set()
    charged: dict[int, float] = {}
    for turn in turns:
        if turn >= len(prices) or turn in charged:
            continue
        estimate, price = prices[turn]
        if turn in begun:
            charged[turn] = min(price, estimate)
            begun.discard(turn)
            continue
        takings = [taking(str(one), to_come=prices[one][0], at=math.inf) for one in begun]
        takings += [taking(str(one), cost) for one, cost in charged.items()]
        if judge(replace(job, id=str(turn)), estimate, takings, [Budget(limit, "day")], NOON, UTC) is None:
            begun.add(turn)
    assert sum(charged.values()) + sum(min(*prices[one]) for one in begun) <= limit


@pytest.mark.parametrize(
    ("zone", "now", "hours", "next_day"),
    [
        ("Europe/Berlin", "2026-03-29T12:00", 23, "2026-03-30T00:00+02:00"),
        ("Europe/Berlin", "2026-10-25T00:30", 25, "2026-10-26T00:00+01:00"),
        ("Europe/Berlin", "2026-11-21T23:59", 24, "2026-11-22T00:00+01:00"),
        ("Africa/Cairo", "2026-04-23T20:00", 24, "2026-04-24T01:00+03:00"),  # 00:00 to 01:00 are left out
        ("Africa/Cairo", "2026-04-24T20:00", 23, "2026-04-25T00:00+03:00"),
        ("America/Havana", "2026-10-31T20:00", 24, "2026-11-01T00:00-04:00"),  # 00:00 comes twice
        ("America/Havana", "2026-11-01T20:00", 25, "2026-11-02T00:00-05:00"),
    ],
)
def test_a_day_lasts_as_long_as_the_local_clocks_say(zone: str, now: str, hours: int, next_day: str) -> None:
    where = ZoneInfo(zone)
    at = datetime.fromisoformat(now).replace(tzinfo=where).timestamp()
    begin, end = begins("day", at, where), ends("day", at, where)
    assert begin <= at < end
    assert (end - begin) / 3600 == hours
    assert end == datetime.fromisoformat(next_day).timestamp()
    assert begins("day", end, where) == end


@given(st.integers(946_684_800, 2_840_140_800), st.sampled_from(["day", "month"]))
def test_every_moment_is_in_exactly_one_period(now: int, period: Any) -> None:
    for zone in map(ZoneInfo, ("Europe/Berlin", "Africa/Cairo", "Pacific/Apia", "UTC")):
        end = ends(period, now, zone)
        assert begins(period, now, zone) <= now < end
        assert begins(period, end, zone) == end
        assert begins(period, end - 0.001, zone) == begins(period, now, zone)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_without_a_zone_days_are_those_of_this_machine() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for text in ("2026-03-28T23:30", "2026-03-29T12:00", "2026-10-25T02:30", "2026-12-31T23:00"):
        now = datetime.fromisoformat(text).replace(tzinfo=berlin).timestamp()
        assert begins("day", now) == begins("day", now, berlin)
        assert ends("day", now) == ends("day", now, berlin)
        assert ends("month", now) == ends("month", now, berlin)


def test_the_limits_are_those_of_the_rules_file_and_free_rules_have_none(tmp_path: Path) -> None:
    text = """
state: state
api: {url: "http://127.0.0.1:1"}
limits: {credits_per_day: 300, credits_per_month: 5000}
defaults: {output: out, instruction: trim to 1 s}
rules:
  - {name: office, watch: a, credits_per_day: 200}
  - {name: free, watch: b, by: embedded, credits_per_day: 1}
  - {name: any, watch: c}
"""
    for folder in "abc":
        (tmp_path / folder).mkdir()
    assert budgets_of(parse(text, tmp_path / "rules.yaml", {})) == (
        Budget(300, "day"),
        Budget(5000, "month"),
        Budget(200, "day", "office"),
    )


def test_four_jobs_at_once_cannot_all_slip_under_the_limit_and_go_on_once_it_is_raised(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {prices: {edit: 40}, credits: 1000}") as service:
            desk_at = partial(open_desk, service.url, service.token, ["trim to 1 s"])
            async with desk_at(limits="credits_per_day: 100") as desk:
                _proven(desk)
                jobs = [await desk.drop(make_clip(f"budget-{n}.mp4")) for n in range(4)]
                states = [job.state for job in [await _ended_or_waiting(desk, job) for job in jobs]]
                assert sorted(states) == [State.SUCCEEDED, State.SUCCEEDED, State.WAITING, State.WAITING]
                jobs.append(await desk.drop(make_clip("budget-late.mp4")))
                late = await _ended_or_waiting(desk, jobs[-1])
                assert late.not_before == ends("day", desk.app.bench.now())
                for job in (desk.app.job(job.id) for job in jobs):
                    if job.state is State.WAITING:
                        assert (job.reason_code, job.attempt, job.session_id) == ("budget", 1, None)
                assert len(_ledger(service, "edited")) == len(_ledger(service, "session")) == 2
            async with desk_at(limits="credits_per_day: 240") as desk:
                assert [(await desk.ended(job)).state for job in jobs] == [State.SUCCEEDED] * 5
                assert len(_ledger(service, "edited")) == 5

    asyncio.run(go())


def test_a_job_that_no_day_could_pay_is_held_before_it_opens_a_session(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    async def go() -> None:
        with studio("service: {prices: {edit: 40}, credits: 1000}") as service:
            async with open_desk(
                service.url, service.token, ["trim to 1 s"], limits="credits_per_month: 49"
            ) as desk:
                job = await desk.ended(await desk.drop(make_clip("dear.mp4")))
                assert (job.state, job.reason_code) == (State.HELD, "credits")
                assert "costs about 50 and the limit of all rules together is 49 a month" in str(job.reason)
                assert "limits.credits_per_month" in (desk.output / "dear-rule.HELD.txt").read_text()
                assert _ledger(service, "session") == []

    asyncio.run(go())


def test_what_an_earlier_daemon_sent_and_never_heard_of_counts_with_its_estimate(
    studio: MakeStudio, open_desk: OpenDesk, make_clip: MakeClip
) -> None:
    lost = "faults: [{call: run, nth: 1, then: {drop: request}}]"

    async def go() -> None:
        with studio(lost) as service:
            async with open_desk(
                service.url, service.token, ["trim to 1 s"], limits="credits_per_day: 99"
            ) as desk:
                _proven(desk)
                first = await desk.drop(make_clip("lost.mp4"))
                await desk.told_of(first, State.WAITING)
                second = await desk.drop(make_clip("after-lost.mp4"))
                await desk.told_of(second, State.WAITING)
                reason = desk.app.job(second.id).reason_code
                assert reason == "budget", desk.app.job(second.id).reason

    asyncio.run(go())


async def _ended_or_waiting(desk: Any, job: Job) -> Job:
    ended = [asyncio.create_task(desk.told_of(job, state)) for state in (State.SUCCEEDED, State.WAITING)]
    await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    for one in ended:
        one.cancel()
    found: Job = desk.app.job(job.id)
    return found


def _proven(desk: Any) -> None:
    """The account has exported before: its jobs need not go one by one."""
    account = desk.app.bench.account("service")
    desk.app.store.write_now(lambda connection: accounts.exported(connection, account.id, 1.0))


def _ledger(service: Any, what: str) -> list[dict[str, Any]]:
    lines = (service.folder / "ledger.jsonl").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["what"] == what]
