"""`reeldrop studio`: the embedded API server alone."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from daemon.config.environment import default_state
from daemon.errors import UsageError


@click.command()
@click.option(
    "--listen", default="127.0.0.1:0", show_default=True, help="Address and port; port 0 is any free one."
)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where it keeps its files. Default: state/studio-alone."
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    help="What goes wrong, and what it costs: a rehearsal (docs/studio.md). Read again when it changes.",
)
@click.option("--ffmpeg", default="auto", show_default=True, help="The ffmpeg to render with.")
@click.option(
    "--music", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A folder of your music."
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of your pictures, for backgrounds and watermarks.",
)
@click.option(
    "--matte-model", default="auto", show_default=True, help="The model that finds people: auto, or a path."
)
@click.option("--private-urls", is_flag=True, help="Let URLs of an upload lead into private networks.")
@click.option(
    "--attached",
    is_flag=True,
    hidden=True,
    help="Announce in JSON, end with stdin: how the daemon starts it.",
)
def studio(
    listen: str,
    folder: Path | None,
    faults: Path | None,
    ffmpeg: str,
    music: Path | None,
    pictures: Path | None,
    matte_model: str,
    private_urls: bool,
    attached: bool,
) -> int:
    """Run the embedded studio alone: the editor's API on this machine, for any client of it."""
    import os

    from daemon.cli.faults import FaultsFile
    from daemon.studio.ledger import LEDGER
    from daemon.studio.library import Library
    from daemon.studio.process import serve

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UsageError("--listen", f"{listen} is no address:port", "Such as 127.0.0.1:8788.")
    state = folder or default_state(os.environ) / "studio-alone"
    serve(
        state=state,
        host=host.strip("[]"),
        port=int(port),
        ffmpeg=ffmpeg,
        token=os.environ.get("NEMO_TOKEN") if not attached else None,
        announce=_announce_json if attached else partial(_announce, state / LEDGER),
        end_with_stdin=attached,
        faults=FaultsFile(faults) if faults else None,
        library=Library(pictures, music),
        matte_model=matte_model,
        reach="nowhere" if attached else "anywhere" if private_urls else "public",
    )
    return 0


def _announce_json(url: str, token: str) -> None:
    click.echo(json.dumps({"url": url, "token": token}))


def _announce(ledger: Path, url: str, token: str) -> None:
    click.echo(f"The studio answers at {url}")
    click.echo(f"  export NEMO_API_URL={url} NEMO_TOKEN={token}")
    click.echo(f"Ctrl-C ends it. What it is asked for stands in {ledger}")
