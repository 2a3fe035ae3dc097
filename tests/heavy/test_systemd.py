"""The unit, as systemd reads it and as systemd runs it, in a container that boots."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest

pytestmark = pytest.mark.heavy

PROJECT = Path(__file__).parents[2]
UNIT = PROJECT / "systemd" / "reeldrop.service"
ROOT = Path("/var/tmp/reeldrop-test-root")
DEADLINE = 60.0
PACKAGES = "procps,systemd,systemd-sysv,dbus,python3"
CAN_BOOT = os.geteuid() == 0 and all(map(shutil.which, ("debootstrap", "systemd-nspawn", "nsenter")))
RULES = """\
rules:
  - {name: trim, watch: /srv/in, instruction: trim to 1 s, output: /srv/out, settle: 200ms}
"""


def until(condition: Callable[[], object], what: str) -> None:
    """Waits for other processes; the pause is only how often it is asked."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
        time.sleep(0.1)


@dataclass
class Machine:
    """A booted container; `srv` is its /srv, seen from outside."""

    leader: int
    srv: Path

    def run(self, *command: str) -> str:
        inside = ["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-i", "-C", *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def show(self, name: str) -> str:
        return self.run("systemctl", "show", "--value", "-p", name, "reeldrop").strip()


@pytest.fixture(scope="module")
def root() -> Path:
    """A minimal Debian; made once for a machine."""
    if not (ROOT / "sbin" / "init").exists():
        shutil.rmtree(ROOT, ignore_errors=True)
        making = ROOT.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        make = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(making)]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        making.rename(ROOT)
    return ROOT


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Iterator[Machine]:
    name = f"reeldrop-{os.getpid()}"
    srv = tmp_path / "srv"
    for folder in (srv / "in", srv / "out", tmp_path / "etc"):
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    (tmp_path / "etc" / "rules.yaml").write_text(RULES)
    command = tmp_path / "reeldrop"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m daemon "$@"\n')
    command.chmod(0o755)
    shown = {
        srv: "/srv",
        tmp_path / "etc": "/etc/reeldrop",
        command: "/usr/local/bin/reeldrop",
        UNIT: "/etc/systemd/system/reeldrop.service",
        **{Path(place): place for place in {str(PROJECT), sys.prefix, sys.base_prefix}},
    }
    branches = [Path("/sys/fs/cgroup") / tree / name for tree in ("systemd", "unified")]
    branches = [branch for branch in branches if branch.parent.exists()]
    for branch in branches:
        branch.mkdir()
    joining = "".join(f"echo $$ > {branch}/cgroup.procs; " for branch in branches)
    boot = ["systemd-nspawn", "-q", "-D", str(root), "--volatile=overlay", "--register=no", "--keep-unit"]
    boot += [f"--machine={name}", "--console=pipe", "--capability=all", "--boot"]
    boot += [f"--bind={outside}:{inside}" for outside, inside in shown.items()]
    with (tmp_path / "console").open("w") as console:
        nspawn = subprocess.Popen(
            ["sh", "-c", f'{joining}exec "$@"', "sh", *boot],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    until(lambda: children.read_text().strip(), (tmp_path / "console").read_text())
    booted = Machine(int(children.read_text().split()[0]), srv)
    try:
        until(
            lambda: booted.run("systemctl", "is-system-running").strip() in ("running", "degraded"),
            "the boot",
        )
        booted.run("useradd", "--system", "--create-home", "reeldrop")
        booted.run("chmod", "755", "/root")
        yield booted
    finally:
        subprocess.run(["kill", "-s", "RTMIN+4", str(booted.leader)], check=False)
        nspawn.wait(DEADLINE)
        for branch in branches:
            for folder in sorted(branch.rglob("*/"), key=lambda one: -len(one.parts)):
                folder.rmdir()
            branch.rmdir()


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


@pytest.mark.skipif(not CAN_BOOT, reason="needs root, debootstrap and systemd-nspawn")
def test_the_service_is_ready_delivers_survives_a_crash_and_stops_clean(machine: Machine) -> None:
    machine.run("systemctl", "start", "reeldrop")
    assert machine.show("ActiveState") == "active", machine.run("journalctl", "-u", "reeldrop")
    clip = machine.srv / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, str(clip)], check=True)
    shutil.copy(clip, machine.srv / "in")
    until((machine.srv / "out" / "clip-trim.mp4").exists, "the first delivery")
    assert machine.run("stat", "-c", "%U %a", "/var/lib/reeldrop").strip() == "reeldrop 700"

    machine.run("systemctl", "kill", "--kill-who=main", "-s", "KILL", "reeldrop")
    with clip.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    shutil.copy(clip, machine.srv / "in" / "second.mp4")
    until((machine.srv / "out" / "second-trim.mp4").exists, "the delivery after the crash")

    machine.run("systemctl", "stop", "reeldrop")
    told = (machine.show("ActiveState"), machine.show("Result"), machine.show("ExecMainStatus"))
    assert told == ("inactive", "success", "0"), machine.run("journalctl", "-u", "reeldrop")


@pytest.mark.skipif(not CAN_BOOT, reason="needs root, debootstrap and systemd-nspawn")
def test_a_faulty_rules_file_is_told_once_and_not_started_again(machine: Machine) -> None:
    (machine.srv.parent / "etc" / "rules.yaml").write_text("rules: 3\n")
    machine.run("systemctl", "start", "reeldrop")
    until(lambda: machine.show("ActiveState") == "failed", "the end of the service")
    assert machine.show("NRestarts") == "0"
    assert "/etc/reeldrop/rules.yaml:1:8" in machine.run("journalctl", "-u", "reeldrop")
