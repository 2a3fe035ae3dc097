from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.quantities import LONGEST, format_size, format_time, parse_size, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5),
        ("2m", 120),
        ("2 min", 120),
        ("1h", 3600),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1 h 30 min", 5400),
        ("1.5H", 5400),
        ("300", 300),
        (" 0.25 ", 0.25),
    ],
)
def test_a_time_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "5 apples", "1:30", "-5s", "5s!", "nan", "inf", "1e3", "s", "4000d", "5m5"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|ten years"):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.5, "500 ms"),
        (0.9996, "1 s"),
        (2.5, "2.5 s"),
        (59.9999, "1 min"),
        (120, "2 min"),
        (5400, "1 h 30 min"),
        (172800, "2 d"),
        (93.24, "1 min 33 s"),
    ],
)
def test_a_time_is_said_briefly(seconds: float, said: str) -> None:
    assert format_time(seconds) == said


@given(st.integers(min_value=0, max_value=int(LONGEST)))
def test_whole_seconds_survive_being_said_and_read(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds


@given(st.floats(min_value=0, max_value=LONGEST))
def test_any_time_survives_within_its_rounding(seconds: float) -> None:
    assert parse_time(format_time(seconds)) == pytest.approx(seconds, abs=0.00051 if seconds < 59 else 0.51)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("64KiB", 65536), ("12", 12), ("3 kb", 3000)],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "5 XB", "-1MB", "MB", "1 ib"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999_400, "999 kB"),
        (999_900, "1 MB"),
        (1_500_000, "1.5 MB"),
        (500_000_000, "500 MB"),
        (10**16, "10000 TB"),
    ],
)
def test_a_size_is_said_briefly(size: int, said: str) -> None:
    assert format_size(size) == said


@given(st.integers(min_value=0, max_value=10**15))
def test_a_size_survives_within_three_digits(size: int) -> None:
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.0051)
