"""What the environment says: `${NAME}` in texts, `~` in paths, and the places that follow from it.

Everything takes the environment as a mapping. Only `~user` asks the machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from daemon.errors import UsageError

_VARIABLE: Final = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<bad>\$\{)")


def expand(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """`text` with each `${NAME}` replaced (`$${` stands for a plain `${`), and what was wrong with them."""
    wrong: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "${"
        name = found["name"]
        if name is None:
            wrong.append("`${` begins the name of an environment variable and its `}`; a plain one is `$${`")
        elif name not in environ:
            near = get_close_matches(name, environ, 1, 0.8)
            hint = f"; did you mean ${{{near[0]}}}?" if near else ""
            wrong.append(f"${{{name}}} is not set in the environment{hint}")
        return environ.get(name, "") if name else ""

    return _VARIABLE.sub(replaced, text), wrong


def absolute(text: str, base: Path, environ: Mapping[str, str]) -> Path:
    """The path `text` means: `~` expanded, else below `base`, without `.` and `..`.

    Symbolic links are left alone. Raises ValueError, whose text is for the user, for an unknown home folder.
    """
    if text == "~" or text.startswith("~/"):
        found = home(environ) / text[2:]
    elif text.startswith("~"):
        try:
            found = Path(text).expanduser()
        except RuntimeError:
            raise ValueError('expected a user of this machine after "~"') from None
    else:
        found = base / text
    # POSIX gives two leading slashes a meaning of their own, and pathlib keeps them: no watched path begins so.
    return Path("/" + os.path.normpath(found).lstrip("/"))


def home(environ: Mapping[str, str]) -> Path:
    """The home folder. Raises ValueError where there is none."""
    said = environ.get("HOME", "")
    if said.startswith("/"):
        return Path(said)
    try:
        return Path.home()
    except RuntimeError:
        raise ValueError("this user has no home folder; write a full path") from None


def default_state(environ: Mapping[str, str]) -> Path:
    """systemd's state folder, else the user's own. Raises UsageError where neither can be known."""
    # systemd lists several folders with colons between them where a unit asks for several.
    service = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if service.startswith("/"):
        return Path(service)
    return _user_folder(environ, "XDG_STATE_HOME", ".local/state") / "reeldrop"


def rules_places(option: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, ...]:
    """Where a rules file is looked for, in order; one place only if the user named it."""
    named = str(option) if option is not None else environ.get("REELDROP_CONFIG", "")
    if named:
        try:
            return (absolute(named, cwd, environ),)
        except ValueError as error:
            raise UsageError("the rules file", f"{error}, in {named!r}") from None
    return (
        cwd / "rules.yaml",
        _user_folder(environ, "XDG_CONFIG_HOME", ".config") / "reeldrop" / "rules.yaml",
        Path("/etc/reeldrop/rules.yaml"),
    )


def _user_folder(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    said = environ.get(variable, "")
    # The XDG specification: a relative path there is invalid and ignored.
    if said.startswith("/"):
        return Path(said)
    try:
        return home(environ) / below_home
    except ValueError as error:
        raise UsageError("the user's folders", str(error), f"Or set {variable}.") from None
