"""Which addresses may be asked: public ones, the API's own, and the others if the rules file says so.

A dropped link and a result's URL come from outside. Without this law they could make this machine (or the
embedded studio on it) read what only its own network sees: a router, a cloud's metadata, a neighbour's disk.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from daemon.errors import Refused, Unreachable

_PORTS: Final = {"http": 80, "https": 443}
_HINT: Final = "If it is yours and meant, set `api.private_urls: true`."

_CLOSED_4: Final = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
"""IANA's IPv4 special-purpose registry (RFC 6890 and its updates), multicast and the reserved rest."""

_OPEN_6: Final = IPv6Network("2000::/3")
"""All that IANA has given out as global unicast; loopback, local, link-local and multicast lie outside."""
_CLOSED_6: Final = tuple(IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "3fff::/20"))
"""Protocol assignments (Teredo among them) and documentation, inside the above."""
_NAT64: Final = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """`own`: the API's URL, whose origin always may be asked; `private`: `api.private_urls`."""

    own: str
    private: bool = False


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet; an IPv6 form of an IPv4 address is what it stands for.

    Not `ip.is_global`: its answers differ between Python's patch releases.
    """
    if isinstance(ip, IPv4Address):
        return not any(ip in net for net in _CLOSED_4)
    within = ip.ipv4_mapped or ip.sixtofour
    if ip in _NAT64:
        within = IPv4Address(int(ip) & 0xFFFFFFFF)
    if within is not None:
        return is_public(within)
    return ip in _OPEN_6 and not any(ip in net for net in _CLOSED_6)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host (in ASCII) and port that `url` begins with. Raises ValueError where that cannot be read."""
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode()
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme)


async def check(operation: str, url: str, allowed: Allowed) -> None:
    """Raises Refused for a URL that must not be asked, Unreachable for a host that nobody knows.

    A host that is a name is looked up, unless a proxy will do that: then only what it says by itself is judged.
    """
    if check_form(operation, url, allowed) and proxy_for(url) is None:
        host, port = origin(url)[1:]
        found = await asyncio.to_thread(look_up, operation, host, port or 0)
        check_found(operation, host, found)


def check_form(operation: str, url: str, allowed: Allowed) -> bool:
    """What a URL says without being looked up; whether its addresses are still to be judged.

    Raises Refused for another scheme than http(s), for no host, and for a host that names a closed address.
    """
    try:
        scheme, host, _ = asked = origin(url)
        own = origin(allowed.own)
    except ValueError:
        raise Refused(operation, "not an address that can be read") from None
    if scheme not in _PORTS or not host:
        raise Refused(operation, f"only http and https addresses are asked, not {scheme or 'this'}:")
    if allowed.private or asked == own:
        return False
    said = _literal(host)
    if said is not None:
        check_found(operation, host, (said,))
    elif _is_local_name(host):
        raise Refused(operation, f"{host} is this machine itself", _HINT)
    return said is None


def check_found(operation: str, host: str, found: Iterable[str]) -> None:
    """Raises Refused unless all of a host's addresses are public."""
    for address in found:
        if not is_public(ip_address(address)):
            shown = host if host == address else f"{host} ({address})"
            raise Refused(operation, f"{shown} is not in the public internet", _HINT)


def look_up(operation: str, host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, in the system's order; may wait. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "no name"
        raise Unreachable(operation, f"{host} has no address ({said})") from None
    return tuple(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of the environment; `auth`: user and password."""

    url: str
    auth: tuple[str, str] | None


def proxy_for(url: str) -> Proxy | None:
    """The proxy that the environment (HTTPS_PROXY, NO_PROXY and their like) names for `url`.

    None for this machine by its addresses: the embedded studio is nobody's to relay.
    """
    scheme, host, port = origin(url)
    proxies = getproxies()
    said = proxies.get(scheme) or proxies.get("all")
    if not said or host in ("127.0.0.1", "::1") or proxy_bypass(f"{host}:{port}"):
        return None
    parts = urlsplit(said if "://" in said else f"http://{said}")
    return Proxy(f"{parts.scheme}://{_bare(parts)}", _auth(parts))


def _bare(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _auth(parts: SplitResult) -> tuple[str, str] | None:
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def _literal(host: str) -> str | None:
    """The address that a host itself is, also as 2130706433, 0x7f.1 or 0177.0.0.1; None for a name."""
    bare = host.rstrip(".")
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(bare))
    except (OSError, UnicodeError):
        return None


def _is_local_name(host: str) -> bool:
    name = f".{host.rstrip('.').lower()}"
    return name.endswith((".localhost", ".localdomain", ".ip6-localhost", ".ip6-loopback"))
