"""Bearer tokens name the caller and never leak."""

import pytest

from llm_relay.caller_tokens import ANONYMOUS, Tokens, token_warnings
from llm_relay.errors import InvalidRequest, Unauthenticated

TOKENS = Tokens.parse("gateway:g-1, alice:a-1,alice:a-2,bob:b:with:colons", delegates=("gateway",))


@pytest.mark.parametrize(
    ("token", "name"), [("a-1", "alice"), ("a-2", "alice"), ("g-1", "gateway"), ("b:with:colons", "bob")]
)
def test_each_token_names_its_caller_and_one_caller_may_have_several(token: str, name: str) -> None:
    assert TOKENS.caller(f"Bearer {token}") == name


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert TOKENS.caller(f"{scheme} a-1") == "alice"


def refusal(authorization: str | None) -> str:
    """Returns the text with which these credentials are refused."""
    with pytest.raises(Unauthenticated) as refused:
        TOKENS.caller(authorization)
    return str(refused.value)


@pytest.mark.parametrize(
    "authorization",
    ["", "a-1", "Basic a-1", "Bearer", "Bearer ", "Bearer a-", "Bearer a-11", "Bearer A-1", "Bearer alice:a-1"],
)
def test_wrong_credentials_get_the_same_answer_as_missing_ones(authorization: str) -> None:
    assert refusal(authorization) == refusal(None)


@pytest.mark.parametrize("authorization", ["Bearer sécret", "Bearer \ud800", "Bearer \0", "Bearer " + "x" * 100_000])
def test_credentials_that_no_header_can_carry_are_wrong_ones(authorization: str) -> None:
    assert refusal(authorization) == refusal(None)


def test_without_tokens_every_caller_is_anonymous() -> None:
    nobody = Tokens.parse("")
    assert not nobody
    assert nobody.caller(None) == ANONYMOUS
    assert nobody.caller("Bearer whatever", on_behalf_of="alice") == ANONYMOUS


def test_a_delegate_speaks_for_others() -> None:
    assert TOKENS.caller("Bearer g-1", on_behalf_of="carol@example.org") == "gateway/carol@example.org"
    assert TOKENS.caller("Bearer g-1") == "gateway"


def test_only_a_delegate_speaks_for_others() -> None:
    assert TOKENS.caller("Bearer a-1", on_behalf_of="bob") == "alice"


@pytest.mark.parametrize("name", ["", " ", "a/b", "gateway/alice", "a b", "ä", "a" * 65, "a\n"])
def test_a_delegate_may_not_invent_names(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        TOKENS.caller("Bearer g-1", on_behalf_of=name)
    assert [violation.field for violation in refused.value.violations] == ["relay-on-behalf-of"]


@pytest.mark.parametrize(
    "entry", ["sk-live-1", ":sk-live-1", "a/b:sk-live-1", "alice:", "alice: ", "a b:sk-live-1", "alice:sk-live-ä"]
)
def test_a_bad_entry_is_refused_by_its_position_without_its_token(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^entry 2 ") as refused:
        Tokens.parse(f"good:token,{entry}")
    assert "sk-live" not in str(refused.value)


def test_spaces_and_stray_commas_around_entries_do_not_matter() -> None:
    tokens = Tokens.parse(" , alice : a-1 ,, bob:b-1,")
    assert tokens.caller("Bearer a-1") == "alice"
    assert tokens.caller("Bearer b-1") == "bob"


def test_no_token_is_stored_in_the_clear() -> None:
    assert "a-1" not in repr(TOKENS)


def test_no_caller_may_have_the_name_of_callers_without_a_token() -> None:
    with pytest.raises(ValueError, match="entry 2 is named anonymous"):
        Tokens.parse("alice:a-1,anonymous:b-1")


@pytest.mark.parametrize("text", ["a:x;b:y", "a:x|b:y", "alice:1;bob:2;carol:3"])
def test_entries_that_are_not_separated_by_commas_are_suspected(text: str) -> None:
    (warning,) = token_warnings(text)
    assert warning.startswith("entry 1 has a ';' or '|' in its token: to list several callers, separate them with")


@pytest.mark.parametrize("text", ["", "a:x", "a:x,b:y", "a:x;y", "a:;=|"])
def test_other_tokens_are_not_suspected(text: str) -> None:
    assert not list(token_warnings(text))
