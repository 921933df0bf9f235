"""Who may read /metrics, and clients that are slow or leave."""

import http.client
import socket
from collections.abc import Iterator

import pytest

from llm_relay.program.metrics.metrics_server import Start, serving_metrics

LIMIT_S = 20.0


def app(_: dict[str, object], start_response: Start) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"metrics"


def status(address: str, port: int, host: str) -> int:
    connection = http.client.HTTPConnection(address, port, timeout=LIMIT_S)
    connection.putrequest("GET", "/metrics", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


@pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1:9464", "[::1]:9464", "relay.localhost"])
def test_clients_on_this_machine_get_an_answer(host: str) -> None:
    with serving_metrics(app, "127.0.0.1", 0) as port:
        assert status("127.0.0.1", port, host) == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "localhost.evil.example", "192.0.2.1", ""])
def test_a_web_page_whose_name_resolves_to_this_address_reads_nothing(host: str) -> None:
    with serving_metrics(app, "127.0.0.1", 0) as port:
        assert status("127.0.0.1", port, host) == 403


@pytest.mark.parametrize(
    ("allowed", "host", "expected"),
    [
        ("host.docker.internal", "host.docker.internal:9464", 200),
        ("Host.Docker.Internal", "host.docker.internal", 200),
        ("prometheus:9464", "prometheus:9464", 200),
        ("prometheus:9464", "prometheus:1", 403),
        ("*", "evil.example", 200),
        ("host.docker.internal", "localhost:9464", 200),
        ("host.docker.internal", "evil.example", 403),
        ("host.docker.internal", "host.docker.internal.evil.example", 403),
    ],
)
def test_listed_hosts_are_accepted_besides_loopbacks_names(allowed: str, host: str, expected: int) -> None:
    with serving_metrics(app, "127.0.0.1", 0, allowed_hosts=[allowed]) as port:
        assert status("127.0.0.1", port, host) == expected


def test_a_second_host_is_not_overlooked() -> None:
    with serving_metrics(app, "127.0.0.1", 0) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert client.makefile("rb").readline().split()[1] == b"403"


def test_a_server_for_other_machines_answers_by_any_name() -> None:
    with serving_metrics(app, "0.0.0.0", 0) as port:
        assert status("127.0.0.1", port, "server-b:9464") == 200


def test_clients_that_send_nothing_or_leave_do_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    with serving_metrics(app, "127.0.0.1", 0) as port, socket.create_connection(("127.0.0.1", port)):
        with socket.create_connection(("127.0.0.1", port)) as leaving:
            leaving.sendall(b"GET /metr")
        assert status("127.0.0.1", port, "localhost") == 200
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_reported() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        serving_metrics(app, "127.0.0.1", taken.getsockname()[1]),
    ):
        pass
