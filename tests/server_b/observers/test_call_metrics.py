"""Metrics of calls, as Prometheus reads them from running programs."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from llm_relay.client.account_client import AccountClient
from llm_relay.client.channel import Dial
from llm_relay.client.relay_client import RelayClient
from llm_relay.errors import RelayError
from llm_relay.messages import Prompt
from llm_relay.messages.accounts import Budget, Period
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Script, Usage
from tests.support.programs import Program, running

pytestmark = pytest.mark.anyio

QUICK = {"MOCK_DELAY_SECONDS": "0", "MOCK_WORD_DELAY_SECONDS": "0", "MOCK_FAULTS": "true", "RETRY_ATTEMPTS": "2"}
METRICS = r"Metrics: (http://\S+/metrics)"
LIMIT_S = 30.0

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(program: Program) -> Samples:
    """Reads all samples by name and labels, without buckets and the program's label."""
    (url,) = await program.told(METRICS)
    async with httpx2.AsyncClient(trust_env=False, timeout=LIMIT_S) as http:
        text = (await http.get(url)).text
    return {
        (one.name, tuple(sorted((k, v) for k, v in one.labels.items() if k != "program"))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if "le" not in one.labels
    }


async def until_counted(program: Program, name: str, value: float, **values: str) -> None:
    """Polls the metrics: a gauge is updated within a second, and sends no event."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            if (await scrape(program)).get((name, labels(**values))) == value:
                return
            await asyncio.sleep(0.1)


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


@contextlib.asynccontextmanager
async def metered(folder: Path, **settings: str) -> AsyncIterator[tuple[Program, RelayClient]]:
    async with (
        running(folder, "server_b", GRPC_PORT="0", METRICS_PORT="0", **{**QUICK, **settings}) as program,
        RelayClient(Dial(target=program.address), timeout_s=LIMIT_S) as client,
    ):
        yield program, client


async def test_calls_tokens_cost_and_times_are_counted(tmp_path: Path) -> None:
    async with metered(tmp_path) as (program, client):
        for _ in range(3):
            await client.process(Prompt(message="Hello"))
        seen = await scrape(program)
    who = {"caller": "anonymous", "provider": "mock", "model": "mock-model"}
    what = {"provider": "mock", "model": "mock-model", "protocol": "grpc"}
    assert seen["relay_calls_total", labels(**who, protocol="grpc", reason="stop")] == 3
    assert seen["gen_ai_client_token_usage_sum", labels(**who, protocol="grpc", token_type="input")] == 3
    assert seen["gen_ai_server_time_to_first_token_seconds_count", labels(**what)] == 3
    assert seen["gen_ai_server_request_duration_seconds_count", labels(**what, reason="stop")] == 3
    assert seen["relay_cost_usd_total", labels(**who)] == 0
    assert ("relay_unknown_cost_calls_total", labels(**who)) in seen


async def test_failures_retries_joins_and_refusals_are_counted_by_reason(tmp_path: Path) -> None:
    async with metered(tmp_path, RELAY_TOKENS="ann:secret") as (program, stranger):
        with pytest.raises(RelayError):
            await stranger.process(Prompt(message="Hello"))
        async with RelayClient(Dial(target=program.address, token="secret"), timeout_s=LIMIT_S) as ann:
            with pytest.raises(RelayError):
                await ann.process(Prompt(message="Hello", model="mock-model?fault=rate_limit"))
            for _ in range(2):
                await ann.process(Prompt(message="Hello", request_id="twice"))
            seen = await scrape(program)
    assert seen["relay_refused_calls_total", labels(protocol="grpc", reason="UNAUTHENTICATED")] == 1
    failed = "PROVIDER_RATE_LIMITED"
    # A model that was only requested gets no label, because callers can request any name.
    who = {"caller": "ann", "provider": "mock", "model": "other"}
    assert seen["relay_calls_total", labels(**who, protocol="grpc", reason=failed)] == 1
    assert seen["relay_retries_total", labels(provider="mock")] == 1
    assert seen["relay_failed_attempts_total", labels(provider="mock", reason=failed)] == 2
    assert seen["relay_joined_calls_total", labels(caller="ann", protocol="grpc", reason="replayed")] == 1


async def test_running_calls_are_shown_and_an_abandoned_call_is_counted(tmp_path: Path) -> None:
    async with metered(tmp_path, MOCK_WORD_DELAY_SECONDS="60") as (program, client):
        events = client.stream_process(Prompt(message="Hello"))
        await anext(events)
        await until_counted(program, "relay_calls_running", 1)
        await events.aclose()
        await until_counted(program, "relay_abandoned_calls_total", 1, protocol="grpc")
        await until_counted(program, "relay_calls_running", 0)


async def test_remaining_budgets_and_the_ledgers_backlog_are_shown(tmp_path: Path) -> None:
    async with metered(tmp_path) as (program, _), AccountClient(Dial(target=program.address)) as accounts:
        await accounts.put_budget(Budget(caller="ann", period=Period.DAY, limit_nano_usd=2 * 10**9))
        await until_counted(program, "relay_budget_left_usd", 2, budget="caller:ann", period="day")
        await until_counted(program, "relay_ledger_lag_seconds", 0)


async def test_a_call_that_costs_more_than_was_reserved_is_counted_and_logged(tmp_path: Path) -> None:
    script = Script(usage=Usage(input_tokens=1_000_000, output_tokens=1))
    openai = {"AI_PROVIDER": "openai", "OPENAI_API_KEY": "k", "OPENAI_DEFAULT_MODEL": "m", "PRICES": "openai/*=2/0"}
    async with (
        OpenAIStandIn(Script(usage=Usage())) as standin,
        metered(tmp_path, OPENAI_BASE_URL=standin.base_url, **openai) as (program, client),
    ):
        await client.process(Prompt(message="Hi"))
        standin.script = script
        await client.process(Prompt(message="Hello"))
        seen = await scrape(program)
        (more,) = await program.told(r"WARNING relay.calls call .* usd=2.* overrun_usd=([\d.]+)")
    assert seen["relay_overrun_calls_total", labels(caller="anonymous", provider="openai", model="m")] == 1
    assert more == "1.999958"  # without the bytes of the message and the tokens of its turn


async def test_workers_are_summed_and_a_dead_worker_takes_no_count_with_it(tmp_path: Path) -> None:
    async with metered(tmp_path, WORKERS="2") as (program, _):
        for _ in range(6):  # each over its own connection, which one of the workers accepts
            async with RelayClient(Dial(target=program.address), timeout_s=LIMIT_S) as client:
                await client.process(Prompt(message="Hello"))
        seen = await scrape(program)
    key = labels(caller="anonymous", provider="mock", model="mock-model", protocol="grpc", reason="stop")
    assert seen["relay_calls_total", key] == 6
    assert seen["relay_calls_running", ()] == 0


async def test_a_taken_port_is_an_error_in_the_log_and_the_program_serves(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with running(tmp_path, "server_b", GRPC_PORT="0", METRICS_PORT=port, **QUICK) as program:
            (line,) = await program.told(r"ERROR .*(METRICS_PORT: .*)\n")
            assert line.startswith(f"METRICS_PORT: cannot listen on 127.0.0.1:{port}: the port is in use. ")
            (target,) = await program.told(r"Starting Server B \(gRPC\) on (\S+)")
            async with RelayClient(Dial(target=target), timeout_s=LIMIT_S) as client:
                await client.process(Prompt(message="Hello"))


async def test_without_a_port_nothing_is_counted_or_imported(tmp_path: Path) -> None:
    async with running(tmp_path, "server_b", GRPC_PORT="0", **QUICK) as program:
        async with RelayClient(Dial(target=program.address), timeout_s=LIMIT_S) as client:
            await client.process(Prompt(message="Hello"))
        maps = memory_maps(program)
    assert "relay-metrics" not in maps
    assert not any("Metrics:" in line for line in program.lines)


def memory_maps(program: Program) -> str:
    """Lists the files that a program has mapped into its memory, if the system shows them."""
    maps = Path(f"/proc/{program.process.pid}/maps")
    return maps.read_text() if maps.exists() else ""
