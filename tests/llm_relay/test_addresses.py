"""Only what surely stays on this machine counts as loopback."""

import pytest

from llm_relay.addresses import is_loopback_host, is_loopback_target, socket_path, target_addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST", "a.localhost"])
def test_these_hosts_are_loopback(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", "127.0.0.1.example.org", "notlocalhost"],
)
def test_these_hosts_are_not(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "127.0.0.1",
        "localhost:50051",
        "[::1]:50051",
        "::1",
        "dns:localhost:50051",
        "dns:///localhost:50051",
        "dns://8.8.8.8/localhost:50051",
        "ipv4:127.0.0.1:50051",
        "ipv4:127.0.0.1:50051,127.0.0.2:50051",
        "ipv6:[::1]:50051",
        "unix:/run/relay.sock",
        "unix:///run/relay.sock",
        "unix-abstract:relay",
    ],
)
def test_these_targets_stay_on_this_machine(target: str) -> None:
    assert is_loopback_target(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "0.0.0.0:50051",
        "10.0.0.1:50051",
        "b.example.com:50051",
        "localhost.example.com:50051",
        "dns:///b.example.com:50051",
        "dns://127.0.0.1/b.example.com:50051",
        "dns:///localhost:50051,b.example.com:50051",
        "ipv4:127.0.0.1:50051,10.0.0.1:50051",
        "ipv6:[2001:db8::1]:50051",
        "ipv6:[::1]:50051,[2001:db8::1]:50051",
        "vsock:2:50051",
        "xds:///localhost",
        "google-c2p:///localhost",
    ],
)
def test_these_targets_may_leave_it(target: str) -> None:
    assert not is_loopback_target(target)


@pytest.mark.parametrize(
    ("target", "addresses"),
    [
        ("b.example.com:50051", [("b.example.com", 50051)]),
        ("b.example.com", [("b.example.com", 443)]),
        ("[::1]:50051", [("::1", 50051)]),
        ("dns:///b.example.com:50051", [("b.example.com", 50051)]),
        ("dns://8.8.8.8/b.example.com:50051", [("b.example.com", 50051)]),
        ("ipv4:10.0.0.1:50051,10.0.0.2:50052", [("10.0.0.1", 50051), ("10.0.0.2", 50052)]),
        ("ipv6:[::1]:1,[2001:db8::1]:2", [("::1", 1), ("2001:db8::1", 2)]),
        ("unix:/run/relay.sock", []),
        ("xds:///b", []),
    ],
)
def test_a_target_names_these_addresses(target: str, addresses: list[tuple[str, int]]) -> None:
    assert target_addresses(target) == addresses


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("unix:run/relay.sock", "run/relay.sock"),
        ("unix:/run/relay.sock", "/run/relay.sock"),
        ("unix:///run/relay.sock", "/run/relay.sock"),
        ("unix-abstract:relay", "\0relay"),
        ("127.0.0.1:50051", None),
    ],
)
def test_a_target_names_this_socket(target: str, path: str | None) -> None:
    assert socket_path(target) == path
