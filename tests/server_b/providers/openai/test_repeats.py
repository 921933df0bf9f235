"""Text that repeats the answer so far is recognised by its length and its checksum."""

import pytest

from server_b.providers.openai.repeats import Heard


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
    heard = Heard()
    for piece in pieces:
        heard.add([piece])
    assert bool(heard) is bool(pieces)
    assert heard.rest_of(text, after=after) == rest
