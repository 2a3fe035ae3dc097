"""Looks at an output folder all the time: whatever appears there under a name for people must be whole at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from daemon.deliver.folder import hash_file

_APPEARED: Final = ("created", "moved")


class Witness(FileSystemEventHandler):
    """`results`: the hash that each result had when it appeared; `wrong`: what was seen and must not be."""

    def __init__(self) -> None:
        self.results: dict[str, str] = {}
        self.wrong: list[str] = []

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory:
            return
        path = Path(str(event.dest_path or event.src_path))
        if path.name.startswith("."):
            return
        # Not `closed`: a child that is just being started closes what we wrote, and named, before.
        if event.event_type == "modified":
            self.wrong.append(f"{path.name} was written where everybody sees it")
        elif event.event_type in _APPEARED:
            self.look(path)

    def look(self, path: Path) -> None:
        """A file that has just appeared; one that has gone again is none."""
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix in (".log", ".txt"):
                if not path.read_text().endswith("\n"):
                    self.wrong.append(f"{path.name} appeared without its end")
            else:
                self._look_at_result(path)
        except FileNotFoundError:
            return
        except ValueError:
            self.wrong.append(f"{path.name} appeared half")

    def _look_at_result(self, path: Path) -> None:
        found = hash_file(path)
        told = json.loads(path.with_suffix(".json").read_text())["result"]["hash"]
        if told != f"xxh3-128:{found}" or self.results.setdefault(path.name, found) != found:
            self.wrong.append(f"{path.name} appeared as {found}, its sidecar says {told}")


@contextmanager
def watched(folder: Path) -> Iterator[Witness]:
    """A witness of `folder` until the block ends; then it has looked at everything there."""
    witness = Witness()
    observer = Observer()
    observer.schedule(witness, str(folder))
    observer.start()
    try:
        yield witness
    finally:
        observer.stop()
        observer.join()
        for path in folder.glob("[!.]*"):
            witness.look(path)
