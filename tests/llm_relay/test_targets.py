"""gRPC targets: which of them certainly stay on this machine, what they name, and their faults."""

import pytest

from llm_relay.targets import is_loopback_target, socket_path, target_addresses, target_fault


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


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "b.example.com:1",
        "server_b:65535",
        "[::1]:50051",
        "dns:b:50051",
        "dns:///b.example.com:50051",
        "dns://8.8.8.8/b.example.com:50051",
        "ipv4:10.0.0.1:50051",
        "ipv4:10.0.0.1:50051,10.0.0.2:50051",
        "ipv6:[::1]:50051,[fe80::1%lo]:50051",
        "unix:relay.sock",
        "unix:///run/relay.sock",
        "unix-abstract:relay",
        "xds:///b",
        "vsock:2:50051",
    ],
)
def test_these_targets_can_be_dialled(target: str) -> None:
    assert target_fault(target) == ""


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("http://b:50051", "must be a gRPC target, not a URL: write host:port, and SERVER_B_TLS=true for TLS"),
        ("GRPCS://b:50051", "must be a gRPC target, not a URL"),
        ("tcp://b:50051", "tcp:// is not a scheme of gRPC targets: write host:port, or dns:///host:port"),
        ("host:50051/", "has a path: write host:50051 without a slash"),
        ("b:50051/relay", "has a path: write b:50051 without a slash"),
        (":50051", "has no host: write 127.0.0.1:50051"),
        ("dns:///:50051", "has no host: write 127.0.0.1:50051"),
        ("::1:23001", "has an IPv6 address without brackets: write [::1]:23001"),
        ("::1", "has an IPv6 address without brackets: write [::1]:50051"),
        ("2001:db8::1", "has an IPv6 address without brackets: write [2001:db8::1]:50051"),
        ("ipv6:2001:db8::1:50051", "has an IPv6 address without brackets: write [2001:db8::1]:50051"),
        ("b.example.com", "has no port: write b.example.com:50051"),
        ("[::1]", "has no port: write [::1]:50051"),
        ("b:", "has no port: write b:50051"),
        ("dns:///b.example.com", "has no port: write b.example.com:50051"),
        ("b:99999", "has the port 99999, which is out of range: write a port from 1 to 65535"),
        ("b:0", "has the port 0, which is out of range: write a port from 1 to 65535"),
        ("b:-1", "has a port that is not a number: write host:port"),
        ("b:grpc", "has a port that is not a number: write host:port"),
        ("ipv4:10.0.0.1:50051,10.0.0.2:x", "has a port that is not a number: write host:port"),
        ("ipv4:10.0.0.1:50051,", "has no host: write 127.0.0.1:50051"),
        ("10.0.0.1:1,10.0.0.2:2", "has several addresses, which need a scheme: write ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("ipv4:b.example.com:50051", "needs an address after ipv4:, but b.example.com is a name: write dns:///b.exam"),
        ("dns://b.example.com:50051", "b.example.com:50051 is in the place of a DNS server: write dns:///b.example"),
        ("user@b:50051", "has a character that is not allowed in a host name: write host:port"),
        ("b :50051", "contains a space: write host:port"),
        ("unix:", "names no socket: write unix:/path/to/socket"),
        ("unix:///", "names no socket: write unix:/path/to/socket"),
    ],
)
def test_a_fault_of_a_target_is_reported_with_the_fix(target: str, told: str) -> None:
    assert target_fault(target).startswith(told)
