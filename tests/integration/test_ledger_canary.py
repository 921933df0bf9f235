"""The text of prompts and answers is in no file of the ledger, however the calls end."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llm_relay.errors import BudgetExceeded, RelayError
from llm_relay.messages import Options, Prompt, Role, Tool, Turn
from llm_relay.messages.accounts import Budget, CallState, Period, Price
from tests.support.relay_serve import LIMIT_S, Served, served

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CANARY = "canary0"
TAG = "kept-as-it-is"


def prompt(request_id: str) -> Prompt:
    """Makes a prompt whose every text is a canary; the mock's answer repeats the message."""
    return Prompt(
        message=f"{CANARY}message",
        context=f"{CANARY}context",
        history=(Turn(role=Role.USER, text=f"{CANARY}turn"), Turn(role=Role.ASSISTANT, text=f"{CANARY}reply")),
        request_id=request_id,
        options=Options(
            tools=(Tool(name=f"{CANARY}tool", description=f"{CANARY}what", input_schema_json='{"type": "object"}'),),
            tags={"project": TAG},
        ),
    )


def files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("relay.db*")))


async def over_http(it: Served) -> None:
    chat: dict[str, Any] = {"model": "mock-model", "messages": [{"role": "user", "content": f"{CANARY}chat"}]}
    async with httpx2.AsyncClient(trust_env=False, timeout=LIMIT_S) as http:
        for path, body, status in (
            ("/process", {"message": f"{CANARY}process"}, 200),
            ("/process", {"message": f"{CANARY}wrong", "temperature": f"{CANARY}hot"}, 422),
            ("/v1/chat/completions", chat, 200),
            ("/v1/chat/completions", chat | {"stream": True}, 200),
            ("/v1/responses", {"model": "mock-model", "input": f"{CANARY}input"}, 200),
        ):
            answer = await http.post(f"{it.http_url}{path}", json=body)
            assert (answer.status_code, CANARY in answer.text) == (status, status == 200)


async def cut_off(it: Served) -> None:
    """Leaves a stream after its first event, and waits until that call has ended."""
    async with it.accounts() as admin, contextlib.aclosing(admin.watch()) as activities, asyncio.timeout(LIMIT_S):
        await anext(activities)  # all activity from here on is reported
        async with it.client() as client, contextlib.aclosing(client.stream_process(prompt("cut-off"))) as events:
            await anext(events)
        async for each in activities:
            if each.call and each.call.request_id == "cut-off" and each.call.state is not CallState.OPEN:
                return


async def test_no_text_of_a_prompt_or_an_answer_is_in_any_file(tmp_path: Path) -> None:
    async with served(tmp_path, LEDGER=f"sqlite:///{tmp_path}/relay.db") as it:
        async with it.client() as client:
            answer = await client.process(prompt("whole"))
            assert CANARY in str(answer)
        await over_http(it)
        await cut_off(it)
        async with it.accounts() as admin, it.client() as client:
            await admin.put_price(Price(pattern="mock/*", input=10**9, output=10**9))
            await admin.put_budget(Budget(caller="anonymous", period=Period.DAY, limit_nano_usd=0))
            with pytest.raises(RelayError) as refused:
                await client.process(prompt("refused"))
            assert isinstance(refused.value, BudgetExceeded)
        while_it_runs = files(tmp_path)
    for content in (while_it_runs, files(tmp_path)):
        assert CANARY.encode() not in content
        assert all(known.encode() in content for known in ("whole", "cut-off", "refused", TAG))
