"""The .env file: which one is in force, and what it contains.

It is the file that RELAY_ENV_FILE names, else `.env` in the working folder, else `.env` beside the project.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

ENV_FILE_VARIABLE = "RELAY_ENV_FILE"
PROJECT_FOLDER = Path(__file__).resolve().parents[3]


class EnvFileError(Exception):
    """The file in force cannot be read; the text names it and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvFile:
    """The contents of a .env file."""

    path: Path | None = None
    """None: there is no file."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The values by name, in upper case, without blank ones."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each name."""
    unreadable: tuple[int, ...] = ()
    """The lines that are not NAME=value."""


def env_file_path(project: Path = PROJECT_FOLDER) -> Path | None:
    """Returns the path of the .env file in force, or None. A file that RELAY_ENV_FILE names may not exist.

    `project` is the project's folder.
    """
    if named := os.environ.get(ENV_FILE_VARIABLE):
        return None if named == os.devnull else Path(named).expanduser().absolute()
    candidates = (Path.cwd() / ".env", project / ".env")
    return next((path for path in candidates if path.is_file()), None)


def leave_out_working_folder(project: Path = PROJECT_FOLDER) -> None:
    """Makes this process, and the processes that it starts, ignore the `.env` of the working folder.

    For programs that a client starts in whatever folder it has open. A file that RELAY_ENV_FILE names is still read,
    and so is the one in `project`, the project's folder.
    """
    if not os.environ.get(ENV_FILE_VARIABLE):
        beside = project / ".env"
        os.environ[ENV_FILE_VARIABLE] = str(beside) if beside.is_file() else os.devnull


def read_env_file() -> EnvFile:
    """Reads the .env file in force. Raises EnvFileError if it cannot be read. Malformed lines are left out."""
    path = env_file_path()
    if path is None:
        return EnvFile()
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise EnvFileError(f"{_named(path)}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{_named(path)}: is not UTF-8 text: save it as UTF-8") from error
    return _parsed(path, text)


def _named(path: Path) -> str:
    return f"{ENV_FILE_VARIABLE}: {path}" if os.environ.get(ENV_FILE_VARIABLE) else str(path)


def value_of(name: str) -> str:
    """Returns one setting as it is written, before all are read and checked; empty if it is not set."""
    try:
        return os.environ.get(name) or read_env_file().values.get(name, "")
    except EnvFileError:
        return ""


def _parsed(path: Path, text: str) -> EnvFile:
    lines: dict[str, int] = {}
    unreadable: list[int] = []
    readable: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            unreadable.append(_first_line(binding))
            continue
        readable.append(binding.original.string)
        if binding.key is not None:
            lines[binding.key.upper()] = _first_line(binding)
    # Only the readable lines: the library would write to stderr about the others.
    values = dotenv_values(stream=io.StringIO("".join(readable)))
    return EnvFile(
        path=path,
        values={name.upper(): value for name, value in values.items() if value},
        lines=lines,
        unreadable=tuple(unreadable),
    )


def _first_line(binding: Binding) -> int:
    """Returns the line on which a statement begins. The blank lines before it are part of the binding."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
