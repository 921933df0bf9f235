"""The settings of the ledger and of money: where it is, what needs it, and what is refused with the fix."""

import os
from pathlib import Path

import pytest

from llm_relay.program.settings.program_settings import SettingsError
from server_b.ledger_settings import leave_out_ledger_of_working_folder
from server_b.settings import ServerBSettings

SECRET = "sk-live-0123456789"
NEED_A_LEDGER = {
    "LEDGER_SYNC": "full",
    "LEDGER_TIME_ZONE": "Europe/Berlin",
    "LEDGER_KEEP_DAYS": "30",
    "BUDGET_ESTIMATE": "likely",
    "RELAY_ADMINS": "alice",
    "ALERT_THRESHOLDS": "50",
    "ALERT_ALLOW_PRIVATE": "true",
    "ALERT_WEBHOOK_SECRET": SECRET,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Works in a separate folder, with an environment without any of the settings."""
    for name in ServerBSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("RELAY_ENV_FILE", os.devnull)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ServerBSettings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return ServerBSettings.read()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(monkeypatch, **variables)
    assert SECRET not in f"{refused.value} {refused.value.__cause__}"
    (line,) = str(refused.value).splitlines()
    return line


def test_the_ledger_is_a_file_of_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    assert settings.has_ledger
    assert settings.ledger_place == str(folder / "relay.db")
    assert settings.ledger_url == f"sqlite:///{folder}/relay.db"


@pytest.mark.parametrize("ledger", ["", "LEDGER=sqlite:///money/relay.db\n"])
def test_a_relative_file_is_in_the_folder_of_the_env_file(
    ledger: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "relay.env").write_text(f"GRPC_PORT=1\n{ledger}")
    settings = read(monkeypatch, RELAY_ENV_FILE=str(elsewhere / "relay.env"))
    assert settings.ledger_place == str(elsewhere / ("money/relay.db" if ledger else "relay.db"))
    # Workers and the programs of `relay serve` no longer read the file.
    monkeypatch.setenv("LEDGER", settings.environment_in_force()["LEDGER"])
    monkeypatch.setenv("RELAY_ENV_FILE", os.devnull)
    assert ServerBSettings.read().ledger_place == settings.ledger_place


@pytest.mark.parametrize(
    ("ledger", "place"),
    [
        ("sqlite:////var/lib/relay/relay.db", "/var/lib/relay/relay.db"),
        (f"postgresql://relay:{SECRET}@db:5433/money?sslmode=require", "postgresql://relay@db:5433/money"),
        ("postgresql:///money", "postgresql:///money"),
        ("off", "off"),
    ],
)
def test_a_location_is_shown_without_its_password(ledger: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, LEDGER=ledger)
    assert settings.ledger_place == place
    assert settings.ledger_url == ledger
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.model_dump())


@pytest.mark.parametrize(
    "ledger", ["relay.db", "sqlite:///", "sqlite://relay.db", "mysql://a/b", "OFF", "postgresql://"]
)
def test_an_invalid_ledger_is_refused_with_the_fix(ledger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, LEDGER=ledger)
    assert line.startswith("LEDGER: must be sqlite:///FILE")


@pytest.mark.parametrize("name", NEED_A_LEDGER)
def test_a_setting_that_needs_a_ledger_is_refused_without_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, LEDGER="off", **{name: NEED_A_LEDGER[name]})
    assert line.startswith(f"LEDGER: off, but {name} needs a ledger")


def test_prices_apply_without_a_ledger_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, LEDGER="off", PRICES="openai/*=1/2").set_prices


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("LEDGER_SYNC", "never", "normal"),
        ("LEDGER_TIME_ZONE", "Mars/Olympus", "Europe/Berlin"),
        ("LEDGER_KEEP_DAYS", "-1", "0"),
        ("BUDGET_ESTIMATE", "guess", "bound"),
        ("PRICES", "my-model=1/2", "openai/my-*=2.50/10.00"),
        ("RELAY_ADMINS", "alice,b b", "names of callers"),
        ("ALERT_WEBHOOK_URL", "hooks.example.com", "https://"),
        ("ALERT_THRESHOLDS", "50,101", "50,80,100"),
        ("ALERT_THRESHOLDS", "50,,80", "50,80,100"),
        ("ALERT_ALLOW_PRIVATE", "perhaps", "true"),
    ],
)
def test_a_bad_value_is_one_line_with_the_fix(name: str, value: str, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, **{name: value})
    assert line.startswith(f"{name}: ")
    assert fix in line


def test_a_webhook_needs_a_secret_and_a_secret_a_webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    line = refusal(monkeypatch, ALERT_WEBHOOK_URL="https://hooks.example.com/T1?k=v")
    assert line.startswith("ALERT_WEBHOOK_SECRET: must be set together")
    settings = read(monkeypatch, ALERT_WEBHOOK_SECRET=SECRET)
    assert not [line for line in settings.warnings() if "ALERT" in line]
    monkeypatch.delenv("ALERT_WEBHOOK_URL")
    assert [line for line in ServerBSettings.read().warnings() if line.startswith("ALERT_WEBHOOK_SECRET: is not used")]


def test_lists_are_read_completely(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, RELAY_ADMINS=" alice , bob", ALERT_THRESHOLDS=" 80,50 ,80", PRICES="*/*=1/2")
    assert settings.admins == {"alice", "bob"}
    assert settings.thresholds == (50, 80)
    assert settings.set_prices[0].input == 10**9


def test_a_program_over_stdio_has_its_ledger_in_the_users_state_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("LEDGER", "")
    leave_out_ledger_of_working_folder()
    assert ServerBSettings.read().ledger_place == str(folder / "state/grpc-llm-relay/relay.db")
    assert (folder / "state/grpc-llm-relay").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("LEDGER", "off")
    leave_out_ledger_of_working_folder()
    assert ServerBSettings.read().ledger_place == "off"


def test_a_state_folder_that_cannot_be_created_is_left_to_the_ledger_to_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "state").write_text("a file")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("LEDGER", "")
    leave_out_ledger_of_working_folder()
    assert ServerBSettings.read().ledger_place == str(folder / "state/grpc-llm-relay/relay.db")
