"""One tree of errors: drawn as it is, told in one sentence, and nothing of other libraries beside it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from daemon import errors

DAEMON = Path(errors.__file__).parent


def _below(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(_below(child) for child in kind.__subclasses__()))


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = set(re.findall(r"(?:[├└]── |^    )(\w+)", errors.__doc__ or "", re.MULTILINE))
    ours = {kind.__name__ for kind in _below(errors.ReeldropError) if kind.__module__ == "daemon.errors"}
    assert drawn == ours


def test_an_error_says_what_failed_why_and_what_to_do() -> None:
    error = errors.SourceError("upload clip.mp4", "it cannot be read.", "Let this user read it.")
    assert str(error) == "upload clip.mp4: it cannot be read. Let this user read it."
    assert error.reason == f"source: {error}"


def test_only_the_transport_knows_httpx() -> None:
    def imports(path: Path) -> set[str]:
        tree = ast.parse(path.read_text())
        plain = {
            name.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for name in node.names
        }
        taken = {
            (node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        return plain | taken

    knowing = {
        path.relative_to(DAEMON).as_posix() for path in DAEMON.rglob("*.py") if "httpx" in imports(path)
    }
    assert knowing == {"nemo/transport.py"}
