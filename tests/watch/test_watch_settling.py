from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from daemon.watch.settling import (
    LATE_AFTER,
    LONGEST_PAUSE,
    QUIET,
    QUIET_UNASKED,
    Rejected,
    Settled,
    Settling,
    Waiting,
)
from daemon.watch.sight import Busy, Content, Finding, Gone, Seen, Sight, Stamp, Unreadable

CLIP = "/in/clip.mp4"
WHOLE = Finding(Content.WHOLE)
CUT = Finding(Content.UNFINISHED, "it is incomplete")
NOISE = Finding(Content.FOREIGN, "no container")


def stamp(version: int) -> Stamp:
    return Stamp(1, 2, 1000 + version, version)


def seen(version: int, finding: Finding = WHOLE, *, alone: bool = True) -> Seen:
    return Seen(stamp(version), alone, finding)


def observed(quiet: float | None = 3.0, at: float = 100.0) -> Settling:
    settling = Settling()
    settling.observe(CLIP, stamp(0), at, quiet)
    return settling


def test_a_file_left_alone_settles_once_after_its_quiet_time() -> None:
    settling = observed(quiet=3.0, at=100.0)
    assert settling.next_due() == 103.0
    assert settling.due(102.9) == ()
    assert settling.due(103.0) == (CLIP,)
    assert settling.inspected(CLIP, seen(0), 103.0) == Settled(stamp(0), 100.0)
    assert (len(settling), settling.next_due(), settling.due(1e9)) == (0, None, ())
    assert settling.inspected(CLIP, seen(0), 103.1) is None


def test_a_change_starts_the_quiet_time_anew_and_an_unchanged_rescan_does_not() -> None:
    settling = observed(quiet=3.0, at=100.0)
    settling.observe(CLIP, stamp(0), 102.0, 3.0)
    assert settling.next_due() == 103.0
    settling.observe(CLIP, stamp(1), 102.5, 3.0)
    assert settling.next_due() == 105.5
    settling.observe(CLIP, stamp(1), 104.0, 3.0, changed=True)
    assert settling.next_due() == 107.0


def test_a_change_that_no_event_told_of_starts_the_quiet_time_anew() -> None:
    settling = observed(quiet=3.0, at=100.0)
    assert settling.due(103.0) == (CLIP,)
    assert settling.inspected(CLIP, seen(1), 103.0) == Waiting("it changed less than 3 s ago", 106.0)
    assert settling.due(106.0) == (CLIP,)
    assert settling.inspected(CLIP, seen(1), 106.0) == Settled(stamp(1), 100.0)


def test_a_change_during_the_look_makes_the_look_worthless() -> None:
    settling = observed(quiet=3.0, at=100.0)
    settling.due(103.0)
    settling.observe(CLIP, stamp(1), 103.2, 3.0)
    assert settling.due(200.0) == (), "given out again while the first look is still under way"
    assert settling.inspected(CLIP, seen(1), 103.5) is None
    assert settling.next_due() == 106.2


def test_a_busy_file_is_looked_at_again_at_growing_intervals_and_at_once_after_its_close() -> None:
    settling = observed(quiet=0.5, at=0.0)
    now, pauses = 0.5, []
    for _ in range(9):
        assert settling.due(now) == (CLIP,)
        outcome = settling.inspected(CLIP, Busy(stamp(0)), now)
        assert isinstance(outcome, Waiting) and "open for writing" in outcome.why
        pauses.append(outcome.again - now)
        now = outcome.again
    assert pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    closed = now - 20
    settling.observe(CLIP, stamp(0), closed, 0.5, changed=True)
    assert settling.due(closed + 0.5) == (CLIP,)
    assert settling.inspected(CLIP, seen(0), closed + 0.5) == Settled(stamp(0), 0.0)


def test_a_file_that_was_busy_stays_quiet_once_more_before_it_settles() -> None:
    settling = observed(quiet=20.0, at=0.0)
    settling.due(20.0)
    outcome = settling.inspected(CLIP, Busy(stamp(0)), 20.0)
    assert isinstance(outcome, Waiting) and outcome.again == 40.0


@pytest.mark.parametrize(
    "sight",
    [seen(0, CUT), Busy(stamp(0))],
    ids=["cut", "busy"],
)
def test_a_file_that_does_not_settle_is_warned_about_once_after_ten_minutes(sight: Sight) -> None:
    settling = observed(quiet=3.0, at=0.0)
    late = []
    while (due := settling.next_due() or 0.0) < 3 * LATE_AFTER:
        assert settling.due(due) == (CLIP,)
        outcome = settling.inspected(CLIP, sight, due)
        assert isinstance(outcome, Waiting)
        if outcome.late:
            late.append(due)
    assert len(late) == 1
    assert LATE_AFTER <= late[0] <= LATE_AFTER + LONGEST_PAUSE
    (pending,) = settling.waiting()
    assert (str(pending.path), pending.since) == (CLIP, 0.0)
    assert pending.why


def test_a_file_that_cannot_be_read_is_warned_about_at_the_first_look_and_only_then() -> None:
    settling = observed(quiet=3.0, at=0.0)
    late = []
    for _ in range(3):
        due = settling.next_due() or 0.0
        settling.due(due)
        outcome = settling.inspected(CLIP, Unreadable("it cannot be read"), due)
        assert isinstance(outcome, Waiting)
        late.append(outcome.late)
    assert late == [True, False, False]


def test_a_file_that_goes_on_growing_is_not_late() -> None:
    settling = observed(quiet=3.0, at=0.0)
    for version in range(1, 100):
        due = settling.next_due() or 0.0
        settling.due(due)
        outcome = settling.inspected(CLIP, Busy(stamp(version)), due)
        assert isinstance(outcome, Waiting) and not outcome.late
    assert due > 90


def test_an_unfinished_file_settles_when_it_is_completed_however_late() -> None:
    settling = observed(quiet=3.0, at=0.0)
    settling.due(3.0)
    settling.inspected(CLIP, seen(0, CUT), 3.0)
    settling.observe(CLIP, stamp(1), 5000.0, 3.0, changed=True)
    assert settling.due(5003.0) == (CLIP,)
    assert settling.inspected(CLIP, seen(1), 5003.0) == Settled(stamp(1), 0.0)


def test_a_file_that_cannot_be_read_settles_once_it_can() -> None:
    settling = observed(quiet=3.0, at=0.0)
    settling.due(3.0)
    outcome = settling.inspected(CLIP, Unreadable("it cannot be read (Permission denied)"), 3.0)
    assert isinstance(outcome, Waiting)
    assert settling.due(outcome.again) == (CLIP,)
    assert settling.inspected(CLIP, seen(0), outcome.again) == Settled(stamp(0), 0.0)


def test_what_is_no_container_is_rejected_with_the_reason() -> None:
    settling = observed(quiet=3.0, at=0.0)
    settling.due(3.0)
    assert settling.inspected(CLIP, seen(0, NOISE), 3.0) == Rejected(stamp(0), 0.0, "no container")
    assert settling.waiting() == ()


def test_a_file_that_is_gone_is_forgotten_quietly() -> None:
    settling = observed(quiet=3.0, at=0.0)
    settling.due(3.0)
    assert settling.inspected(CLIP, Gone(), 3.0) is None
    assert (settling.waiting(), settling.next_due()) == ((), None)


def test_auto_waits_five_seconds_with_a_lease_and_thirty_without() -> None:
    asked = observed(quiet=None, at=0.0)
    assert asked.due(QUIET) == (CLIP,)
    assert asked.inspected(CLIP, seen(0), QUIET) == Settled(stamp(0), 0.0)

    unasked = observed(quiet=None, at=0.0)
    unasked.due(QUIET)
    outcome = unasked.inspected(CLIP, seen(0, alone=False), QUIET)
    assert isinstance(outcome, Waiting) and outcome.again == QUIET_UNASKED
    unasked.observe(CLIP, stamp(1), 10.0, None)
    assert unasked.due(10.0 + QUIET_UNASKED - 0.1) == ()
    assert unasked.due(10.0 + QUIET_UNASKED) == (CLIP,)
    assert unasked.inspected(CLIP, seen(1, alone=False), 10.0 + QUIET_UNASKED) == Settled(stamp(1), 0.0)


def test_a_settle_time_that_a_rule_names_is_kept_even_without_a_lease() -> None:
    settling = observed(quiet=2.0, at=0.0)
    settling.due(2.0)
    assert settling.inspected(CLIP, seen(0, alone=False), 2.0) == Settled(stamp(0), 0.0)


def test_one_slow_file_delays_no_other() -> None:
    settling = observed(quiet=3.0, at=0.0)
    settling.observe("/in/slow.mp4", stamp(0), 0.0, 3.0)
    assert set(settling.due(3.0)) == {CLIP, "/in/slow.mp4"}
    assert settling.inspected(CLIP, seen(0), 3.0) == Settled(stamp(0), 0.0)
    assert [str(each.path) for each in settling.waiting()] == ["/in/slow.mp4"]


def test_a_writer_that_never_pauses_grows_no_queue() -> None:
    settling = observed(quiet=5.0, at=0.0)
    for tick in range(10_000):
        settling.observe(CLIP, stamp(tick), tick / 100, 5.0)
        settling.next_due()
    assert len(settling._queue) == 1


class SettlingLaws(RuleBasedStateMachine):
    """Writers, rescans and looks in any order; the laws are held against a record of what was observed."""

    paths = Bundle("paths")

    def __init__(self) -> None:
        super().__init__()
        self.settling = Settling()
        self.now = 0.0
        self.versions: dict[str, int] = {}
        self.quiet: dict[str, float] = {}
        self.changed: dict[str, float] = {}
        self.last_stamp: dict[str, Stamp] = {}
        self.open: set[str] = set()
        self.looking: dict[str, Sight] = {}
        self.waiting_for: set[str] = set()

    @rule(target=paths, name=st.sampled_from("abc"), quiet=st.sampled_from([0.0, 1.0, 5.0]))
    def first_seen(self, name: str, quiet: float) -> str:
        path = f"/in/{name}.mp4"
        if path not in self.versions:
            self.versions[path], self.quiet[path] = 0, quiet
            self.observe(path, changed=False)
        return path

    @rule(path=paths, changed=st.booleans())
    def seen_again(self, path: str, changed: bool) -> None:
        self.observe(path, changed=changed)

    @rule(path=paths, told=st.booleans())
    def written(self, path: str, told: bool) -> None:
        self.versions[path] += 1
        if told:
            self.observe(path, changed=True)

    @rule(path=paths)
    def opened_or_closed(self, path: str) -> None:
        self.open ^= {path}

    @rule(path=paths)
    def forgotten(self, path: str) -> None:
        self.settling.forget(path)
        self.waiting_for.discard(path)
        self.looking.pop(path, None)

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.0, 4.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def looks_begin(self) -> None:
        for path in self.settling.due(self.now):
            assert path not in self.looking, "two looks at one file at once"
            self.looking[path] = self.sight(path)

    @precondition(lambda self: self.looking)
    @rule(data=st.data())
    def a_look_ends(self, data: st.DataObject) -> None:
        self.end_look(data.draw(st.sampled_from(sorted(self.looking))))

    def observe(self, path: str, *, changed: bool) -> None:
        version = stamp(self.versions[path])
        fresh = path not in self.waiting_for
        if changed or fresh or version != self.last_stamp[path]:
            self.changed[path] = self.now
        self.last_stamp[path] = version
        self.waiting_for.add(path)
        self.settling.observe(path, version, self.now, self.quiet[path], changed=changed)

    def sight(self, path: str) -> Sight:
        version = self.versions[path]
        return Busy(stamp(version)) if path in self.open else seen(version)

    def end_look(self, path: str) -> None:
        sight = self.looking.pop(path)
        outcome = self.settling.inspected(path, sight, self.now)
        if isinstance(outcome, Settled):
            assert path in self.waiting_for, "settled again without a new observation"
            assert isinstance(sight, Seen), "settled although somebody was writing"
            assert outcome.stamp == self.last_stamp[path]
            assert self.now - self.changed[path] >= self.quiet[path] - 1e-9
            self.waiting_for.discard(path)
        elif isinstance(outcome, Waiting) and isinstance(sight, Seen | Busy):
            self.last_stamp[path] = sight.stamp
            self.changed[path] = self.now

    @invariant()
    def every_candidate_is_told_of(self) -> None:
        assert {str(each.path) for each in self.settling.waiting()} == self.waiting_for

    def teardown(self) -> None:
        """Left alone, everything settles, and soon."""
        self.open.clear()
        for path in list(self.looking):
            self.end_look(path)
        for _ in range(20):
            self.now = max(self.now, self.settling.next_due() or self.now)
            self.looks_begin()
            for path in list(self.looking):
                self.end_look(path)
        assert self.settling.waiting() == ()


SettlingLaws.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestSettlingLaws = SettlingLaws.TestCase
