"""Tokens that `relay serve` makes for its own programs."""

from typing import Any

from pydantic import SecretStr

from llm_relay.cli.own_tokens import OwnTokens
from llm_relay.program.setting_groups import TokenSettings
from llm_relay.tokens import Tokens


def made(tokens: str, delegates: str = "") -> tuple[OwnTokens, Tokens]:
    """Returns the tokens that are made beside these, and what Server B then accepts."""
    given: dict[str, Any] = {"relay_tokens": SecretStr(tokens), "relay_delegates": delegates}
    own = OwnTokens.create(TokenSettings(**given))
    accepted = own.accepted
    return own, Tokens.parse(accepted.get("RELAY_TOKENS", ""), accepted.get("RELAY_DELEGATES", "").split(","))


def test_where_no_tokens_are_set_none_are_made() -> None:
    own, accepted = made("")
    assert (own.accepted, own.gateway, own.server_a) == ({}, "", "")
    assert not accepted


def test_the_own_programs_may_speak_for_their_callers_and_others_keep_their_tokens() -> None:
    own, accepted = made("ann:a-1")
    assert accepted.caller(f"Bearer {own.gateway}", "ann") == "gateway/ann"
    assert accepted.caller(f"Bearer {own.server_a}", "ann") == "server_a/ann"
    assert accepted.caller("Bearer a-1", "bob") == "ann"


def test_they_are_new_at_each_start() -> None:
    assert made("ann:a-1")[0].gateway != made("ann:a-1")[0].gateway


def test_a_caller_with_the_name_of_a_program_does_not_become_a_delegate() -> None:
    own, accepted = made("gateway:g-1,gateway-2:g-2")
    assert accepted.caller("Bearer g-1", "ann") == "gateway"
    assert accepted.caller(f"Bearer {own.gateway}", "ann") == "gateway-3/ann"


def test_delegates_that_are_set_stay_delegates() -> None:
    _, accepted = made("proxy:p-1", "proxy")
    assert accepted.caller("Bearer p-1", "ann") == "proxy/ann"
