"""Shows one answer as it arrives, until its end or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from signal import Signals

from llm_relay.cli import exit_codes
from llm_relay.cli.spending import spending
from llm_relay.client.relay_client import RelayClient
from llm_relay.documents import answer_document
from llm_relay.errors import RelayError, ServerBUnavailable
from llm_relay.messages import Delta, Finished, Prompt, RefusalDelta
from llm_relay.program.colours import Colour, coloured
from llm_relay.program.stop_signals import stopping_signals


class AnswerDisplay:
    """Sends one prompt, which must have a request_id, and shows the answer."""

    def __init__(self, client: RelayClient, prompt: Prompt, *, as_json: bool) -> None:
        """`as_json` shows the whole answer as one JSON object once it has ended."""
        self._client = client
        self._prompt = prompt
        self._as_json = as_json
        self._interrupted = False

    async def until_end(self) -> int:
        """Shows the answer until its end; returns the exit code. Raises RelayError."""
        signals = await stopping_signals()
        answering = asyncio.create_task(self._show_whole() if self._as_json else self._show_stream())
        stopping = asyncio.create_task(self._stop_on_signals(signals, answering))
        try:
            await asyncio.wait([answering])
            if not answering.cancelled():
                answering.result()
        except ServerBUnavailable:
            if not self._interrupted:
                raise
        finally:
            answering.cancel()
            stopping.cancel()
        return exit_codes.INTERRUPTED if self._interrupted else exit_codes.OK

    async def _show_stream(self) -> None:
        last = "\n"
        try:
            async with contextlib.aclosing(self._client.stream_process(self._prompt)) as events:
                async for event in events:
                    if isinstance(event, Delta | RefusalDelta) and event.text:
                        sys.stdout.write(event.text)
                        sys.stdout.flush()
                        last = event.text[-1]
                    elif isinstance(event, Finished):
                        last = _end_line(last)
                        sys.stderr.write(f"{coloured(spending(event), Colour.DIM, sys.stderr)}\n")
        finally:
            _end_line(last)

    async def _show_whole(self) -> None:
        document = answer_document(await self._client.process(self._prompt))
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")

    async def _stop_on_signals(self, signals: asyncio.Queue[Signals], answering: asyncio.Task[None]) -> None:
        """Cancels the call at the first signal and still shows its cost; stops at once at the second."""
        await signals.get()
        self._interrupted = True
        second, cancelling = asyncio.create_task(signals.get()), asyncio.create_task(self._cancelled())
        await asyncio.wait([second, cancelling], return_when=asyncio.FIRST_COMPLETED)
        if not second.done() and await cancelling:
            await second
        answering.cancel()

    async def _cancelled(self) -> bool:
        try:
            return await self._client.cancel(self._prompt.request_id)
        except RelayError:
            return False


def _end_line(last: str) -> str:
    """Ends the line of the answer, whose last character is `last`, so that what follows begins a new one."""
    if last != "\n":
        sys.stdout.write("\n")
        sys.stdout.flush()
    return "\n"
