"""Is anyone still writing? Asked of the kernel by a read lease, which it grants only when nobody is."""

from __future__ import annotations

import errno
import fcntl
import signal
import sys
from enum import Enum


class Lease(Enum):
    """FREE: nobody on this machine has the file open for writing. UNKNOWN: the kernel will not say."""

    FREE = "free"
    BUSY = "busy"
    UNKNOWN = "unknown"


def ignore_lease_signals() -> None:
    """Must be called from the main thread before the first `writer_of`.

    A writer that opens the file during our lease makes the kernel send SIGIO, whose default action ends
    the process. A disposition that somebody else has set is left alone.
    """
    if signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        signal.signal(signal.SIGIO, signal.SIG_IGN)


def writer_of(fd: int) -> Lease:
    """Whether a local process has the file behind `fd` (opened read-only) open for writing, idle or not.

    UNKNOWN on other systems than Linux, for other people's files without CAP_LEASE, on file systems without
    leases, and while SIGIO would end the process. Writers on the far side of a network share are not seen.
    """
    if sys.platform != "linux" or signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        return Lease.UNKNOWN
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Lease.BUSY if error.errno == errno.EAGAIN else Lease.UNKNOWN
    # At once: whoever opens it for writing now waits until it is given back.
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Lease.FREE
