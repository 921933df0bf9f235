"""Tokens that `relay serve` creates for its own programs."""

import pytest
from pydantic import SecretStr

from llm_relay.cli.serve.program_tokens import ProgramTokens
from llm_relay.program.processes.supervised import OWN_TOKENS_VARIABLE
from llm_relay.program.settings.setting_groups import TokenSettings
from server_b.authentication import Authenticator, Credentials
from server_b.composition import create_authenticator
from server_b.settings import ServerBSettings


def made(tokens: str, patch: pytest.MonkeyPatch) -> tuple[ProgramTokens, Authenticator]:
    """Returns the tokens that are created in addition to these, and the Server B that accepts them."""
    given = {"relay_tokens": SecretStr(tokens)}
    own = ProgramTokens.create(TokenSettings(**given))  # type: ignore[arg-type]
    patch.setenv(OWN_TOKENS_VARIABLE, own.accepted[OWN_TOKENS_VARIABLE])
    return own, create_authenticator(ServerBSettings(**given), None, host="127.0.0.1")  # type: ignore[arg-type]


def caller(authenticator: Authenticator, token: str, on_behalf_of: str | None = None) -> str:
    """Returns the caller that a token belongs to."""
    authorization = f"Bearer {token}" if token else None
    return authenticator.caller(Credentials(authorization=authorization, on_behalf_of=on_behalf_of))


def test_without_tokens_callers_stay_anonymous_through_all_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    own, server_b = made("", monkeypatch)
    assert caller(server_b, "") == caller(server_b, own.gateway, "anonymous") == "anonymous"
    assert not server_b.has_tokens


def test_its_own_programs_may_speak_for_their_callers_and_others_keep_their_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, server_b = made("ann:a-1", monkeypatch)
    assert caller(server_b, own.gateway, "ann") == "gateway/ann"
    assert caller(server_b, own.server_a, "ann") == "server_a/ann"
    assert caller(server_b, "a-1", "bob") == "ann"


def test_they_are_new_at_each_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made("", monkeypatch)[0].gateway != made("", monkeypatch)[0].gateway


def test_a_caller_with_the_name_of_a_program_does_not_become_a_delegate(monkeypatch: pytest.MonkeyPatch) -> None:
    own, server_b = made("gateway:g-1,gateway-2:g-2", monkeypatch)
    assert caller(server_b, "g-1", "ann") == "gateway"
    assert caller(server_b, own.gateway, "ann") == "gateway-3/ann"
