"""`reeldrop report`: a bundle about one job for a bug report, without tokens and without footage."""

from __future__ import annotations

import getpass
import json
import os
import platform
import shutil
import socket
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import click
import yaml

from daemon import __version__
from daemon.cli.common import config_option, json_option, read_rules_if_any, record_of, say_json
from daemon.cli.redaction import Private, redacted_value, stand_ins
from daemon.config.model import Config
from daemon.config.quantities import format_size
from daemon.deliver import sidecar
from daemon.errors import MediaError, StateError, UsageError
from daemon.jobs import record
from daemon.jobs.lock import is_locked
from daemon.jobs.model import Job, StepRecord
from daemon.jobs.public import public
from daemon.jobs.schema import REVISION
from daemon.jobs.store import Store
from daemon.media.ffmpeg import find_ffmpeg

_README: Final = """\
A report on job {job}, made by reeldrop {version} on {now}.

{contents}

Left out: the source, the result, thumbnails, and a text source's script.
Replaced everywhere: tokens and what looks like one, what follows "?" in an address and the name and password in
it, e-mail addresses (<secret>, <e-mail>); your home folder (~), your user name and this machine's name (<user>,
<host>); names of media files and of folders below a watch folder (file-1.mp4, folder-1: the same one everywhere).
Kept as it is: the instructions, what the editor said, fingerprints of source and result, and the names of the rule
and of the folders that the rules file names. Read it before you send it.
"""
_WHAT: Final = {
    "job.json": "the job as it stands, with what its rule said when it was made",
    "steps.json": "what was sent to the editor and what came back, step by step",
    "timeline.txt": "what happened, a line each",
    "rules.yaml": "the settings of the rules file, and this job's rule alone",
    "versions.txt": "Reeldrop, Python, ffmpeg, the system, the packages",
    "state.json": "how many jobs there are in each state, and the disk's room",
    "sidecar.json": "what stands beside the result for programs",
    "result.log": "what stands beside the result for people",
}
_FFMPEG_LIMIT: Final = 20.0


@click.command()
@click.argument("job_id", metavar="ID")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file. Default: here, reeldrop-report-ID.zip."
)
@config_option
@json_option
def report(job_id: str, output: Path | None, rules: Path | None, as_json: bool) -> int:
    """Bundle what a bug report about a job needs, without tokens, footage or names of files."""
    config = read_rules_if_any(rules)
    with record_of(config) as store:
        if store is None:
            raise StateError(f"state folder {config.state}", "holds no jobs yet")
        job = store.read(lambda connection: record.find_job(connection, job_id))
        files = _redacted_files(config, store, job)
    default = f"reeldrop-report-{job.id}.zip"
    path = _write(
        (output / default if output and output.is_dir() else output or Path(default)).absolute(), files
    )
    sizes = {name: len(_bytes(text)) for name, text in files.items()}
    if as_json:
        contents = [{"name": name, "size": size} for name, size in sizes.items()]
        say_json({"path": str(path), "size": path.stat().st_size, "contents": contents})
        return 0
    click.echo(path)
    for name, size in sizes.items():
        click.echo(f"  {name:<14}{format_size(size):>10}")
    click.echo("Read it before you send it: instructions and the editor's words are in it as they are.")
    return 0


def _redacted_files(config: Config, store: Store, job: Job) -> dict[str, str]:
    """The bundle: name → text."""
    steps = store.read(lambda connection: record.steps_of(connection, job.id))
    entries = store.read(lambda connection: record.timeline_of(connection, job.id))
    beside = _beside(job)
    told: dict[str, Any] = {
        "job.json": _job(job),
        "steps.json": [_step(step) for step in steps],
        "timeline.txt": sidecar.log(entries),
        "rules.yaml": _rules(config, job),
        "versions.txt": _versions(config),
        "state.json": _state(config, store),
        **beside,
    }
    described = [told[name] for name in ("job.json", "steps.json", "timeline.txt", *beside)]
    private = Private(
        secrets=tuple(_secrets(config)),
        home=str(Path.home()),
        user=_user(),
        host=socket.gethostname(),
        stand_ins=stand_ins(described, [job.source.path, *job.outputs], _trees(config, job)),
    )
    files = {name: _text(name, redacted_value(value, private)) for name, value in told.items()}
    return {"README.txt": _readme(job, files), **files}


def _readme(job: Job, files: dict[str, str]) -> str:
    contents = "\n".join(f"  {name:<14}{what}" for name, what in _WHAT.items() if name in files)
    if missing := [name for name in _WHAT if name not in files]:
        contents += f"\n  {' and '.join(missing)}: not in, nothing is delivered (any more)"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return _README.format(job=job.id, version=__version__, now=now, contents=contents)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if name.endswith(".yaml"):
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _job(job: Job) -> dict[str, Any]:
    recipe = asdict(job.recipe)
    left_out = ("folder", "base", "instructions", "by")
    kept = {name: value for name, value in recipe.items() if name not in left_out}
    return public(job) | {"size": job.source.size, "recipe": kept}


def _step(step: StepRecord) -> dict[str, Any]:
    return {
        "step": step.step.value,
        "index": step.index,
        "outcome": step.outcome.value if step.outcome else None,
        "intent_at": sidecar.when(step.intent_at),
        "result_at": sidecar.when(step.result_at) if step.result_at else None,
        "intent": step.intent,
        "result": step.result,
    }


def _rules(config: Config, job: Job) -> dict[str, Any]:
    """The parsed settings; pydantic masks its secrets itself."""
    said: dict[str, Any] = config.model_dump(mode="json")
    return said | {"rules": [rule for rule in said["rules"] if rule["name"] == job.rule]}


def _versions(config: Config) -> str:
    packages = {one.name: one.version for one in metadata.distributions()}
    lines = [
        f"reeldrop {__version__}",
        f"Python {platform.python_version()} ({platform.python_implementation()})",
        f"SQLite {sqlite3.sqlite_version}",
        _ffmpeg(config),
        f"{_system()}{platform.system()} {platform.release()} {platform.machine()}",
        "",
        *(f"{name} {packages[name]}" for name in sorted(packages, key=str.lower)),
    ]
    return "\n".join(lines) + "\n"


def _system() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, "
    except (OSError, KeyError):
        return ""


def _ffmpeg(config: Config) -> str:
    try:
        program = find_ffmpeg(config.studio.ffmpeg)
        said = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=_FFMPEG_LIMIT, check=False
        )
    except (MediaError, OSError, subprocess.TimeoutExpired) as error:
        return f"ffmpeg: {error}"
    return (said.stdout or said.stderr).partition("\n")[0]


def _state(config: Config, store: Store) -> dict[str, Any]:
    return {
        "daemon": is_locked(config.state),
        "jobs": {state.value: number for state, number in store.read(record.counts).items()},
        "database": {"revision": REVISION, "bytes": store.path.stat().st_size},
        "free_bytes": shutil.disk_usage(config.state).free,
    }


def _beside(job: Job) -> dict[str, Any]:
    """What stands beside the result, where one is delivered and still has it."""
    found: dict[str, Any] = {}
    for media in job.outputs[:1]:
        with suppress(OSError, ValueError):
            found["sidecar.json"] = json.loads(media.with_suffix(".json").read_text())
        with suppress(OSError, ValueError):
            found["result.log"] = media.with_suffix(".log").read_text()
    return found


def _secrets(config: Config) -> Iterator[str]:
    """The tokens that this program can know of, and what the service knows this installation by."""
    yield os.environ.get("NEMO_TOKEN", "").strip()
    yield os.environ.get("NEMO_CLIENT_ID", "").strip()
    if config.api.token is not None:
        yield config.api.token.get_secret_value()
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    files = [config.api.token_file, config.state / "client_id", Path(credentials, "nemo-token")]
    for file in files:
        with suppress(OSError, ValueError):
            yield file.read_text().strip() if file else ""
    with suppress(OSError, ValueError):
        cached = json.loads((config.state / "token.json").read_text())
        yield from (str(cached.get(name) or "") for name in ("token", "user_id"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _trees(config: Config, job: Job) -> dict[Path, Path]:
    """The job's folders → the folder above them that a rule names, or else the home folder: those keep their names."""
    named = [root for rule in config.rules if rule.name == job.rule for root in (*rule.watch, rule.output)]
    roots = [*sorted(named, key=lambda root: -len(root.parts)), Path.home(), Path("/")]
    folders = (job.source.path.parent, job.recipe.folder)
    return {folder: next(root for root in roots if folder.is_relative_to(root)) for folder in folders}


def _write(path: Path, files: dict[str, str]) -> Path:
    """Writes the bundle under this name, or the next one that is free: -2, -3, …"""
    number, file = 1, None
    while file is None:
        number, target = number + 1, path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            file = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(
                "", f"{target} cannot be written ({error.strerror})", "Name another one with -o."
            ) from None
    with file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, _bytes(text))
    return target


def _bytes(text: str) -> bytes:
    """A folder's name may be no UTF-8."""
    return text.encode("utf-8", "replace")
