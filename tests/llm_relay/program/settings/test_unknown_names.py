"""Names that are no settings: misspelt ones are reported, those of other programs are not."""

from pathlib import Path

import pytest

from llm_relay.program.settings.env_file import EnvFile
from llm_relay.program.settings.known_settings import KNOWN_SETTINGS
from llm_relay.program.settings.unknown_names import unknown_names
from scripts.settings_reference import PROGRAMS

PATH = Path("/srv/.env")


def reports(name: str) -> list[str]:
    """Returns the report about a name in a .env file."""
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
def test_a_misspelt_name_is_reported_with_its_line_and_the_intended_name(name: str, meant: str) -> None:
    assert reports(name) == [f"/srv/.env, line 3: {name} is not a setting; did you mean {meant}?"]


def test_a_name_with_the_relays_prefix_is_reported_even_if_it_resembles_no_setting() -> None:
    assert reports("RELAY_COLOUR_SCHEME") == ["/srv/.env, line 3: RELAY_COLOUR_SCHEME is not a setting"]


@pytest.mark.parametrize(
    "name",
    ["POSTGRES_PASSWORD", "DEBUG", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_BEDROCK", "HTTP_PROXY", "RELAY_ENV_FILE"],
)
def test_names_of_other_programs_are_not_reported(name: str) -> None:
    assert reports(name) == []


def test_misspelt_names_in_the_environment_are_reported_and_foreign_ones_are_not() -> None:
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
