"""What a person was told of folders that cannot be watched as they should: each thing once, and its end."""

from __future__ import annotations

from pathlib import Path

from daemon.watch.inbox import Inbox


class Troubles:
    """By path and topic: a folder may be polled and unreadable at once."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._told: dict[str, dict[str, str]] = {}

    def tell(self, path: str, topic: str, why: str) -> None:
        """What is the matter with `path` now; an empty `why`: nothing any more, as to this topic."""
        told = self._told.get(path, {})
        if told.get(topic, "") == why:
            return
        told = {name: one for name, one in told.items() if name != topic}
        if why:
            self._told[path] = {**told, topic: why}
            self._inbox.warned(Path(path), why)
        elif told:
            self._told[path] = told
            self._inbox.warned(Path(path), next(iter(told.values())))
        else:
            del self._told[path]
            self._inbox.eased(Path(path))
