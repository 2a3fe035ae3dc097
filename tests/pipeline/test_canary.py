"""A token that the service repeats in all it says is found nowhere that is kept or shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MakeClip = Callable[[str], Path]
CANARY = "nmv_usr_canary5f0c8c8e"

FAULTS = f"""
faults:
  - call: session
    nth: 1
    then: {{status: 503, message: "the token {CANARY} met a broken server"}}
  - call: upload
    nth: 1
    then: {{drop: answer}}
  - call: run
    nth: 1
    then:
      before:
        - {{type: text, content: "Hello {CANARY}, Bearer {CANARY}"}}
        - {{type: tool_call, name: "{CANARY}"}}
  - call: run
    nth: 2
    then: {{skip: true, before: {{type: error, code: "4000", message: "no {CANARY}"}}}}
  - call: run
    nth: 3
    then: {{status: 400, body: "<html><title>{CANARY}</title>{CANARY}</html>"}}
  - call: render
    nth: 2
    then: {{code: 4001, message: "what {CANARY} sent is no video", headers: {{X-Echo: "{CANARY}"}}}}
  - call: render_status
    nth: 1
    then: {{code: 2000, message: "{CANARY}"}}
"""

RULES = """\
state: {state}
api: {{url: "{url}", {token}}}
timing: {{poll: 20ms, confirm: 5ms, recheck: [20ms], stream_limit: 1s}}
limits: {{jobs: 1}}
rules:
  - name: rule
    watch: {inbox}
    instruction: trim to 1 s
    output: {output}
    settle: 100ms
    retry: {{attempts: 2, first: 50ms, longest: 100ms}}
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """A studio whose token is the canary, and which repeats it; its address."""
    (tmp_path / "faults.yaml").write_text(FAULTS)
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(tmp_path / "service")]
    command += ["--faults", str(tmp_path / "faults.yaml")]
    environ = {**os.environ, "NEMO_TOKEN": CANARY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        yield re.findall(r"NEMO_API_URL=(\S+)", said)[0]
        process.terminate()


@pytest.mark.parametrize("given", ["in the file", "in a file of its own", "by systemd", "in the environment"])
def test_a_token_stands_nowhere_but_where_a_person_put_it(
    given: str, service: str, tmp_path: Path, make_clip: MakeClip
) -> None:
    work = tmp_path / "work"
    inbox, secrets = work / "in", tmp_path / "secrets"
    inbox.mkdir(parents=True)
    secrets.mkdir()
    (secrets / "nemo-token").write_text(CANARY + "\n")
    for number in range(5):
        shutil.copy(make_clip(f"canary-{number}.mp4"), inbox)
    token, environ = {
        "in the file": (f'token: "{CANARY}"', {}),
        "in a file of its own": (f"token_file: {secrets / 'nemo-token'}", {}),
        "by systemd": ("", {"CREDENTIALS_DIRECTORY": str(secrets)}),
        "in the environment": ("", {"NEMO_TOKEN": CANARY}),
    }[given]
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        RULES.format(state=work / "state", url=service, token=token, inbox=inbox, output=work / "out")
    )
    said = ""
    commands = [["run", "--once"], ["run", "--once", "--json"], ["jobs", "--json"], ["status"], ["check"]]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-m", "daemon", *command, "--config", str(rules)],
            capture_output=True,
            check=False,
            text=True,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("NEMO_")}, **environ},
        )
        said += done.stdout + done.stderr
    names = {path.name for path in (work / "out").iterdir()}
    assert any(name.endswith(".FAILED.txt") for name in names), names
    assert any(name.endswith(".mp4") for name in names), names
    assert "[token]" in said
    assert CANARY not in said
    written = [path for path in work.rglob("*") if path.is_file()]
    assert work / "state/jobs.db" in written
    assert [path for path in written if CANARY.encode() in path.read_bytes()] == []


def test_a_starter_token_stands_in_its_cache_alone(service: str, tmp_path: Path, make_clip: MakeClip) -> None:
    inbox = tmp_path / "work/in"
    inbox.mkdir(parents=True)
    shutil.copy(make_clip("starter.mp4"), inbox)
    rules = tmp_path / "rules.yaml"
    state = tmp_path / "work/state"
    rules.write_text(
        RULES.format(state=state, url=service, token="", inbox=inbox, output=tmp_path / "work/out")
    )
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "run", "--once", "--config", str(rules)],
        capture_output=True,
        check=False,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("NEMO_")} | {"HOME": str(tmp_path)},
    )
    found = re.search(rb'"token": "([^"]{20,})"', (state / "token.json").read_bytes())
    assert found is not None, done.stderr
    token = found[1]
    holding = [
        path for path in (tmp_path / "work").rglob("*") if path.is_file() and token in path.read_bytes()
    ]
    assert holding == [state / "token.json"]
    assert (state / "token.json").stat().st_mode & 0o777 == 0o600
    assert token not in (done.stdout + done.stderr).encode()
