"""Addresses and targets: which of them stay on this machine."""

from __future__ import annotations

import ipaddress


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
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    for prefix in ("ipv4:", "ipv6:", "dns:"):
        target = target.removeprefix(prefix)
    if "://" in target:  # a scheme that may look the name up anywhere: xds, passthrough
        return False
    addresses = target.rpartition("/")[2]
    return all(is_loopback_host(_host(address)) for address in addresses.split(","))


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.rpartition(":")[0] if address.count(":") == 1 else address
