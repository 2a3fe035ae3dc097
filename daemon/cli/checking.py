"""`check` and `schema`: the rules file, and what the machine has for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from daemon.cli.common import config_option, json_option, read_rules, say_json
from daemon.config.loading import require_choice
from daemon.config.model import Config, Rule
from daemon.errors import RulesError, UsageError

_SCRIPT = "A script."


@click.command()
@click.option(
    "--live", is_flag=True, help="Ask the editors in use too: free calls, nothing is uploaded or paid."
)
@config_option
@json_option
def check(live: bool, rules: Path | None, as_json: bool) -> int:
    """Look at the rules file, the folders and the tools; exit 2 if anything is wrong."""
    from daemon.checks import look_at_owners, look_over

    answers: list[dict[str, Any]] = []
    try:
        config = read_rules(rules)
        require_choice(config)
        wrong = look_over(config)
    except RulesError as error:
        wrong = [str(fault) for fault in error.faults]
    except UsageError as error:
        wrong = [str(error)]
    else:
        if not wrong and not as_json:
            for rule in config.rules:
                who = "the embedded studio" if rule.by == "embedded" else config.service_url
                folders = ", ".join(map(str, rule.watch))
                click.echo(f"{rule.name}: {folders} → {rule.output}, edited by {who}")
            if any(rule.by == "embedded" for rule in config.rules):
                _tell_abilities(config)
            doubts = [*look_at_owners(config), *_doubts(config)]
            for doubt in doubts:
                click.echo(doubt)
            click.echo(f"{config.path}: {'nothing else is wrong' if doubts else 'all is well'}.")
        if not wrong and live:
            from daemon.cli.live import look

            answers = look(config, quiet=as_json)
    failed = any(answer["verdict"] == "failed" for answer in answers)
    if as_json:
        told = {"live": answers} if live else {}
        edits = {} if wrong else {"edits": _abilities(config)}
        say_json({"ok": not wrong and not failed, "faults": wrong, **edits, **told})
    else:
        for line in wrong:
            click.echo(line, err=True)
    return 2 if wrong or failed else 0


def _doubts(config: Config) -> list[str]:
    """What the embedded studio will not understand, or cannot do here; such jobs would fail."""
    return [
        doubt
        for rule in config.rules
        if rule.by == "embedded"
        for text in rule.instructions
        if (doubt := _doubt(config, rule, text))
    ]


def _doubt(config: Config, rule: Rule, text: str) -> str:
    from daemon.studio.abilities import lacking
    from daemon.studio.understanding import understand

    # What goes up with a file is named by it, or stands below the instruction: neither is known here.
    heard = understand(f"{text}\n\n{_SCRIPT}" if "text" in rule.match else text)
    if heard.refused and not heard.lacks:
        said = f'the embedded studio does not understand "{text}"; the real editor may (`by: service`).'
        return f"rule {rule.name}: {said}"
    lacks = lacking(heard.operations, config.studio.matte_model)
    if lacks is None:
        return ""
    unless = ", unless it is before a green or blue screen" if lacks.name == "matte" else ""
    return f'rule {rule.name}: "{text}" cannot be done on this machine{unless}: {lacks.hint}.'


def _abilities(config: Config) -> dict[str, bool]:
    from daemon.studio.abilities import abilities

    return {one.name: one.works for one in abilities(config.studio.matte_model)}


def _tell_abilities(config: Config) -> None:
    from daemon.studio.abilities import abilities

    for one in abilities(config.studio.matte_model):
        click.echo(f"studio: {one.what}: {'yes' if one.works else f'no ({one.hint})'}")


@click.command()
def schema() -> int:
    """The JSON Schema of the rules file; editors complete keys with it."""
    from daemon.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0
