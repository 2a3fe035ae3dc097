"""What a daemon does when it is told to stop, and told again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

from daemon.jobs.lock import is_locked
from tests.cli.waiting import DEADLINE, until
from tests.durability.clips import tiny

RULES = """\
state: state
api: {{url: "http://127.0.0.1:{port}", token: secret}}
rules:
  - {{name: r, watch: in, by: service, instruction: trim to 1 s, output: out, settle: 100ms, existing: run}}
"""


def test_a_second_signal_ends_at_once_what_a_first_one_lets_come_to_its_end(tmp_path: Path) -> None:
    """The editor takes the connection and never answers: the drain would wait for it."""
    (tmp_path / "in").mkdir()
    tiny(tmp_path / "in" / "a.mp4")
    told = tmp_path / "daemon.err"
    with socket.create_server(("127.0.0.1", 0)) as editor, told.open("w") as errors:
        (tmp_path / "rules.yaml").write_text(RULES.format(port=editor.getsockname()[1]))
        command = [sys.executable, "-m", "daemon", "run", "--config", str(tmp_path / "rules.yaml")]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors) as daemon:
            editor.settimeout(DEADLINE)
            asked, _ = editor.accept()
            with asked:
                daemon.send_signal(signal.SIGTERM)
                until(lambda: "topping" in told.read_text())
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(DEADLINE) == -signal.SIGTERM, told.read_text()
    assert not is_locked(tmp_path / "state")
