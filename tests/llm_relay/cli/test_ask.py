"""`relay ask` and `relay models` against a real Server B."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from llm_relay.errors import ProviderProtocol, ProviderRateLimited, RelayError
from server_b.providers.base import Text
from tests.support.relay_command import LIMIT_S, ended, relay, started
from tests.support.scripted import ENDING, OPENING, ScriptedProvider
from tests.support.serving import serving

pytestmark = pytest.mark.anyio

TOKEN = "sk-canary-16180339"
PNG = b"\x89PNG\r\n\x1a\n"


async def test_the_answer_is_streamed_to_stdout_and_its_cost_goes_to_stderr(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, Text("Hel"), go_on, Text("lo"), ENDING))
    async with serving(provider) as server, started(tmp_path, "ask", "Hi", SERVER_B_TARGET=server.target) as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.read(3), LIMIT_S) == b"Hel"
        go_on.set()
        done = await ended(process)
    assert (done.code, done.out) == (0, "lo\n")
    assert done.err.startswith("scripted-model: 5 tokens in, 3 out, price unknown, ")


async def test_every_option_reaches_the_provider(tmp_path: Path) -> None:
    provider = ScriptedProvider()
    (tmp_path / "cat.png").write_bytes(PNG)
    options = ("--model", "m", "--context", "c", "--temperature", "0", "--max-tokens", "7", "--request-id", "r-1")
    async with serving(provider) as server:
        done = await relay(tmp_path, "ask", *options, "--image", "cat.png", "Hi", SERVER_B_TARGET=server.target)
    assert done.code == 0
    prompt = provider.tries[0].prompt
    assert (prompt.message, prompt.model, prompt.context, prompt.temperature) == ("Hi", "m", "c", 0)
    assert (prompt.max_tokens, prompt.request_id) == (7, "r-1")
    (image,) = prompt.parts
    assert (image.media_type, image.data) == ("image/png", PNG)  # type: ignore[union-attr]


@pytest.mark.parametrize("arguments", [("-",), ()])
async def test_the_message_can_be_read_from_stdin(arguments: tuple[str, ...], tmp_path: Path) -> None:
    provider = ScriptedProvider()
    async with (
        serving(provider) as server,
        started(tmp_path, "ask", *arguments, SERVER_B_TARGET=server.target) as asked,
    ):
        done = await ended(asked, "Grüße\n".encode())
    assert done.code == 0
    assert provider.tries[0].prompt.message == "Grüße"


async def test_the_whole_answer_can_be_printed_as_json(tmp_path: Path) -> None:
    async with serving(ScriptedProvider()) as server:
        done = await relay(tmp_path, "ask", "--json", "Hi", SERVER_B_TARGET=server.target)
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out)
    assert (answer["aiResponse"], answer["usage"]["totalTokens"]) == ("Hello", 8)


async def test_a_refusal_exits_with_1_and_its_reason(tmp_path: Path) -> None:
    async with serving(ScriptedProvider((ProviderRateLimited(may_have_worked=False),))) as server:
        settings = {"SERVER_B_TARGET": server.target}
        plain = await relay(tmp_path, "ask", "Hi", **settings)
        as_json = await relay(tmp_path, "ask", "--json", "--request-id", "r-1", "Hi", **settings)
    assert (plain.code, plain.out) == (1, "")
    assert "relay: PROVIDER_RATE_LIMITED: " in plain.err
    assert as_json.code == 1
    told = json.loads(as_json.out)
    assert (told["reason"], told["requestId"]) == ("PROVIDER_RATE_LIMITED", "r-1")


async def test_a_failure_during_the_answer_begins_a_new_line(tmp_path: Path) -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), ProviderProtocol(may_have_worked=True)))
    async with serving(provider) as server:
        done = await relay(tmp_path, "ask", "Hi", SERVER_B_TARGET=server.target)
    assert (done.code, done.out) == (1, "Hel\n")
    assert "PROVIDER_PROTOCOL" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("--temperature", "5", "Hi"), (" ",), ("--image", "none.png", "Hi"), ("--image", "cat.txt", "Hi")],
    ids=" ".join,
)
async def test_an_invalid_question_exits_with_2_and_sends_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_bytes(PNG)
    provider = ScriptedProvider()
    async with serving(provider) as server:
        done = await relay(tmp_path, "ask", *arguments, SERVER_B_TARGET=server.target)
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert not provider.tries


@pytest.mark.parametrize("command", [("ask", "Hi"), ("models",)])
async def test_an_unreachable_server_b_exits_with_3_and_the_fix(command: tuple[str, ...], tmp_path: Path) -> None:
    done = await relay(tmp_path, *command, SERVER_B_TARGET="127.0.0.1:1")
    assert (done.code, done.out) == (3, "")
    assert "127.0.0.1:1" in done.err
    assert "`relay server-b`" in done.err


async def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    async with serving(ScriptedProvider(), tokens=f"ann:{TOKEN}") as server:
        settings = {"SERVER_B_TARGET": server.target}
        assert (await relay(tmp_path, "ask", "Hi", RELAY_TOKEN=TOKEN, **settings)).out == "Hello\n"
        refused = await relay(tmp_path, "ask", "Hi", RELAY_TOKEN=f"{TOKEN}x", **settings)
    assert refused.code == 1
    assert "UNAUTHENTICATED" in refused.err
    assert TOKEN not in refused.err


@pytest.mark.parametrize("as_json", [False, True])
async def test_ctrl_c_stops_the_provider_softly_and_the_cost_is_printed(as_json: bool, tmp_path: Path) -> None:
    provider = ScriptedProvider((OPENING, Text("Hel"), asyncio.Event()))
    options = ("--json",) if as_json else ()
    async with (
        serving(provider) as server,
        started(tmp_path, "ask", *options, "Hi", SERVER_B_TARGET=server.target) as process,
    ):
        await provider.until_waiting()
        process.send_signal(signal.SIGINT)
        done = await ended(process)
    assert done.code == 130
    if as_json:
        assert (json.loads(done.out)["aiResponse"], json.loads(done.out)["finishReason"]) == ("Hel", "cancelled")
    else:
        assert done.out == "Hel\n"
        assert "ended by: cancelled" in done.err


async def test_a_reader_that_closes_the_pipe_stops_the_provider(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    provider = ScriptedProvider((OPENING, Text("Hel"), go_on, *[Text("lo " * 1000)] * 1000, asyncio.Event()))
    async with serving(provider) as server, started(tmp_path, "ask", "Hi", SERVER_B_TARGET=server.target) as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.read(3), LIMIT_S)
        process.stdout._transport.close()  # type: ignore[attr-defined]  # as `| head -1` does
        go_on.set()
        assert process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            assert await process.stderr.read() == b""
            assert await process.wait() == 1
        await provider.until_ended()


async def test_the_models_are_listed_one_per_line_or_as_json(tmp_path: Path) -> None:
    async with serving() as server:
        lines = await relay(tmp_path, "models", SERVER_B_TARGET=server.target)
        document = await relay(tmp_path, "models", "--json", SERVER_B_TARGET=server.target)
        table = await relay(tmp_path, "models", "--long", SERVER_B_TARGET=server.target)
    assert (lines.code, lines.out) == (0, "mock-model\n")
    titles, model = table.out.splitlines()
    assert titles.split() == ["MODEL", "PROVIDER", "CONTEXT", "INPUT", "OUTPUT", "TAKES"]
    assert model.split()[:2] == ["mock-model", "mock"]
    assert lines.err.startswith("mock, default mock-model")
    assert json.loads(document.out)["models"] == ["mock-model"]


def test_each_reason_has_the_exit_code_of_the_command() -> None:
    from llm_relay.cli.server_b_client import exit_code_of
    from llm_relay.errors import ERRORS_BY_REASON

    codes = {error: exit_code_of(error()) for error in ERRORS_BY_REASON.values()}
    assert {error.reason for error, code in codes.items() if code == 3} == {"SERVER_B_UNAVAILABLE"}
    assert {error.reason for error, code in codes.items() if code == 2} == {"INVALID_REQUEST"}
    assert all(issubclass(error, RelayError) for error in codes)
