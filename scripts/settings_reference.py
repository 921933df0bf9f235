"""Writes .env.example, docs/settings.md and the list of known names from the settings classes.

With --check it says whether they are fresh.

python -m scripts.settings_reference [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from gateway.settings import GatewaySettings
from llm_relay.program.settings import ProgramSettings
from server_a.settings import ServerASettings
from server_b.settings import ServerBSettings

PROJECT = Path(__file__).resolve().parent.parent
PROGRAMS: dict[str, type[ProgramSettings]] = {
    "Server B": ServerBSettings,
    "gateway": GatewaySettings,
    "Server A": ServerASettings,
}
EXAMPLE_HEAD = """\
# Every setting, with its default. Copy this file to .env, and uncomment what you change.
# The environment overrides .env. One .env serves all programs: each reads the settings that it knows.
# Written from the settings classes by `python -m scripts.settings_reference`.
"""
KNOWN_NAMES = "llm_relay/program/known_settings.py"
KNOWN_NAMES_HEAD = '''\
"""Names of all settings of all programs. Written by `python -m scripts.settings_reference`; do not edit."""

KNOWN_SETTINGS: frozenset[str] = frozenset(
    ('''
REFERENCE_HEAD = """\
# Settings

Settings come from the environment, or from a `.env` file in the working folder, else next to the project. \
The environment wins. One `.env` serves all programs: each reads the settings that it knows. \
A bad value stops the start with the name of the setting and the fix.

This page is written from the settings classes by `python -m scripts.settings_reference`.
"""


def groups() -> Iterator[tuple[str, dict[str, FieldInfo]]]:
    """Yields the title and the settings of each class that defines some, shared classes first, each setting once."""
    seen: set[str] = set()
    for program in PROGRAMS.values():
        for group in reversed(program.__mro__):
            if not issubclass(group, ProgramSettings):
                continue
            own = {name: field for name, field in group.model_fields.items() if name in group.__annotations__}
            new = {name: field for name, field in own.items() if name not in seen and not field.exclude}
            seen |= new.keys()
            if new:
                yield (group.__doc__ or "").strip().splitlines()[0], new


def example() -> str:
    """Returns .env.example: each setting, commented out, under its description."""
    return "\n".join([EXAMPLE_HEAD, *map(_example_group, *zip(*groups(), strict=True))])


def _example_group(title: str, fields: dict[str, FieldInfo]) -> str:
    lines = (f"# {_description(name, field)}\n#{name.upper()}={_default(field)}" for name, field in fields.items())
    return "\n".join([f"# --- {title}", *lines]) + "\n"


def reference() -> str:
    """Returns docs/settings.md: a table for each group of settings."""
    return "\n".join([REFERENCE_HEAD, *map(_reference_group, *zip(*groups(), strict=True))])


def _reference_group(title: str, fields: dict[str, FieldInfo]) -> str:
    rows = (
        f"| `{name.upper()}` | {_default(field) or '–'} | {_description(name, field)} | {_readers(name)} |"
        for name, field in fields.items()
    )
    return "\n".join([f"## {title.rstrip('.')}\n", "| name | default | | read by |\n|---|---|---|---|", *rows]) + "\n"


def _readers(name: str) -> str:
    readers = [program for program, settings in PROGRAMS.items() if name in settings.model_fields]
    return "all" if len(readers) == len(PROGRAMS) else ", ".join(readers)


def _description(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"{name} needs a description")
    return field.description


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def known_names() -> str:
    """Returns the module that tells every program the names of all settings, so that it can warn of misspelt ones."""
    names = sorted({name.upper() for settings in PROGRAMS.values() for name in settings.model_fields})
    return "\n".join([KNOWN_NAMES_HEAD, *(f'        "{name}",' for name in names), "    )", ")", ""])


def main() -> int:
    stale = 0
    written = {".env.example": example(), "docs/settings.md": reference(), KNOWN_NAMES: known_names()}
    for path, text in ((PROJECT / name, text) for name, text in written.items()):
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            print(f"{path.name} does not match the settings classes: run `python -m scripts.settings_reference`")
            stale += 1
    return min(stale, 1)


if __name__ == "__main__":
    sys.exit(main())
