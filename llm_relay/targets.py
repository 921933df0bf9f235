"""Reads and checks gRPC targets (https://grpc.github.io/grpc/core/md_doc_naming.html)."""

from __future__ import annotations

import re

from llm_relay.addresses import ip_version, is_loopback_host, shown_address

DEFAULT_PORT = 50051
"""Server B's port, for the examples in error texts."""

_GRPC_DEFAULT_PORT = 443
_URL_SCHEMES = ("http", "https", "grpc", "grpcs")
_LOOKED_UP_ELSEWHERE = ("xds:", "google-c2p:", "vsock:", "passthrough:")
_ADDRESS_SCHEMES = ("ipv4:", "ipv6:")
_HOST = re.compile(r"[^\s/?#@\\\[\]]+")


def is_loopback_target(target: str) -> bool:
    """Returns whether a gRPC target stays on this machine."""
    if socket_path(target) is not None:
        return True
    return _names_addresses(target) and all(is_loopback_host(host) for host, _ in _split(target))


def target_addresses(target: str) -> list[tuple[str, int]]:
    """Returns the hosts and ports of a gRPC target; none for a Unix socket, or a scheme with its own name lookup.

    Raises ValueError if a port is not a number.
    """
    if socket_path(target) is not None or not _names_addresses(target):
        return []
    try:
        return [(host, int(port or _GRPC_DEFAULT_PORT)) for host, port in _split(target)]
    except ValueError as error:
        raise ValueError(f"SERVER_B_TARGET: {target} has a port that is not a number: write host:port") from error


def socket_path(target: str) -> str | None:
    """Returns the path of a Unix socket that a gRPC target names, as asyncio expects it; None for other targets."""
    if target.startswith("unix-abstract:"):
        return "\0" + target.removeprefix("unix-abstract:")
    if target.startswith("unix:"):
        return target.removeprefix("unix:").removeprefix("//")
    return None


def target_fault(target: str) -> str:
    """Returns what is wrong with a gRPC target, and the fix, or "" if nothing is."""
    if re.search(r"\s", target):
        return "contains a space: write host:port"
    scheme, separator, _ = target.partition("://")
    if separator and scheme.lower() in _URL_SCHEMES:
        return "must be a gRPC target, not a URL: write host:port, and SERVER_B_TLS=true for TLS"
    path = socket_path(target)
    if path is not None:
        return "" if path.strip("\0/") else "names no socket: write unix:/path/to/socket"
    if target.startswith(_LOOKED_UP_ELSEWHERE):
        return ""
    if separator and scheme != "dns":
        return f"{scheme}:// is not a scheme of gRPC targets: write host:port, or dns:///host:port"
    if target.startswith("dns://") and "/" not in target.removeprefix("dns://"):
        host = target.removeprefix("dns://")
        return f"{host} is in the place of a DNS server: write dns:///{host}, with three slashes"
    return _addresses_fault(target)


def _addresses_fault(target: str) -> str:
    scheme = next((scheme for scheme in _ADDRESS_SCHEMES if target.startswith(scheme)), "")
    name = target.removeprefix("dns:").rpartition("/")[2] if target.startswith("dns:/") else _bare(target)
    addresses = name.split(",")
    if len(addresses) > 1 and not scheme:
        return f"has several addresses, which need a scheme: write ipv4:{name}"
    return next(filter(None, (_address_fault(address, scheme) for address in addresses)), "")


def _address_fault(address: str, scheme: str) -> str:
    """Returns what is wrong with one `host:port`, or "" if nothing is."""
    if "/" in address:
        return f"has a path: write {address.partition('/')[0] or 'host:port'} without a slash"
    if address.count(":") > 1 and not address.startswith("["):
        return f"has an IPv6 address without brackets: write {_bracketed(address)}"
    host, port = _host_and_port(address)
    if not host:
        return f"has no host: write 127.0.0.1:{port or DEFAULT_PORT}"
    if not _HOST.fullmatch(host):
        return "has a character that is not allowed in a host name: write host:port"
    if not port:
        return f"has no port: write {shown_address(host, DEFAULT_PORT)}"
    if not (port.isascii() and port.isdecimal()):
        return "has a port that is not a number: write host:port"
    if not 1 <= int(port) <= 65535:
        return f"has the port {port[:9]}, which is out of range: write a port from 1 to 65535"
    if scheme and ip_version(host) is None:
        return f"needs an address after {scheme}, but {host} is a name: write dns:///{host}:{port}"
    return ""


def _bracketed(address: str) -> str:
    host, _, port = address.rpartition(":")
    if ip_version(host) and port.isdecimal() and len(port) > 3:
        return f"[{host}]:{port}"
    return f"[{address}]:{DEFAULT_PORT}"


def _names_addresses(target: str) -> bool:
    return "://" not in _bare(target)  # a scheme with its own name lookup: xds, passthrough


def _bare(target: str) -> str:
    for prefix in ("ipv4:", "ipv6:", "dns:"):
        target = target.removeprefix(prefix)
    return target


def _split(target: str) -> list[tuple[str, str]]:
    return [_host_and_port(address) for address in _bare(target).rpartition("/")[2].split(",")]


def _host_and_port(address: str) -> tuple[str, str]:
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = address.rpartition(":")
    return (host, port) if address.count(":") == 1 else (address, "")
