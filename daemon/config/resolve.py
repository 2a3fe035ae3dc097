"""From what was written to the values the daemon works with: defaults, names, absolute paths.

Faults go to the `Located` file; a rule that has one is left out, since the whole file is refused anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from daemon.config.document import Loc, is_unicode, printable
from daemon.config.environment import absolute, default_state
from daemon.config.fields import RESERVED_NAMES, By
from daemon.config.located import Located
from daemon.config.model import Api, Config, Retry, Rule, RuleSettings, Skill, StudioSettings, Where
from daemon.config.routing import misplaced
from daemon.config.skills import SKILLS
from daemon.config.written import RuleEntry, RuleKeys, RulesFile
from daemon.errors import UsageError

SMALLEST: Final = """\
rules:
  - watch: ~/Videos/inbox
    instruction: add calm background music that matches the mood of my video
    output: ~/Videos/edited"""
"""The smallest useful rules file."""


def api_from(written: Api, environ: Mapping[str, str]) -> Api:
    """`api` with what the environment adds where nothing is written. Raises UsageError for unusable variables."""
    added: dict[str, object] = {}
    for key, variable in (("url", "NEMO_API_URL"), ("token", "NEMO_TOKEN")):
        said = environ.get(variable, "").strip()
        # A token's file that is written down wins over the environment, as a written token does.
        elsewhere = key == "token" and written.token_file is not None
        if said and getattr(written, key) is None and not elsewhere:
            try:
                added[key] = getattr(Api.model_validate({key: said}), key)
            except ValidationError as error:
                raise UsageError(f"${variable}", error.errors()[0]["msg"]) from None
    return written.model_copy(update=added)


def resolve(written: RulesFile, located: Located, environ: Mapping[str, str]) -> Config | None:
    """The configuration; None if any fault is noted in `located`. Raises UsageError for the environment's own."""
    base = located.file.absolute().parent
    api = _api(written.api, located, environ, base)
    rules = _Rules(written, located, environ, base, "service" if api.url else "embedded")
    resolved = rules.resolved()
    if not written.rules and not located.faulty(("rules",)):
        located.fault(("rules",), f"there is no rule yet; the smallest useful file is\n{SMALLEST}")
    state = _path(written.state, ("state",), located, environ, base)
    studio = _studio(written.studio, located, environ, base)
    if located.errors():
        return None
    return Config(
        state=state or default_state(environ),
        api=api,
        limits=written.limits,
        retention=written.retention,
        watching=written.watching,
        timing_keys=written.timing,
        studio=studio,
        rules=resolved,
        path=located.file,
        by_chosen=any(keys.by is not None for keys in (written.defaults, *written.rules)),
    )


def _api(written: Api, located: Located, environ: Mapping[str, str], base: Path) -> Api:
    if {"token", "token_file"} <= written.model_fields_set:
        located.fault(("api", "token_file"), "stands beside `token`; write one of the two", at_key=True)
    if written.token_file is not None:
        path = _path(str(written.token_file), ("api", "token_file"), located, environ, base)
        written = written.model_copy(update={"token_file": path})
    return api_from(written, environ)


def _studio(
    written: StudioSettings, located: Located, environ: Mapping[str, str], base: Path
) -> StudioSettings:
    """With absolute paths; a word without a slash stays one."""
    told = {"music": written.music, "pictures": written.pictures}
    for key in ("ffmpeg", "matte_model"):
        value = getattr(written, key)
        told[key] = value if "/" in value or value.startswith("~") else None
    paths = {key: _path(text, ("studio", key), located, environ, base) for key, text in told.items()}
    return written.model_copy(update={key: str(path) for key, path in paths.items() if path is not None})


def _path(
    text: str | None, loc: Loc, located: Located, environ: Mapping[str, str], base: Path
) -> Path | None:
    if text is None:
        return None
    try:
        return absolute(text, base, environ)
    except ValueError as error:
        located.fault(loc, str(error))
        return None


class _Rules:
    """The rules of one file, each over the defaults; knows the names that are taken."""

    def __init__(
        self, written: RulesFile, located: Located, environ: Mapping[str, str], base: Path, by: By
    ) -> None:
        self._written = written
        self._located = located
        self._environ = environ
        self._base = base
        self._by: By = by
        self._names: dict[str, int] = {}

    def resolved(self) -> tuple[Rule, ...]:
        self._one_kind_of_instruction(("defaults",), self._written.defaults.model_fields_set)
        self._edits_or_exports(("defaults",), self._written.defaults)
        rules = [self._rule(place, entry) for place, entry in enumerate(self._written.rules)]
        watched = {folder for rule in rules if rule for folder in rule.watch}
        for place, rule in enumerate(rules):
            if rule:
                self._is_never_input(place, rule, watched)
        return tuple(rule for rule in rules if rule)

    def _rule(self, place: int, entry: RuleEntry) -> Rule | None:
        self._one_kind_of_instruction(("rules", place), entry.model_fields_set)
        self._edits_or_exports(("rules", place), entry)
        watch = self._watch(place, entry)
        name = self._name(place, entry, watch)
        output = self._output(place, entry)
        archive, quarantine = self._archive(place, entry), self._folder(place, entry, "quarantine")
        fields = RuleSettings.model_fields.items()
        settings = {field.alias or key: self._pick(place, entry, key)[0] for key, field in fields}
        settings["retry"] = self._retry(place, entry)
        settings["where"] = self._where(entry)
        skill: Skill | None = settings["skill"]
        instructions = self._instructions(place, entry, skill)
        if not (watch and name and output and instructions):
            return None
        match, _ = self._pick(place, entry, "match")
        by, _ = self._pick(place, entry, "by")
        return Rule(
            name=name,
            watch=watch,
            output=output,
            instructions=instructions,
            archive=archive,
            quarantine=quarantine,
            match=match or (SKILLS[skill.name].match if skill else ("video",)),
            by=by or self._by,
            **settings,
        )

    def _pick(self, place: int, entry: RuleEntry, key: str) -> tuple[Any, Loc]:
        """A key's value and place: the rule's own, else that of `defaults`, else the key's default."""
        if key in entry.model_fields_set or key not in self._written.defaults.model_fields_set:
            return getattr(entry, key), ("rules", place, key)
        return getattr(self._written.defaults, key), ("defaults", key)

    def _one_kind_of_instruction(self, loc: Loc, written: set[str]) -> None:
        if {"instruction", "instructions"} <= written:
            self._located.fault(
                (*loc, "instructions"),
                "stands beside `instruction`; write one of the two (`instructions` is a list, done in order)",
                at_key=True,
            )

    def _edits_or_exports(self, loc: Loc, keys: RuleKeys) -> None:
        """No instruction asks for what is no work on a file: credits, status, an upload."""
        texts: list[tuple[Loc, str]] = [
            ((*loc, "instructions", number), text) for number, text in enumerate(keys.instructions or ())
        ]
        if keys.instruction is not None:
            texts.append(((*loc, "instruction"), keys.instruction))
        for at, text in texts:
            if fault := misplaced(text):
                self._located.fault(self._located.known(at), fault)

    def _watch(self, place: int, entry: RuleEntry) -> tuple[Path, ...]:
        loc: Loc = ("rules", place, "watch")
        if entry.watch is None:
            self._missing(loc, "`watch` is missing: the folder whose files this rule takes")
            return ()
        paths = []
        for number, text in enumerate(entry.watch):
            path = _path(text, (*loc, number), self._located, self._environ, self._base)
            if path is None:
                return ()
            paths.append(path)
        return tuple(dict.fromkeys(paths))

    def _name(self, place: int, entry: RuleEntry, watch: tuple[Path, ...]) -> str:
        loc: Loc = ("rules", place, "name")
        name = entry.name or (watch[0].name if watch else "")
        if not name and watch and not self._located.faulty(loc):
            self._located.fault(loc, f"`name` is missing: {watch[0]} has no name of its own")
        if not name or self._located.faulty(loc):
            return ""
        if not is_unicode(name):
            self._located.fault(
                loc, f"`name` is missing: the watch folder's, `{printable(name)}`, is no UTF-8"
            )
            return ""
        if not entry.name and name in RESERVED_NAMES:
            self._located.fault(
                loc, f"`name` is missing: `{name}`, after the watch folder, is taken by a command"
            )
            return ""
        if name in self._names:
            first = self._names[name]
            other = f"rules[{first}] (line {self._located.line(('rules', first))})"
            self._located.fault(
                loc,
                f'"{name}" is already the name of {other}'
                if entry.name
                else f'`name` is missing: {other} is already called "{name}", the name of this watch folder',
            )
            return ""
        self._names[name] = place
        return name

    def _output(self, place: int, entry: RuleEntry) -> Path | None:
        text, loc = self._pick(place, entry, "output")
        if text is None:
            self._missing(("rules", place, "output"), "`output` is missing: the folder where results go")
        return _path(text, loc, self._located, self._environ, self._base)

    def _folder(self, place: int, entry: RuleEntry, key: str) -> Path | None:
        """A folder that sources are moved to."""
        text, loc = self._pick(place, entry, key)
        return _path(text, loc, self._located, self._environ, self._base)

    def _is_never_input(self, place: int, rule: Rule, watched: set[Path]) -> None:
        for key in ("archive", "quarantine"):
            folder = getattr(rule, key)
            if folder in watched:
                _, loc = self._pick(place, self._written.rules[place], key)
                self._located.fault(
                    loc, f"{folder} is a watch folder, and what was moved away is never input"
                )

    def _archive(self, place: int, entry: RuleEntry) -> Path | None:
        path = self._folder(place, entry, "archive")
        after, loc = self._pick(place, entry, "after")
        own: Loc = ("rules", place, "archive")
        missing = path is None and not any(map(self._located.faulty, (own, ("defaults", "archive"))))
        if after == "archive" and missing:
            self._located.fault(loc, "`archive` is missing beside it: the folder where sources are moved")
        if after != "archive" and entry.archive is not None:
            self._located.fault(own, "does nothing without `after: archive` in this rule", at_key=True)
        return path

    def _where(self, entry: RuleEntry) -> Where:
        """Merged key by key, as `retry` is."""
        shared = self._written.defaults.where
        merged = {key: getattr(shared, key) for key in shared.model_fields_set}
        return Where(**merged | {key: getattr(entry.where, key) for key in entry.where.model_fields_set})

    def _retry(self, place: int, entry: RuleEntry) -> Retry:
        """Merged key by key: a rule that changes `attempts` keeps the defaults' waits."""
        shared = self._written.defaults.retry
        merged = {key: getattr(shared, key) for key in shared.model_fields_set}
        merged |= {key: getattr(entry.retry, key) for key in entry.retry.model_fields_set}
        retry = Retry(**merged)
        if retry.first > retry.longest:
            own = entry.retry.model_fields_set & {"first", "longest"}
            key = "longest" if "longest" in (own or merged) else "first"
            loc: Loc = ("rules", place, "retry", key) if own else ("defaults", "retry", key)
            self._located.fault(loc, "`first` must not be longer than `longest` (15m unless written)")
        return retry

    def _instructions(self, place: int, entry: RuleEntry, skill: Skill | None) -> tuple[str, ...]:
        for keys in (entry, self._written.defaults):
            if keys.instructions is not None:
                return keys.instructions
            if keys.instruction is not None:
                return (keys.instruction,)
        if skill:
            return (SKILLS[skill.name].instruction,)
        loc: Loc = ("rules", place, "instruction")
        if not any(self._located.faulty((*loc[:2], key)) for key in ("instructions", "skill")):
            self._missing(loc, "nothing is to be done: write `instruction`, `instructions` or `skill`")
        return ()

    def _missing(self, loc: Loc, message: str) -> None:
        # A key that is there and faulty, in the rule or in the defaults, has said so already.
        if not self._located.faulty(loc) and not self._located.faulty(("defaults", loc[-1])):
            self._located.fault(loc, message)
