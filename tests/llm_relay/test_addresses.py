"""Hosts: which are loopback, and why a program cannot listen on some."""

import errno
import os

import pytest

from llm_relay.addresses import is_loopback_host, listen, listen_fault, listening_host, same_port_fault


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
    ("host", "taken"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("relay_1.example", "relay_1.example"),
        ("bücher.example", "bücher.example"),
        ("fe80::1%lo", "fe80::1%lo"),
    ],
)
def test_a_host_to_listen_on_is_accepted_without_its_brackets(host: str, taken: str) -> None:
    assert listening_host(host) == taken


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("http://127.0.0.1", "not a URL"),
        ("tcp://0.0.0.0:8000", "not a URL"),
        ("127.0.0.1:8000", "contains a port"),
        ("localhost:8000", "contains a port"),
        ("[::1]:8000", "contains a port"),
        (":8000", "contains a port"),
        ("127.0.0.1/", "is not a host"),
        ("unix:/run/relay.sock", "not a Unix socket"),
        ("two words", "contains a space"),
        (" 127.0.0.1", "contains a space"),
        ("a.example,b.example", "is not a host"),
        ("*", "is not a host"),
    ],
)
def test_an_invalid_host_is_refused_with_the_fix(host: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        listening_host(host)


def fault(host: str, port: int) -> str:
    """Returns why it is not possible to listen there."""
    with pytest.raises(OSError) as failed:  # noqa: PT011 - of any kind
        listen(host, port)
    return listen_fault(host, port, "GRPC_HOST", "GRPC_PORT", failed.value)


def test_a_port_in_use_is_distinguished_from_a_host_that_is_not_local() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert fault("127.0.0.1", port).startswith(
            f"GRPC_PORT: cannot listen on 127.0.0.1:{port}: the port is in use. Stop the program that uses it, or"
        )
    assert fault("192.0.2.1", port).startswith(
        f"GRPC_HOST: cannot listen on 192.0.2.1:{port}: 192.0.2.1 is not an address of this machine."
    )
    assert fault("nowhere.invalid", port).startswith(
        f"GRPC_HOST: cannot listen on nowhere.invalid:{port}: the name nowhere.invalid cannot be resolved."
    )


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "GRPC_PORT: cannot listen on 127.0.0.1:80: this user may not use port 80. Set GRPC_PORT to"),
        (errno.EAFNOSUPPORT, "GRPC_HOST: cannot listen on 127.0.0.1:80: this system has no IPv6. Set GRPC_HOST to"),
        (errno.ENOBUFS, "GRPC_PORT: cannot listen on 127.0.0.1:80 (No buffer space available). Set GRPC_HOST or"),
    ],
)
def test_other_reasons_are_reported_too(number: int, told: str) -> None:
    error = OSError(number, os.strerror(number))
    assert listen_fault("127.0.0.1", 80, "GRPC_HOST", "GRPC_PORT", error).startswith(told)


@pytest.mark.parametrize(
    ("one", "other", "is_told"),
    [
        (("127.0.0.1", 8000), ("127.0.0.1", 8000), True),
        (("localhost", 8000), ("127.0.0.1", 8000), True),
        (("0.0.0.0", 8000), ("127.0.0.1", 8000), True),
        (("192.0.2.1", 8000), ("0.0.0.0", 8000), True),
        (("::1", 8000), ("::", 8000), True),
        (("Relay.example", 8000), ("relay.example", 8000), True),
        (("127.0.0.1", 8000), ("127.0.0.1", 8001), False),
        (("127.0.0.1", 0), ("127.0.0.1", 0), False),
        (("127.0.0.1", 8000), ("127.0.0.2", 8000), False),
        (("::1", 8000), ("127.0.0.1", 8000), False),
        (("::", 8000), ("0.0.0.0", 8000), False),
    ],
)
def test_two_servers_that_cannot_both_listen_are_reported(
    one: tuple[str, int], other: tuple[str, int], is_told: bool
) -> None:
    fault = same_port_fault((*one, "ONE"), ("127.0.0.1", 1, "THIRD"), (*other, "OTHER"))
    assert fault == ("OTHER: is 8000, as ONE is: set one of them to another port" if is_told else "")
