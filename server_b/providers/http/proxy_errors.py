"""Recognises errors of proxies in JSON. They do not say whether the provider has worked, unlike the provider's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TEXT_NAMES = ("message", "error", "detail", "title")
_OF_A_PROXY = re.compile(
    r"\bupstream (?:server|service|connect error|request timeout|prematurely closed)|problem proxying the request",
    re.IGNORECASE,
)
"""Texts of Kong, Envoy, nginx and Tyk."""


def is_of_a_proxy(document: object) -> bool:
    """Tells whether an error document is from a proxy such as Cloudflare, Kong or Envoy."""
    if not isinstance(document, Mapping):
        return False
    if document.get("cloudflare_error") is True:
        return True
    texts = map(document.get, _TEXT_NAMES)
    return any(_OF_A_PROXY.search(text) for text in texts if isinstance(text, str))
