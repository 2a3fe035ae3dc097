"""Which addresses may be asked. The lists are IANA's; the odd spellings are what getaddrinfo understands."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from daemon.errors import Refused, Unreachable
from daemon.nemo.addresses import Allowed, check, check_form, check_found, is_public, proxy_for

OWN = Allowed("http://127.0.0.1:8000")


@pytest.mark.parametrize(
    "ip",
    [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.1.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "2002:0808:0808::1",
        "64:ff9b::8.8.8.8",
    ],
)
def test_the_public_internet_is_public(ip: str) -> None:
    assert is_public(ip_address(ip))


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "3fff::1",
        "100::1",
        "5f00::1",
        "64:ff9b:1::1",
        "4000::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::1",
        "2002:c0a8:101::",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
    ],
)
def test_everything_else_is_closed(ip: str) -> None:
    assert not is_public(ip_address(ip))


LOOPBACK = [
    "http://127.0.0.1/a",
    "http://127.1:9000/a",
    "http://2130706433/a",
    "http://0x7f.1/a",
    "http://0177.0.0.1/a",
    "http://0x7f000001/a",
    "http://127.0.0.1./a",
    "http://１２７.0.0.1/a",
    "http://[::1]/a",
    "http://[::ffff:7f00:1]/a",
    "http://[fe80::1%25lo]/a",
    "http://0/a",
    "http://user@127.0.0.1/a",
    "http://localhost/a",
    "https://LOCALHOST.:8443/a",
    "http://any.localhost/a",
]


@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine_is_not_asked_however_it_is_spelled(url: str) -> None:
    with pytest.raises(Refused, match=r"set `api\.private_urls: true`"):
        asyncio.run(check("upload", url, OWN))
    asyncio.run(check("upload", url, Allowed(OWN.own, private=True)))


def test_the_apis_own_origin_is_always_asked() -> None:
    for url in ("http://127.0.0.1:8000/files/a.mp4?x=1", "http://127.0.0.1:8000"):
        asyncio.run(check("download", url, OWN))
    for own, url in (
        ("http://localhost", "http://LOCALHOST:80/a"),
        ("https://10.0.0.5/api", "https://10.0.0.5:443/a"),
    ):
        asyncio.run(check("download", url, Allowed(own)))
    for url in ("https://127.0.0.1:8000/a", "http://127.0.0.1:8001/a", "http://127.0.0.2:8000/a"):
        with pytest.raises(Refused):
            asyncio.run(check("download", url, OWN))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://8.8.8.8/a", "javascript:1", "nonsense", "http://", "http://[::1"]
)
def test_only_http_is_asked_even_of_private_addresses(url: str) -> None:
    for allowed in (OWN, Allowed(OWN.own, private=True)):
        with pytest.raises(Refused):
            asyncio.run(check("upload", url, allowed))


def test_a_public_address_needs_no_look_and_a_name_does() -> None:
    assert check_form("upload", "https://8.8.8.8/a", OWN) is False
    assert check_form("upload", "https://media.example.com/a", OWN) is True
    asyncio.run(check("upload", "https://8.8.8.8/a", OWN))
    with pytest.raises(Unreachable, match=r"nowhere\.invalid has no address"):
        asyncio.run(check("upload", "https://nowhere.invalid/a", OWN))


def test_one_private_address_of_a_host_closes_it() -> None:
    check_found("upload", "both.example.com", ("8.8.8.8", "2606:4700::1"))
    with pytest.raises(Refused, match=r"both\.example\.com \(10\.0\.0\.1\) is not in the public internet"):
        check_found("upload", "both.example.com", ("8.8.8.8", "10.0.0.1"))


def test_behind_a_proxy_names_are_its_to_look_up_and_literals_are_still_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://ann:p%40ss@proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "direct.invalid")
    proxy = proxy_for("https://nowhere.invalid/a")
    assert proxy is not None
    assert (proxy.url, proxy.auth) == ("http://proxy.invalid:3128", ("ann", "p@ss"))
    asyncio.run(check("upload", "https://nowhere.invalid/a", OWN))
    for url in ("https://10.0.0.1/", "https://localhost/", "https://2130706433/", "https://１２７.0.0.1/"):
        with pytest.raises(Refused):
            asyncio.run(check("upload", url, OWN))
    for url in ("https://direct.invalid/a", "http://nowhere.invalid/a"):
        assert proxy_for(url) is None
        with pytest.raises(Unreachable):
            asyncio.run(check("upload", url, OWN))
    assert proxy_for("https://127.0.0.1:8000/a") is None
