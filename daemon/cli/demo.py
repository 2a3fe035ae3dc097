"""`reeldrop demo`: the main job from start to end, in a temporary place, with a clip of its own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Final

import click

from daemon.app import App, on_signals
from daemon.cli import logs
from daemon.cli.common import json_option, say_json
from daemon.cli.reporting import outcome, reporter
from daemon.config.loading import load
from daemon.config.model import Config
from daemon.jobs.model import Job
from daemon.jobs.public import public
from daemon.jobs.states import UNFINISHED, State
from daemon.media.clip import make_demo_clip
from daemon.media.ffmpeg import Ffmpeg, find_ffmpeg
from daemon.pipeline.hooks import Happening, Hook, JobChanged
from daemon.watching import Daemon

_RULES: Final = """\
state: state
rules:
  - watch: inbox
    instructions:
      - add calm background music
      - add a title "Made by Reeldrop"
    output: edited
    by: embedded
    settle: 1s
"""


@click.command()
@json_option
def demo(as_json: bool) -> int:
    """See the whole thing happen: a rule, a dropped clip, the edited result. Needs no account and no network."""
    place = Path(tempfile.mkdtemp(prefix="reeldrop-demo-"))
    rules = place / "rules.yaml"
    rules.write_text(_RULES)
    (place / "inbox").mkdir()
    clip = place / "holiday.mp4"
    if not as_json:
        click.echo(f"In {place}, with the rule\n\n{_RULES}")
        click.echo("Making a clip of five seconds, and dropping it into inbox/ …\n")
    make_demo_clip(clip, Ffmpeg(find_ffmpeg()))
    config = load(rules)
    logs.set_up()
    with reporter(as_json=as_json) as hook:
        job = asyncio.run(_demo(config, clip, hook))
    done = job.state is State.SUCCEEDED
    if as_json:
        say_json(public(job))
    elif done:
        _show(job)
    else:
        click.echo(f"reeldrop: the demo failed: {outcome(job)}", err=True)
    return 0 if done else 1


async def _demo(config: Config, clip: Path, hook: Hook) -> Job:
    ended: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    on_signals(stop)

    def look(happening: Happening) -> None:
        if isinstance(happening, JobChanged) and happening.job.state not in UNFINISHED and not ended.done():
            ended.set_result(happening.job)
            stop.set()

    def drop() -> None:
        shutil.copy(clip, config.rules[0].watch[0])

    app = App(config, [hook, look])
    try:
        await Daemon(app).run(stop, drop)
        return await asyncio.wait_for(ended, 0.0)
    except TimeoutError:
        raise KeyboardInterrupt from None
    finally:
        app.close()


def _show(job: Job) -> None:
    media = job.outputs[0]
    click.echo("\nThe result, its log and its sidecar:\n")
    for file in sorted(media.parent.iterdir()):
        click.echo(f"  {file.name:<28} {file.stat().st_size:>10,} bytes")
    click.echo("\nThe log says:\n")
    for line in media.with_suffix(".log").read_text().splitlines():
        click.echo(f"  {line}")
    click.echo(f"\nAll of it lies in {media.parent.parent}. Play the edited clip:\n{media}")
