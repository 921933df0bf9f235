"""A supervisor's port: closed to others, shared by its workers, and no connection reaches the supervisor itself."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from llm_relay.addresses import hold_port, listen

LOOPBACK = "127.0.0.1"
LIMIT_S = 60.0
CONNECTIONS = 50


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), LIMIT_S)


@pytest.fixture
def held() -> Iterator[socket.socket]:
    with hold_port(LOOPBACK, 0) as held:
        yield held


@pytest.fixture
def port(held: socket.socket) -> int:
    number: int = held.getsockname()[1]
    return number


def test_a_port_that_is_held_refuses_connections(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(port)


def test_every_connection_goes_to_a_worker_and_none_to_the_holder(port: int) -> None:
    with listen(LOOPBACK, port, shared=True) as worker, ExitStack() as open_sockets:
        worker.settimeout(LIMIT_S)
        for _ in range(CONNECTIONS):
            client = open_sockets.enter_context(connect(port))
            accepted = open_sockets.enter_context(worker.accept()[0])
            assert accepted.getpeername() == client.getsockname()


def test_connections_are_spread_over_the_workers(port: int) -> None:
    with (
        listen(LOOPBACK, port, shared=True) as one,
        listen(LOOPBACK, port, shared=True) as other,
        ExitStack() as open_sockets,
    ):
        for _ in range(CONNECTIONS):
            open_sockets.enter_context(connect(port))
        for worker in (one, other):
            worker.settimeout(LIMIT_S)
            open_sockets.enter_context(worker.accept()[0])


def test_a_port_stays_held_when_no_worker_is_left(port: int) -> None:
    listen(LOOPBACK, port, shared=True).close()
    with pytest.raises(OSError, match="in use"):
        listen(LOOPBACK, port)


def test_a_held_port_cannot_be_held_again(port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        hold_port(LOOPBACK, port)


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_a_port_with_a_listener_cannot_be_held(shared: bool) -> None:
    with listen(LOOPBACK, 0, shared=shared) as other, pytest.raises(OSError, match="in use"):
        hold_port(LOOPBACK, other.getsockname()[1])


def test_a_port_with_recently_closed_connections_can_be_held() -> None:
    with hold_port(LOOPBACK, 0) as held:
        port = held.getsockname()[1]
        with listen(LOOPBACK, port, shared=True) as worker, connect(port) as client:
            worker.accept()[0].close()  # the side that closes first keeps the connection in TIME_WAIT
            assert client.recv(1) == b""
    with hold_port(LOOPBACK, port) as held:
        assert held.getsockname()[1] == port
