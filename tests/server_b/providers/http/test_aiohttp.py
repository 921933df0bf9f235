"""The private parts of aiohttp that the HTTP client uses: a version without one of them fails here.

A new version of aiohttp has to pass these tests, the other tests of this folder, and
tests/field/test_reused_connections.py.
"""

import asyncio
import inspect
import pkgutil
from importlib.metadata import version
from typing import Any

import pytest
from yarl import URL

pytestmark = pytest.mark.anyio

AIOHTTP = f"aiohttp {version('aiohttp')}"

IMPORTED = [
    "aiohttp.client_proto:ResponseHandler",
    "aiohttp.connector:Connection",
    "aiohttp.http:HttpProcessingError",
    "aiohttp.http:RawResponseMessage",
]
ANY: Any = object()
CALLED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "aiohttp:ClientRequest": (("GET", ANY), {"proxy": ANY, "proxy_headers": ANY}),
    "aiohttp:ClientTimeout": ((), {"total": None, "connect": 1.0}),
    "aiohttp:StreamReader.at_eof": ((ANY,), {}),
    "aiohttp:StreamReader.exception": ((ANY,), {}),
    "aiohttp:StreamReader.is_eof": ((ANY,), {}),
    "aiohttp:StreamReader.on_eof": ((ANY, ANY), {}),
    "aiohttp:StreamReader.readany": ((ANY,), {}),
    "aiohttp:StreamReader.set_exception": ((ANY, ANY), {}),
    "aiohttp:TCPConnector.__init__": (
        (ANY,),
        {"limit": 0, "ssl": ANY, "keepalive_timeout": 1.0, "resolver": ANY, "socket_factory": ANY},
    ),
    "aiohttp:TCPConnector.close": ((ANY,), {}),
    "aiohttp:TCPConnector.connect": ((ANY, ANY, [], ANY), {}),
    "aiohttp.client_proto:ResponseHandler.__init__": ((ANY, ANY), {}),
    "aiohttp.client_proto:ResponseHandler._drain_helper": ((ANY,), {}),
    "aiohttp.client_proto:ResponseHandler.abort": ((ANY,), {}),
    "aiohttp.client_proto:ResponseHandler.close": ((ANY,), {}),
    "aiohttp.client_proto:ResponseHandler.data_received": ((ANY, b""), {}),
    "aiohttp.client_proto:ResponseHandler.exception": ((ANY,), {}),
    "aiohttp.client_proto:ResponseHandler.read": ((ANY,), {}),
    "aiohttp.client_proto:ResponseHandler.resume_reading": ((ANY, True), {}),
    "aiohttp.client_proto:ResponseHandler.set_response_params": (
        (ANY,),
        {"read_until_eof": True, "read_bufsize": 1, "max_line_size": 1, "max_field_size": 1, "max_headers": 1},
    ),
    "aiohttp.connector:Connection.close": ((ANY,), {}),
    "aiohttp.connector:Connection.release": ((ANY,), {}),
}
COROUTINES = [
    "aiohttp:StreamReader.readany",
    "aiohttp:TCPConnector.connect",
    "aiohttp.client_proto:ResponseHandler._drain_helper",
    "aiohttp.client_proto:ResponseHandler.read",
]
PROPERTIES = [
    "aiohttp.client_proto:ResponseHandler.should_close",
    "aiohttp.connector:Connection.protocol",
]


def part(path: str) -> Any:
    """Returns a part of aiohttp, as `module:name.name`, or fails and names it."""
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError) as error:
        pytest.fail(f"{AIOHTTP} has no {path}, which server_b/providers/http uses: {error}")


@pytest.mark.parametrize("path", IMPORTED)
def test_a_class_exists(path: str) -> None:
    assert inspect.isclass(part(path))


@pytest.mark.parametrize("path", CALLED)
def test_a_function_accepts_our_arguments(path: str) -> None:
    positional, named = CALLED[path]
    signature = inspect.signature(part(path))
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        pytest.fail(f"{AIOHTTP}: {path}{signature}, which server_b/providers/http calls: {error}")


@pytest.mark.parametrize("path", COROUTINES)
def test_a_function_is_awaitable(path: str) -> None:
    assert inspect.iscoroutinefunction(part(path)), f"{AIOHTTP}: {path} is no coroutine"


@pytest.mark.parametrize("path", PROPERTIES)
def test_a_part_is_a_property(path: str) -> None:
    assert isinstance(part(path), property), f"{AIOHTTP}: {path} is no property"


@pytest.mark.parametrize("name", ["_loop", "_payload", "_reading_paused", "transport"])
async def test_a_connection_has_the_attribute(name: str) -> None:
    connection = part("aiohttp.client_proto:ResponseHandler")(asyncio.get_running_loop())
    assert hasattr(connection, name), f"{AIOHTTP}: ResponseHandler has no {name}"


@pytest.mark.parametrize("name", ["_factory", "_loop"])
async def test_a_connector_has_the_attribute(name: str) -> None:
    async with part("aiohttp:TCPConnector")() as connector:
        assert hasattr(connector, name), f"{AIOHTTP}: TCPConnector has no {name}"


@pytest.mark.parametrize("name", ["code", "headers"])
def test_the_head_of_a_response_has_the_field(name: str) -> None:
    part(f"aiohttp.http:RawResponseMessage.{name}")


async def test_a_connectors_factory_makes_its_connections() -> None:
    """The one way to a connection class of our own."""
    made = []
    accepted = asyncio.Event()

    class Made(part("aiohttp.client_proto:ResponseHandler")):  # type: ignore[misc]  # it is looked up
        def __init__(self) -> None:
            super().__init__(asyncio.get_running_loop())
            made.append(self)

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        writer.close()

    async with (
        await asyncio.start_server(accept, "127.0.0.1", 0) as server,
        part("aiohttp:TCPConnector")() as connector,
    ):
        connector._factory = Made
        url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        request = part("aiohttp:ClientRequest")("GET", url)
        async with asyncio.timeout(20):
            lease = await connector.connect(request, [], part("aiohttp:ClientTimeout")(total=None))
            await accepted.wait()
        assert lease.protocol in made, f"{AIOHTTP}: TCPConnector does not use its _factory"
        lease.close()
