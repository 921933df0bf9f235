"""JSON within a request, written as the text that a prompt carries."""

from __future__ import annotations

import json
from typing import Any

from gateway.openai.errors import BadParam


def json_text(value: Any, param: str) -> str:
    """Returns compact JSON text, whole numbers of any size included. Raises BadParam for NaN and the infinities."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise BadParam(param, f"{param}: must not contain NaN or an infinity") from error
