"""Which damage the plain reader detects."""

import pytest

from tests.field.wire import DONE, GOOD, HELLO, finish, text
from tests.support.mutations import readable_text

SEEN = {
    "a field of another name": text("Hel") + b"D" + text("lo")[1:] + finish(),
    "a field without its colon": text("Hel").replace(b"data:", b"data") + finish(),
    "unclosed JSON": text("Hel")[:-4] + b"\n\n" + finish(),
    "no choices": text("Hel").replace(b"choices", b"choice$") + finish(),
    "no member delta": HELLO + finish().replace(b'"delta":{},', b"").replace(b'"stop"', b'null,"x":1'),
    "no delta": text("Hel").replace(b"delta", b"d$lta") + finish(),
    "a cut": HELLO,
    "an error": HELLO + b'data: {"choices":[],"error":{"code":500}}\n\n' + finish(),
}
UNSEEN = {
    "nothing": (GOOD, "Hello"),
    "a missing event": (text("Hel") + finish(), "Hel"),
    "a letter of the text": (GOOD.replace(b"Hel", b"Hil"), "Hillo"),
    "an unknown field": (HELLO + b"foo: bar\n\n" + finish(), "Hello"),
    "one newline": (HELLO.replace(b"\n\n", b"\n") + finish(), "Hello"),
    "text after the end mark": (GOOD + b"nonsense", "Hello"),
    "no finish reason": (HELLO + DONE, "Hello"),
}


@pytest.mark.parametrize("name", SEEN)
def test_detectable_damage_is_detected(name: str) -> None:
    assert readable_text(SEEN[name]) is None


@pytest.mark.parametrize("name", UNSEEN)
def test_undetectable_damage_is_not_detected(name: str) -> None:
    stream, said = UNSEEN[name]
    assert readable_text(stream) == said
