"""The tools' coroutines take a prompt's fields as arguments."""

import inspect

import pytest

import server_a
import server_b
from llm_relay.documents import PromptDocument, prompt_from_arguments, takes_prompt_arguments
from llm_relay.errors import InvalidRequest
from llm_relay.messages import Prompt, Role

pytestmark = pytest.mark.anyio

COROUTINES = [
    server_a.send_message,
    server_a.send_message_stream,
    server_b.process_message,
    server_b.process_message_stream,
]


@pytest.mark.parametrize("coroutine", [prompt_from_arguments, *COROUTINES])
def test_the_arguments_are_the_fields_of_the_document(coroutine: object) -> None:
    parameters = inspect.signature(coroutine).parameters  # type: ignore[arg-type]
    assert list(parameters) == list(PromptDocument.model_fields)
    required = [name for name, field in PromptDocument.model_fields.items() if field.is_required()]
    assert [name for name, parameter in parameters.items() if parameter.default is parameter.empty] == required
    assert all(parameters[name].default is None for name in parameters if name not in required)


@takes_prompt_arguments
async def echo(prompt: Prompt) -> Prompt:
    """Returns its prompt."""
    return prompt


async def test_arguments_may_be_positional_or_named() -> None:
    prompt = await echo("Now?", "Be brief.", [{"role": "user", "text": "Then?"}], temperature=0.5)
    assert (prompt.message, prompt.context, prompt.temperature, prompt.model) == ("Now?", "Be brief.", 0.5, None)
    assert [(turn.role, turn.text) for turn in prompt.history] == [(Role.USER, "Then?")]


async def test_every_bad_argument_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        await echo(" ", temperature=float("nan"), max_tokens=0)
    assert [violation.field for violation in caught.value.violations] == ["message", "temperature", "max_tokens"]


async def test_an_argument_that_is_no_field_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="promt"):
        await echo("Hi", promt="Hi")  # type: ignore[call-arg]


def test_the_function_keeps_its_name_its_documentation_and_its_result() -> None:
    assert (echo.__name__, echo.__doc__) == ("echo", "Returns its prompt.")
    assert inspect.iscoroutinefunction(echo)
    assert inspect.get_annotations(echo)["return"] is Prompt
