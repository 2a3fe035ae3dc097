"""Telling systemd how we are (sd_notify): a datagram to the socket it names, nothing without one."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*states: str) -> None:
    """Sends states such as `READY=1`, `STOPPING=1` or `STATUS=2 jobs running`; never fails, never blocks."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.setblocking(False)
        link.sendto("\n".join(states).encode(), address)
