"""Which files are known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, insert

from daemon.jobs import files, schema
from daemon.jobs.store import Store

ROOT = Path("/in")


def test_all_that_stand_below_a_folder_are_told_once_and_only_some_at_a_time(store: Store) -> None:
    inside = [ROOT / f"{number}.mp4" for number in range(2500)] + [ROOT / "deeper" / "no UTF-8 \udcff.mp4"]
    gone, outside = ROOT / "gone.mp4", [Path("/inbox/a.mp4"), Path("/im/a.mp4"), Path("/in.mp4")]
    about = {"device": 7, "inode": 1, "size": 1, "mtime_ns": 1, "content": "c"}

    def fill(connection: Connection) -> None:
        rows = [{"path": path, **about} for path in [*inside, gone, *outside]]
        connection.execute(insert(schema.files), rows)
        files.mark_gone(connection, [gone], 5.0)

    def batches() -> Iterator[list[tuple[bytes, int]]]:
        after = b""
        while some := store.read(partial(files.standing_below, folder=ROOT, after=after)):
            yield some
            after = some[-1][0]

    store.write_now(fill)
    found = list(batches())
    assert max(map(len, found)) <= 1000
    told = [one for some in found for one in some]
    assert sorted(told) == sorted((os.fsencode(path), 7) for path in inside)
