"""Only what surely stays on this machine counts as loopback."""

import pytest

from transport.addresses import is_loopback_host, is_loopback_target


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
