"""A scenario in a child process: with mounts and inotify limits of its own, or without root's rights."""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

Scenario = Callable[[], Coroutine[Any, Any, None]]

_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_CAPABILITY_VERSION = 0x20080522
_NOT_HERE = 77


def apart(scenario: Scenario) -> None:
    """As the root of its own user and mount namespace: nothing of it touches the machine.

    Skips where the system has no such namespaces.
    """
    _in_child(_enter_namespace, scenario)


def unprivileged(scenario: Scenario) -> None:
    """Without the rights by which root may read everything."""
    _in_child(_drop_rights, scenario)


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def unmount(point: Path) -> None:
    subprocess.run(["umount", point], check=True)


def limit(kind: str, number: int) -> None:
    """How many inotify `watches` or `instances` there are from now on."""
    Path(f"/proc/sys/user/max_inotify_{kind}").write_text(str(number))


def _in_child(prepare: Callable[[], bool], scenario: Scenario) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _NOT_HERE
            if prepare():
                code = 1
                asyncio.run(scenario())
                code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == _NOT_HERE:
        pytest.skip("no user namespaces here")
    assert code == 0


def _enter_namespace() -> bool:
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(_NEW_USER | _NEW_MOUNTS):
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    mount("--make-rprivate", "/")
    return True


def _drop_rights() -> bool:
    header, none = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    return bool(ctypes.CDLL(None).capset(header, none) == 0)
