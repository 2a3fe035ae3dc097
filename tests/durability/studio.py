"""A studio that runs alone, as the paid editor would, and what its own ledger says it was asked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from daemon.studio.ledger import LEDGER

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Studio:
    url: str
    token: str
    folder: Path

    def facts(self) -> list[dict[str, Any]]:
        """The ledger's lines so far."""
        whole, _, _ = (self.folder / LEDGER).read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]


@contextmanager
def studio(folder: Path, faults: str) -> Iterator[Studio]:
    """Serves until the block ends; `faults` is the text of its faults file."""
    folder.mkdir(parents=True)
    file = folder.with_suffix(".yaml")
    file.write_text(faults)
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(folder), "--faults", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline() + process.stdout.readline()
            url, token = re.findall(r"NEMO_API_URL=(\S+) NEMO_TOKEN=(\S+)", said)[0]
            yield Studio(url, token, folder)
        finally:
            process.terminate()


class Counts:
    """What a ledger's lines amount to, by the content that was worked on (SHA-256 of the clip; each id once).

    `sent` and `paid`: messages by (content, text's digest); paid are those that were charged or changed the
    draft. `twice`: those that were sent again though an earlier one had been paid, or may have been.
    """

    def __init__(self, facts: list[dict[str, Any]]) -> None:
        self.uploads: Counter[tuple[str, str]] = Counter()
        self.sent: Counter[tuple[str, str]] = Counter()
        self.paid: Counter[tuple[str, str]] = Counter()
        self.twice: list[tuple[str, str]] = []
        self.lost: set[str] = set()
        self.renders: Counter[str] = Counter()
        self.charged = 0.0
        self._content: dict[str, str] = {}
        self._said: dict[str, tuple[str, str]] = {}
        self._without_effect: Counter[tuple[str, str]] = Counter()
        known: set[tuple[str, str]] = set()
        for fact in facts:
            one = (fact["what"], str(fact.get("id", len(known))))
            if one not in known:
                known.add(one)
                self._take_in(fact)

    def _take_in(self, fact: dict[str, Any]) -> None:
        match fact["what"]:
            case "upload":
                for file in fact["files"]:
                    self._content[fact["session"]] = file["hash"]
                    self.uploads[fact["session"], file["hash"]] += 1
            case "message":
                said = self._said[fact["id"]] = (self._worked_on(fact), fact["text"])
                if self.sent[said] > self._without_effect[said]:
                    self.twice.append(said)
                self.sent[said] += 1
            case "edited":
                said = self._said[fact["id"]]
                self.charged += fact["charged"]
                if fact["charged"] or fact["changed"]:
                    self.paid[said] += 1
                else:
                    self._without_effect[said] += 1
                if fact["charged"] and not fact["changed"]:
                    self.lost.add(said[0])
            case "render":
                self.renders[self._worked_on(fact)] += 1

    def _worked_on(self, fact: dict[str, Any]) -> str:
        session = str(fact["session"])
        return self._content.get(session, session)
