"""Names that are no settings: probably misspelt, so that what they say is not in force."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from llm_relay.program.env_file import ENV_FILE_VARIABLE, EnvFile
from llm_relay.program.known_settings import KNOWN_SETTINGS

_NEAR = 0.8
"""How alike a name in a .env file must be to one of ours, from 0 to 1; it is written for the relay."""
_NEARER = 0.85
"""The same for a name in the environment, which holds the names of every other program too."""
_OURS = ("RELAY_", "SERVER_B_")
"""What begins so is meant for the relay even if it is like none of its names."""
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
"""Names of other programs that are like one of ours."""
_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?|PORT)$")
"""What Kubernetes sets for every service, one named `relay` too."""
_SPELT_ELSEWHERE = {
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "OPENAI_MODEL": "OPENAI_DEFAULT_MODEL",
    "BEDROCK_MODEL": "BEDROCK_DEFAULT_MODEL",
    "BEDROCK_MODEL_ID": "BEDROCK_DEFAULT_MODEL",
}


def unknown_names(file: EnvFile, environment: Mapping[str, str]) -> Iterator[str]:
    """Yields a line for each name in the .env file, and in the environment, that is probably a misspelt setting."""
    for name, line in file.lines.items():
        if text := _told(name, _NEAR):
            yield f"{file.path}, line {line}: {text}"
    for name in environment:
        if name.startswith(tuple(_FAMILIES)) and not _KUBERNETES.search(name) and (text := _told(name, _NEARER)):
            yield f"environment: {text}"


def _told(name: str, likeness: float) -> str:
    if name in KNOWN_SETTINGS or name in _OF_OTHERS or name == ENV_FILE_VARIABLE:
        return ""
    if meant := _SPELT_ELSEWHERE.get(name) or _nearest(name, likeness):
        return f"{name} is not a setting; did you mean {meant}?"
    return f"{name} is not a setting" if name.startswith(_OURS) else ""


def _nearest(name: str, likeness: float) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, KNOWN_SETTINGS, n=1, cutoff=likeness)), "")
