"""Deliveries read back from sidecars."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.deliver import sidecar
from daemon.deliver.earlier import deliveries_in
from daemon.jobs.model import Job

MakeJob = Callable[..., Job]


def put(folder: Path, job: Job, base: str = "clip-rule", data: bytes = b"media") -> Path:
    media = {"file": f"{base}.mp4", "size": len(data), "hash": "xxh3-128:abc", "copy_of": None}
    (folder / f"{base}.mp4").write_bytes(data)
    (folder / f"{base}.json").write_text(sidecar.sidecar(job, [], media, 1_700_000_000.0))
    return folder / f"{base}.json"


def test_what_a_sidecar_tells_is_what_was_delivered(tmp_path: Path, make_job: MakeJob) -> None:
    job = make_job(content="c0ffee", key="k1")
    put(tmp_path, job)
    found = list(deliveries_in(tmp_path))
    assert [
        (one.content, one.key, one.job, one.media, one.media_hash, one.size, one.at) for one in found
    ] == [("c0ffee", "k1", job.id, tmp_path / "clip-rule.mp4", "abc", 5, 1_700_000_000.0)]


def test_a_sidecar_whose_media_went_or_changed_its_size_tells_nothing(
    tmp_path: Path, make_job: MakeJob
) -> None:
    put(tmp_path, make_job(), "gone")
    put(tmp_path, make_job(), "cut")
    (tmp_path / "gone.mp4").unlink()
    (tmp_path / "cut.mp4").write_bytes(b"med")
    assert list(deliveries_in(tmp_path)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda told: [],
        lambda told: told | {"result": None},
        lambda told: told | {"result": told["result"] | {"hash": 7}},
        lambda told: told | {"result": told["result"] | {"file": "../clip-rule.mp4/../../etc/passwd"}},
        lambda told: told | {"source": {"content": "md5:1"}},
        lambda told: {name: value for name, value in told.items() if name != "instructions_key"},
        lambda told: told | {"times": {"delivered": "yesterday"}},
    ],
)
def test_json_of_another_shape_is_passed_over(
    tmp_path: Path, make_job: MakeJob, change: Callable[[Any], Any]
) -> None:
    path = put(tmp_path, make_job())
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    (tmp_path / "broken.json").write_bytes(b"{\xff")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "folder.json").mkdir()
    assert list(deliveries_in(tmp_path)) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(deliveries_in(tmp_path / "none")) == []
