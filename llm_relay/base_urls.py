"""Checks the base URLs of HTTP APIs in settings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_REQUEST_PATHS = ("/chat/completions", "/completions")
"""Paths that requests add to a base URL. People often paste them with it."""
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.%]+\]")


def base_url_fault(url: str) -> str:
    """Returns what is wrong with a base URL and the fix, or "" if nothing is. The text contains no credentials."""
    if re.search(r"\s", url):
        return "contains a space: write a URL, such as https://host/v1"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL: write https://host/v1, with a port from 1 to 65535 if it needs one"
    if parts.scheme not in ("http", "https") or not url.lower().startswith(f"{parts.scheme}://"):
        return "must begin with http:// or https://"
    if parts.username is not None or parts.password is not None:
        return "contains a user name or password: remove it; keys have their own settings"
    if not parts.hostname or port == 0:
        return "has no host, or has port 0: write https://host/v1"
    if not _is_host(parts.netloc.removesuffix(f":{port}"), parts.hostname):
        return "has an invalid host name: write https://host/v1"
    if "?" in url or "#" in url:
        return "has a query or fragment (? or #): remove it"
    for path in _REQUEST_PATHS:
        if parts.path.rstrip("/").endswith(path):
            base = url.rstrip("/").removesuffix(path)
            return f"ends in {path}, which is added to it for each request: set it to {base}"
    return ""


def _is_host(written: str, host: str) -> bool:
    """Returns whether a host name is valid: every label has 1 to 63 characters, and Punycode can be decoded."""
    if not _HOST.fullmatch(written.rstrip(":")):
        return False
    if written.startswith("["):
        return True
    try:
        for label in host.removesuffix(".").encode("idna").split(b"."):
            label.decode("idna")
    except UnicodeError:
        return False
    return True
