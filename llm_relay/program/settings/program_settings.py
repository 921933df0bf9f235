"""Settings: read once from the environment, or a .env file, into one frozen object for each program.

Groups of settings that several programs share are in setting_groups; each program adds its own in its settings.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, get_args

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from llm_relay.client.channel import DEFAULT_MAX_MESSAGE_BYTES
from llm_relay.plain_numbers import decimal_number, whole_number
from llm_relay.program.settings.env_file import ENV_FILE_VARIABLE, EnvFile, EnvFileError, read_env_file
from llm_relay.program.settings.known_settings import KNOWN_SETTINGS
from llm_relay.validation_texts import validation_text

_WHITESPACE = {" ": "a space", "\n": "a line feed", "\r": "a carriage return", "\t": "a tab"}


class SettingsError(Exception):
    """A setting has an invalid value. The text has one line for each such setting, with its name and the fix."""


class ProgramSettings(BaseSettings):
    """Settings that every program reads."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        case_sensitive=False,
        hide_input_in_errors=True,
        defer_build=True,  # a program builds the validator of its own settings, not those of each group too
    )

    relay_insecure: bool = Field(
        False,
        description="true: listen beyond this machine without tokens or TLS, and send a token unencrypted. Only for a"
        " network where you trust every machine",
    )
    log_format: Literal["text", "json"] = Field("text", description="Format of the log lines on stderr: text or json")
    max_message_bytes: int = Field(
        DEFAULT_MAX_MESSAGE_BYTES,
        ge=1024,
        le=2**30,
        description="Size of the largest request that is accepted, in bytes, 1024 to 1073741824",
    )
    timeout_seconds: float = Field(
        120,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="Deadline of a call whose caller sets none, in seconds, up to 86400",
    )

    _file: EnvFile = PrivateAttr(default_factory=EnvFile)

    @field_validator("*", mode="before")
    @classmethod
    def _values_are_plain(cls, value: object, info: ValidationInfo) -> object:
        """Refuses quotes, and texts that Pydantic reads as numbers but people do not write, such as 1_000."""
        if not isinstance(value, str) or info.field_name is None:
            return value
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            # Docker's --env-file keeps the quotes. A .env file is read without them.
            raise ValueError("has quotes around it, which would be part of the value: remove them")
        kinds = _kinds(cls.model_fields[info.field_name].annotation)
        if int in kinds and whole_number(value) is None:
            raise PydanticCustomError("plain_whole_number", "must be a whole number in plain digits, such as 10")
        if float in kinds and decimal_number(value) is None:
            raise PydanticCustomError("plain_number", "must be a number in plain digits, such as 10 or 0.5")
        return value

    @property
    def file(self) -> EnvFile:
        """The .env file that these settings were read from."""
        return self._file

    @classmethod
    def read(cls, **given: Any) -> Self:
        """Reads the environment and the .env file in force; `given` values win over both. Raises SettingsError."""
        try:
            found = read_env_file()
        except EnvFileError as error:
            raise SettingsError(str(error)) from error
        from_file = {name.lower(): value for name, value in _not_in_environment(found).items()}
        try:
            settings = cls(**{**from_file, **given})
        except ValidationError as error:
            raise SettingsError(_fixes(error, cls)) from error
        settings._file = found
        return settings

    def environment_in_force(self) -> dict[str, str]:
        """Returns an environment from which a process reads the same settings, even if the .env file changes."""
        from_file = {name: value for name, value in _not_in_environment(self._file).items() if _travels(name)}
        return {**os.environ, **from_file, ENV_FILE_VARIABLE: os.devnull}

    def warnings(self) -> Iterator[str]:
        """Yields a line for each probable mistake in settings whose values are valid."""
        yield from ()


def _white_edge(value: object) -> str:
    """Returns which whitespace a text begins or ends with, or ""."""
    if not isinstance(value, str) or value == value.strip():
        return ""
    verb, edge = ("ends", value[-1]) if value[-1].isspace() else ("begins", value[0])
    return f"{verb} with {_WHITESPACE.get(edge, 'whitespace')}"


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Returns the types that a field may have."""
    return get_args(annotation) or (annotation,)


def _travels(name: str) -> bool:
    # OpenTelemetry's variables are not settings of the relay, but the .env file may have them.
    return name in KNOWN_SETTINGS or name.startswith("OTEL_")


def _not_in_environment(file: EnvFile) -> dict[str, str]:
    """Returns the values that are only in the file. A blank variable is the same as none."""
    in_environment = {name.upper() for name, value in os.environ.items() if value}
    return {name: value for name, value in file.values.items() if name not in in_environment}


def _fixes(error: ValidationError, settings_type: type[ProgramSettings]) -> str:
    return "\n".join(_fix(dict(detail), settings_type) for detail in error.errors(include_url=False))


def _fix(detail: Mapping[str, Any], settings_type: type[ProgramSettings]) -> str:
    text = validation_text(str(detail["type"]), detail.get("ctx", {}))
    if text is None:
        text = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return text
    name = str(detail["loc"][0])
    if edge := _white_edge(detail.get("input")):
        # Nobody sees it: a secret made with echo has a line feed, and Docker's --env-file keeps spaces.
        text = f"{text}; the value {edge}: remove it"
    field = settings_type.model_fields.get(name)
    meaning = f" ({field.description})" if field and field.description and "Value error" not in detail["msg"] else ""
    return f"{name.upper()}: {text}{meaning}"
