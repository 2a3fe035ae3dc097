"""Which folders were looked at before, and what their sidecars told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from daemon.jobs import files, folders, record
from daemon.jobs.model import Delivery, Source
from daemon.jobs.store import Store

OUT = Path("/out")


def delivery(media: str, content: str = "c0ffee") -> Delivery:
    return Delivery(content=content, key="key", job="j", media=Path(media), media_hash="abc", size=5, at=1.0)


def test_a_folder_is_read_once_and_a_tree_with_all_that_is_below_it(store: Store) -> None:
    store.write_now(partial(folders.read, folder=OUT / "a", found=[], now=1.0, below=False))
    store.write_now(partial(folders.read, folder=Path("/tree"), found=[], now=1.0, below=True))
    read = {
        str(folder): store.read(partial(folders.is_read, folder=folder))
        for folder in (OUT, OUT / "a", OUT / "a" / "b", Path("/tree"), Path("/tree/b/c"), Path("/tree2"))
    }
    assert read == {
        "/out": False,
        "/out/a": True,
        "/out/a/b": False,
        "/tree": True,
        "/tree/b/c": True,
        "/tree2": False,
    }


def test_what_is_in_the_record_already_is_not_added_by_a_sidecar(store: Store) -> None:
    mine = delivery("/out/\udcff clip.mp4")
    store.write_now(lambda connection: record.add_delivery(connection, mine))
    found = [mine, delivery("/out/below/clip.mp4"), delivery("/out/0.mp4", "beef")]
    assert store.write_now(partial(folders.read, folder=OUT, found=found, now=2.0, below=True)) == 2
    assert store.write_now(partial(folders.read, folder=OUT, found=found, now=3.0, below=True)) == 0
    kept = store.read(partial(record.deliveries_of, content="c0ffee", key="key"))
    assert sorted(one.media for one in kept) == sorted([mine.media, Path("/out/below/clip.mp4")])


def test_a_first_sight_is_of_the_files_that_a_rule_takes(store: Store) -> None:
    tree = [Path("/in"), Path("/in/2019")]
    store.write_now(partial(folders.seen, tree=tree, takes="video", now=7.0))
    assert store.read(partial(folders.first_sight, root=Path("/in"), takes="video")) == 7.0
    assert store.read(partial(folders.first_sight, root=Path("/in/2019"), takes="video")) == 7.0
    assert store.read(partial(folders.first_sight, root=Path("/in/2020"), takes="video")) is None
    assert store.read(partial(folders.first_sight, root=Path("/in"), takes="audio")) is None


def test_a_file_that_is_gone_is_known_by_its_content_and_stands_again_when_it_is_back(store: Store) -> None:
    source = Source(Path("/in/a.mp4"), 1, 2, 3, 4, "c0ffee")
    store.write_now(lambda connection: files.remember(connection, [source]))
    store.write_now(lambda connection: files.mark_gone(connection, [source.path], 50.0))
    (left,) = store.read(lambda connection: files.with_contents(connection, ["c0ffee", "other"]))
    assert (left.path, left.gone_at) == (source.path, 50.0)
    store.write_now(lambda connection: files.remember(connection, [source]))
    assert [one.gone_at for one in store.read(lambda connection: files.at(connection, [source.path]))] == [
        None
    ]
