"""The channel of a client: its event loop, certificate files that change on disk, and servers far away."""

import asyncio
import shutil
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from llm_relay.client.channel import Dial
from llm_relay.client.health import check_health
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Prompt
from llm_relay.tls.authority import Authority
from llm_relay.tls.grpc_server import ServerCertificates
from server_b.providers.base import Text
from tests.support.ports import free_port
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import serving
from tests.support.slow_link import slow_link

HI = Prompt(message="Hi")


async def answer(client: RelayClient, port: int) -> str:
    """Serves and calls on the running event loop."""
    async with serving(ScriptedProvider(), port=port):
        return (await client.process(HI)).text


def test_a_client_created_outside_an_event_loop_works_on_several_in_turn() -> None:
    port = free_port()
    client = RelayClient(Dial(target=f"127.0.0.1:{port}"))
    assert [asyncio.run(answer(client, port)) for _ in range(2)] == ["Hello", "Hello"]


def test_a_client_in_use_on_one_event_loop_refuses_another_and_names_the_fix() -> None:
    port = free_port()
    client = RelayClient(Dial(target=f"127.0.0.1:{port}"))
    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(answer(client, port)) == "Hello"
        with pytest.raises(RuntimeError, match="make a RelayClient for each event loop"):
            second.run(client.process(HI))
        first.run(client.close())


class Files:
    """An authority, the certificate that it issued for a server, and a folder with the client's files."""

    def __init__(self, folder: Path) -> None:
        (folder / "client").mkdir(parents=True)
        self._authority = Authority(folder, "authority")
        self._server, client = self._authority.issue("server"), self._authority.issue("client")
        copied = [shutil.copy(file, folder / "client") for file in (self._authority.ca_file, *astuple(client))]
        self.dial: dict[str, Any] = dict(zip(("ca_file", "cert_file", "key_file"), map(str, copied), strict=True))
        self.dial["tls"] = True

    @property
    def certificates(self) -> ServerCertificates:
        """The server's certificates; clients must present one of the same authority."""
        return ServerCertificates(self._server.cert_file, self._server.key_file, self._authority.ca_file)

    def become(self, other: "Files", *, half: bool = False) -> None:
        """Replaces the client's files with those of another authority: the key last, or not at all if `half`."""
        for name in ("ca_file", "cert_file") if half else ("ca_file", "cert_file", "key_file"):
            shutil.copy(other.dial[name], self.dial[name])


@pytest.fixture
def old(tmp_path: Path) -> Files:
    return Files(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Files:
    return Files(tmp_path / "new")


@pytest.mark.anyio
async def test_a_server_with_a_new_certificate_is_reached_once_the_clients_files_are_renewed_too(
    old: Files, new: Files
) -> None:
    port = free_port()
    async with RelayClient(Dial(target=f"127.0.0.1:{port}", **old.dial)) as client:
        async with serving(certificates=old.certificates, port=port):
            await client.process(HI)
        async with serving(certificates=new.certificates, port=port):
            with pytest.raises(ServerBUnavailable):
                await client.process(HI)
            old.become(new, half=True)
            with pytest.raises(ServerBUnavailable):
                await client.process(HI)
            old.become(new)
            await client.process(HI)


@pytest.mark.anyio
async def test_half_renewed_files_leave_the_old_ones_in_use(old: Files, new: Files) -> None:
    async with serving(certificates=old.certificates) as server, server.client(**old.dial) as client:
        old.become(new, half=True)
        await client.process(HI)


@pytest.mark.anyio
async def test_a_running_call_ends_well_while_files_are_renewed(old: Files, new: Files) -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, go_on, Text("Hello"), ENDING))
    async with serving(provider, certificates=old.certificates) as server, server.client(**old.dial) as client:
        running = asyncio.create_task(client.process(HI))
        await provider.until_waiting()
        old.become(new)
        with pytest.raises(ServerBUnavailable):  # the server still has the old certificate
            await client.process(HI)
        go_on.set()
        assert (await running).text == "Hello"


@pytest.mark.anyio
async def test_a_server_far_away_is_reached_over_tls(old: Files) -> None:
    async with serving(certificates=old.certificates) as server, slow_link(server.port, one_way_s=0.1) as port:
        dial = Dial(target=f"127.0.0.1:{port}", **old.dial)
        async with RelayClient(dial) as client:
            await client.process(HI)
        await check_health(dial, timeout_s=10)
