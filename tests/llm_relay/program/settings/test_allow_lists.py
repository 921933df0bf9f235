"""Lists of Host headers and origins: an entry that no request can match is refused with the fix."""

import pytest

from llm_relay.program.settings.allow_lists import (
    host_list,
    host_list_or_all,
    listed_origins,
    origin_list,
    origin_list_or_all,
)


@pytest.mark.parametrize(
    "hosts", ["", "relay.example", "relay.example:8443, other , 192.0.2.1:1", "[::1],[2001:db8::1]:8000", "a_b.c-d"]
)
def test_hosts_with_and_without_a_port_are_accepted(hosts: str) -> None:
    assert host_list(hosts) == host_list_or_all(hosts) == hosts


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ("https://relay.example", "https://relay.example is not a Host header: write host or host:port"),
        ("relay.example/mcp", "is not a Host header"),
        ("relay.example:port", "is not a Host header"),
        ("good.example relay.example", "is not a Host header"),
        (".relay.example", "is not a Host header"),
        ("me@relay.example", "is not a Host header"),
        ("good.example, ::1", r"::1 is an IPv6 address without brackets: write \[::1\]"),
        ("*.relay.example", "\\* is not supported here"),
        ("relay.example:*", "\\* is not supported here"),
    ],
)
def test_a_host_that_no_request_can_match_is_refused(hosts: str, told: str) -> None:
    for check in (host_list, host_list_or_all):
        with pytest.raises(ValueError, match=told):
            check(hosts)


def test_a_star_is_only_for_the_lists_that_have_one() -> None:
    assert host_list_or_all("*") == origin_list_or_all("*") == "*"
    with pytest.raises(ValueError, match="is not supported here"):
        host_list("*")
    with pytest.raises(ValueError, match="is not an origin"):
        origin_list("*")


@pytest.mark.parametrize(
    ("origins", "compared"),
    [
        ("", ()),
        ("https://app.example, http://localhost:3000", ("https://app.example", "http://localhost:3000")),
        ("HTTPS://App.example/", ("https://app.example",)),
        (
            "https://app.example:443,http://app.example:80,http://app.example:443",
            ("https://app.example", "http://app.example", "http://app.example:443"),
        ),
        ("chrome-extension://abcdef, null", ("chrome-extension://abcdef", "null")),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
    ],
)
def test_origins_are_compared_as_browsers_write_them(origins: str, compared: tuple[str, ...]) -> None:
    assert origin_list(origins) == origins
    assert listed_origins(origins) == compared


@pytest.mark.parametrize(
    "origins",
    ["app.example", "https://app.example/path", "https://", "https://*.app.example", "https://me@app.example"],
)
def test_an_origin_that_no_page_has_is_refused(origins: str) -> None:
    with pytest.raises(ValueError, match="is not an origin: write it as browsers do, such as https://"):
        origin_list(origins)
