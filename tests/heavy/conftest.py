"""In `.ci/run` no heavy test may be skipped: what they need is installed there, or it is no check of them."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and "REELDROP_CI" in os.environ:
        report.outcome = "failed"
        report.longrepr = f"skipped, which REELDROP_CI forbids: {report.longrepr}"
    return report
