"""Finds the prices that apply at an endpoint.

genai-prices knows the endpoints of many vendors. An endpoint that it does not know, such as a self-hosted server, has
no prices, whatever its models are called.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from server_b.pricing.listed_prices import ListedPrices
from server_b.pricing.price_list import FreePrices, PriceList, UnknownPrices

if TYPE_CHECKING:
    from genai_prices.types import Provider

_VENDOR_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.[a-z]{2,}")
"""A host name on the internet, not an IP address: for self-hosted servers no price list need be loaded."""
_AWS_HOST = re.compile(
    r"(?:[a-z0-9-]+\.)?bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com|api\.aws)"
)
"""Bedrock's public, FIPS, dual-stack and private endpoints, with their region."""


def price_lists(endpoints: Mapping[str, str]) -> dict[str, PriceList]:
    """Returns the price list of each provider by name; `endpoints` has the base URL that each is asked at.

    Loads genai-prices, which is slow, only if an endpoint may be a vendor's, and keeps only the lists needed.
    """
    vendors = _Vendors()
    lists = {provider: _price_list(provider, endpoint, vendors) for provider, endpoint in endpoints.items()}
    vendors.forget()
    return lists


def _price_list(provider: str, endpoint: str, vendors: _Vendors) -> PriceList:
    if provider == "mock":
        return FreePrices()
    url = urlsplit(endpoint)
    host = (url.hostname or "").lower()
    if url.scheme != "https" or url.port not in (None, 443) or not _VENDOR_HOST.fullmatch(host):
        return UnknownPrices()
    region = match[1] if (match := _AWS_HOST.fullmatch(host)) else ""
    asked = f"https://bedrock-runtime.{region}.amazonaws.com/" if region else f"https://{host}{url.path or '/'}"
    there = [vendor for vendor in vendors.all if _is_at(vendor.api_pattern, asked)]
    sold = {name for vendor in there for name in vendor.fallback_model_providers or ()}
    if not there:
        return UnknownPrices()
    return ListedPrices(there, [vendor for vendor in vendors.all if vendor.id in sold], region=region)


class _Vendors:
    """genai-prices' lists, loaded when they are first needed."""

    @functools.cached_property
    def all(self) -> list[Provider]:
        from genai_prices import data

        return data.providers

    def forget(self) -> None:
        """Frees the memory of the lists that are not used."""
        if "all" in vars(self):
            import genai_prices

            del genai_prices.data, sys.modules["genai_prices.data"], self.all


def _is_at(pattern: str, url: str) -> bool:
    """Tells whether a vendor's pattern matches this URL with its whole host, not with the start of a longer one."""
    host_end = url.index("/", len("https://"))
    match = re.match(pattern, url)
    if match is None or re.match(pattern, f"https://other.invalid{url[host_end:]}"):  # matches by the path alone
        return False
    rest = url[match.end() : host_end]
    return not rest or (pattern.endswith(r"\.") and "." not in rest)  # api.moonshot.ai and .cn
