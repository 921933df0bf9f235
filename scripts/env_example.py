"""Writes .env.example from the settings classes, or with --check says whether it is fresh.

python -m scripts.env_example [--check]
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

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
HEAD = """\
# Every setting, with its default. Copy this file to .env, and uncomment what you change.
# The environment goes before .env. One .env serves all programs: each takes what it knows.
# Made from the settings classes by `python -m scripts.env_example`.
"""


def groups() -> Iterator[type[ProgramSettings]]:
    """Yields each class that defines settings, the shared ones before the programs' own."""
    for program in (ServerBSettings, GatewaySettings, ServerASettings):
        for group in reversed(program.__mro__):
            if issubclass(group, ProgramSettings):
                yield group


def paragraphs() -> Iterator[str]:
    """Yields each class's settings as lines of a .env file, under the first line of its docstring, each name once."""
    seen: set[str] = set()
    for group in groups():
        own = {name: field for name, field in group.model_fields.items() if name in group.__annotations__}
        new = {name: field for name, field in own.items() if name not in seen and not field.exclude}
        seen |= new.keys()
        if new:
            title = (group.__doc__ or "").strip().splitlines()[0]
            yield "\n".join([f"# --- {title}", *(line(name, field) for name, field in new.items())]) + "\n"


def line(name: str, field: FieldInfo) -> str:
    """Returns one setting, commented out, under its sentence. Raises ValueError if it has none."""
    if not field.description:
        raise ValueError(f"{name} needs a description")
    return f"# {field.description}\n#{name.upper()}={default(field)}"


def default(field: FieldInfo) -> str:
    """Returns a setting's default as it would be written in a .env file."""
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> int:
    text = "\n".join([HEAD, *paragraphs()])
    if "--check" not in sys.argv[1:]:
        EXAMPLE.write_text(text, "utf-8")
    elif not EXAMPLE.exists() or EXAMPLE.read_text("utf-8") != text:
        print(".env.example is not what the settings classes say: run `python -m scripts.env_example`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
