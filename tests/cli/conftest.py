"""A paid editor (a studio that runs alone, with prices), and a home where jobs of three rules were done with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest

BEGAN_WITH = 1000
PRICE = 40

RULES = """\
state: state
api: {{url: "{url}"}}
limits: {{jobs: 1}}
timing: {{poll: 20ms, confirm: 5ms}}
defaults: {{output: out, settle: 100ms, instruction: trim to 1 s}}
rules:
  - {{name: wide, watch: in/wide, by: service}}
  - {{name: tall, watch: in/tall, by: service, instructions: [trim to 1 s, add a title "Hello"]}}
  - {{name: free, watch: in/free, by: embedded}}
"""


@dataclass(frozen=True)
class Editor:
    """Where the paid editor answers, and the file that says what goes wrong there."""

    url: str
    token: str
    faults: Path

    def answers(self, faults: str = "[]") -> None:
        """What goes wrong from now on (docs/studio.md); without a word, nothing."""
        service = f"service: {{credits: {BEGAN_WITH}, prices: {{edit: {PRICE}}}}}"
        self.faults.write_text(f"{service}\nfaults: {faults}\n")


@dataclass(frozen=True)
class Home:
    """A home folder with a rules file; the environment says nothing but what a call adds."""

    folder: Path
    editor: Editor

    def run(self, *words: str, token: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs the command. `token` None: the editor's own; empty: none is configured."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        token = self.editor.token if token is None else token
        done = subprocess.run(
            [sys.executable, "-m", "daemon", *words],
            cwd=self.folder,
            env={**kept, "HOME": str(self.folder), **({"NEMO_TOKEN": token} if token else {}), **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert not token or token not in done.stdout + done.stderr
        return done


@pytest.fixture(scope="session")
def paid_editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editor")
    Editor("", "", folder / "faults.yaml").answers()
    command = [sys.executable, "-m", "daemon", "studio", "--folder", str(folder / "studio")]
    with subprocess.Popen(
        [*command, "--faults", str(folder / "faults.yaml")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        url, token = re.findall(r"NEMO_API_URL=(\S+) NEMO_TOKEN=(\S+)", said)[0]
        yield Editor(url, token, folder / "faults.yaml")
        process.terminate()


@pytest.fixture
def editor(paid_editor: Editor) -> Iterator[Editor]:
    """The paid editor; what a test lets go wrong there ends with it."""
    yield paid_editor
    paid_editor.answers()


@pytest.fixture(scope="session")
def worked_home(tmp_path_factory: pytest.TempPathFactory, paid_editor: Editor) -> Home:
    """One clip by each rule: 40 credits by `wide`, 80 by `tall`, none by `free`. Only to be read."""
    folder = tmp_path_factory.mktemp("home")
    for name, tree in (("wide", "Secret Client"), ("tall", ""), ("free", "")):
        place = folder / "in" / name / tree
        place.mkdir(parents=True)
        source = ["-f", "lavfi", "-i", f"testsrc=size=64x64:rate=10:duration=1.{len(name) + len(tree)}"]
        clip = place / f"{name} plan (1).mp4"
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(clip)], check=True)
    (folder / "rules.yaml").write_text(RULES.format(url=paid_editor.url))
    home = Home(folder, paid_editor)
    done = home.run("run", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


@pytest.fixture
def home(worked_home: Home, editor: Editor) -> Home:
    return worked_home


@pytest.fixture
def empty_home(tmp_path: Path, editor: Editor) -> Home:
    """Rules, and nothing that ever ran."""
    for name in ("wide", "tall", "free"):
        (tmp_path / "in" / name).mkdir(parents=True)
    (tmp_path / "rules.yaml").write_text(RULES.format(url=editor.url))
    return Home(tmp_path, editor)
