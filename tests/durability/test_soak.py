"""A tenth of the soak (`python -m tests.durability.soak`), always under the same dice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.soak import Plan, soaked

pytestmark = pytest.mark.heavy


def test_a_daemon_killed_and_stopped_at_random_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    report = soaked(Plan(jobs=100, kills=20, stops=2, lost=0, seed=20_260_101), tmp_path)
    print(report)
    assert not report.wrong, str(report)
