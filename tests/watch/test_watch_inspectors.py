"""Threads that look at files: begun as they are needed, each hanging for itself."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from daemon.watch.inspectors import MOST, Inspectors

DEADLINE = 20.0


@contextmanager
def inspectors(hang: threading.Event) -> Iterator[tuple[Inspectors, SimpleQueue[str]]]:
    """What is called `hung…` is not seen before `hang` is over; that it is looked at is."""
    seen = SimpleQueue[str]()

    def look(path: str) -> None:
        if path.startswith("hung"):
            seen.put("begun")
            hang.wait()
        seen.put(path)

    some = Inspectors("in", look)
    try:
        yield some, seen
    finally:
        hang.set()
        some.end()


def test_a_file_is_looked_at_while_others_hang() -> None:
    hang = threading.Event()
    with inspectors(hang) as (some, seen):
        for number in range(MOST - 1):
            some.put(f"hung {number}")
            assert seen.get(timeout=DEADLINE) == "begun"
        for name in ("a", "b", "c"):
            some.put(name)
            assert seen.get(timeout=DEADLINE) == name
        hang.set()
        assert {seen.get(timeout=DEADLINE) for _ in range(MOST - 1)} == {"hung 0", "hung 1", "hung 2"}


def test_where_all_threads_hang_others_are_begun() -> None:
    hang = threading.Event()
    with inspectors(hang) as (some, seen):
        for number in range(MOST):
            some.put(f"hung {number}")
            assert seen.get(timeout=DEADLINE) == "begun"
        some.relieve()  # they have just begun
        some.put("a")
        assert seen.empty() and some.behind
        some.relieve()
        assert seen.get(timeout=DEADLINE) == "a"


def test_each_of_many_files_is_looked_at_once() -> None:
    with inspectors(threading.Event()) as (some, seen):
        for number in range(2000):
            some.put(str(number))
        looked_at = Counter(seen.get(timeout=DEADLINE) for _ in range(2000))
        assert looked_at == Counter(map(str, range(2000)))
        assert not some.behind


def test_what_waits_at_the_end_is_forgotten() -> None:
    hang = threading.Event()
    with inspectors(hang) as (some, seen):
        for number in range(MOST):
            some.put(f"hung {number}")
            assert seen.get(timeout=DEADLINE) == "begun"
        some.put("late")
        some.end()
        hang.set()
        assert {seen.get(timeout=DEADLINE) for _ in range(MOST)} == {f"hung {one}" for one in range(MOST)}
        assert seen.empty()
