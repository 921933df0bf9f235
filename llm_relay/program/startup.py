"""How a program starts: it reads its settings, sets up its log, and warns about probable mistakes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import NoReturn, TypeVar

from llm_relay.program.logs.log_setup import configure_logging
from llm_relay.program.processes.supervised import is_supervised
from llm_relay.program.settings.env_file import EnvFile, value_of
from llm_relay.program.settings.program_settings import ProgramSettings, SettingsError
from llm_relay.program.settings.unknown_names import unknown_names

EXIT_BAD_SETTINGS = 2

S = TypeVar("S", bound=ProgramSettings)

logger = logging.getLogger("relay.settings")


def begin(settings_type: type[S], program: str) -> S:
    """Reads the settings and sets up the log. Ends the program with a line for each bad setting."""
    settings = read_or_exit(settings_type, program)
    configure_logging(settings.log_format)
    log_warnings(settings)
    return settings


def read_or_exit(settings_type: type[S], program: str) -> S:
    """Reads the settings, or ends the program with a line for each bad one."""
    try:
        return settings_type.read()
    except SettingsError as error:
        exit_for_bad_settings(program, error)


def exit_for_bad_settings(program: str, error: Exception) -> NoReturn:
    """Ends the program with a line for each bad setting, in the format of LOG_FORMAT."""
    lines = str(error).splitlines()
    if value_of("LOG_FORMAT") == "json":
        configure_logging("json")
        for line in lines:
            logging.getLogger(program).error(line)
    else:
        sys.stderr.write("".join(f"{program}: {line}\n" for line in lines))
    sys.exit(EXIT_BAD_SETTINGS)


def log_warnings(settings: ProgramSettings) -> None:
    """Logs probable mistakes in the settings. A supervisor does so for the processes that it starts."""
    if not is_supervised():
        for line in settings_warnings(settings):
            logger.warning(line)


def settings_warnings(settings: ProgramSettings) -> Iterator[str]:
    """Yields a line for each probable mistake in the settings, or in how they are written."""
    yield from file_warnings(settings.file, os.environ)
    yield from settings.warnings()


def file_warnings(file: EnvFile, environment: Mapping[str, str]) -> Iterator[str]:
    """Yields a line for each probable mistake in how settings are written in a .env file and in the environment."""
    for line in file.unreadable:
        yield f"{file.path}, line {line}: is not NAME=value, and is ignored"
    yield from unknown_names(file, environment)
