"""Names that are no settings: the misspelt ones are told, those of other programs are not."""

from pathlib import Path

import pytest

from llm_relay.program.env_file import EnvFile
from llm_relay.program.known_settings import KNOWN_SETTINGS
from llm_relay.program.unknown_names import unknown_names
from scripts.settings_reference import PROGRAMS

PATH = Path("/srv/.env")


def told(name: str) -> list[str]:
    """Returns what is said of a name in a .env file."""
    return list(unknown_names(EnvFile(path=PATH, lines={name: 3}), {}))


def test_the_known_names_are_those_of_all_programs() -> None:
    names = {name.upper() for settings in PROGRAMS.values() for name in settings.model_fields}
    assert names == KNOWN_SETTINGS, "run `python -m scripts.settings_reference`"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GRPC_PROT", "GRPC_PORT"),
        ("GPRC_PORT", "GRPC_PORT"),
        ("OPENAI_APIKEY", "OPENAI_API_KEY"),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        ("OPENAI_MODEL", "OPENAI_DEFAULT_MODEL"),
        ("AI_PROVDER", "AI_PROVIDER"),
        ("MAX_TOKENS", "AI_MAX_TOKENS"),
        ("RELAY_TOKNS", "RELAY_TOKENS"),
        ("SERVER_B_TRAGET", "SERVER_B_TARGET"),
        ("TIMEOUT_SECOND", "TIMEOUT_SECONDS"),
        ("AWS_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("LOGFORMAT", "LOG_FORMAT"),
        ("WORKER", "WORKERS"),
    ],
)
def test_a_misspelt_name_is_told_with_its_line_and_the_name_that_is_meant(name: str, meant: str) -> None:
    assert told(name) == [f"/srv/.env, line 3: {name} is not a setting; did you mean {meant}?"]


def test_what_is_surely_meant_for_the_relay_is_told_even_if_it_is_like_no_setting() -> None:
    assert told("RELAY_COLOUR_SCHEME") == ["/srv/.env, line 3: RELAY_COLOUR_SCHEME is not a setting"]


@pytest.mark.parametrize(
    "name",
    ["POSTGRES_PASSWORD", "DEBUG", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_BEDROCK", "HTTP_PROXY", "RELAY_ENV_FILE"],
)
def test_names_of_other_programs_are_not(name: str) -> None:
    assert told(name) == []


def test_the_environment_is_looked_through_too_and_what_others_set_there_is_not_told() -> None:
    environment = {
        "GRPC_PROT": "1",
        "RELAY_TOKNES": "a:b",
        "GRPC_VERBOSITY": "NONE",
        "GRPC_TRACE": "all",
        "OPENAI_ORG_ID": "o",
        "AWS_EXECUTION_ENV": "e",
        "RELAY_SERVICE_HOST": "10.0.0.1",
        "RELAY_PORT_50051_TCP_ADDR": "10.0.0.1",
        "RELAY_PORT": "tcp://10.0.0.1:50051",
        "WORKER": "1",
        **dict.fromkeys(KNOWN_SETTINGS, "1"),
    }
    assert list(unknown_names(EnvFile(), environment)) == [
        "environment: GRPC_PROT is not a setting; did you mean GRPC_PORT?",
        "environment: RELAY_TOKNES is not a setting; did you mean RELAY_TOKENS?",
    ]
