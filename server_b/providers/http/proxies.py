"""Finds the proxy that the environment names for a server, with its credentials."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from llm_relay.addresses import is_loopback_host
from server_b.providers.http.no_proxy import NoProxy

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy. It forwards requests to http: servers, and opens tunnels to https: servers."""

    url: URL
    """The URL without credentials."""
    headers: Mapping[str, str] = field(repr=False)
    """The credentials, as headers for the proxy."""


def proxy_for(server: URL) -> Proxy | None:
    """Returns the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names for `server`; None: it is asked directly.

    Loopback servers and those that NO_PROXY matches are asked directly. Raises ValueError that names the variable if
    the proxy cannot be used.
    """
    host, port = server.host or "", server.port or 0
    proxies = getproxies()
    if is_loopback_host(host) or NoProxy(proxies.get("no", "")).matches(host, port) or proxy_bypass(host):
        return None
    for name in (server.scheme, "all"):
        if proxy := proxies.get(name):
            return _proxy_from_text(proxy, f"{name.upper()}_PROXY")
    return None


def _proxy_from_text(text: str, variable: str) -> Proxy:
    try:
        url = URL(text)
    except ValueError:
        raise ValueError(f"{variable}: is not a URL") from None  # that error's text may contain a password
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{variable}: must begin with http:// or https://, such as http://proxy.example:3128")
    return Proxy(url=url.with_user(None), headers=_credentials(url))


def _credentials(url: URL) -> Mapping[str, str]:
    if url.user is None:
        return NO_HEADERS
    pair = f"{url.user}:{url.password or ''}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}
