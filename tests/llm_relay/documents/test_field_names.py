"""If a request was JSON, fields have their JSON names, in an error's text too."""

import pytest

from llm_relay.documents.field_names import with_fields_of_json
from llm_relay.errors import InvalidRequest, RelayError, Unsupported, Violation
from llm_relay.mcp.tool_results import error_result


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("options.sampling.seed", "sampling.seed"),
        ("options.tools[0].input_schema_json", "tools[0].input_schema"),
        ("options.max_cost_nano_usd", "max_cost_usd"),
        ("history[0].parts[1].tool_call.arguments_json", "history[0].parts[1].tool_call.arguments"),
        ("parts[0].image", "parts[0].image"),
    ],
)
def test_an_unsupported_field_has_its_json_name(field: str, name: str) -> None:
    told = with_fields_of_json(Unsupported.of_field(field, "leave it out"))
    assert (told.message, told.violations) == (f"{name}: leave it out", (Violation(name, "leave it out"),))
    assert isinstance(told, Unsupported)


def test_a_nested_field_has_its_json_name_too() -> None:
    fields = ("options.tools", "options.tools[0].input_schema_json")
    error = Unsupported(
        "; ".join(f"{field}: leave it out" for field in fields),
        violations=tuple(Violation(field, "leave it out") for field in fields),
    )
    assert with_fields_of_json(error).message == "tools: leave it out; tools[0].input_schema: leave it out"


def test_a_name_that_the_caller_invented_stays() -> None:
    error: RelayError = InvalidRequest.of(Violation("my_json", "is not a known field"))
    assert with_fields_of_json(error) is error


def test_a_tool_names_the_field_as_its_arguments_do() -> None:
    result = error_result(Unsupported.of_field("options.response_format.schema_json", "leave it out"))
    assert result.content[0].text.startswith("UNSUPPORTED: response_format.schema: leave it out.")  # type: ignore[union-attr]
    assert result.meta is not None
    assert result.meta["violations"] == [{"field": "response_format.schema", "description": "leave it out"}]
