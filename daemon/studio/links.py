"""Files that an upload names by URL, fetched over http(s): from the public network alone, unless told otherwise.

Every address that a name stands for is looked at, and the connection goes to one of those looked at: a name
that means another machine a moment later, or a redirect, leads nowhere else. Proxies are not used.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit

from daemon.errors import Refused
from daemon.media.types import HEAD_BYTES, kind_of, sniff
from daemon.studio.uploads import Arriving, Received, clean_name

Reach = Literal["nowhere", "public", "anywhere"]
"""Where URLs may lead; `nowhere`: none is fetched."""

MOST: Final = 20
"""URLs in one upload."""

TIME_LIMIT_S: Final = 600.0
"""For one URL, in seconds."""

_QUIET_S: Final = 30.0
_HOPS: Final = 5
_BLOCK: Final = 1 << 18
_SAFE: Final = "/?%:@!$&'()*+,;=~"
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Target = tuple[socket.AddressFamily, Any]


async def fetch(urls: Sequence[str], reach: Reach, folder: Path) -> list[Received]:
    """Stores what the URLs lead to in `folder`, in their order.

    Raises Refused for an address that may not or cannot be fetched, and FileRefused as an upload does.
    """
    if reach == "nowhere":
        raise Refused(
            "",
            "this studio takes files, not URLs: work on this machine never leaves it",
            "Upload the file itself.",
            status=400,
        )
    if not 0 < len(urls) <= MOST:
        raise Refused("", f"urls is a list of 1 to {MOST} texts", status=400)
    return [await _fetch(url, reach, folder / str(place)) for place, url in enumerate(urls)]


async def _fetch(url: str, reach: Reach, path: Path) -> Received:
    opening = asyncio.create_task(asyncio.to_thread(_open, url, reach))
    limit = asyncio.timeout(TIME_LIMIT_S)
    try:
        async with limit:
            return await _store(await asyncio.shield(opening), path)
    except TimeoutError:
        quiet = f"nothing came for {_QUIET_S:.0f} s"
        whole = f"it took longer than {TIME_LIMIT_S / 60:.0f} minutes"
        raise _refused(url, whole if limit.expired() else quiet) from None
    except (OSError, http.client.HTTPException) as error:
        raise _refused(url, str(error) or type(error).__name__) from None
    finally:
        opening.add_done_callback(_hang_up)


async def _store(answer: _Answer, path: Path) -> Received:
    block = await asyncio.to_thread(answer.body.read, _BLOCK)
    file = Arriving(_name(answer, block[:HEAD_BYTES]), path)
    try:
        while block:
            await file.add(block)
            block = await asyncio.to_thread(answer.body.read, _BLOCK)
        if answer.body.length:
            raise _refused(answer.asked, f"it ends {answer.body.length} bytes too early")
        await file.finish()
    finally:
        file.close()
    return file.received()


class _Answer(NamedTuple):
    asked: str
    url: str
    line: socket.socket
    body: http.client.HTTPResponse


def _open(url: str, reach: Reach) -> _Answer:
    """On a thread: the answer whose body is the file, after redirects."""
    at = url
    for _ in range(_HOPS):
        line, answer = _ask(_parts(at), at, reach)
        if answer.status == 200:
            return _Answer(url, at, line, answer)
        answer.close()
        line.close()
        if answer.status not in _REDIRECTS:
            raise _refused(at, f"it answers HTTP {answer.status}")
        at = urljoin(at, answer.headers.get("location", ""))
    raise _refused(url, f"it redirects more than {_HOPS} times")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(url, "that is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise _refused(url, "only http and https addresses are fetched")
    if parts.username or parts.password:
        raise _refused(url, "an address with a user or password is not fetched")
    return parts


def _ask(parts: SplitResult, url: str, reach: Reach) -> tuple[socket.socket, http.client.HTTPResponse]:
    host = str(parts.hostname)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(host, port, timeout=_QUIET_S)
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    line = _connected(_targets(host, port, url, reach))
    try:
        if secure:
            line = ssl.create_default_context().wrap_socket(line, server_hostname=host)
        connection.sock = line
        connection.request("GET", path + query, headers={"User-Agent": "reeldrop-studio"})
        return line, connection.getresponse()
    except BaseException:
        line.close()
        raise


def _targets(host: str, port: int, url: str, reach: Reach) -> list[_Target]:
    """What a name stands for now; refused if any of it may not be reached."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused(url, f"there is no host {host}") from None
    for *_, address in found:
        if reach == "public" and not public(str(address[0])):
            raise _refused(
                url,
                f"{host} is in a private network",
                "Start the studio with --private-urls to let it go there.",
            )
    return [(family, address) for family, _, _, _, address in found]


def _connected(targets: list[_Target]) -> socket.socket:
    failed = OSError("its name has no address")
    for family, address in targets:
        line = socket.socket(family, socket.SOCK_STREAM)
        line.settimeout(_QUIET_S)
        try:
            line.connect(address)
        except OSError as error:
            line.close()
            failed = error
        else:
            return line
    raise failed


def public(text: str) -> bool:
    """Whether an IP address is one of the public network: no loopback, private, link-local or multicast one.

    An IPv6 address that stands for an IPv4 one is judged by both.
    """
    address: _Address = ipaddress.ip_address(text.partition("%")[0])
    inner = [address]
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            mapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        inner = [mapped] if mapped else inner
    return all(one.is_global and not one.is_multicast for one in inner)


def _name(answer: _Answer, head: bytes) -> str:
    """The file's name: what the server calls it, else the address's last part; its ending may be the content's."""
    named = answer.body.headers.get_filename() or ""
    parts = [urlsplit(url).path.rpartition("/")[2] for url in (answer.asked, answer.url)]
    names = [
        one
        for one in (clean_name(named.encode()), *(clean_name(unquote_to_bytes(one)) for one in parts))
        if one
    ]
    for name in names:
        if kind_of(name) not in (None, "text"):
            return name
    return f"{names[0] if names else 'file'}.{sniff(head) or ''}".rstrip(".")


def _hang_up(opening: asyncio.Task[_Answer]) -> None:
    """Ends the connection also under a thread that still waits for it."""
    if opening.cancelled() or opening.exception() is not None:
        return
    answer = opening.result()
    with suppress(OSError):
        answer.line.shutdown(socket.SHUT_RDWR)
    answer.body.close()
    answer.line.close()


def _refused(url: str, cause: str, hint: str = "") -> Refused:
    # What follows the path may be a signature, what precedes the host a password.
    shown = re.sub(r"//[^/]*@", "//", url.partition("?")[0].partition("#")[0])[:200]
    return Refused("", f"{shown} is not fetched: {cause}", hint, status=400)
