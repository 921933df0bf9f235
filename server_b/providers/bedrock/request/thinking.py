"""Asks a model to think: by a number of tokens or by an effort, whichever the model accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llm_relay.messages import Part, Prompt, Reasoning, Role, TextPart, Thinking, ToolChoiceMode, ToolResult
from server_b.providers.bedrock.models.families import ThinkingKind, thinking_kind
from server_b.providers.bedrock.request.content_blocks import is_sent_back

MIN_BUDGET_TOKENS = 1024
BUDGET_TOKENS: Mapping[str, int] = {"low": 1024, "medium": 4096, "high": 16_384}
"""Number of tokens for each effort, for models that accept a number."""
LARGEST_BUDGET_TOKENS = 16_384
MAX_EFFORT_CHARS = 16
THINKING_TEMPERATURE = 1.0
"""The only temperature that a thinking Claude accepts."""
MIN_THINKING_TOP_P = 0.95


def thinking_faults(prompt: Prompt, model: str) -> Iterator[tuple[str, str]]:
    """Yields, with its field, each option that this model does not accept together with thinking."""
    thinking = prompt.options.thinking
    if thinking is None:
        return
    kind = thinking_kind(model)
    if kind is ThinkingKind.NONE:
        yield "options.thinking", "this model is not known to support it; leave it out"
        return
    if kind is ThinkingKind.BUDGET:
        yield from _budget_model_faults(prompt, thinking)
    elif kind is ThinkingKind.EFFORT and thinking.max_tokens is not None:
        yield "options.thinking.max_tokens", "this model accepts no limit; use effort"
    if len(thinking.effort) > MAX_EFFORT_CHARS:
        yield "options.thinking.effort", f"it must have at most {MAX_EFFORT_CHARS} characters"
    yield from _limit_faults(prompt, thinking)
    yield from _conflict_faults(prompt)


def _budget_model_faults(prompt: Prompt, thinking: Thinking) -> Iterator[tuple[str, str]]:
    if thinking.effort and thinking.max_tokens is not None:
        yield "options.thinking.effort", "this model accepts an effort or max_tokens, not both"
    elif thinking.effort and thinking.effort not in BUDGET_TOKENS:
        yield "options.thinking.effort", f"this model accepts {', '.join(BUDGET_TOKENS)}, or max_tokens instead"
    elif thinking.effort and prompt.max_tokens is not None and prompt.max_tokens < 2 * MIN_BUDGET_TOKENS:
        yield "max_tokens", f"thinking with this model needs {2 * MIN_BUDGET_TOKENS} or more"


def _limit_faults(prompt: Prompt, thinking: Thinking) -> Iterator[tuple[str, str]]:
    if thinking.max_tokens is None:
        return
    if thinking.max_tokens < MIN_BUDGET_TOKENS:
        yield "options.thinking.max_tokens", f"it must be {MIN_BUDGET_TOKENS} or more"
    elif prompt.max_tokens is not None and prompt.max_tokens <= thinking.max_tokens:
        yield "options.thinking.max_tokens", "it must be less than max_tokens, which includes thinking"


def _conflict_faults(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """Yields, with its field, each option that a thinking Claude refuses."""
    choice, sampling = prompt.options.tool_choice, prompt.options.sampling
    if choice is not None and (choice.name is not None or choice.mode is ToolChoiceMode.REQUIRED):
        yield "options.tool_choice", "a tool call cannot be required together with thinking; leave out thinking"
    if prompt.temperature not in (None, THINKING_TEMPERATURE):
        yield "temperature", "only 1 is allowed together with thinking; leave it out"
    if sampling is not None and sampling.top_p is not None and sampling.top_p < MIN_THINKING_TOP_P:
        yield "options.sampling.top_p", f"it must be {MIN_THINKING_TOP_P} to 1 together with thinking"


def thinking_as_possible(prompt: Prompt, model: str) -> Prompt:
    """Returns the prompt, without thinking if the model would refuse to think."""
    if not lacks_reasoning(prompt, model):
        return prompt
    return replace(prompt, options=replace(prompt.options, thinking=None))


def lacks_reasoning(prompt: Prompt, model: str) -> bool:
    """Tells whether the model would refuse to think because the caller did not send its earlier reasoning back.

    A Claude that thinks by a number of tokens requires its turn to begin with its reasoning, from the first tool call
    of the turn on. https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html
    """
    if prompt.options.thinking is None or thinking_kind(model) is not ThinkingKind.BUDGET:
        return False
    beginning: Part | None = None
    said_now = prompt.parts
    for turn in reversed(prompt.history):
        if turn.role is Role.USER:
            said_now = turn.parts
        elif turn.role is Role.ASSISTANT:
            if not any(isinstance(part, ToolResult) for part in said_now):
                break
            beginning = turn.parts[0] if turn.parts else TextPart(text=turn.text)
    return beginning is not None and not (isinstance(beginning, Reasoning) and is_sent_back(beginning))


def thinking_field(prompt: Prompt, model: str) -> dict[str, Any] | None:
    """Returns the model's own field `thinking`; None if thinking is not requested."""
    if prompt.options.thinking is None:
        return None
    budget = budget_tokens(prompt, model)
    return {"type": "adaptive"} if budget is None else {"type": "enabled", "budget_tokens": budget}


def budget_tokens(prompt: Prompt, model: str) -> int | None:
    """Returns how many tokens the model may think; None: the model decides itself."""
    thinking = prompt.options.thinking
    if thinking is None:
        return None
    if thinking.max_tokens is not None:
        return thinking.max_tokens
    if thinking_kind(model) is not ThinkingKind.BUDGET:
        return None
    wanted = BUDGET_TOKENS[thinking.effort]
    return wanted if prompt.max_tokens is None else min(wanted, prompt.max_tokens // 2)


def room_tokens(prompt: Prompt, model: str) -> int:
    """Returns how many tokens for thinking to add to our default max_tokens; 0 without thinking."""
    thinking = prompt.options.thinking
    if thinking is None:
        return 0
    return budget_tokens(prompt, model) or BUDGET_TOKENS.get(thinking.effort, LARGEST_BUDGET_TOKENS)


def effort_of(prompt: Prompt, model: str) -> str:
    """Returns the effort if it is sent by name; otherwise an empty text."""
    thinking = prompt.options.thinking
    return thinking.effort if thinking is not None and thinking_kind(model) is not ThinkingKind.BUDGET else ""
