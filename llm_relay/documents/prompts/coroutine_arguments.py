"""A prompt's fields as the arguments of a Python function, for the coroutines of tools."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from llm_relay.documents.parts.part_documents import PartDocument
from llm_relay.documents.prompts.options import (
    ResponseFormatDocument,
    SamplingDocument,
    ThinkingDocument,
    ToolChoiceDocument,
    ToolDocument,
)
from llm_relay.documents.prompts.prompt_reading import prompt_from_document
from llm_relay.documents.prompts.turns import TurnDocument
from llm_relay.messages import Prompt

P = ParamSpec("P")
T = TypeVar("T")


def prompt_from_arguments(
    message: str,
    context: str | None = None,
    history: Sequence[TurnDocument] | None = None,
    model: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    request_id: str | None = None,
    *,
    parts: Sequence[PartDocument] | None = None,
    tools: Sequence[ToolDocument] | None = None,
    tool_choice: ToolChoiceDocument | None = None,
    response_format: ResponseFormatDocument | None = None,
    sampling: SamplingDocument | None = None,
    thinking: ThinkingDocument | None = None,
    tags: Mapping[str, str] | None = None,
    provider_options: Mapping[str, Mapping[str, Any]] | None = None,
    service_tier: str | None = None,
    max_cost_usd: float | str | None = None,
    end_user: str | None = None,
) -> Prompt:
    """Returns a prompt. The arguments are the fields of PromptDocument. Raises InvalidRequest for bad ones."""
    return prompt_from_document(locals())


def _with_arguments_of(
    make_prompt: Callable[P, Prompt],
) -> Callable[[Callable[[Prompt], Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    def decorate(answer: Callable[[Prompt], Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(answer)
        async def answer_arguments(*args: P.args, **kwargs: P.kwargs) -> T:
            return await answer(make_prompt(*args, **kwargs))

        returned = answer.__annotations__["return"]
        signature = inspect.signature(make_prompt).replace(return_annotation=returned)
        answer_arguments.__signature__ = signature  # type: ignore[attr-defined]
        answer_arguments.__annotations__ = make_prompt.__annotations__ | {"return": returned}
        return answer_arguments

    return decorate


takes_prompt_arguments = _with_arguments_of(prompt_from_arguments)
"""Decorates a coroutine function of a Prompt, so that it takes the arguments of prompt_from_arguments."""
