"""One probe at a time for an output folder in trouble."""

from __future__ import annotations

from pathlib import Path

from daemon.pipeline.troubles import Folders

OUT = Path("/out")


def test_a_folder_in_trouble_is_tried_by_one_job_at_a_time_and_less_and_less_often() -> None:
    folders, now, waits = Folders(), 1000.0, []
    assert folders.rests(OUT, now) is None
    for _ in range(7):
        until = folders.failed(OUT, "it is full", 15.0, now)
        waits.append(until - now)
        resting = folders.rests(OUT, until - 0.1)
        assert resting is not None and (resting.cause, resting.until) == ("it is full", until)
        now = until
        assert folders.rests(OUT, now) is None
        assert folders.rests(OUT, now) is not None
    assert waits == [15.0, 30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    assert folders.rests(Path("/elsewhere"), now) is None


def test_a_folder_that_takes_files_again_is_forgotten() -> None:
    folders = Folders()
    assert not folders.works(OUT)
    folders.failed(OUT, "it is full", 15.0, 0.0)
    assert folders.works(OUT)
    assert folders.rests(OUT, 1.0) is None
    assert folders.troubles == {}
