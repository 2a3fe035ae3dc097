"""`python -m benchmarks`: measures and prints; it judges nothing, so its exit code is 0 unless something broke."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from benchmarks.cutout import cutout
from benchmarks.jobs import jobs
from benchmarks.lines import Line, table
from benchmarks.memory import memory
from benchmarks.pipeline import pipeline
from benchmarks.place import Place, Sizes, place
from benchmarks.record import record
from benchmarks.titles import titles
from benchmarks.transfer import download, lag, upload
from benchmarks.watching import watching

PARTS: Final[dict[str, Callable[[Place, Sizes], list[Line]]]] = {
    part.__name__: part
    for part in (upload, download, memory, lag, jobs, pipeline, record, watching, titles, cutout)
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--mib", default=500, show_default=True, help="Size of a transfer.")
@click.option(
    "--memory",
    "memory_mib",
    multiple=True,
    type=int,
    default=(100, 500, 1024),
    show_default=True,
    help="Sizes in MiB of the transfers whose memory is looked at.",
)
@click.option("--rounds", default=7, show_default=True, help="Pairs, after one that warms up.")
@click.option("--jobs", "job_count", default=32, show_default=True, help="The script's jobs in a round.")
@click.option(
    "--queued",
    default=100_000,
    show_default=True,
    help="Jobs in the record that is looked at; files that are known, twice those of a burst.",
)
@click.option(
    "--idle", default=20.0, show_default=True, help="Seconds for which an idle daemon is looked at."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the temporary folder is made. Default: the system's place for those.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def main(
    parts: tuple[str, ...],
    mib: int,
    memory_mib: tuple[int, ...],
    rounds: int,
    job_count: int,
    queued: int,
    idle: float,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Measure the client against curl, stock httpx and a shell script; all PARTS, or those named."""
    # What is asked is on this machine; curl and stock httpx would go through a proxy.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    sizes = Sizes(mib, memory_mib, rounds, job_count, queued, idle)
    lines: list[Line] = []
    with place(folder) as where:
        for name in parts or PARTS:
            click.echo(f"{name} …", err=True)
            found = PARTS[name](where, sizes)
            lines += found
            if as_json:
                for line in found:
                    click.echo(json.dumps(line.for_programs()))
    if not as_json:
        click.echo(table(lines))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
