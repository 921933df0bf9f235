"""The rules of the mock's answers, by which clients can be tested without a provider. The first that applies counts.

1. Tool results are quoted, unless a tool must be called.
2. If a tool must be called, the named tool is called, or the first one.
3. Tools that the message mentions are called: by their name, or a part of it of four letters or more.
4. If JSON is requested, the answer is the smallest JSON that satisfies the schema.
5. Otherwise the answer is a fixed text, with a sentence for each image and document, and for two questions: "what is my
   name", if the history says "my name is …", and "count to N" or "count from M to N".

Calls have the smallest arguments that satisfy the tool's schema. Reasoning, if requested, comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llm_relay.messages import (
    FinishReason,
    Options,
    Part,
    Prompt,
    Reasoning,
    ResponseKind,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
)
from server_b.providers.mock.least_json import least_json
from server_b.providers.mock.texts import asked_text, text_of

PROVIDER = "mock"
LEAST_NAME_PART = 4
NO_EFFORT = "none"
"""The value of `thinking.effort` that requests no reasoning."""

_CHOICE = ToolChoice()
_NAME_PARTS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An answer of the mock."""

    parts: tuple[Part, ...]
    finish_reason: FinishReason


def output_of(prompt: Prompt, *, number: int, whole: bool) -> Output:
    """Returns the answer to a prompt; `number` is shown in its text.

    Raises Unsupported or ProviderRejected, naming the field, for a schema that the mock has no value for.
    """
    reasoning = _reasoning(prompt)
    if called := _called(prompt):
        calls = tuple(
            _call(place, tool, f"call_mock_{number}_{count}") for count, (place, tool) in enumerate(called, 1)
        )
        return Output(parts=(*reasoning, *calls), finish_reason=FinishReason.TOOL_CALLS)
    text = _json(prompt) or text_of(prompt, number=number, whole=whole)
    return Output(parts=(*reasoning, TextPart(text=text)), finish_reason=FinishReason.STOP)


def _called(prompt: Prompt) -> list[tuple[int, Tool]]:
    """Returns the tools to call, each with its index in the options."""
    tools, choice = [*enumerate(prompt.options.tools)], prompt.options.tool_choice or _CHOICE
    if choice.name is not None:
        return [(place, tool) for place, tool in tools if tool.name == choice.name]
    if choice.mode is ToolChoiceMode.REQUIRED:
        return tools[:1]
    if choice.mode is ToolChoiceMode.NONE or _has_results(prompt):
        return []
    text = asked_text(prompt).lower()
    named = [(place, tool) for place, tool in tools if any(name in text for name in _names(tool))]
    return named[:1] if choice.parallel is False else named


def _has_results(prompt: Prompt) -> bool:
    return any(isinstance(part, ToolResult) for part in prompt.parts)


def _names(tool: Tool) -> Iterator[str]:
    yield tool.name.lower()
    yield from (part.lower() for part in _NAME_PARTS.findall(tool.name) if len(part) >= LEAST_NAME_PART)


def _call(place: int, tool: Tool, call_id: str) -> ToolCall:
    arguments = least_json(tool.input_schema_json, field=f"options.tools[{place}].input_schema_json")
    return ToolCall(id=call_id, name=tool.name, arguments_json=arguments)


def _json(prompt: Prompt) -> str:
    wanted = prompt.options.response_format
    if wanted is None or wanted.kind is ResponseKind.TEXT or _has_results(prompt):
        return ""
    if wanted.kind is ResponseKind.JSON:
        return "{}"
    return least_json(wanted.schema_json, field="options.response_format.schema_json")


def _reasoning(prompt: Prompt) -> tuple[Reasoning, ...]:
    if not is_asked_to_think(prompt.options):
        return ()
    text = f"The user said: '{prompt.message}'. I think about it, then I answer."
    return (Reasoning(text=text, signature=b"mock-signature", provider=PROVIDER),)


def is_asked_to_think(options: Options) -> bool:
    """Tells whether the caller requests reasoning."""
    return options.thinking is not None and options.thinking.effort != NO_EFFORT
