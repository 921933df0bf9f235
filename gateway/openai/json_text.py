"""Writes JSON values of a request as text for the prompt."""

from __future__ import annotations

import json
from typing import Any

from gateway.openai.errors import BadParam


def json_text(value: Any, param: str) -> str:
    """Returns compact JSON text. Integers may have any size. Raises BadParam for NaN and infinity."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BadParam(param, f"{param}: must not contain NaN or infinity") from error
