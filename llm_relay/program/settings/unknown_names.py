"""Names that are not settings: probably misspelt, so their values have no effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from llm_relay.program.settings.env_file import ENV_FILE_VARIABLE, EnvFile
from llm_relay.program.settings.known_settings import KNOWN_SETTINGS

_NEAR = 0.8
"""How similar a name in a .env file must be to a setting, from 0 to 1. The file is written for the relay."""
_NEARER = 0.85
"""The same for a name in the environment, which has the names of other programs too."""
_OURS = ("RELAY_", "SERVER_B_")
"""Names that begin so are meant for the relay, even if they are similar to none of its settings."""
_FAMILIES = frozenset(f"{name.partition('_')[0]}_" for name in KNOWN_SETTINGS if "_" in name)
_OF_OTHERS = frozenset(
    (
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_BEDROCK",
        "AWS_SECURITY_TOKEN",
        "HTTP_PROXY",
        "RELAY_FAULTS",
    )
)
"""Names of other programs that are similar to a setting."""
_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?|PORT)$")
"""Names that Kubernetes sets for every service, such as one named `relay`."""
_SPELT_ELSEWHERE = {
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENAI_MODEL": "OPENAI_DEFAULT_MODEL",
    "BEDROCK_MODEL": "BEDROCK_DEFAULT_MODEL",
    "BEDROCK_MODEL_ID": "BEDROCK_DEFAULT_MODEL",
}


def unknown_names(file: EnvFile, environment: Mapping[str, str]) -> Iterator[str]:
    """Yields a line for each name in the .env file, and in the environment, that is probably a misspelt setting."""
    for name, line in file.lines.items():
        if text := _misspelling(name, _NEAR):
            yield f"{file.path}, line {line}: {text}"
    for name in environment:
        if name.startswith(tuple(_FAMILIES)) and not _KUBERNETES.search(name) and (text := _misspelling(name, _NEARER)):
            yield f"environment: {text}"


def _misspelling(name: str, likeness: float) -> str:
    if name in KNOWN_SETTINGS or name in _OF_OTHERS or name == ENV_FILE_VARIABLE:
        return ""
    if meant := _SPELT_ELSEWHERE.get(name) or _nearest(name, likeness):
        return f"{name} is not a setting; did you mean {meant}?"
    return f"{name} is not a setting" if name.startswith(_OURS) else ""


def _nearest(name: str, likeness: float) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, KNOWN_SETTINGS, n=1, cutoff=likeness)), "")
