"""One probe at a time for an output folder in trouble."""

from __future__ import annotations

from pathlib import Path

from daemon.pipeline.troubles import Folders

OUT = Path("/out")


def test_a_folder_in_trouble_is_tried_by_one_job_at_a_time_and_less_and_less_often() -> None:
    folders, now, waits = Folders(), 1000.0, []
    assert folders.rests(OUT, "a", now) is None
    for _ in range(5):
        until = folders.failed(OUT, "it is full", 15.0, now)
        waits.append(until - now)
        resting = folders.rests(OUT, "a", until - 0.1)
        assert resting is not None and (resting.cause, resting.until) == ("it is full", until)
        now = until
        assert folders.rests(OUT, "a", now) is None
        assert folders.rests(OUT, "b", now) is not None
        assert folders.rests(OUT, "a", now + 1.0) is None, "who tries it may go on"
    assert waits == [15.0, 30.0, 60.0, 60.0, 60.0]
    assert folders.rests(Path("/elsewhere"), "b", now) is None


def test_a_try_that_never_ended_is_left_to_the_next_job_in_time() -> None:
    folders = Folders()
    until = folders.failed(OUT, "it is full", 15.0, 0.0)
    assert folders.rests(OUT, "cancelled", until) is None
    assert folders.rests(OUT, "b", until + 14.9) is not None
    assert folders.rests(OUT, "b", until + 15.0) is None
    assert folders.rests(OUT, "cancelled", until + 15.0) is not None


def test_a_folder_that_takes_files_again_is_forgotten() -> None:
    folders = Folders()
    assert not folders.works(OUT)
    folders.failed(OUT, "it is full", 15.0, 0.0)
    assert folders.works(OUT)
    assert folders.rests(OUT, "a", 1.0) is None
    assert folders.troubles == {}
