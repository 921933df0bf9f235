"""The mock provider: answers without a server, to try the relay out and to test clients."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

from llm_relay.messages import (
    NO_OPTIONS,
    Accuracy,
    Model,
    Models,
    Part,
    Prompt,
    Reasoning,
    TextPart,
    ToolCall,
    ToolResult,
    Usage,
)
from server_b.providers.base import AskedModel, Ending, Opening, Piece
from server_b.providers.mock.faults import DURING, Behaviour, Fault, asked_behaviour, fail_before, fail_during
from server_b.providers.mock.output import Output, output_of
from server_b.providers.mock.pieces import pieces_of
from server_b.providers.unused_options import options_of_others

MODEL = "mock-model"
OWN_WORDS = 150
"""More words than the mock adds to a message: a sentence, or the numbers to 100."""
NOTE = "The mock answers as mock-model, whatever model is named"


class MockProvider:
    """Answers with the prompt's own message, after a delay, by the rules in output.py."""

    name = "mock"
    default_model = MODEL
    endpoint = ""

    def __init__(self, *, delay_s: float = 0.1, word_delay_s: float = 0.05, faults_allowed: bool = False) -> None:
        """`delay_s` is the time before an answer, `word_delay_s` the time between a stream's words, in seconds."""
        self._usual = Behaviour(delay_s=delay_s, word_delay_s=word_delay_s)
        self._faults_allowed = faults_allowed
        self._count = itertools.count(1)
        self._tries: dict[str, int] = {}

    def refuse_unsupported(self, prompt: Prompt) -> None:
        """Raises Unsupported, naming the field, for a schema keyword that the mock has no value for."""
        if prompt.options.tools or prompt.options.response_format:
            output_of(prompt, number=0, whole=True)

    def ignored_options(self, prompt: Prompt) -> Iterator[str]:
        """Yields all members of provider_options, because the mock has none of its own."""
        return options_of_others(prompt.options, self.name)

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        """Returns the mock's model, whatever the prompt names. A word of output counts as a token."""
        if prompt.parts or prompt.options is not NO_OPTIONS:
            most = sum(len(text.split()) for text in _texts(output_of(prompt, number=0, whole=True).parts))
        else:
            most = len(prompt.message) // 2 + OWN_WORDS
        return (AskedModel(provider=self.name, model=MODEL, most_output_tokens=most),)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        behaviour = self._behaviour(prompt)
        await asyncio.sleep(behaviour.delay_s)
        await fail_before(behaviour)
        yield Opening(MODEL)
        output = output_of(prompt, number=next(self._count), whole=whole)
        at_once = whole and behaviour.fault is None
        for place, piece in enumerate(pieces_of(output.parts, text_at_once=at_once)):
            if place == behaviour.after and behaviour.fault in DURING:
                if behaviour.fault is Fault.CUT:
                    return
                await fail_during(behaviour)
            if place and behaviour.word_delay_s and not whole:
                await asyncio.sleep(behaviour.word_delay_s)
            yield piece
        yield Ending(output.finish_reason, _usage(prompt, output), prompt.options.service_tier)

    async def list_models(self) -> Models:
        model = Model(id=MODEL, provider=self.name, tools=True, images=True, json_schema=True, reasoning=True)
        return Models(provider=self.name, models=(MODEL,), default_model=MODEL, note=NOTE, details=(model,))

    async def close(self) -> None:
        """Does nothing."""

    def _behaviour(self, prompt: Prompt) -> Behaviour:
        _, _, query = (prompt.model or "").partition("?")
        if not query or not self._faults_allowed:
            return self._usual
        behaviour = asked_behaviour(query, self._usual)
        if behaviour.fault and not math.isinf(behaviour.times):
            tried = self._tries[query] = self._tries.get(query, 0) + 1
            if tried > behaviour.times:
                del self._tries[query]
                return replace(behaviour, fault=None)
        return behaviour


def _usage(prompt: Prompt, output: Output) -> Usage:
    asked = [prompt.context or "", prompt.message, *_texts(prompt.parts)]
    for turn in prompt.history:
        asked += (turn.text, *_texts(turn.parts))
    asked += [tool.input_schema_json for tool in prompt.options.tools]
    reasoning = sum(len(part.text.split()) for part in output.parts if isinstance(part, Reasoning))
    return Usage(
        input_tokens=sum(len(text.split()) for text in asked),
        output_tokens=sum(len(text.split()) for text in _texts(output.parts)),
        reasoning_tokens=reasoning or None,
        accuracy=Accuracy.EXACT,
    )


def _texts(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        match part:
            case TextPart() | Reasoning():
                yield part.text
            case ToolCall():
                yield part.arguments_json
            case ToolResult():
                yield from _texts(part.content)
            case _:
                continue
