"""Lists of Host headers and of origins in settings: checks them, and returns the entries to compare with requests."""

from __future__ import annotations

import re

from llm_relay.addresses import ip_version

_HOST = re.compile(r"(?:\w(?:[\w.-]*\w)?|\[[0-9A-Fa-f:.%]+\])\.?(?::[0-9]{1,5})?")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s/?#@]+)")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
"""Browsers leave these ports out."""


def listed(names: str) -> tuple[str, ...]:
    """Returns the entries of a comma-separated list."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


def listed_origins(origins: str) -> tuple[str, ...]:
    """Returns the origins of a comma-separated list, each as browsers write it."""
    return tuple(_as_browsers_write(origin) for origin in listed(origins))


def host_list(hosts: str) -> str:
    """Returns a list of Host headers unchanged. Raises ValueError with the fix if an entry matches none."""
    for host in listed(hosts):
        if ip_version(host) == 6:
            raise ValueError(f"{host} is an IPv6 address without brackets: write [{host}]")
        if "*" in host:
            raise ValueError(f"{host}: * is not supported here: list each host; a host without a port matches any port")
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host} is not a Host header: write host or host:port, such as relay.example.com")
    return hosts


def host_list_or_all(hosts: str) -> str:
    """Returns a list of Host headers, or `*`, unchanged. Raises ValueError with the fix."""
    host_list(",".join(host for host in listed(hosts) if host != "*"))
    return hosts


def origin_list(origins: str) -> str:
    """Returns a list of origins unchanged. Raises ValueError with the fix if an entry matches none."""
    for origin in listed(origins):
        written = _as_browsers_write(origin)
        found = _ORIGIN.fullmatch(written)
        if written != "null" and not (found and _HOST.fullmatch(found[2])):
            raise ValueError(f"{origin} is not an origin: write it as browsers do, such as https://app.example")
    return origins


def origin_list_or_all(origins: str) -> str:
    """Returns a list of origins, or `*`, unchanged. Raises ValueError with the fix."""
    origin_list(",".join(origin for origin in listed(origins) if origin != "*"))
    return origins


def _as_browsers_write(origin: str) -> str:
    written = origin.lower().rstrip("/")
    return written.removesuffix(_DEFAULT_PORTS.get(written.partition("://")[0], ""))
