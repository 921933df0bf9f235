"""Addresses and targets: which of them stay on this machine, what a target names, and how to listen."""

from __future__ import annotations

import ipaddress
import socket

BACKLOG = 2048
_DEFAULT_PORT = 443
"""gRPC's, where a target names none."""


def is_loopback_host(host: str) -> bool:
    """Tells whether a host name or address is this machine's loopback."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def is_loopback_target(target: str) -> bool:
    """Tells whether a gRPC target (https://grpc.github.io/grpc/core/md_doc_naming.html) stays on this machine."""
    if socket_path(target) is not None:
        return True
    return _names_addresses(target) and all(is_loopback_host(host) for host, _ in _split(target))


def target_addresses(target: str) -> list[tuple[str, int]]:
    """Lists the hosts and ports of a gRPC target; none for a Unix socket, or a scheme that may look them up anywhere.

    Raises ValueError where a port is not a number.
    """
    if socket_path(target) is not None or not _names_addresses(target):
        return []
    try:
        return [(host, int(port or _DEFAULT_PORT)) for host, port in _split(target)]
    except ValueError as error:
        raise ValueError(f"SERVER_B_TARGET: {target} has a port that is no number: write host:port") from error


def shown_address(host: str, port: int) -> str:
    """Returns an address as it is written in a URL or a target."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def socket_path(target: str) -> str | None:
    """Returns the path of a Unix socket that a gRPC target names, as asyncio takes it; None for other targets."""
    if target.startswith("unix-abstract:"):
        return "\0" + target.removeprefix("unix-abstract:")
    if target.startswith("unix:"):
        return target.removeprefix("unix:").removeprefix("//")
    return None


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Returns a socket that listens on host:port (0: any free port); raises OSError if it cannot be had.

    `shared`: beside other sockets that share the port (SO_REUSEPORT); the kernel spreads connections over them.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG, reuse_port=shared)


def hold_port(host: str, port: int) -> socket.socket:
    """Returns a socket that keeps host:port (0: any free port) for sockets with SO_REUSEPORT, and takes no connection.

    Raises OSError if the port is not free, shared by others or not.
    """
    with listen(host, port) as alone:  # without SO_REUSEPORT: fails beside any other
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # from here on others may join
        held = socket.socket(alone.family)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if alone.family == socket.AF_INET6:
                held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            held.bind(alone.getsockname())
        except OSError:
            held.close()
            raise
    return held


def _names_addresses(target: str) -> bool:
    return "://" not in _bare(target)  # a scheme that may look the name up anywhere: xds, passthrough


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
