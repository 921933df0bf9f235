"""Base URLs: a fault is reported with the fix, and without the URL's credentials."""

import pytest

from llm_relay.base_urls import base_url_fault

SECRET = "sk-live-0123456789"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://api.openai.com/v1/",
        "HTTPS://api.openai.com/v1",
        "http://127.0.0.1:8080/v1",
        "http://[::1]:8080/v1",
        "http://my_server:8000",
        "https://xn--mnchen-3ya.example/v1",
        "https://münchen.example/v1",
        "https://example.openai.azure.com/openai/v1",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "http://host.:80/v1",
        "https://name.services.ai.azure.com/models",
    ],
)
def test_these_base_urls_are_accepted(url: str) -> None:
    assert base_url_fault(url) == ""


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://xn--a/v1", "has an invalid host name"),
        ("http://a..b/v1", "has an invalid host name"),
        (f"http://{'a' * 64}.example/v1", "has an invalid host name"),
        ("http://h%20x/v1", "has an invalid host name"),
        ("http://h;x/v1", "has an invalid host name"),
        ("127.0.0.1:8080/v1", "must begin with http:// or https://"),
        ("localhost:8080/v1", "must begin with http:// or https://"),
        ("ftp://h/v1", "must begin with http:// or https://"),
        ("http:/h/v1", "must begin with http:// or https://"),
        ("http:///v1", "has no host"),
        ("https://", "has no host"),
        ("http://h:0/v1", "has no host, or has port 0"),
        ("http://h:99999/v1", "is not a URL: write https://host/v1, with a port from 1 to 65535"),
        ("http://h:port/v1", "is not a URL"),
        ("http://[::1/v1", "is not a URL"),
        ("http://h /v1", "contains a space"),
        (f"https://user:{SECRET}@h/v1", "contains a user name or password"),
        (f"https://{SECRET}@h/v1", "contains a user name or password"),
        ("https://h/v1?api-version=1", "has a query or fragment"),
        ("https://h/v1?", "has a query or fragment"),
        ("https://h/v1#x", "has a query or fragment"),
        (
            "https://h/v1/chat/completions",
            "ends in /chat/completions, which is added to it for each request: set it to https://h/v1",
        ),
        ("https://h/v1/chat/completions/", "ends in /chat/completions, which is added to it for each request: set it"),
    ],
)
def test_a_fault_of_a_base_url_is_reported_with_the_fix(url: str, told: str) -> None:
    assert base_url_fault(url).startswith(told)
    assert SECRET not in base_url_fault(url)
