"""A prompt knows how much memory it uses."""

import tracemalloc

import pytest

from llm_relay.messages import Image, Options, Part, Prompt, Role, TextPart, Tool, Turn

MEGABYTE = 2**20


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(message="x" * MEGABYTE),
        Prompt(message="Hi", context="x" * MEGABYTE),
        Prompt(message="Hi", history=(Turn(role=Role.USER, text="x" * MEGABYTE),)),
        Prompt(message="Hi", history=(Turn(role=Role.USER, parts=(TextPart(text="x" * MEGABYTE),)),)),
        Prompt(parts=(Image(media_type="image/png", data=b"x" * MEGABYTE),)),
        Prompt(
            message="Hi",
            options=Options(tools=(Tool(name="f", description="x" * MEGABYTE, input_schema_json="{}"),)),
        ),
    ],
)
def test_everything_in_a_prompt_counts(prompt: Prompt) -> None:
    assert MEGABYTE < prompt.size_bytes < MEGABYTE + 4096


def test_wide_characters_count_with_the_memory_they_use() -> None:
    assert Prompt(message="👋" * MEGABYTE).size_bytes > 4 * MEGABYTE


@pytest.mark.parametrize("part", [None, TextPart(text="Hi")])
def test_many_small_turns_count_with_the_memory_they_use(part: Part | None) -> None:
    parts = (part,) if part else ()
    tracemalloc.start()
    texts = [f"turn {n}" for n in range(5000)]
    if part:
        history = tuple(Turn(role=Role.USER, parts=(TextPart(text=text),)) for text in texts)
    else:
        history = tuple(Turn(role=Role.USER, text=text) for text in texts)
    prompt = Prompt(message="Hi", history=history, parts=parts)
    del texts
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.6 * taken < prompt.size_bytes < 1.6 * taken
