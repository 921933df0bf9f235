"""Tags in the header X-Relay-Tags."""

import pytest

from gateway.requests.tag_header import TAGS_HEADER, with_header_tags
from llm_relay.errors import InvalidRequest
from llm_relay.messages import Options, Prompt


def tags(*values: bytes, body: dict[str, str] | None = None) -> dict[str, str]:
    prompt = Prompt(message="Hi", options=Options(tags=body or {}))
    scope = {"headers": [(b"host", b"x"), *((b"x-relay-tags", value) for value in values)]}
    return dict(with_header_tags(prompt, scope).options.tags)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), {}),
        ((b"",), {}),
        ((b"project=search, team=a",), {"project": "search", "team": "a"}),
        ((b"project=search", b"team=a"), {"project": "search", "team": "a"}),
        ((b"formula=a=b,,empty=",), {"formula": "a=b", "empty": ""}),
        (("größe=ß, 名=値".encode(),), {"größe": "ß", "名": "値"}),
        (("größe=ß".encode("latin-1"),), {"größe": "ß"}),
    ],
)
def test_tags_of_every_header_are_added(values: tuple[bytes, ...], expected: dict[str, str]) -> None:
    assert tags(*values) == expected


def test_tags_in_the_body_take_precedence() -> None:
    assert tags(b"a=header, b=header", body={"a": "body"}) == {"a": "body", "b": "header"}


@pytest.mark.parametrize(
    "value", [b"a", b"=b", b"a=1, b", b"k" * 65 + b"=v", b"k=" + b"v" * 513, b",".join(b"k%d=v" % n for n in range(17))]
)
def test_an_invalid_header_is_named(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as raised:
        tags(value)
    assert {violation.field for violation in raised.value.violations} == {TAGS_HEADER}
