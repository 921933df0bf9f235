"""Text that repeats the answer so far is recognised by its length and its checksum."""

import pytest

from server_b.providers.openai.chat.repeated_text import SeenText


@pytest.mark.parametrize(
    ("pieces", "after", "text", "rest"),
    [
        (["Hel", "lo"], "", "Hello", ""),
        (["Hel"], "lo", "Hello!", "!"),
        (["a\ud83d", "\ude00b"], "", "a😀b", ""),
        (["Hel", "lo"], "", "Hel", "Hel"),
        (["Hel", "lo"], "", "World", "World"),
        ([], "", "Hello", "Hello"),
    ],
)
def test_only_the_rest_of_a_repeat_is_new(pieces: list[str], after: str, text: str, rest: str) -> None:
    seen = SeenText()
    for piece in pieces:
        seen.add([piece])
    assert bool(seen) is bool(pieces)
    assert seen.new_part_of(text, after=after) == rest
