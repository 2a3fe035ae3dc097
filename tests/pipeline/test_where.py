"""`where`: a file outside a rule's bounds is left to later rules, and is no job where none takes it."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from daemon.jobs import files
from daemon.jobs.states import State
from daemon.pipeline import gathering
from tests.pipeline.gathered import Live, MakeClip, settle

RULES = """\
state: state
defaults: {by: embedded, instruction: trim to 1 s, output: out, match: media, settle: 200ms}
rules:
  - {name: long, watch: in, where: {duration: "5s.."}}
  - {name: large, watch: in, where: {size: "1MB.."}}
  - {name: short, watch: in, where: {duration: "1s..2s", size: "2kB.."}}
"""


def wav(size: int) -> bytes:
    return b"RIFF" + (size - 8).to_bytes(4, "little") + b"WAVE" + os.urandom(size - 12)


def test_a_file_goes_to_the_first_rule_whose_bounds_it_lies_within(
    live: Live, make_clip: MakeClip, tmp_path: Path
) -> None:
    async def work() -> dict[str, Any]:
        async with live(tmp_path, RULES) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            (inbox / "large.wav").write_bytes(wav(2_000_000))
            (inbox / "small.wav").write_bytes(wav(1_000))
            await settle(life)
            return {job.source.path.name: job for job in life.jobs()}

    inbox = tmp_path / "in"
    inbox.mkdir()
    jobs = asyncio.run(work())
    assert {name: job.rule for name, job in jobs.items()} == {"a.mp4": "short", "large.wav": "large"}
    assert jobs["a.mp4"].state is State.SUCCEEDED


def test_a_clip_that_is_gone_is_missed_though_a_file_that_is_left_out_was_met(
    live: Live, make_clip: MakeClip, tmp_path: Path
) -> None:
    async def work() -> None:
        async with live(tmp_path, RULES) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            (inbox / "small.wav").write_bytes(wav(1_000))
            await settle(life)
        (inbox / "a.mp4").unlink()
        async with live(tmp_path, RULES) as life:
            for _ in range(3):
                await settle(life)
            known = life.app.store.read(lambda connection: files.known(connection, inbox / "a.mp4"))
            assert known.gone_at is not None

    inbox = tmp_path / "in"
    inbox.mkdir()
    asyncio.run(work())


def test_what_is_left_out_is_not_looked_at_again_while_it_stays_as_it_is(
    live: Live, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []
    length_of = gathering.length_of

    def counted(path: Path, ffmpeg: Any) -> float | None:
        looks.append(path)
        return length_of(path, ffmpeg)

    async def work() -> None:
        async with live(tmp_path, RULES.replace("1s..2s", "3s..4s")) as life:
            shutil.copy(make_clip("a.mp4"), inbox)
            await settle(life)
            assert len(looks) == 1
            await settle(life)
            assert len(looks) == 1
            shutil.copy(make_clip("b.mp4"), inbox / "a.mp4")
            await settle(life)
            assert len(looks) == 2
            assert not life.jobs()

    monkeypatch.setattr(gathering, "length_of", counted)
    inbox = tmp_path / "in"
    inbox.mkdir()
    asyncio.run(work())


def test_a_file_that_cannot_be_edited_is_told_of_though_a_rule_asks_how_long_it_is(
    live: Live, tmp_path: Path
) -> None:
    async def work() -> list[Any]:
        async with live(tmp_path, RULES) as life:
            (inbox / "broken.mp4").write_text("no video at all")
            await settle(life)
            return list(life.jobs())

    inbox = tmp_path / "in"
    inbox.mkdir()
    [job] = asyncio.run(work())
    assert (job.rule, job.state) == ("long", State.FAILED)
