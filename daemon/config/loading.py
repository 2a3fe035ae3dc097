"""Finding, reading and checking the rules file: the edge where `daemon.config` meets disk and environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from daemon.config.document import Loc, read
from daemon.config.environment import default_state, rules_places
from daemon.config.located import Located, Plain, nearest, without_secrets
from daemon.config.model import (
    SERVICE_URL,
    Api,
    Config,
    Limits,
    Retry,
    Rule,
    Skill,
    StudioSettings,
    TimingKeys,
    Watching,
    Where,
)
from daemon.config.resolve import SMALLEST, api_from, resolve
from daemon.config.written import RuleEntry, RuleKeys, RulesFile
from daemon.errors import Fault, RulesError, UsageError

M = TypeVar("M", bound=BaseModel)

MOST_BYTES: Final = 1 << 20
"""A rules file is at most 1 MiB: a film that was named by mistake is not read into memory."""

_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "api": Api,
    "limits": Limits,
    "watching": Watching,
    "timing": TimingKeys,
    "studio": StudioSettings,
    "defaults": RuleKeys,
    "retry": Retry,
    "skill": Skill,
    "where": Where,
}


def find_rules(option: Path | None, environ: Mapping[str, str] = os.environ, cwd: Path | None = None) -> Path:
    """The rules file: `--config`, $REELDROP_CONFIG, ./rules.yaml, the user's, the machine's.

    A file that was named is not looked for elsewhere. Raises UsageError that lists the places.
    """
    places = rules_places(option, environ, cwd or Path.cwd())
    for place in places:
        # Whatever stands there: `load` says what is wrong with a folder, and `--config <(command)` names a pipe.
        if len(places) == 1 or os.path.lexists(place):
            return place
    raise UsageError(
        "",
        f"there is no rules file at {', '.join(map(str, places))}",
        "Name one with --config, or copy rules.example.yaml to one of them.",
    )


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file.

    Raises RulesError with all faults of its text, UsageError (one line) if it cannot be read at all.
    """
    return parse(text_of(path), path, environ)


def text_of(path: Path) -> str:
    """What a rules file holds. Raises UsageError (one line) if it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise UsageError("", f"{path} is larger than 1 MiB, so it is no rules file")
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError("", f"there is no rules file at {path}") from None
    except IsADirectoryError:
        raise UsageError(
            "", f"{path} is a folder, not a rules file", f"Perhaps {path / 'rules.yaml'}?"
        ) from None
    except PermissionError:
        raise UsageError(
            "", f"{path} may not be read by this user", "Try: ls -l on it and its folders."
        ) from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError("", f"{path}:{line}: not UTF-8 text", "Save it again as UTF-8.") from None
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "that is no path"
        raise UsageError("", f"{path} cannot be read: {said}") from None


def parse(text: str, path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `text`; `path` names it in faults, and relative paths begin at its folder.

    Raises RulesError with all faults, in the file's order; UsageError if the environment's own settings
    ($NEMO_API_URL, $NEMO_TOKEN) cannot be used.
    """
    secrets = [environ.get("NEMO_TOKEN", "").strip()]
    try:
        return _parsed(text, path, environ, secrets)
    except RulesError as error:
        raise without_secrets(error, secrets) from None


def builtin_config(environ: Mapping[str, str] = os.environ, rules: Iterable[Rule] = ()) -> Config:
    """The configuration of a command that needs no rules file. Raises UsageError as `parse` does."""
    return Config(state=default_state(environ), api=api_from(Api(), environ), rules=tuple(rules))


def require_choice(config: Config, environ: Mapping[str, str] = os.environ) -> None:
    """Refuses to guess between the paid editor and this machine where a token is there and nothing else.

    Raises UsageError that shows the two lines to choose from. For `run` and `check`.
    """
    api = config.api
    token = "$NEMO_TOKEN is set" if environ.get("NEMO_TOKEN", "").strip() else "`api.token` is written"
    if api.token_file is not None:
        token = "`api.token_file` is written"
    if (api.token is None and api.token_file is None) or api.url or config.by_chosen:
        return
    raise UsageError(
        str(config.path or "the rules file"),
        f"{token}, but nothing says who edits",
        f"Add one of these two lines:\n"
        f"api: {{url: {SERVICE_URL}}}   # the paid editor\n"
        f"defaults: {{by: embedded}}   # this machine alone, free",
    )


def _parsed(text: str, path: Path, environ: Mapping[str, str], secrets: list[str]) -> Config:
    root, faults = read(text, path)
    if root is None or not isinstance(root.value, dict):
        spot = (root.spot.line, root.spot.column) if root else (1, 1)
        empty = root is None or not isinstance(root.value, str | list)
        said = "there is no rule yet" if empty else "expected keys at the beginning of lines"
        message = f"{said}; the smallest useful file is\n{SMALLEST}"
        raise RulesError((*faults, Fault(path, *spot, "", message)))
    located = Located(root, path, environ, faults)
    data = located.data
    assert isinstance(data, dict)
    api = data.get("api")
    if isinstance(api, dict) and isinstance(api.get("token"), str):
        secrets.append(str(api["token"]).strip())
    config = resolve(validated(data, located, RulesFile), located, environ)
    error = located.errors()
    if config is None or error:
        raise error or RulesError(())
    return config


def validated(data: dict[str, Plain], located: Located, model: type[M]) -> M:
    """What of `data` is sound; the rest is noted as faults, so that later checks can add theirs."""
    while True:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False):
                _note(one["loc"], one["type"], one.get("ctx", {}), one["msg"], located, model)
                _cut(data, one["loc"])


def _note(
    loc: Loc, kind: str, context: Mapping[str, Any], message: str, located: Located, whole: type[BaseModel]
) -> None:
    """One error of pydantic's as a fault."""
    if kind == "extra_forbidden":
        located.fault(loc, _unknown_key(loc, located, whole), at_key=True)
        return
    loc = located.known(loc)
    near = ""
    if kind == "expected":
        what = str(context["what"])
        near = nearest(context["near"] or located.text(loc), context["choices"])
    elif kind == "greater_than_equal":
        what = f"at least {context['ge']}"
    elif kind == "less_than_equal":
        what = f"at most {context['le']}"
    elif kind == "missing":
        what = "a `name`"
    else:
        what = message.removeprefix("Input should be ")
    located.fault(loc, f"expected {what}{located.found(loc)}{near}")


def _unknown_key(loc: Loc, located: Located, whole: type[BaseModel]) -> str:
    key, section = str(loc[-1]), loc[:-1]
    said = "not known to this version of Reeldrop"
    here = _keys(_model(section) if section else whole)
    if not section and whole is RuleKeys:
        return said + nearest(key, set(here) - set(located.keys(section)))
    for name, model in _SECTIONS.items():
        if key in _keys(model) and model not in (Skill, Where):
            return f"no key of this place; it stands under `{name}`{' or in a rule' if model is RuleKeys else ''}"
    if key in _keys(RuleEntry):
        return "no key of this place; it stands in each rule"
    near = nearest(key, set(here) - set(located.keys(section)))
    return said + (near or f" (known here: {', '.join(here)})" if len(here) < 10 else near)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model(section: Loc) -> type[BaseModel]:
    last = section[-1]
    return _SECTIONS[last] if isinstance(last, str) else RuleEntry


def _cut(data: dict[str, Plain], loc: Loc) -> None:
    """Takes the faulty key out of `data`; a faulty rule becomes an empty one, so that the others keep their place."""
    at: Plain = data
    cut = (data, str(loc[0]))
    for part in loc:
        if isinstance(at, dict) and part in at:
            cut = (at, str(part))
            at = at[str(part)]
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            if not isinstance(at[part], dict) and cut == (data, "rules"):
                at[part] = {}
                return
            at = at[part]
    cut[0].pop(cut[1], None)
