"""What was spent: differences of balances, given to whom they belong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from daemon.jobs import record
from daemon.jobs.model import Job, Outcome, Step
from daemon.jobs.spending import LONGEST, Edit, Sum, clusters, edits, shares, summed, takings
from daemon.jobs.store import Store

MakeJob = Callable[..., Job]


def edit(
    sent: float,
    ended: float | None,
    before: float,
    after: float | None,
    *,
    rule: str = "r",
    account: str = "a",
    credits: float | None = None,
) -> Edit:
    return Edit(
        job=f"{rule}{sent}",
        rule=rule,
        folder=Path("/in"),
        account=account,
        sent_at=sent,
        ended_at=ended,
        before=before,
        after=after,
        credits=credits,
    )


def by_rule(found: Iterable[Edit]) -> list[Sum]:
    return summed(clusters(found), lambda one: one.rule)


@dataclass(frozen=True)
class Message:
    """`charged`: how far between sent and ended (0..1) its cost is taken off."""

    sent: int
    length: int
    cost: int
    charged: float
    rule: str

    @property
    def charged_at(self) -> float:
        return self.sent + self.length * self.charged


MESSAGES = st.lists(
    st.builds(
        Message,
        sent=st.integers(0, 2000),
        length=st.integers(0, 600),
        cost=st.integers(0, 100),
        charged=st.floats(0, 1),
        rule=st.sampled_from("abc"),
    ),
    max_size=12,
)


def observed(messages: list[Message], top: int) -> list[Edit]:
    """The record of an account with these messages: the balance before a moment's charges, and after them."""

    def total(at: float, including: bool) -> int:
        return top - sum(
            one.cost for one in messages if one.charged_at < at or (including and one.charged_at == at)
        )

    return [
        edit(
            one.sent,
            one.sent + one.length,
            total(one.sent, False),
            total(one.sent + one.length, True),
            rule=one.rule,
        )
        for one in messages
    ]


@given(MESSAGES)
def test_all_that_left_an_account_is_found_however_its_messages_overlap(messages: list[Message]) -> None:
    found = clusters(observed(messages, 10_000))
    assert sum(one.credits or 0 for one in found) == sum(one.cost for one in messages)
    assert sum(len(one.edits) for one in found) == len(messages)
    groups = summed(found, lambda one: one.rule)
    assert sum(one.credits for one in groups) == pytest.approx(sum(one.cost for one in messages))
    for group in groups:
        mine = sum(one.cost for one in messages if one.rule == group.name)
        assert not group.exact or group.credits == pytest.approx(mine)


@given(MESSAGES, st.sampled_from("abc"))
def test_messages_of_two_accounts_do_not_mix(messages: list[Message], moved: str) -> None:
    mine = [one for one in messages if one.rule != moved]
    theirs = [one for one in messages if one.rule == moved]
    other = [
        edit(one.sent_at, one.ended_at, one.before, one.after, account="b") for one in observed(theirs, 500)
    ]
    found = clusters(observed(mine, 10_000) + other)
    for account, messages_of in (("a", mine), ("b", theirs)):
        spent = sum(one.credits or 0 for one in found if one.edits[0].account == account)
        assert spent == sum(one.cost for one in messages_of)


def test_what_overlaps_is_shared_evenly_between_rules_and_marked_and_exact_within_one() -> None:
    both = [edit(0, 10, 1000, 970, rule="a"), edit(5, 20, 1000, 900, rule="b")]
    assert by_rule(both) == [Sum("a", 1, 50, False, 0), Sum("b", 1, 50, False, 0)]
    assert summed(clusters(both), lambda _: "all") == [Sum("all", 2, 100, True, 0)]
    apart = [edit(0, 10, 1000, 970, rule="a"), edit(15, 20, 970, 900, rule="b")]
    assert by_rule(apart) == [Sum("a", 1, 30, True, 0), Sum("b", 1, 70, True, 0)]


def test_a_balance_that_is_missing_or_grew_makes_a_cost_unknown_not_zero() -> None:
    assert by_rule([edit(0, 10, 1000, None)]) == [Sum("r", 1, 0, True, 1)]
    assert by_rule([edit(0, 10, 1000, 5000)]) == [Sum("r", 1, 0, True, 1)]
    assert by_rule([edit(0, None, 1000, None), edit(2000, 2010, 900, 850)]) == [Sum("r", 2, 50, True, 1)]


def test_a_message_nobody_heard_of_again_hides_no_cost_beyond_its_longest_time() -> None:
    lost = edit(0, None, 1000, None, rule="lost")
    held_for_days = edit(0, 500_000, 1000, None, rule="lost")
    for one in (lost, held_for_days):
        within = by_rule([one, edit(LONGEST - 1, LONGEST - 1, 1000, 990)])
        beyond = by_rule([one, edit(LONGEST + 1, LONGEST + 9, 1000, 990)])
        assert [group.unknown for group in within] == [1, 1]
        assert beyond == [Sum("lost", 1, 0, True, 1), Sum("r", 1, 10, True, 0)]


def test_a_balance_read_before_anothers_charge_and_written_down_after_it_is_counted_once() -> None:
    found = [edit(0, 10, 1000, 950, rule="a"), edit(12, 20, 1000, 900, rule="b")]
    assert summed(clusters(found), lambda _: "all") == [Sum("all", 2, 100, True, 0)]


def test_a_cost_that_was_noted_alone_by_an_older_version_counts() -> None:
    assert by_rule([edit(0, 10, 1000, None, credits=42)]) == [Sum("r", 1, 42, True, 0)]
    assert by_rule([edit(0, 10, 1000, None, credits=-42)]) == [Sum("r", 1, 0, True, 1)]


def test_the_record_gives_every_message_that_may_have_been_paid_and_no_other(
    store: Store, make_job: MakeJob
) -> None:
    job = make_job(by="service", path="/in/day/clip.mp4", account="https://s#1")
    for one in (job, make_job(by="embedded", content="b"), make_job(by="service", content="c")):
        store.write_now(partial(record.add_job, job=one))
    before = {"draft": "d", "media": "m", "available": 90.0, "frozen": 10.0, "total": 100.0}
    after = {"available": 60.0, "frozen": 0.0, "total": 60.0}

    def send(index: int, sent: float, outcome: Outcome | None, result: dict[str, object]) -> None:
        def change(connection: object) -> None:
            kept = record.open_step(connection, job, Step.EDIT, index, {"before": before}, sent)  # type: ignore[arg-type]
            if outcome is not None:
                record.close_step(connection, kept, outcome, result, sent + 5)  # type: ignore[arg-type]

        store.write_now(change)

    send(0, 10.0, Outcome.REFUSED, {"error": "out of credits"})
    send(0, 20.0, Outcome.DONE, {"text": "done", "after": after})
    send(1, 30.0, Outcome.VOID, {"error": "refused, and given up later"})
    send(1, 40.0, Outcome.VOID, {"text": "sent, and given up later", "credits": 7.0})
    send(1, 50.0, None, {})
    found = store.read(edits)
    assert [(one.sent_at, one.ended_at, one.before, one.after, one.credits) for one in found] == [
        (20.0, 25.0, 100.0, 60.0, None),
        (40.0, 45.0, 100.0, None, 7.0),
        (50.0, None, 100.0, None, None),
    ]
    assert {(one.rule, one.folder, one.account) for one in found} == {
        ("rule", Path("/in/day"), "https://s#1")
    }


def test_while_others_are_still_open_the_last_balance_tells_what_the_answered_ones_cost() -> None:
    open_one = edit(8, None, 1000, None)
    (cluster,) = clusters([edit(0, 10, 1000, 970), edit(5, 20, 1000, 900), open_one])
    assert cluster.credits is None
    assert [credits for _, credits in shares(cluster)] == [50, 50, None]
    (topped_up,) = clusters([edit(0, 10, 1000, 5000), open_one])
    assert [credits for _, credits in shares(topped_up)] == [None, None]
    (over,) = clusters([edit(0, 10, 1000, 970), edit(5, 20, 1000, 900)])
    assert [credits for _, credits in shares(over)] == [50, 50]


def test_what_a_job_takes_is_what_it_cost_and_its_estimate_for_what_nobody_knows(
    store: Store, make_job: MakeJob
) -> None:
    before = {"draft": "d", "media": "m", "available": 100.0, "frozen": 0.0, "total": 100.0}

    def send(job: Job, at: float, after: float | None) -> None:
        def change(connection: Connection) -> None:
            if record.get_job(connection, job.id) is None:
                record.add_job(connection, job)
            kept = record.open_step(connection, job, Step.EDIT, 0, {"before": before}, at)
            if after is not None:
                told = {"after": {"total": after, "at": at + 5}}
                record.close_step(connection, kept, Outcome.DONE, told, at + 5)

        store.write_now(change)

    known, lost, yesterday, begun = (
        make_job(id=name, by="service", account="https://s#1", content=name)
        for name in ("known", "lost", "yesterday", "begun")
    )
    store.write_now(partial(record.add_job, job=begun))
    send(yesterday, 10.0, 20.0)
    send(known, 100_000.0, 70.0)
    send(lost, 103_000.0, None)
    found = {one.job: one for one in store.read(lambda connection: takings(connection, 99_000.0, {begun.id}))}
    assert set(found) == {"known", "lost", "begun"}
    assert [found["known"].spent(99_000.0), found["known"].reserved(99_000.0)] == [30.0, 0.0]
    assert [found["lost"].spent(99_000.0), found["lost"].reserved(99_000.0)] == [0.0, 50.0]
    assert found["lost"].reserved(103_001.0) == 0.0
    assert found["begun"].reserved(1e12) == 50.0
