"""The unit, as systemd reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

UNIT = Path(__file__).parents[2] / "systemd" / "reeldrop.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    command = tmp_path / "reeldrop"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/usr/local/bin/reeldrop", str(command))
    unit.write_text(text.replace("#LoadCredential=", "LoadCredential=").replace("User=reeldrop", "User=root"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
