"""Strategies for valid prompts and events, with everything that they may have."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from llm_relay.messages import (
    Accuracy,
    CachePoint,
    Cost,
    Delta,
    Document,
    Event,
    Finished,
    FinishReason,
    Image,
    Options,
    Part,
    Prompt,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    ResponseFormat,
    ResponseKind,
    Role,
    Sampling,
    Started,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
    Usage,
)

_CHARS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
any_text = st.text(_CHARS, max_size=8)
texts = any_text.map(lambda text: f"{text}.")
names = st.text("aZ09_-", min_size=1, max_size=12)
words = st.sampled_from(["", "low", "x-high", "0", "gpt_5.1"])
raw = st.binary(max_size=20)
some = st.binary(min_size=1, max_size=20)
maybe: st.SearchStrategy[bool | None] = st.none() | st.booleans()
int64s = st.integers(-(2**63), 2**63 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | int64s | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=5,
)
json_texts = st.builds(json.dumps, json_values, indent=st.sampled_from([None, 1]))
json_objects = st.builds(json.dumps, st.dictionaries(any_text, json_values, max_size=3), indent=st.none() | st.just(2))
urls = st.text("az09/%._-@", max_size=12).map("https://example.com/{}".format)

images = st.builds(Image, media_type=st.sampled_from(["image/png", "image/webp"]), data=some, detail=words) | st.builds(
    Image, media_type=st.sampled_from(["", "image/png"]), url=urls, detail=words
)
documents = st.builds(Document, media_type=st.just("application/pdf"), name=any_text, data=some) | st.builds(
    Document, name=any_text, url=urls
)
text_parts = st.builds(TextPart, text=texts)
cache_points = st.builds(CachePoint, ttl_s=st.none() | st.integers(1, 86_400_000).map(lambda ms: ms / 1000))
reasonings = st.builds(Reasoning, text=texts, signature=raw, redacted=raw, provider=words, id=any_text) | st.builds(
    Reasoning, signature=some
)
refusals = st.builds(Refusal, text=texts)
calls = st.builds(ToolCall, id=texts, name=names, arguments_json=json_texts | any_text.filter(bool), signature=raw)
contents = st.lists(st.builds(TextPart, text=any_text) | images | documents, max_size=3).map(tuple)

_said_by_user: st.SearchStrategy[Part] = text_parts | images | documents | cache_points
_said_by_model: st.SearchStrategy[Part] = text_parts | reasonings | refusals | cache_points


@st.composite
def _exchanges(draw: st.DrawFn) -> tuple[list[Turn], list[Part]]:
    """Draws turns that may end in calls, and the user's next message with the calls' results."""
    asked = draw(st.lists(calls, max_size=3, unique_by=lambda call: call.id))
    said = [*draw(st.lists(_said_by_model, max_size=2)), *asked]
    turns = [Turn(role=Role.ASSISTANT, parts=tuple(said))] if said else []
    results = [
        ToolResult(
            tool_call_id=call.id,
            content=draw(contents),
            structured_json=draw(st.none() | json_texts),
            is_error=draw(st.booleans()),
        )
        for call in draw(st.permutations(asked))
    ]
    return turns, [*results, *draw(st.lists(_said_by_user, max_size=2))]


_plain_turns = st.builds(Turn, role=st.sampled_from(Role), text=texts)
_tools = st.lists(
    st.builds(Tool, name=names, description=any_text, input_schema_json=json_objects, strict=maybe),
    max_size=3,
    unique_by=lambda tool: tool.name,
).map(tuple)
_formats = st.builds(
    ResponseFormat, kind=st.sampled_from([ResponseKind.TEXT, ResponseKind.JSON]), name=names | st.just(""), strict=maybe
) | st.builds(ResponseFormat, kind=st.just(ResponseKind.JSON_SCHEMA), schema_json=json_objects, strict=maybe)
_penalties = st.none() | st.floats(-2, 2)
_samplings = st.builds(
    Sampling,
    top_p=st.none() | st.floats(0, 1),
    stop=st.lists(any_text.filter(bool), max_size=3).map(tuple),
    seed=st.none() | int64s,
    frequency_penalty=_penalties,
    presence_penalty=_penalties,
)
_thinkings = st.builds(Thinking, effort=words.filter(bool), max_tokens=st.none() | st.integers(1, 2**31 - 1))


@st.composite
def options(draw: st.DrawFn) -> Options:
    """Draws options, any of which may be absent."""
    tools = draw(_tools)
    choices: st.SearchStrategy[ToolChoice | None] = st.none() | st.builds(
        ToolChoice, mode=st.sampled_from([ToolChoiceMode.AUTO, ToolChoiceMode.NONE]), parallel=maybe
    )
    if tools:
        chosen = st.sampled_from([tool.name for tool in tools])
        choices |= st.builds(ToolChoice, name=chosen, parallel=maybe)
        choices |= st.just(ToolChoice(mode=ToolChoiceMode.REQUIRED))
    return Options(
        tools=tools,
        tool_choice=draw(choices),
        response_format=draw(st.none() | _formats),
        sampling=draw(st.none() | _samplings),
        thinking=draw(st.none() | _thinkings),
        tags=draw(st.dictionaries(texts, any_text, max_size=3)),
        provider_options=draw(
            st.dictionaries(st.sampled_from(["openai", "bedrock", "mock"]), st.just('{"top_k": 5}'), max_size=2)
        ),
        service_tier=draw(words),
        max_cost_nano_usd=draw(st.none() | st.integers(0, 2**63 - 1)),
        end_user=draw(any_text),
    )


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """Draws valid prompts."""
    history = draw(st.lists(_plain_turns, max_size=2))
    for _ in range(draw(st.integers(0, 2))):
        turns, said = draw(_exchanges())
        history += turns
        if said:
            history.append(Turn(role=Role.USER, parts=tuple(said)))
    turns, said = draw(_exchanges())
    given: dict[str, Any] = {"options": draw(options())} if draw(st.booleans()) else {}
    return Prompt(
        message=draw(texts),
        context=draw(st.none() | any_text),
        history=tuple(history + turns),
        model=draw(st.none() | any_text),
        temperature=draw(st.none() | st.floats(0, 2)),
        max_tokens=draw(st.none() | st.integers(1, 2**31 - 1)),
        request_id=draw(st.just("") | names),
        parts=tuple(said),
        **given,
    )


_sequences = st.integers(0, 2**64 - 1)
_indices = st.integers(0, 2**32 - 1)
_counts = st.none() | st.integers(0, 2**63 - 1)
_usages = st.builds(
    Usage,
    input_tokens=_counts,
    output_tokens=_counts,
    cache_read_tokens=_counts,
    cache_write_tokens=_counts,
    reasoning_tokens=_counts,
    accuracy=st.sampled_from(Accuracy),
)
_costs = st.just(Cost()) | st.builds(
    Cost, usd=st.integers(0, 2**53).map(lambda nano: Decimal(nano) / 10**9), price_source=any_text
)
finishes = st.builds(
    Finished,
    finish_reason=st.none() | st.sampled_from(FinishReason),
    model=any_text,
    usage=_usages,
    cost=_costs,
    completed_at=st.datetimes(datetime(1970, 1, 2), datetime(2500, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    duration_s=st.integers(0, 10**7).map(lambda ms: ms / 1000),
    service_tier=any_text,
    sequence=_sequences,
)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Started, request_id=any_text, model=any_text, provider=any_text, sequence=_sequences),
    st.builds(Delta, text=any_text, index=_indices, sequence=_sequences),
    st.builds(
        ReasoningDelta,
        index=_indices,
        text=any_text,
        signature=raw,
        redacted=raw,
        id=any_text,
        sequence=_sequences,
    ),
    st.builds(RefusalDelta, index=_indices, text=any_text, sequence=_sequences),
    st.builds(ToolCallStarted, index=_indices, id=any_text, name=any_text, sequence=_sequences),
    st.builds(ToolCallDelta, index=_indices, arguments=any_text, sequence=_sequences),
    st.builds(ToolCallFinished, index=_indices, call=calls, arguments_valid=st.booleans(), sequence=_sequences),
    finishes,
)
output_parts: st.SearchStrategy[tuple[Part, ...]] = st.lists(_said_by_model | calls, max_size=4).map(tuple)
