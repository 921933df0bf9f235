"""Required behaviour of every provider with more than text: tools, images, schemas, reasoning, refusals."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import jsonschema
import pytest

from llm_relay.errors import ProviderProtocol, Unsupported
from llm_relay.messages import (
    CachePoint,
    FinishReason,
    Image,
    Options,
    Part,
    Prompt,
    Reasoning,
    ResponseFormat,
    ResponseKind,
    Role,
    TextPart,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)
from server_b.providers.base import Counting, Ending, Opening, Piece, Text, Working
from server_b.providers.content_pieces import CallArguments, CallFinished, CallStarted, ReasoningPiece, RefusalPiece
from tests.standins.exchange import Outcome
from tests.standins.script import Call, Fault, FaultKind, Script
from tests.support.subjects import SENDING, SUBJECTS, Subject, open_subject, pieces_of

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 1}, "id": {"type": "integer"}},
    "required": ["city", "id"],
}
WEATHER = Tool(name="get_weather", description="Tells the weather", input_schema_json=json.dumps(SCHEMA))
TIME = Tool(name="get_local_time", input_schema_json='{"type": "object"}')
ONE, OTHER = Call(), Call(id="call_2", name="get_local_time", fragments=())
PNG = bytes(range(256))
THINKS = {"openai-chat": "o3-mini", "openai-responses": "o3-mini", "bedrock": "anthropic.claude-sonnet-4-20250514-v1:0"}
"""Models that reason."""


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with open_subject(request.param) as opened:
        yield opened


def scripted_prompt(subject: Subject, script: Script, message: str = "Hi", *parts: Part, **fields: Any) -> Prompt:
    """Makes a prompt that the stand-in answers by this script; the mock follows its own rules."""
    if subject.standin is not None:
        subject.standin.script = script
    options = {name: fields.pop(name) for name in [*fields] if name in Options.__slots__}
    return Prompt(message=message, parts=parts, options=Options(**options), **fields)


@dataclass
class Joined:
    """A provider's answer, with its calls joined."""

    text: str
    calls: list[tuple[str, str, str]]
    """Id, name, arguments."""
    reasoning: str
    signature: bytes
    refusal: str
    finish_reason: FinishReason
    blocks: list[int]
    """The indexes of all blocks, in the order in which they began."""


def joined(pieces: list[Piece]) -> Joined:
    """Joins the pieces of an answer; raises AssertionError if they are not in the contract's order."""
    opening, *content, ending = [piece for piece in pieces if not isinstance(piece, Working | Counting)]
    assert isinstance(opening, Opening)
    assert isinstance(ending, Ending)
    started: dict[int, CallStarted] = {}
    arguments: dict[int, str] = {}
    finished: list[int] = []
    blocks: dict[int, None] = {}
    for piece in content:
        blocks[piece.index] = None  # type: ignore[union-attr]
        match piece:
            case CallStarted():
                assert piece.index not in started
                started[piece.index], arguments[piece.index] = piece, ""
            case CallArguments():
                assert piece.arguments
                assert piece.index not in finished
                arguments[piece.index] += piece.arguments
            case CallFinished():
                finished.append(piece.index)
            case _:
                pass
    assert sorted(finished) == sorted(started)
    reasoning = [piece for piece in content if isinstance(piece, ReasoningPiece)]
    return Joined(
        text="".join(piece.text for piece in content if isinstance(piece, Text)),
        calls=[(call.id, call.name, arguments[index]) for index, call in started.items()],
        reasoning="".join(piece.text for piece in reasoning),
        signature=b"".join(piece.signature or piece.redacted for piece in reasoning),
        refusal="".join(piece.text for piece in content if isinstance(piece, RefusalPiece)),
        finish_reason=ending.finish_reason,
        blocks=[*blocks],
    )


async def sent_body(subject: Subject, prompt: Prompt) -> Any:
    """Returns the body that the stand-in received; None for the mock."""
    await pieces_of(subject, prompt)
    return subject.standin.requests[-1].body if subject.standin is not None else None


async def test_a_tool_is_called(subject: Subject) -> None:
    prompt = scripted_prompt(subject, Script(words=("I look. ",), calls=(ONE,)), "The weather?", tools=(WEATHER, TIME))
    answer = joined(await pieces_of(subject, prompt))
    ((call_id, name, arguments),) = answer.calls
    assert (bool(call_id), name, answer.finish_reason) == (True, "get_weather", FinishReason.TOOL_CALLS)
    jsonschema.validate(json.loads(arguments), SCHEMA)
    assert answer.blocks == list(range(len(answer.blocks)))
    if subject.standin is not None:
        assert (call_id, arguments, answer.text) == (ONE.id, ONE.arguments, "I look. ")


async def test_two_tools_are_called_at_once(subject: Subject) -> None:
    script = Script(words=(), calls=(ONE, OTHER))
    prompt = scripted_prompt(subject, script, "The weather and the local time", tools=(WEATHER, TIME))
    answer = joined(await pieces_of(subject, prompt))
    assert [name for _, name, _ in answer.calls] == ["get_weather", "get_local_time"]
    assert len({call_id for call_id, _, _ in answer.calls}) == 2
    assert answer.blocks == [0, 1]


@pytest.mark.parametrize("subject", SENDING, indirect=True)
async def test_the_tools_are_sent_unchanged(subject: Subject) -> None:
    body = await sent_body(subject, scripted_prompt(subject, Script(), tools=(WEATHER, TIME)))
    match subject.name:
        case "openai-chat":
            tools = [(one["function"]["name"], one["function"]["parameters"]) for one in body["tools"]]
        case "openai-responses":
            tools = [(one["name"], one["parameters"]) for one in body["tools"]]
        case _:
            specs = [one["toolSpec"] for one in body["toolConfig"]["tools"]]
            tools = [(one["name"], one["inputSchema"]["json"]) for one in specs]
    assert tools == [("get_weather", SCHEMA), ("get_local_time", {"type": "object"})]


NAMED = ToolChoice(name="get_local_time")
CHOICES: dict[str, tuple[ToolChoice, dict[str, Any]]] = {
    "required": (
        ToolChoice(mode=ToolChoiceMode.REQUIRED),
        {"openai-chat": "required", "openai-responses": "required", "bedrock": {"any": {}}, "mock": ["get_weather"]},
    ),
    "named": (
        NAMED,
        {
            "openai-chat": {"type": "function", "function": {"name": "get_local_time"}},
            "openai-responses": {"type": "function", "name": "get_local_time"},
            "bedrock": {"tool": {"name": "get_local_time"}},
            "mock": ["get_local_time"],
        },
    ),
    "none": (
        ToolChoice(mode=ToolChoiceMode.NONE),
        {"openai-chat": "none", "openai-responses": "none", "bedrock": None, "mock": []},
    ),
}
"""What is sent, or for the mock, which tools it calls."""


@pytest.mark.parametrize("choice", CHOICES)
async def test_a_tool_choice_is_obeyed(subject: Subject, choice: str) -> None:
    wanted, expected = CHOICES[choice]
    prompt = scripted_prompt(subject, Script(), "The weather?", tools=(WEATHER, TIME), tool_choice=wanted)
    found: Any
    if subject.standin is None:
        found = [name for _, name, _ in joined(await pieces_of(subject, prompt)).calls]
    elif subject.name == "bedrock":
        found = (await sent_body(subject, prompt)).get("toolConfig", {}).get("toolChoice")
    else:
        found = (await sent_body(subject, prompt))["tool_choice"]
    assert found == expected[subject.name]


async def test_a_loop_of_tool_calls_ends_with_the_result_in_the_answer(subject: Subject) -> None:
    first = scripted_prompt(subject, Script(words=(), calls=(ONE,)), "The weather?", tools=(WEATHER,))
    ((call_id, name, arguments),) = joined(await pieces_of(subject, first)).calls
    history = (
        Turn(role=Role.USER, text="The weather?"),
        Turn(role=Role.ASSISTANT, parts=(ToolCall(id=call_id, name=name, arguments_json=arguments),)),
    )
    result = ToolResult(tool_call_id=call_id, content=(TextPart(text="5 °C and rain"),))
    second = scripted_prompt(subject, Script(words=("5 °C and rain",)), "", result, history=history, tools=(WEATHER,))
    answer = joined(await pieces_of(subject, second))
    assert answer.finish_reason is FinishReason.STOP
    assert "5 °C and rain" in answer.text
    if subject.standin is not None:
        sent = json.dumps(subject.standin.requests[-1].body, ensure_ascii=False)
        assert call_id in sent
        assert "5 °C and rain" in sent
        assert "9007199254740993" in sent


async def test_an_image_arrives_byte_for_byte(subject: Subject) -> None:
    prompt = scripted_prompt(subject, Script(), "Look", Image(media_type="image/png", data=PNG))
    body = await sent_body(subject, prompt)
    encoded = base64.b64encode(PNG).decode()
    match subject.name:
        case "openai-chat":
            (image,) = (one for one in body["messages"][-1]["content"] if one["type"] == "image_url")
            assert image["image_url"]["url"] == f"data:image/png;base64,{encoded}"
        case "openai-responses":
            (image,) = (one for one in body["input"][-1]["content"] if one["type"] == "input_image")
            assert image["image_url"] == f"data:image/png;base64,{encoded}"
        case "bedrock":
            (image,) = (one for one in body["messages"][-1]["content"] if "image" in one)
            assert image["image"] == {"format": "png", "source": {"bytes": encoded}}
        case _:
            assert "image/png, 256 bytes" in joined(await pieces_of(subject, prompt)).text


async def test_json_by_a_schema_is_requested(subject: Subject) -> None:
    wanted = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, name="city", schema_json=json.dumps(SCHEMA), strict=True)
    answered = json.dumps({"city": "Oslo", "id": 1})
    prompt = scripted_prompt(subject, Script(words=(answered,)), response_format=wanted)
    jsonschema.validate(json.loads(joined(await pieces_of(subject, prompt)).text), SCHEMA)
    body = await sent_body(subject, prompt)
    match subject.name:
        case "openai-chat":
            assert body["response_format"]["json_schema"] == {"name": "city", "schema": SCHEMA, "strict": True}
        case "openai-responses":
            found = body["text"]["format"]
            assert found == {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True}
        case "bedrock":
            found = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
            assert (found["name"], json.loads(found["schema"])) == ("city", SCHEMA)
        case _:
            assert body is None


async def answer_with_reasoning(subject: Subject) -> Joined:
    script = Script(words=("Yes.",), reasoning="I think about it.")
    return joined(await pieces_of(subject, scripted_prompt(subject, script, thinking=Thinking(effort="low"))))


@pytest.mark.parametrize("name", SUBJECTS)
async def test_reasoning_comes_first(name: str) -> None:
    async with open_subject(name, THINKS.get(name, "")) as subject:
        answer = await answer_with_reasoning(subject)
    assert answer.reasoning
    assert (answer.blocks, answer.finish_reason) == ([0, 1], FinishReason.STOP)


@pytest.mark.parametrize("name", ["openai-responses", "bedrock"])  # the others sign no reasoning
async def test_signed_reasoning_goes_back_to_its_provider_alone(name: str) -> None:
    async with open_subject(name, THINKS[name]) as subject:
        answer = await answer_with_reasoning(subject)
        assert answer.signature
        is_encrypted = name == "openai-responses"
        reasoning = Reasoning(
            text=answer.reasoning,
            provider=subject.provider.name,
            signature=b"" if is_encrypted else answer.signature,
            redacted=answer.signature if is_encrypted else b"",
        )
        history = (Turn(role=Role.USER, text="Hi"), Turn(role=Role.ASSISTANT, parts=(reasoning, TextPart(text="Yes."))))
        prompt = scripted_prompt(subject, Script(), "And?", history=history, thinking=Thinking(effort="low"))
        assert answer.signature.decode() in json.dumps(await sent_body(subject, prompt))
        foreign = replace(reasoning, provider="another")
        prompt = replace(prompt, history=(history[0], replace(history[1], parts=(foreign, TextPart(text="Yes.")))))
        assert answer.signature.decode() not in json.dumps(await sent_body(subject, prompt))


@pytest.mark.parametrize("subject", SENDING, indirect=True)  # the mock refuses nothing
async def test_a_refusal_is_reported_as_one(subject: Subject) -> None:
    # Bedrock sends no text of a refusal, only its stop reason.
    said_so = {"words": ("No.",), "finish": "refusal"} if subject.name == "bedrock" else {"words": (), "refusal": "No."}
    answer = joined(await pieces_of(subject, scripted_prompt(subject, Script(**said_so))))  # type: ignore[arg-type]
    assert answer.finish_reason is FinishReason.REFUSAL
    assert answer.text + answer.refusal == "No."


BREAKS = (FaultKind.CUT, FaultKind.NO_END, FaultKind.MALFORMED)


@pytest.mark.parametrize("kind", BREAKS)
async def test_a_cut_during_arguments_never_ends_the_call(subject: Subject, kind: FaultKind) -> None:
    fault = Fault(kind=kind, after=1)
    prompt = scripted_prompt(
        subject,
        Script(words=(), calls=(ONE,), fault=fault),
        tools=(WEATHER,),
        tool_choice=ToolChoice(name=WEATHER.name),
    )
    if subject.standin is None:
        prompt = replace(
            prompt, model=f"mock-model?fault={'malformed' if kind is FaultKind.MALFORMED else 'cut'}&after=2"
        )
    pieces: list[Piece] = []
    with contextlib.suppress(ProviderProtocol):
        async for piece in subject.provider.stream(prompt):
            pieces.append(piece)  # noqa: PERF401 - pieces before the error count
    assert any(isinstance(piece, CallStarted) for piece in pieces)
    assert not any(isinstance(piece, Ending) for piece in pieces)
    if kind is not FaultKind.NO_END:  # all of the call has arrived by then
        assert not any(isinstance(piece, CallFinished) for piece in pieces)


async def test_leaving_during_arguments_closes_the_connection(subject: Subject) -> None:
    script = Script(words=(), calls=(ONE,), fault=Fault(kind=FaultKind.HANG_DURING, after=1))
    prompt = scripted_prompt(subject, script, tools=(WEATHER,), tool_choice=ToolChoice(name=WEATHER.name))
    if subject.standin is None:
        prompt = replace(prompt, model="mock-model?fault=hang_during&after=2")
    stream = subject.provider.stream(prompt)
    async with asyncio.timeout(60):
        while not isinstance(await anext(stream), CallArguments):
            pass
    await stream.aclose()
    if subject.standin is not None:
        assert await subject.standin.requests[-1].ended() is Outcome.DISCONNECTED


@pytest.mark.parametrize("subject", SENDING, indirect=True)  # the mock supports everything
async def test_an_unsupported_field_is_named_with_its_provider_and_nothing_is_sent(subject: Subject) -> None:
    assert subject.standin is not None
    faults = {
        "openai-chat": ({"parts": (CachePoint(),)}, "parts[0].cache_point"),
        "openai-responses": ({"options": Options(thinking=Thinking(max_tokens=2000))}, "options.thinking.max_tokens"),
        "bedrock": ({"parts": (Image(url="https://example.com/a.png"),)}, "parts[0].image.url"),
    }
    fields, field = faults[subject.name]
    sent = len(subject.standin.requests)
    with pytest.raises(Unsupported) as refused:
        subject.provider.refuse_unsupported(Prompt(message="Hi", **fields))  # type: ignore[arg-type]
    assert refused.value.message.startswith(f"{field}: not supported by {subject.provider.name}")
    assert len(subject.standin.requests) == sent
