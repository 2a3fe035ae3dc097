"""Running ffmpeg: where it is, and one run of it, watched from start to end.

ffmpeg is a program of its own here, never a library: it is killed with its whole process group when it
is cancelled or too slow, and by the kernel when we die. It opens files and pipes, nothing else, and no
list of other files, so a playlist in a video's clothes reaches neither the network nor the disk.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from daemon.errors import MediaError, MediaTooLarge
from daemon.media.limits import FRAME_PIXELS

_HINT: Final = "Install ffmpeg, or name one in studio.ffmpeg or $FFMPEG"
_KEPT_LINES: Final = 400
_LOOK_S: Final = 0.2
"""How often a run looks whether it was cancelled or is out of time, in seconds."""

_FORMATS: Final = (
    *("mov", "matroska", "avi", "mp3", "wav", "aac", "flac", "ogg"),
    *("gif", "apng", "png_pipe", "jpeg_pipe", "webp_pipe", "webp_anim", "image2"),
    *("lavfi", "rawvideo", "yuv4mpegpipe", "s16le", "f32le"),
)
"""The accepted containers, what they are mistaken for by name, and what is told by `-f` alone. No playlist, no
text, no tracker or console music."""

_LIST: Final = "concat"
"""A list of pictures is read where `-f` says so, and so is our own: one that somebody uploads is never opened."""

_LARGEST_BLOCK: Final = 1 << 30
"""Bytes that ffmpeg may ask for at once: a frame of 8K in 16 bit with alpha takes 283 MB."""

_LARGEST_FILE: Final = 20_000_000_000
"""Bytes that a run may write into one file: the longest result at 11 Mbit/s, which is plenty for 1080p."""

_MEMORY_SHARE: Final = 0.75
"""Of the machine's memory: beyond it the kernel would end whatever it likes, this server too."""

_NICE: Final = 5
"""The server answers and others work while a render takes all cores."""

_INSPECTED_LINES: Final = 20_000
"""Kept of what is said of a file: 400 lost the beginning of what a file of 150 chapters says."""

_DEATHSIG: Final = 1  # PR_SET_PDEATHSIG of Linux's <sys/prctl.h>

_ADDRESS: Final = re.compile(r"^\[[^\]]*\]\s*")
_GENERAL: Final = re.compile(r"^error opening (input|output)( files?)?: ", re.IGNORECASE)
"""Begins a line that repeats in general words what another line has just said exactly."""

_NO_CAUSE: Final = re.compile(
    r"^(conversion failed|error opening (input|output)|error (while )?(filtering|sending|initializing|parsing|"
    r"selecting|configuring)|failed to (inject|set value)|terminating thread|task finished|to ignore this|"
    r"at least one output|nothing was written|exiting|video:)",
    re.IGNORECASE,
)
_FAULT: Final = re.compile(
    r"error|invalid|fail|not found|no such|unable|cannot|could not|denied|no space|unknown|unsupported|"
    r"missing|too (large|small|many)|does not|required|unspecified|not on whitelist",
    re.IGNORECASE,
)


def find_ffmpeg(setting: str = "auto") -> Path:
    """The ffmpeg to run. `auto`: $FFMPEG, else the one imageio-ffmpeg carries, else the one on PATH.

    Raises MediaError when `setting` (or $FFMPEG) names no program, or none is to be found.
    """
    named = os.environ.get("FFMPEG", "") if setting in ("", "auto") else setting
    if named:
        found = shutil.which(Path(named).expanduser())
        if found is None:
            raise MediaError("looking for ffmpeg", f"{named} is no program that can be run", _HINT)
        return Path(found).absolute()
    return _carried() or _on_path()


def _carried() -> Path | None:
    try:
        import imageio_ffmpeg

        binary = Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None
    return binary if binary.is_absolute() and os.access(binary, os.X_OK) else None


def _on_path() -> Path:
    found = shutil.which("ffmpeg")
    if found is None:
        raise MediaError("looking for ffmpeg", "there is none on this machine", _HINT)
    return Path(found).absolute()


class Stop(Protocol):
    """What tells a run to stop: a threading.Event, or anything else that can be asked."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Ran:
    """What a finished run left: its last stderr lines, and how much media time it wrote, in seconds."""

    log: str
    written_s: float


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """One ffmpeg binary. Safe to use from several threads at once."""

    binary: Path

    def run(
        self,
        args: Sequence[str],
        *,
        duration_s: float | None = None,
        progress: Callable[[float], None] | None = None,
        timeout_s: float = 600.0,
        cancelled: Stop | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Ran:
        """Run ffmpeg with `args` (inputs, graph, outputs) to its end; blocking.

        `duration_s` is the length of what will be written: with it `progress` hears shares in 0..1 that
        never go back; `pass_fds` are file descriptors that ffmpeg inherits, for `pipe:N`. Raises
        MediaError on a non-zero exit (the cause is ffmpeg's own last meaningful line), after `timeout_s`, and
        when `cancelled` is set.
        """
        watch = _Watch(duration_s, progress)
        code = self._execute(args, watch, timeout_s, cancelled, pass_fds)
        log = "\n".join(watch.lines)
        if code == -signal.SIGXFSZ:
            raise MediaTooLarge("running ffmpeg", f"it wrote more than {_LARGEST_FILE / 1e9:.0f} GB")
        if code < 0:
            raise MediaError("running ffmpeg", f"it was killed by signal {-code}")
        if code != 0:
            raise MediaError("running ffmpeg", cause_in(log) or f"it ended with exit code {code}")
        return Ran(log, watch.written_s)

    def inspect(self, path: Path, timeout_s: float = 60.0) -> str:
        """What `ffmpeg -i path` says of a file; its exit code means nothing, for no output is named."""
        watch = _Watch(None, None, _INSPECTED_LINES)
        self._execute(["-i", source(path)], watch, timeout_s, None)
        return "\n".join(watch.lines)

    def start(
        self, args: Sequence[str], *, log: IO[bytes], pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Start ffmpeg beside others and leave it to the caller; its stderr goes to `log`. Raises MediaError
        when it cannot be started."""
        return self._started(["-v", "error", *args], subprocess.DEVNULL, log, pass_fds)

    def _execute(
        self,
        args: Sequence[str],
        watch: _Watch,
        timeout_s: float,
        cancelled: Stop | None,
        pass_fds: Sequence[int] = (),
    ) -> int:
        args = ["-nostats", "-progress", "pipe:1", *args]
        process = self._started(args, subprocess.PIPE, subprocess.PIPE, pass_fds)
        with process:
            try:
                _follow(process, watch, time.monotonic() + timeout_s, timeout_s, cancelled)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
            return process.wait()

    def _started(
        self, args: Sequence[str], stdout: int, stderr: int | IO[bytes], pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        command = [str(self.binary), "-nostdin", "-hide_banner"]
        command += ["-max_alloc", f"{_LARGEST_BLOCK}"]
        formats: tuple[str, ...] = _FORMATS
        for before, arg in zip(["", *args], args, strict=False):
            if (before, arg) == ("-f", _LIST):
                formats = (*_FORMATS, _LIST)
            if arg == "-i":
                command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(formats)]
                command += ["-max_pixels", f"{FRAME_PIXELS}"]
                formats = _FORMATS
            command.append(arg)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                process_group=0,
                pass_fds=pass_fds,
                # Between fork and exec the child makes two system calls and takes no lock.
                preexec_fn=_die_with_parent(),  # noqa: PLW1509
            )
        except OSError as error:
            raise MediaError("starting ffmpeg", f"{self.binary}: {error.strerror or error}", _HINT) from error
        _bound(process.pid)
        return process


def source(path: Path) -> str:
    """A path as ffmpeg is to be given it: never an option, a protocol or a pattern, whatever its name."""
    return f"file:{path}"


def cause_in(log: str) -> str:
    """The last line of ffmpeg's stderr that says what went wrong, without its `[demuxer @ 0x…]`; or ''."""
    said = [_ADDRESS.sub("", line) for line in log.splitlines() if line and not line[0].isspace()]
    exact = [line for line in said if _FAULT.search(line) and not _NO_CAUSE.match(line)]
    general = [line.rpartition(": ")[2] for line in said if _GENERAL.match(line)]
    return (exact or general or [""])[-1].rstrip(". ")


class _Watch:
    """What comes out of one run: progress from its stdout, the last lines of its stderr."""

    def __init__(
        self, duration_s: float | None, progress: Callable[[float], None] | None, kept: int = _KEPT_LINES
    ) -> None:
        self.lines: deque[str] = deque(maxlen=kept)
        self.written_s = 0.0
        self._duration_s = duration_s
        self._progress = progress
        self._told = 0.0

    def said(self, line: str) -> None:
        self.lines.append(line)

    def moved(self, line: str) -> None:
        name, _, value = line.partition("=")
        if name != "out_time_us" or not value.strip().lstrip("-").isdigit():
            return
        self.written_s = max(self.written_s, int(value) / 1e6)
        if self._duration_s and self._progress:
            share = min(1.0, self.written_s / self._duration_s)
            if share > self._told:
                self._told = share
                self._progress(share)


def _follow(
    process: subprocess.Popen[bytes],
    watch: _Watch,
    deadline: float,
    timeout_s: float,
    cancelled: Stop | None,
) -> None:
    """Read both pipes until ffmpeg closes them; raise MediaError when it must not go on."""
    with selectors.DefaultSelector() as ready:
        for pipe, take in ((process.stdout, watch.moved), (process.stderr, watch.said)):
            if pipe is not None:
                ready.register(pipe, selectors.EVENT_READ, _Lines(pipe, take))
        while ready.get_map():
            for key, _ in ready.select(_LOOK_S):
                if not key.data.read():
                    ready.unregister(key.fileobj)
            if cancelled is not None and cancelled.is_set():
                raise MediaError("running ffmpeg", "cancelled")
            if time.monotonic() > deadline:
                raise MediaError("running ffmpeg", f"it was not done after {timeout_s:.0f} s and was stopped")


class _Lines:
    """A pipe cut into lines as it comes."""

    def __init__(self, pipe: IO[bytes], take: Callable[[str], None]) -> None:
        self._fd = pipe.fileno()
        self._take = take
        self._rest = b""

    def read(self) -> bool:
        """Take what is there; False at the pipe's end."""
        block = os.read(self._fd, 1 << 16)
        *lines, self._rest = re.split(rb"[\r\n]+", self._rest + block)
        if not block and self._rest:
            lines.append(self._rest)
        for line in lines:
            if line:
                self._take(line.decode("utf-8", "replace"))
        return bool(block)


def _bound(pid: int) -> None:
    """Limit a child that has just begun: its memory, the size of a file it writes, its claim on the cores.

    RLIMIT_DATA, not RLIMIT_AS: the latter counts what glibc only reserves for each of ffmpeg's threads.
    """
    if not sys.platform.startswith("linux"):
        return
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _MEMORY_SHARE)
    with suppress(OSError):  # it may have ended by now
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory, memory))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes ffmpeg: ask Linux to kill it when we die. None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    # Looked up here: between fork and exec the child may not load or import anything.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_DEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask
