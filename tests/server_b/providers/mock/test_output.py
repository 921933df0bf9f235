"""The mock answers prompts with content by its rules, in order."""

import json
from typing import Any

import jsonschema
import pytest

from llm_relay.errors import Unsupported
from llm_relay.messages import (
    CachePoint,
    Document,
    FinishReason,
    Image,
    Options,
    Part,
    Prompt,
    Reasoning,
    ResponseFormat,
    ResponseKind,
    ResultPart,
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
from server_b.providers.mock.output import Output, output_of

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 1}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
}
WEATHER = Tool(name="get_weather", input_schema_json=json.dumps(CITY))
TIME = Tool(name="time", input_schema_json='{"type": "object"}')
REQUIRED = ToolChoice(mode=ToolChoiceMode.REQUIRED)
SCHEMA = ResponseFormat(kind=ResponseKind.JSON_SCHEMA, schema_json=json.dumps(CITY))
CALL = ToolCall(id="c1", name="get_weather", arguments_json='{"city":"Oslo","days":1}')
ASKED = (Turn(role=Role.USER, text="Weather in Oslo?"), Turn(role=Role.ASSISTANT, parts=(CALL,)))


def output(
    message: str = "Hi", *parts: Part, history: tuple[Turn, ...] = (), whole: bool = True, **options: Any
) -> Output:
    prompt = Prompt(message=message, parts=parts, history=history, options=Options(**options))
    return output_of(prompt, number=7, whole=whole)


def text(found: Output) -> str:
    (part,) = found.parts
    assert isinstance(part, TextPart)
    assert found.finish_reason is FinishReason.STOP
    return part.text


def called(found: Output) -> list[str]:
    assert found.finish_reason is FinishReason.TOOL_CALLS
    assert all(isinstance(part, ToolCall) for part in found.parts)
    return [part.name for part in found.parts if isinstance(part, ToolCall)]


PLAIN = "[MOCK RESPONSE #7] You said: '{}'. This is a test response without calling any external API."


def result(*content: ResultPart, **given: Any) -> ToolResult:
    return ToolResult(tool_call_id="c1", content=content, **given)


@pytest.mark.parametrize(
    ("message", "tools", "choice", "names"),
    [
        ("Hi", (WEATHER, TIME), REQUIRED, ["get_weather"]),
        ("Hi", (WEATHER, TIME), ToolChoice(name="time"), ["time"]),
        ("What is the weather in Oslo?", (WEATHER, TIME), None, ["get_weather"]),
        ("Call GET_WEATHER", (TIME, WEATHER), ToolChoice(), ["get_weather"]),
        ("What TIME is it?", (WEATHER, TIME), None, ["time"]),
        ("The time and the weather, please", (WEATHER, TIME), None, ["get_weather", "time"]),
        ("The time and the weather, please", (WEATHER, TIME), ToolChoice(parallel=False), ["get_weather"]),
        ("Look up a thing", (Tool(name="lookUpThing", input_schema_json="{}"),), None, ["lookUpThing"]),
        ("Which parks?", (Tool(name="HTTPParks2", input_schema_json="{}"),), None, ["HTTPParks2"]),
    ],
)
def test_required_and_named_tools_are_called(
    message: str, tools: tuple[Tool, ...], choice: ToolChoice | None, names: list[str]
) -> None:
    assert called(output(message, tools=tools, tool_choice=choice)) == names


@pytest.mark.parametrize(
    ("message", "choice"),
    [("Hi", None), ("Can you get it?", None), ("The weather?", ToolChoice(mode=ToolChoiceMode.NONE))],
)
def test_no_tool_is_called_that_is_not_named_or_is_forbidden(message: str, choice: ToolChoice | None) -> None:
    assert text(output(message, tools=(WEATHER, TIME), tool_choice=choice)) == PLAIN.format(message)


def test_a_tool_that_a_text_part_names_is_called() -> None:
    assert called(output("", TextPart(text="The weather?"), tools=(WEATHER,))) == ["get_weather"]


def test_a_call_has_the_smallest_arguments_that_satisfy_the_schema_and_a_unique_id() -> None:
    found = output("The time and the weather", tools=(WEATHER, TIME))
    assert found.parts == (
        ToolCall(id="call_mock_7_1", name="get_weather", arguments_json='{"city":"a","days":1}'),
        ToolCall(id="call_mock_7_2", name="time", arguments_json="{}"),
    )


def test_results_are_quoted_in_the_answer() -> None:
    found = text(output("", result(TextPart(text="5 °C"), TextPart(text="rain")), history=ASKED, tools=(WEATHER,)))
    assert found == PLAIN.format("") + " The tool get_weather said: '5 °C rain'."


@pytest.mark.parametrize(
    ("given", "quoted"),
    [
        (result(), "said: ''."),
        (result(structured_json='{"c":5}'), """said: '{"c":5}'."""),
        (result(TextPart(text="no network"), is_error=True), "failed: 'no network'."),
        (result(Image(media_type="image/png", data=b"png")), "said: ''. I see an image: image/png, 3 bytes."),
    ],
)
def test_results_of_every_kind_are_described(given: ToolResult, quoted: str) -> None:
    assert text(output("Weather?", given, history=ASKED, tools=(WEATHER,))).endswith(f"The tool get_weather {quoted}")


def test_a_required_tool_is_called_again_after_its_result() -> None:
    assert called(output("", result(), history=ASKED, tools=(WEATHER,), tool_choice=REQUIRED)) == ["get_weather"]


def test_a_result_is_quoted_even_if_json_is_requested() -> None:
    assert "said: '5'" in text(output("", result(TextPart(text="5")), history=ASKED, response_format=SCHEMA))


def test_the_answer_is_json_that_satisfies_the_schema() -> None:
    found = text(output(response_format=SCHEMA))
    assert found == '{"city":"a","days":1}'
    jsonschema.validate(json.loads(found), CITY)


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [(ResponseFormat(kind=ResponseKind.JSON), "{}"), (ResponseFormat(), PLAIN.format("Hi"))],
)
def test_without_a_schema_json_is_an_empty_object_and_text_is_text(wanted: ResponseFormat, answer: str) -> None:
    assert text(output(response_format=wanted)) == answer


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (
            {"tools": (TIME, Tool(name="f", input_schema_json='{"not": {}}')), "tool_choice": ToolChoice(name="f")},
            "tools[1].input",
        ),
        (
            {"response_format": ResponseFormat(kind=ResponseKind.JSON_SCHEMA, schema_json='{"not": {}}')},
            "response_format.",
        ),
    ],
    ids=["tool", "format"],
)
def test_an_unsupported_schema_is_refused_with_its_field(options: dict[str, Any], field: str) -> None:
    with pytest.raises(Unsupported) as refused:
        output(**options)
    assert refused.value.message.startswith(f"options.{field}")
    assert refused.value.message.endswith("the mock does not know the JSON Schema keyword 'not'")


def test_requested_reasoning_comes_first() -> None:
    found = output(thinking=Thinking(effort="low"))
    reasoning, answer = found.parts
    assert isinstance(reasoning, Reasoning)
    assert (reasoning.provider, bool(reasoning.text), bool(reasoning.signature)) == ("mock", True, True)
    assert answer == TextPart(text=PLAIN.format("Hi"))
    with_call = output(thinking=Thinking(max_tokens=100), tools=(TIME,), tool_choice=REQUIRED)
    assert [type(part) for part in with_call.parts] == [Reasoning, ToolCall]


def test_no_reasoning_is_sent_unless_requested() -> None:
    assert text(output(thinking=Thinking(effort="none")))


def test_images_and_documents_are_described_by_media_type_and_size() -> None:
    found = output(
        "Look",
        Image(media_type="image/png", data=b"12345"),
        CachePoint(),
        Image(url="https://example.com/a.png"),
        Document(media_type="application/pdf", name="a.pdf", data=b"123"),
        Document(url="https://example.com/a.pdf", media_type="application/pdf"),
    )
    assert text(found) == PLAIN.format("Look") + (
        " I see an image: image/png, 5 bytes. I see an image: at https://example.com/a.png."
        " I see a document named 'a.pdf': application/pdf, 3 bytes."
        " I see a document: application/pdf, at https://example.com/a.pdf."
    )


NAMED = (Turn(role=Role.USER, text="Hello, my name is Ada. And yours?"), Turn(role=Role.ASSISTANT, text="Mock."))
RENAMED = (*NAMED, Turn(role=Role.USER, parts=(TextPart(text="No, My Name Is O'Hara"),)))

QUOTED = (Turn(role=Role.ASSISTANT, text="You said: 'My name is Ann'. This is a test response."),)


@pytest.mark.parametrize(
    ("message", "history", "sentence"),
    [
        ("What is my name?", NAMED, " Your name is Ada."),
        ("what is MY NAME", RENAMED, " Your name is O'Hara."),
        ("What is my name?", QUOTED, " Your name is Ann."),
        ("What is my name?", (), ""),
        ("my name is Bob", (), ""),
        ("What is your name?", NAMED, ""),
        ("Count to 3", (), " 1, 2, 3."),
        ("please count to 1.", (), " 1."),
        ("count to 100", (), " " + ", ".join(map(str, range(1, 101))) + "."),
        ("Count from 1 to 5.", (), " 1, 2, 3, 4, 5."),
        ("Count from 3 up to 5", (), " 3, 4, 5."),
        ("count up to 2", (), " 1, 2."),
        ("count from 5 to 3", (), ""),
        ("count from 0 to 3", (), ""),
        ("count to 101", (), ""),
        ("count to 0", (), ""),
        ("count to ten", (), ""),
        ("discount to 5", (), ""),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_two_questions_are_answered_with_a_sentence_of_their_own(
    message: str, history: tuple[Turn, ...], sentence: str, *, whole: bool
) -> None:
    streamed = f"[MOCK STREAM #7] You said: '{message}'. This is a streaming test response."
    expected = PLAIN.format(message) if whole else streamed
    assert text(output(message, history=history, whole=whole)) == expected + sentence
