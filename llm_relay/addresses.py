"""Addresses to listen on: whether one is loopback, and why listening on it failed."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket

BACKLOG = 2048
"""Connections that may wait to be accepted."""

Address = tuple[str, int, str]
"""A host and a port to listen on (0: any free port), and the name of the port's setting."""


def is_loopback_host(host: str) -> bool:
    """Returns whether a host name or address is this machine's loopback."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Returns a Host header without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and (":" not in name or name.endswith("]")) else host


def listening_host(host: str) -> str:
    """Returns a host to listen on, without the brackets of an IPv6 address. Raises ValueError with the fix."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if "://" in host:
        raise ValueError("must be a host to listen on, not a URL: write the host alone, such as 127.0.0.1")
    if host.startswith("unix:"):
        raise ValueError("must be a host, not a Unix socket: write a host, such as 127.0.0.1")
    if re.search(r"\s", host):
        raise ValueError("contains a space: write a host alone, such as 127.0.0.1")
    if ip_version(bare) is not None:
        return bare
    if ":" in bare:
        raise ValueError("contains a port: write the host alone; the port has its own setting")
    if not re.fullmatch(r"[\w.-]+", bare):
        raise ValueError("is not a host: write a host alone, such as 127.0.0.1")
    return bare


def ip_version(host: str) -> int | None:
    """Returns 4 or 6 for an IP address, None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).version
    except ValueError:
        return None


def near_host(host: str) -> str:
    """Returns the host to connect to from this machine: loopback for a server that listens on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def shown_address(host: str, port: int) -> str:
    """Returns an address as it is written in a URL or a target."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def same_port_fault(*addresses: Address) -> str:
    """Returns why two servers cannot both listen, and the fix, or "" if they can."""
    for number, (host, port, setting) in enumerate(addresses):
        for other_host, other_port, other_setting in addresses[:number]:
            if port and port == other_port and _overlap(host, other_host):
                return f"{setting}: is {port}, as {other_setting} is: set one of them to another port"
    return ""


def _overlap(host: str, other: str) -> bool:
    """Returns whether two servers cannot use the same port on these hosts."""
    one, two = ({"localhost": "127.0.0.1"}.get(name.lower(), name.lower()) for name in (host, other))
    return one == two or ((":" in one) is (":" in two) and not {one, two}.isdisjoint(("0.0.0.0", "::")))


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Returns a socket that listens on host:port (port 0: any free port). Raises OSError if it cannot listen there.

    `shared` lets other sockets listen on the port too (SO_REUSEPORT); the kernel spreads connections over them.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Resolve first: create_server would hide that the name is the problem.
    address = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM)[0][4]
    return socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared)


def listen_fault(host: str, port: int, host_setting: str, port_setting: str, error: OSError) -> str:
    """Returns why `listen` or `hold_port` failed, with the setting and the fix."""
    where = f"cannot listen on {shown_address(host, port)}"
    if isinstance(error, socket.gaierror):
        return f"{host_setting}: {where}: the name {host} cannot be resolved. Set {host_setting} to an address"
    match error.errno:
        case errno.EADDRINUSE:
            fix = f"Stop the program that uses it, or set {port_setting} to another port"
            return f"{port_setting}: {where}: the port is in use. {fix}"
        case errno.EADDRNOTAVAIL:
            fix = f"Set {host_setting} to one of its addresses, such as 127.0.0.1, or to 0.0.0.0 for all of them"
            return f"{host_setting}: {where}: {host} is not an address of this machine. {fix}"
        case errno.EACCES | errno.EPERM:
            fix = f"Set {port_setting} to a port of 1024 or above"
            return f"{port_setting}: {where}: this user may not use port {port}. {fix}"
        case errno.EAFNOSUPPORT:
            return f"{host_setting}: {where}: this system has no IPv6. Set {host_setting} to an IPv4 address"
        case _:
            return f"{port_setting}: {where} ({error.strerror}). Set {host_setting} or {port_setting} to another"


def hold_port(host: str, port: int) -> socket.socket:
    """Returns a socket that reserves host:port (port 0: any free port) for sockets with SO_REUSEPORT.

    It accepts no connections. Raises OSError if the port is in use, even by sockets with SO_REUSEPORT.
    """
    with listen(host, port) as alone:  # without SO_REUSEPORT: fails if another socket has the port
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
