"""Real servers on loopback for real clients: sshd, smbd, vsftpd and a small HTTP server that can break off."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.heavy.watched import until

HOST = "127.0.0.1"
SSHD = """\
ListenAddress {host}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
SMB = """\
[global]
  interfaces = lo
  bind interfaces only = yes
  smb ports = {port}
  server role = standalone server
  disable netbios = yes
  load printers = no
  printcap name = /dev/null
  map to guest = bad user
  guest account = root
  {folders}
[inbox]
  path = {shared}
  guest ok = yes
  read only = no
  force user = root
"""
SMB_FOLDERS = (
    "private dir",
    "lock directory",
    "state directory",
    "cache directory",
    "pid directory",
    "ncalrpc dir",
)
FTP = """\
listen=YES
listen_address={host}
listen_port={port}
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={shared}
write_enable=YES
anon_upload_enable=YES
anon_umask=022
seccomp_sandbox=NO
xferlog_enable=NO
secure_chroot_dir={folder}/empty
"""


def program(name: str) -> str | None:
    """Where a program is; servers lie where no ordinary user's PATH leads."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def free_port() -> int:
    with socket.socket() as link:
        link.bind((HOST, 0))
        port: int = link.getsockname()[1]
    return port


@contextmanager
def server(folder: Path, port: int, *command: str) -> Iterator[None]:
    """A program in the foreground, once it listens."""

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with socket.socket() as link:
            return link.connect_ex((HOST, port)) == 0

    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(listens, f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait()


class Ssh:
    """`options`: for scp and sftp alike, the port too."""

    def __init__(self, folder: Path, port: int) -> None:
        self.options: tuple[str, ...] = ("-F", "none", "-i", f"{folder}/key", "-P", str(port))
        for option in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"):
            self.options += ("-o", option)


@contextmanager
def sshd(folder: Path) -> Iterator[Ssh]:
    Path("/run/sshd").mkdir(
        mode=0o755, exist_ok=True
    )  # where it leaves its rights; its package's unit makes it
    for key in ("host_key", "key"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(make, check=True)
    (folder / "config").write_text(SSHD.format(host=HOST, folder=folder))
    port = free_port()
    started = str(program("sshd"))
    with server(folder, port, started, "-D", "-e", "-f", str(folder / "config"), "-p", str(port)):
        yield Ssh(folder, port)


@contextmanager
def smbd(folder: Path, shared: Path) -> Iterator[int]:
    """Yields its port; the share is called `inbox` and lets everybody in."""
    port = free_port()
    lines = []
    for name in SMB_FOLDERS:
        (folder / name).mkdir()
        lines.append(f"{name} = {folder / name}")
    config = folder / "smb.conf"
    config.write_text(SMB.format(port=port, folders="\n  ".join(lines), shared=shared))
    started = str(program("smbd"))
    with server(folder, port, started, "-F", "--debug-stdout", "-s", str(config)):
        yield port


@contextmanager
def vsftpd(folder: Path, shared: Path) -> Iterator[int]:
    """Yields its port; everybody may upload to folders that all may write to, as the user `ftp`."""
    port = free_port()
    (folder / "empty").mkdir()
    config = folder / "vsftpd.conf"
    config.write_text(FTP.format(host=HOST, port=port, folder=folder, shared=shared))
    with server(folder, port, str(program("vsftpd")), str(config)):
        yield port


class Http(ThreadingHTTPServer):
    """The files of a folder; of those below `/reset/` the first half, and a reset once `arrived` is set."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__((HOST, 0), _Answer)
        self.folder = folder
        self.arrived = threading.Event()
        self.url = f"http://{HOST}:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Http)
        content = (self.server.folder / Path(self.path).name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not self.path.startswith("/reset/"):
            self.wfile.write(content)
            return
        self.wfile.write(content[: len(content) // 2])
        self.server.arrived.wait(60)
        # With this, closing sends a reset in place of an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def finish(self) -> None:
        if not self.path.startswith("/reset/"):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def http(folder: Path) -> Iterator[Http]:
    with Http(folder) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()
