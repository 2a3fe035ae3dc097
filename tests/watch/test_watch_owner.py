"""Whose a watch folder is, decided from what is seen; no disk, and time is passed in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.watch.names import is_temporary_name
from daemon.watch.owner import NAME, Claim, Observed, Owner, Standing, claim, lease, patience, read

BOOTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
WE = Owner(
    host="nas",
    process=4711,
    state="/var/lib/reeldrop",
    since="2026-03-01T14:05:09.123+01:00",
    heartbeat="2026-03-01T14:05:09.123+01:00",
    every=30.0,
    recursive=True,
    id="ours",
    machine="m1",
    boot="b2",
    space="pid:[1]",
    started=900,
)
OTHER = replace(WE, id="theirs", process=12, state="/other")
EARLIER = replace(OTHER, boot="b1", heartbeat="2026-03-01T11:59:59.999+00:00")


def standing(owner: Owner | None, mtime_ns: int = 1) -> Standing:
    return Standing(owner, owner.line if owner else b"junk", 7, mtime_ns)


@pytest.mark.parametrize(
    ("owner", "runs", "said"),
    [
        (WE, False, Claim.OURS),
        (OTHER, True, Claim.HELD),
        (OTHER, False, Claim.DEAD),
        (OTHER, None, Claim.UNKNOWN),
        (EARLIER, True, Claim.DEAD),
        # A copy of this machine, with all its names, that beats while we run.
        (replace(EARLIER, heartbeat="2026-03-01T13:00:01.000+01:00"), False, Claim.UNKNOWN),
        (replace(EARLIER, host="studio"), False, Claim.UNKNOWN),
        (replace(EARLIER, machine="m2"), False, Claim.UNKNOWN),
        (replace(EARLIER, machine=""), False, Claim.UNKNOWN),
        # Another container: its process numbers are not ours.
        (replace(OTHER, space="pid:[2]"), False, Claim.UNKNOWN),
        (None, False, Claim.UNKNOWN),
    ],
)
def test_a_look_tells_no_more_than_it_can(owner: Owner | None, runs: bool | None, said: Claim) -> None:
    assert claim(standing(owner), WE, BOOTED, lambda _: runs) is said


def test_a_folder_without_an_owner_file_is_free_and_without_names_nothing_is_presumed() -> None:
    assert claim(None, WE, BOOTED, lambda _: False) is Claim.FREE
    nameless = replace(WE, boot="", machine="", space="")
    same = replace(OTHER, boot="", machine="", space="")
    assert claim(standing(same), nameless, BOOTED, lambda _: False) is Claim.UNKNOWN


def test_a_foreign_owner_is_held_at_its_next_heartbeat_and_dead_only_after_missing_two() -> None:
    first = standing(replace(OTHER, host="studio", heartbeat="1999-01-01T00:00:00.000+00:00"))
    observed = Observed(first, since=100.0)
    assert observed.claim(first, 174.9) is Claim.UNKNOWN
    assert observed.claim(first, 175.0) is Claim.DEAD
    assert observed.claim(first._replace(mtime_ns=2), 101.0) is Claim.HELD
    assert observed.claim(first._replace(text=b"another"), 1e9) is Claim.HELD


@given(st.floats(0.01, 60.0))
def test_an_owner_takes_nothing_any_more_when_another_machine_thinks_it_dead(every: float) -> None:
    assert lease(every) < patience(standing(replace(OTHER, every=every)))


def test_an_owner_that_claims_to_beat_once_a_year_is_not_waited_for() -> None:
    assert patience(standing(replace(OTHER, every=3e7))) == 150.0
    assert patience(standing(None)) == 75.0


def test_the_file_is_one_readable_line_that_is_as_long_after_each_heartbeat() -> None:
    written = replace(WE, state="/home/jörg/state").line
    assert written.count(b"\n") == 1 and written.endswith(b"}\n")
    assert '"state": "/home/jörg/state"' in written.decode()
    assert read(written) == replace(WE, state="/home/jörg/state")
    later = replace(WE, heartbeat="2026-12-31T23:59:59.000+01:00").line
    assert len(later) == len(WE.line)
    assert str(WE).startswith("process 4711 on nas (state /var/lib/reeldrop) since 2026-03-01 ")
    assert is_temporary_name(NAME) and is_temporary_name(f"{NAME}-0123456789abcdef")


@given(st.integers(0, len(WE.line) - 2), st.binary(max_size=3))
def test_half_an_owner_file_and_a_damaged_one_name_nobody_or_a_whole_owner(at: int, put: bytes) -> None:
    assert read(WE.line[:at]) is None
    owner = read(WE.line[:at] + put + WE.line[at + len(put) :])
    assert owner is None or str(owner).isprintable()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"3",
        b"{}",
        b"[" * 8000,
        b" " * 9000,
        replace(WE, host="nas\x1b[2J").line,
        replace(WE, process=-1).line,
        replace(WE, process=True).line,
        replace(WE, every=-1.0).line,
        replace(WE, since="yesterday").line,
    ],
)
def test_what_no_daemon_of_ours_would_write_names_nobody(said: bytes) -> None:
    assert read(said) is None
