"""The JSON Schema of the rules file, for `reeldrop schema` and the editors that complete with it."""

from __future__ import annotations

from typing import Any

from daemon.config.written import RulesFile


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. Times and sizes may be numbers or text, lists of one may be that one."""
    schema: dict[str, Any] = _tidy(RulesFile.model_json_schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Reeldrop rules file",
    }


def _shown(default: object) -> bool:
    return default is not None and not isinstance(default, dict)


def _tidy(node: Any) -> Any:
    """Without `null`: internally a key that is not written, but never something to write."""
    if isinstance(node, list):
        return [_tidy(one) for one in node]
    if not isinstance(node, dict):
        return node
    # The defaults of a section stand at its own keys.
    tidy = {key: _tidy(value) for key, value in node.items() if key != "default" or _shown(value)}
    kinds = tidy.get("anyOf")
    if isinstance(kinds, list) and {"type": "null"} in kinds:
        left = [kind for kind in kinds if kind != {"type": "null"}]
        del tidy["anyOf"]
        tidy = {**left[0], **tidy} if len(left) == 1 else {**tidy, "anyOf": left}
    return tidy
