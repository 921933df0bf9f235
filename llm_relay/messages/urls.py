"""Checks the URLs of images and documents that are passed on to a provider. The relay itself fetches none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from llm_relay.messages.text import is_utf8

MAX_URL_CHARS = 8192
_NOT_IN_URLS = re.compile(r"[\s\x00-\x20\x7f\\]")


def url_fault(url: object) -> str | None:
    """Returns what is wrong with `url`, or None."""
    if not isinstance(url, str):
        return "must be text"
    if url[:5].lower() == "data:":
        return "must be an https URL; send the bytes of a data: URL as data"
    if len(url) > MAX_URL_CHARS:
        return f"must have at most {MAX_URL_CHARS} characters"
    if _NOT_IN_URLS.search(url) or not is_utf8(url):
        return "must not contain whitespace, control characters or backslashes"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be a valid URL"
    if parts.scheme != "https" or not host:
        return "must be an https URL with a host"
    return "must not contain credentials (user:password@)" if "@" in parts.netloc else None
