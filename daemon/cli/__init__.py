"""The command line: arguments in, words out. Each command's module is loaded when it is called."""

from __future__ import annotations

import importlib
import io
import sys
from typing import Final

import click

from daemon import __version__
from daemon.errors import ReeldropError, UsageError

_COMMANDS: Final = {
    "run": "daemon.cli.running",
    "do": "daemon.cli.doing",
    "check": "daemon.cli.checking",
    "plan": "daemon.cli.planning",
    "status": "daemon.cli.looking",
    "jobs": "daemon.cli.looking",
    "job": "daemon.cli.looking",
    "why": "daemon.cli.looking",
    "retry": "daemon.cli.changing",
    "redo": "daemon.cli.changing",
    "cancel": "daemon.cli.changing",
    "hold": "daemon.cli.changing",
    "resume": "daemon.cli.changing",
    "approve": "daemon.cli.changing",
    "ignore": "daemon.cli.changing",
    "credits": "daemon.cli.credits",
    "open": "daemon.cli.project",
    "report": "daemon.cli.report",
    "recover": "daemon.cli.recovering",
    "studio": "daemon.cli.studio",
    "schema": "daemon.cli.checking",
    "demo": "daemon.cli.demo",
}
_HELP: Final = {
    "run": "Watch the folders and edit what is dropped into them.",
    "do": "Edit one file now.",
    "check": "Look at the rules file, the folders and the tools.",
    "plan": "Dry run: every file, its rule, its result, its price.",
    "status": "One screen: folders, what runs, waits, is held or failed.",
    "jobs": "List jobs, newest first.",
    "job": "One job with everything that happened to it.",
    "why": "Which rule takes a file, and what it waits for.",
    "retry": "Try failed or held jobs again.",
    "redo": "Edit delivered files once more, and pay again.",
    "cancel": "Give jobs up; their files stay.",
    "hold": "Let jobs, or a rule, wait.",
    "resume": "Let them go on.",
    "approve": "Do what waits for approval.",
    "ignore": "Do not do it, and never ask again.",
    "credits": "The balance, and what was spent.",
    "open": "A fresh browser link to a job's project.",
    "report": "Bundle what a bug report about a job needs.",
    "recover": "Replace a damaged or lost job database.",
    "studio": "Run the embedded studio alone.",
    "schema": "The JSON Schema of the rules file.",
    "demo": "See the whole thing happen, in a temporary place.",
}


class _Commands(click.Group):
    """Commands by name, their modules imported at the last moment: `--help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_HELP.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reeldrop")
def reeldrop() -> None:
    """Drop a clip into a folder; the edit that one YAML line describes comes out of another."""


def main() -> None:
    """Runs the command; an error is one clear line and an exit code: 2 for usage and configuration, else 1."""
    for stream in (sys.stdout, sys.stderr):
        # A file name may be no UTF-8, and a terminal no Unicode one; neither is a reason to end.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = reeldrop.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except ReeldropError as error:
        click.echo(f"reeldrop: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        # `reeldrop jobs | head`: the reader has seen enough.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
