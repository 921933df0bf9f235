"""How Server B is dialled."""

import asyncio

import pytest

from llm_relay.client.channel import Dial, check_dial
from llm_relay.messages import Prompt
from tests.support.scripted import PATIENCE_S, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

SECRET = "sk-live-0123456789"


@pytest.mark.parametrize("variable", ["http_proxy", "grpc_proxy"])
async def test_loopback_is_dialled_past_a_proxy_of_the_environment(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(ScriptedProvider()) as server, server.client() as client:
        assert (await client.process(Prompt(message="Hi"))).text == "Hello"


@pytest.mark.parametrize("prefix", ["", "ipv4:", "dns:", "dns:///"])
async def test_targets_in_grpcs_own_syntax_are_dialled(prefix: str) -> None:
    async with serving(ScriptedProvider()) as server, server.client(target=prefix + server.target) as client:
        assert (await client.process(Prompt(message="Hi"))).text == "Hello"


async def test_calls_are_spread_over_several_servers() -> None:
    first, second = ScriptedProvider(), ScriptedProvider()
    async with (
        serving(first) as one,
        serving(second) as other,
        one.client(target=f"ipv4:{one.target},{other.target}") as client,
        asyncio.timeout(PATIENCE_S),
    ):
        while not (first.tries and second.tries):
            await client.process(Prompt(message="Hi"))


@pytest.mark.parametrize("characters", [2, 300_000])
async def test_a_stopping_server_loses_no_call_if_another_one_serves(characters: int) -> None:
    first, second = ScriptedProvider(), ScriptedProvider()
    prompt = Prompt(message="x" * characters)
    async with (
        serving(first) as one,
        serving(second) as other,
        one.client(target=f"ipv4:{one.target},{other.target}") as client,
    ):
        await client.process(prompt)
        await one.server.drain(1, notice_s=0)
        for _ in range(10):
            assert (await client.process(prompt)).text == "Hello"
        assert second.tries


@pytest.mark.parametrize("characters", [2, 300_000, 4_000_000])
async def test_a_call_that_a_draining_server_refuses_is_sent_to_another_one(characters: int) -> None:
    first, second = ScriptedProvider(), ScriptedProvider()
    async with (
        serving(first) as one,
        serving(second) as other,
        one.client(target=f"ipv4:{one.target},{other.target}") as client,
    ):
        one.relay.drain()  # the channel still considers it healthy
        for _ in range(10):
            assert (await client.process(Prompt(message="x" * characters))).text == "Hello"
        assert len(second.tries) == 10


@pytest.mark.parametrize("target", ["b.example.com:50051", "10.0.0.1:50051", "ipv4:127.0.0.1:1,10.0.0.1:1"])
def test_a_token_is_not_sent_in_plaintext_beyond_loopback(target: str) -> None:
    with pytest.raises(ValueError, match="RELAY_TOKEN") as refused:
        check_dial(Dial(target=target, token=SECRET))
    assert SECRET not in str(refused.value)
    check_dial(Dial(target=target, token=SECRET, tls=True))
    check_dial(Dial(target=target, token=SECRET, insecure=True))
    check_dial(Dial(target=target))


@pytest.mark.parametrize("token", ["two words", "sécret", "new\nline", "nul\0"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r"^RELAY_TOKEN: ") as refused:
        check_dial(Dial(token=token))
    assert token not in str(refused.value)
