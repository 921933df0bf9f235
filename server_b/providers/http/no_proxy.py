"""Reads NO_PROXY in all the forms that people write. Python itself knows only names and their subdomains."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*):(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class NoProxy:
    """The servers that are asked without a proxy.

    `text` has entries separated by commas or blanks, each optionally with a port (`host:8443`, `[::1]:8443`):

    - `*`: every server
    - `10.0.0.0/8`, `fd00::/8`: a network
    - `192.168.*`, `*.corp.example`: a pattern
    - `corp.example`, `.corp.example`: a domain with its subdomains
    - `10.0.0.7`, `::1`: an address
    """

    text: str

    def matches(self, host: str, port: int) -> bool:
        """Tells whether the server at host:port is asked without a proxy."""
        host = host.strip("[]").rstrip(".").lower()
        return any(_matches(entry, host, port) for entry in re.split(r"[,\s]+", self.text.lower()) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    if with_port := _PORT.fullmatch(entry):
        if int(with_port["port"]) != port:
            return False
        entry = with_port["host"]
    entry = entry.strip("[]").rstrip(".")
    address = _address(host)
    if "/" in entry:
        return address is not None and _contains(entry, address)
    if "*" in entry or "?" in entry:
        return fnmatch.fnmatchcase(host, entry)
    if address is not None:
        return _address(entry) == address
    domain = entry.lstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _contains(network: str, address: Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
