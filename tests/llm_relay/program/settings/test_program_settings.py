"""Settings are read from the environment and .env. A bad one stops the start by its name, without its value."""

import re
from pathlib import Path
from typing import Any

import pytest

from llm_relay.program.settings.exposure import check_exposure
from llm_relay.program.settings.program_settings import ProgramSettings, SettingsError
from llm_relay.program.settings.setting_groups import DialSettings, TokenSettings
from server_b.settings import ServerBSettings
from tests.support.not_plain import NOT_PLAIN

SECRET = "sk-live-0123456789"


class GatewayLike(DialSettings, TokenSettings):
    """Settings of a program that listens and dials."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Works in a folder with an empty .env and an environment without any of the settings."""
    for settings_type in (ServerBSettings, GatewayLike):
        for name in settings_type.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    return tmp_path


def refusal(settings_type: type[ProgramSettings], monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    """Returns the lines with which these variables are refused."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        settings_type.read()
    assert SECRET not in f"{refused.value} {refused.value.__cause__}"
    return str(refused.value).splitlines()


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_that_docker_keeps_are_refused(quote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"GRPC_HOST": "127.0.0.1", "GRPC_PORT": "50051", "MOCK_FAULTS": "true", "OPENAI_API_KEY": SECRET}
    lines = refusal(ServerBSettings, monkeypatch, **{name: f"{quote}{value}{quote}" for name, value in values.items()})
    told = "has quotes around it, which would be part of the value: remove them"
    assert sorted(lines) == [f"{name}: {told}" for name in sorted(values)]


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = ServerBSettings.read()
    assert settings.ai_provider == "mock"
    assert (settings.grpc_host, settings.grpc_port) == ("127.0.0.1", 50051)
    assert (settings.ai_temperature, settings.ai_max_tokens) == (0.7, 1000)
    assert (settings.timeout_seconds, settings.retry_attempts) == (120, 3)
    assert (settings.mock_delay_seconds, settings.mock_word_delay_seconds) == (0.1, 0.05)
    assert (settings.max_message_bytes, settings.max_concurrent_calls) == (4_194_304, 1000)
    assert (settings.drain_seconds, settings.stall_seconds) == (30, 30)
    assert (settings.first_token_seconds, settings.token_gap_seconds) == (60, 60)
    assert settings.answer_keep_seconds == 300
    assert settings.log_format == "text"
    assert not settings.mock_faults
    assert not settings.relay_insecure
    assert GatewayLike.read().server_b_target == "127.0.0.1:50051"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AI_PROVIDER", "Mock!"),
        ("AI_PROVIDER", SECRET),
        ("AI_PROVIDER", "openai,bedrok"),
        ("AI_PROVIDER", "openai,"),
        ("AI_PROVIDER", "openai,mock,openai"),
        ("MODEL_MAP", SECRET),
        ("MODEL_MAP", "gpt-4o=sonnet-v2"),
        ("MODEL_MAP", "cohere/gpt-4o=command"),
        ("MODEL_MAP", "bedrock/=sonnet-v2"),
        ("MODEL_MAP", "bedrock/gpt-4o="),
        ("MODEL_MAP", "bedrock/a=b,bedrock/a=c"),
        ("AI_TEMPERATURE", "2.1"),
        ("AI_TEMPERATURE", "nan"),
        ("AI_MAX_TOKENS", "0"),
        ("AI_MAX_TOKENS", "many"),
        ("GRPC_PORT", "65536"),
        ("GRPC_PORT", "-1"),
        ("TIMEOUT_SECONDS", "0"),
        ("TIMEOUT_SECONDS", "inf"),
        ("RETRY_ATTEMPTS", "0"),
        ("MAX_MESSAGE_BYTES", "4 MB"),
        ("MAX_CONCURRENT_CALLS", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("STALL_SECONDS", "nan"),
        ("FIRST_TOKEN_SECONDS", "0"),
        ("TOKEN_GAP_SECONDS", "-1"),
        ("ANSWER_KEEP_SECONDS", "inf"),
        ("MOCK_DELAY_SECONDS", "-0.1"),
        ("MOCK_FAULTS", "perhaps"),
        ("RELAY_INSECURE", "2"),
        ("LOG_FORMAT", "xml"),
        ("RELAY_TOKENS", SECRET),
    ],
)
def test_a_bad_value_is_one_line_that_begins_with_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = refusal(ServerBSettings, monkeypatch, **{name: value})
    assert line.startswith(f"{name}: ")


@pytest.mark.parametrize("value", NOT_PLAIN)
@pytest.mark.parametrize("name", ["GRPC_PORT", "METRICS_PORT", "LEDGER_KEEP_DAYS", "TIMEOUT_SECONDS", "AI_TEMPERATURE"])
def test_a_number_is_written_in_plain_digits(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusal(ServerBSettings, monkeypatch, **{name: value})
    plain = r"must be a (whole )?number in plain digits, such as 10"
    assert re.match(rf"{name}: {plain}", line)


@pytest.mark.parametrize(
    ("edge", "said"),
    [
        ("{} ", "ends with a space"),
        ("{}\n", "ends with a line feed"),
        ("{}\r\n", "ends with a line feed"),
        ("{}\r", "ends with a carriage return"),
        (" {}", "begins with a space"),
        ("\t{}", "begins with a tab"),
        ("\u00a0{}", "begins with whitespace"),
    ],
)
@pytest.mark.parametrize(
    ("name", "value"),
    [("DRAIN_SECONDS", "30"), ("GRPC_PORT", "50051"), ("LOG_FORMAT", "json"), ("GRPC_HOST", "127.0.0.1")],
)
def test_whitespace_around_a_value_is_named(
    name: str, value: str, edge: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = refusal(ServerBSettings, monkeypatch, **{name: edge.format(value)})
    assert line.startswith(f"{name}: ")
    assert f"; the value {said}: remove it" in line


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("GRPC_PORT", "70000", "must be 65535 or less"),
        ("RETRY_ATTEMPTS", "0", "must be 1 or more"),
        ("TIMEOUT_SECONDS", "0", "must be more than 0"),
        ("AI_TEMPERATURE", "2.5", "must be 2 or less"),
        ("RELAY_INSECURE", "maybe", "must be true or false"),
        ("LOG_FORMAT", "xml", "must be text or json"),
        ("OPENAI_API", "rest", "must be auto, chat or responses"),
    ],
)
def test_a_bad_value_is_refused_in_the_words_of_people(
    name: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = refusal(ServerBSettings, monkeypatch, **{name: value})
    assert line.startswith(f"{name}: {text} (")


def test_several_providers_are_separated_by_commas_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", " openai , mock,bedrock")
    settings = ServerBSettings.read()
    assert settings.ai_provider == "openai,mock,bedrock"
    assert settings.providers == ("openai", "mock", "bedrock")


def test_models_are_mapped_by_provider_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_MAP", "bedrock/gpt-4o=sonnet-v2, openai/meta/llama=gpt-4o,mock/a=mock-model?fault=cut,")
    assert ServerBSettings.read().models == {
        ("bedrock", "gpt-4o"): "sonnet-v2",
        ("openai", "meta/llama"): "gpt-4o",
        ("mock", "a"): "mock-model?fault=cut",
    }


def test_every_bad_value_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(ServerBSettings, monkeypatch, GRPC_PORT="x", LOG_FORMAT="x", RELAY_TOKENS=f"a:b,{SECRET}")
    assert {line.partition(":")[0] for line in lines} == {"GRPC_PORT", "LOG_FORMAT", "RELAY_TOKENS"}


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"TLS_CERT_FILE": "a.pem"}, "TLS_CERT_FILE and TLS_KEY_FILE"),
        ({"TLS_KEY_FILE": "a.key"}, "TLS_CERT_FILE and TLS_KEY_FILE"),
        ({"TLS_CLIENT_CA_FILE": "ca.pem"}, "TLS_CLIENT_CA_FILE"),
        ({"AWS_ACCESS_KEY_ID": SECRET}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ({"AWS_SECRET_ACCESS_KEY": SECRET}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_half_of_a_pair_is_named_with_its_other_half(
    variables: dict[str, str], names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = refusal(ServerBSettings, monkeypatch, **variables)
    assert line.startswith(names)


@pytest.mark.parametrize("target", ["http://b:50051", "https://b:50051", "grpc://b:50051", "HTTP://b:50051"])
def test_a_url_as_target_is_refused_with_the_fix(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusal(GatewayLike, monkeypatch, SERVER_B_TARGET=target)
    assert line.startswith("SERVER_B_TARGET: ")
    assert "host:port" in line


def test_the_old_name_of_the_target_is_refused_with_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusal(GatewayLike, monkeypatch, SERVER_B_URL="http://127.0.0.1:8001")
    assert line.startswith("SERVER_B_URL: ")
    assert "SERVER_B_TARGET" in line


def test_a_token_is_not_sent_in_plaintext_beyond_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"RELAY_TOKEN": SECRET, "SERVER_B_TARGET": "b.example.com:50051"}
    (line,) = refusal(GatewayLike, monkeypatch, **given)
    assert line.startswith("RELAY_TOKEN ")
    assert "SERVER_B_TLS=true" in line


@pytest.mark.parametrize("allowing", ["SERVER_B_TLS", "RELAY_INSECURE"])
def test_a_token_is_sent_with_tls_or_if_plaintext_is_allowed(allowing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RELAY_TOKEN": SECRET, "SERVER_B_TARGET": "b:1", allowing: "true"}.items():
        monkeypatch.setenv(name, value)
    assert GatewayLike.read().dial.token == SECRET


@pytest.mark.parametrize("token", ["two words", "sécret", f"{SECRET}\n{SECRET}"])
def test_a_token_that_no_header_can_carry_is_refused(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusal(GatewayLike, monkeypatch, RELAY_TOKEN=token)
    assert line.startswith("RELAY_TOKEN: ")


@pytest.mark.parametrize("name", ["GRPC_PORT", "AI_TEMPERATURE", "SERVER_B_URL", "AI_PROVIDER", "RELAY_TOKENS"])
def test_a_blank_value_is_the_same_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ServerBSettings.read()
    monkeypatch.setenv(name, "")
    assert ServerBSettings.read() == usual
    assert GatewayLike.read().server_b_target == "127.0.0.1:50051"


def test_the_env_file_of_the_working_folder_is_read(folder: Path) -> None:
    (folder / ".env").write_text("GRPC_PORT=50999 # the usual one is taken\nAI_PROVIDER=\nUNKNOWN_NAME=1\n")
    settings = ServerBSettings.read()
    assert (settings.grpc_port, settings.ai_provider) == (50999, "mock")


def test_the_environment_takes_precedence_over_the_env_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("GRPC_PORT=50999\nRETRY_ATTEMPTS=5\n")
    monkeypatch.setenv("GRPC_PORT", "50998")
    settings = ServerBSettings.read()
    assert (settings.grpc_port, settings.retry_attempts) == (50998, 5)


def test_a_bad_value_in_the_env_file_is_named_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text(f"RELAY_TOKENS={SECRET}\n")
    (line,) = refusal(ServerBSettings, monkeypatch)
    assert line.startswith("RELAY_TOKENS: ")


def test_an_env_file_that_is_not_utf_8_stops_the_start_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_bytes(b"OPENAI_API_KEY=\xff\xfe\n")
    (line,) = refusal(ServerBSettings, monkeypatch)
    assert ".env" in line


@pytest.mark.parametrize(
    "given",
    [
        {"OPENAI_API_KEY": SECRET},
        {"RELAY_TOKENS": f"alice:{SECRET}"},
        {"AWS_ACCESS_KEY_ID": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET},
        {"RELAY_TOKEN": SECRET},
    ],
)
def test_secrets_do_not_show_when_settings_are_printed(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings: Any
    for settings in (ServerBSettings.read(), GatewayLike.read()):
        assert SECRET not in repr(settings)
        assert SECRET not in str(settings.model_dump())


def test_delegates_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_TOKENS", "gateway:g")
    monkeypatch.setenv("RELAY_DELEGATES", " other , gateway ")
    assert ServerBSettings.read().tokens.caller("Bearer g", "alice") == "gateway/alice"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "b.example.com"])
@pytest.mark.parametrize(("tokens", "tls"), [(False, False), (True, False), (False, True)])
def test_listening_beyond_loopback_needs_tokens_and_tls(host: str, tokens: bool, tls: bool) -> None:
    with pytest.raises(SettingsError, match=r"^GRPC_HOST: ") as refused:
        check_exposure(host, "GRPC_HOST", tokens=tokens, tls=tls, insecure=False)
    assert ("RELAY_TOKENS" in str(refused.value)) is not tokens
    check_exposure(host, "GRPC_HOST", tokens=tokens, tls=tls, insecure=True)
    check_exposure(host, "GRPC_HOST", tokens=True, tls=True, insecure=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_listening_on_loopback_needs_nothing(host: str) -> None:
    check_exposure(host, "GRPC_HOST", tokens=False, tls=False, insecure=False)
