"""Plain texts for pydantic's own errors, which speak of inputs and may contain a caller's values."""

from __future__ import annotations

from collections.abc import Mapping

_TEXTS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a JSON object",
    "enum": "must be {expected}",
    "extra_forbidden": "is not known",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "mapping_type": "must be a JSON object",
    "missing": "is required",
    "model_attributes_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be text",
    "too_long": "must have at most {max_length} items",
}
_NOT_EMPTY = {"string_too_short": "characters", "too_short": "items"}


def validation_text(kind: str, facts: Mapping[str, object]) -> str | None:
    """Returns the text of an error of pydantic's type `kind` with the context `facts`; None: it has no text here."""
    if kind in _NOT_EMPTY:
        least = facts.get("min_length")
        return "must not be empty" if least == 1 else f"must have at least {least} {_NOT_EMPTY[kind]}"
    text = _TEXTS.get(kind)
    return None if text is None else text.format(**{name: _shown(value) for name, value in facts.items()})


def _shown(value: object) -> object:
    """Returns 2 for 2.0, and a list of values such as `'a', 'b' or 'c'` without quotes and empty values."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.replace("'', ", "").replace("'", "") if isinstance(value, str) else value
