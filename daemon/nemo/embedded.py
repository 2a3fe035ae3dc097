"""The embedded studio as an account: started as a process of its own at the first need, ended with ours.

The studio reads its stdin and stops when that closes. We hold the other end, so it goes with us even if we
are killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from daemon.config.model import StudioSettings
from daemon.errors import MediaError, Unreachable
from daemon.nemo.account import Endpoint
from daemon.nemo.gate import Gate

_START_LIMIT: Final = 600.0
"""Seconds. What a studio had accepted when it ended is carried out before it serves again, and on a slow machine the
search for the pauses of an hour takes minutes: ended after 30 s, it began with that anew each time.
"""
_STOP_LIMIT: Final = 5.0


class EmbeddedAccount:
    """One account, whatever port and token the studio has today. Raises MediaError if it cannot start."""

    id = "embedded"
    anonymous = False
    user_id = None

    def __init__(self, folder: Path, settings: StudioSettings) -> None:
        self.gate = Gate()
        self._command = [
            *(sys.executable, "-m", "daemon", "studio", "--attached"),
            *("--folder", str(folder), "--ffmpeg", settings.ffmpeg, "--matte-model", settings.matte_model),
            *(("--music", settings.music) if settings.music else ()),
            *(("--pictures", settings.pictures) if settings.pictures else ()),
        ]
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._endpoint: Endpoint | None = None

    async def endpoint(self) -> Endpoint:
        async with self._lock:
            if self._endpoint is None or self._process is None or self._process.returncode is not None:
                self._endpoint = await self._start()
            return self._endpoint

    async def renew(self, refused: Endpoint) -> Endpoint:
        return await self.endpoint()

    async def retire(self, before: float, keep: Collection[str]) -> None:
        """Has the files dropped of sessions that nothing was done in since `before`, but for `keep`.

        A studio that does not run keeps them until one does: none is started for this.
        """
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            told = json.dumps({"before": before, "keep": sorted(keep)})
            self._process.stdin.write(told.encode() + b"\n")
            await self._process.stdin.drain()

    async def stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_LIMIT)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _start(self) -> Endpoint:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the daemon, which drains first
        )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _START_LIMIT)
        except TimeoutError:
            self._process.kill()
            raise Unreachable("start the studio", f"it was not ready within {_START_LIMIT:.0f} s") from None
        try:
            said = json.loads(line)
            return Endpoint(said["url"], said["token"])
        except (ValueError, KeyError):
            await self._process.wait()
            raise MediaError(
                "start the studio",
                f"it ended at once (exit {self._process.returncode}); its own words stand above",
                "`reeldrop studio` starts it alone.",
            ) from None
