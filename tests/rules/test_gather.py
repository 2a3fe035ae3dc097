from __future__ import annotations

from pathlib import Path

import pytest

from daemon.rules.gather import LONGEST, Awaited, Go, Wait, alone_or_with, folder_whole

QUIET = 2.0


def awaited(*, since: float = 100.0, there: bool = False, settled: bool = False) -> Awaited:
    return Awaited(Path("/in/a.srt"), "its companion a.srt", since, there, settled)


def test_a_file_that_misses_nothing_goes_at_once() -> None:
    assert alone_or_with([], 100.0, QUIET) == Go()
    assert alone_or_with([awaited(there=True, settled=True)], 100.0, QUIET) == Go()


def test_what_is_not_there_is_awaited_one_more_settle_time() -> None:
    missing = awaited()
    waits = Wait(102.0, "for its companion a.srt, which is not there yet")
    assert alone_or_with([missing], 101.9, QUIET) == waits
    assert alone_or_with([missing], 102.0, QUIET) == Go((missing,))


def test_what_is_there_is_awaited_for_as_long_as_it_changes_and_then_given_up() -> None:
    unsettled = awaited(there=True)
    waits = Wait(100.0 + LONGEST, "for its companion a.srt, which has not settled yet")
    assert alone_or_with([unsettled], 110.0, QUIET) == waits
    assert alone_or_with([awaited(there=True, since=130.0)], 140.0, QUIET) == Wait(130.0 + LONGEST, waits.why)
    assert alone_or_with([unsettled], 100.0 + LONGEST, QUIET) == Go((unsettled,))
    assert alone_or_with([unsettled], 150.0, 60.0) == Wait(160.0, waits.why)


def test_all_are_awaited_that_may_still_come() -> None:
    missing, unsettled = awaited(), awaited(there=True, since=101.0)
    found = alone_or_with([missing, unsettled], 101.0, QUIET)
    assert isinstance(found, Wait)
    assert found.until == 102.0
    assert isinstance(alone_or_with([missing, unsettled], 103.0, QUIET), Wait)
    assert alone_or_with([missing, unsettled], 200.0, QUIET) == Go((missing, unsettled))


@pytest.mark.parametrize(
    ("unsettled", "now", "expected"),
    [
        ([], 101.0, Wait(102.0, "its folder changed less than 2 s ago")),
        ([], 102.0, Go()),
        (["a.mp4"], 500.0, Wait(502.0, "for a.mp4 in its folder, which has not settled yet")),
        (
            ["a.mp4", "b.mp4"],
            101.0,
            Wait(103.0, "for a.mp4 and 1 more in its folder, which has not settled yet"),
        ),
    ],
)
def test_a_folder_is_whole_once_all_has_settled_and_nothing_changes(
    unsettled: list[str], now: float, expected: Wait | Go
) -> None:
    assert folder_whole([Path("/in/trip", name) for name in unsettled], 100.0, now, QUIET) == expected
