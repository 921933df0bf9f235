"""Settings of the ledger, prices, budgets and alerts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from llm_relay.caller_tokens import CALLER_NAME, NAME_RULE
from llm_relay.messages.accounts import Price
from llm_relay.plain_numbers import whole_number
from llm_relay.program.settings.env_file import value_of
from llm_relay.program.settings.program_settings import ProgramSettings
from llm_relay.time_zones import ZONE_RULE, is_time_zone
from server_b.pricing.prices_setting import prices_from_text

OFF = "off"
SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
_LEDGER_FIX = (
    "must be sqlite:///FILE, such as sqlite:///relay.db or sqlite:////var/lib/relay/relay.db,"
    " postgresql://USER:PASSWORD@HOST/DATABASE, or off"
)
_THRESHOLDS_FIX = "must be percentages from 1 to 100, comma-separated, such as 50,80,100"
_NEED_A_LEDGER = (
    "ledger_sync",
    "ledger_time_zone",
    "ledger_keep_days",
    "budget_estimate",
    "relay_admins",
    "alert_webhook_url",
    "alert_webhook_secret",
    "alert_thresholds",
    "alert_allow_private",
)


class LedgerSettings(ProgramSettings):
    """The ledger, prices and budgets."""

    ledger: SecretStr = Field(
        SecretStr(f"{SQLITE}relay.db"),
        description="Database for each call and its cost: sqlite:///FILE for one machine (a relative file is in the"
        " folder of the .env in force, else in the working folder), postgresql://USER:PASSWORD@HOST/DATABASE for"
        " several machines, or off",
    )
    ledger_sync: Literal["normal", "full"] = Field(
        "normal",
        description="How SQLite writes to disk: normal loses nothing if a program is killed, but may lose the last"
        " moments in a power cut; full waits for the disk at each write, and loses nothing in a power cut",
    )
    ledger_time_zone: str = Field(
        "UTC", description="IANA time zone of budgets that are created without one, such as Europe/Berlin"
    )
    ledger_keep_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Number of days that single calls are kept, 0 to 36500; older calls are kept only as totals;"
        " 0: all calls are kept",
    )
    budget_estimate: Literal["bound", "likely"] = Field(
        "bound",
        description="Amount reserved in budgets for a running call: bound, the most that it can cost, so that no number"
        " of calls exceeds a limit; likely, an estimate, so that more calls can run at once but may exceed it",
    )
    prices: str = Field(
        "",
        description="Prices of models that the price list lacks, or that differ from it, comma-separated, as"
        " provider/pattern=input/output[/cache_read[/cache_write]] in USD per million tokens, such as"
        " openai/my-*=2.50/10.00; the first match applies; 0 means free",
    )
    relay_admins: str = Field(
        "",
        description="Names of callers, comma-separated, that may see and change all accounts and budgets; write a"
        " caller of the gateway as gateway/NAME",
    )
    alert_webhook_url: str = Field(
        "",
        description="URL that receives a POST when a budget passes a threshold, with JSON that Slack accepts",
    )
    alert_webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret that signs the alerts sent to ALERT_WEBHOOK_URL (HMAC-SHA-256, Relay-Signature)",
    )
    alert_thresholds: str = Field(
        "50,80,100", description="Percentages of a budget at which an alert is sent, comma-separated, 1 to 100"
    )
    alert_allow_private: bool = Field(
        False, description="true: ALERT_WEBHOOK_URL may be an address in a private network or on this machine"
    )

    @field_validator("ledger")
    @classmethod
    def _ledger_is_known(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        is_file = url.startswith(SQLITE) and url != SQLITE
        if url != OFF and not is_file and not (url.startswith(POSTGRES) and _has_host(url)):
            raise ValueError(_LEDGER_FIX)
        return value

    @field_validator("ledger_time_zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        if not is_time_zone(value):
            raise ValueError(ZONE_RULE)
        return value

    @field_validator("prices")
    @classmethod
    def _prices_parse(cls, value: str) -> str:
        prices_from_text(value)
        return value

    @field_validator("relay_admins")
    @classmethod
    def _admins_are_names(cls, value: str) -> str:
        parts = (part for name in _names(value) for part in name.split("/", 1))
        if not all(CALLER_NAME.fullmatch(part) for part in parts):
            raise ValueError(f"must be names of callers, or DELEGATE/NAME, comma-separated: {NAME_RULE}")
        return value

    @field_validator("alert_webhook_url")
    @classmethod
    def _webhook_is_a_url(cls, value: str) -> str:
        if value and not _is_web_address(value):
            raise ValueError("must be a URL that begins with https:// or http://, such as https://hooks.example.com/T1")
        return value

    @field_validator("alert_thresholds")
    @classmethod
    def _thresholds_parse(cls, value: str) -> str:
        numbers = [whole_number(part.strip()) for part in value.split(",")]
        if not all(number is not None and 1 <= number <= 100 for number in numbers):
            raise ValueError(_THRESHOLDS_FIX)
        return value

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if not self.has_ledger and (given := [name for name in _NEED_A_LEDGER if name in self.model_fields_set]):
            names = ", ".join(name.upper() for name in given)
            raise ValueError(f"LEDGER: off, but {names} needs a ledger: unset it, or set LEDGER to sqlite:///relay.db")
        if self.alert_webhook_url and not self.alert_webhook_secret.get_secret_value():
            raise ValueError("ALERT_WEBHOOK_SECRET: must be set together with ALERT_WEBHOOK_URL, to sign what is sent")
        return self

    def warnings(self) -> Iterator[str]:
        yield from super().warnings()
        if self.alert_webhook_secret.get_secret_value() and not self.alert_webhook_url:
            yield "ALERT_WEBHOOK_SECRET: is not used, because ALERT_WEBHOOK_URL is not set"

    def environment_in_force(self) -> dict[str, str]:
        """Returns an environment that leads to the same ledger, wherever the .env file is."""
        return {**super().environment_in_force(), "LEDGER": self.ledger_url}

    @property
    def has_ledger(self) -> bool:
        """Whether calls are written."""
        return self.ledger.get_secret_value() != OFF

    @property
    def ledger_url(self) -> str:
        """LEDGER, with the absolute path of a file."""
        url = self.ledger.get_secret_value()
        return f"{SQLITE}{self._ledger_path}" if url.startswith(SQLITE) else url

    @property
    def ledger_folder(self) -> Path:
        """Folder that a relative file of LEDGER is in."""
        return self.file.path.parent if self.file.path is not None else Path.cwd()

    @property
    def ledger_place(self) -> str:
        """Where the ledger is, to be shown: a file's absolute path, a URL without its password, or off."""
        url = self.ledger.get_secret_value()
        if url.startswith(SQLITE):
            return self._ledger_path
        if url == OFF:
            return OFF
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        return f"{parts.scheme}://{user}{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def _ledger_path(self) -> str:
        named = self.ledger.get_secret_value().removeprefix(SQLITE)
        return os.path.abspath(self.ledger_folder / named)  # noqa: PTH100 - symbolic links stay

    @property
    def set_prices(self) -> tuple[Price, ...]:
        """PRICES, in the order of the setting."""
        return prices_from_text(self.prices)

    @property
    def admins(self) -> frozenset[str]:
        """RELAY_ADMINS."""
        return frozenset(_names(self.relay_admins))

    @property
    def thresholds(self) -> tuple[int, ...]:
        """ALERT_THRESHOLDS, the smallest first."""
        return tuple(sorted({int(part) for part in self.alert_thresholds.split(",")}))


def leave_out_ledger_of_working_folder() -> None:
    """Makes this process keep its ledger in the user's state folder from now on, unless LEDGER is set.

    This is for programs that a client starts inside whatever folder it has open.
    """
    if not value_of("LEDGER"):
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "grpc-llm-relay"
        with contextlib.suppress(OSError):  # opening the ledger reports it, with the path and the fix
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["LEDGER"] = f"{SQLITE}{state.absolute()}/relay.db"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).path.strip("/") or urlsplit(url).hostname)
    except ValueError:
        return False


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in url
    except ValueError:
        return False
