"""The names of fields in JSON that differ from the names in the contract."""

from __future__ import annotations

import copy
import re

from llm_relay.errors import InvalidRequest, RelayError, Violation

_RENAMED = re.compile(r"^options\.|_json\b|\bcache_point\.ttl\b|\bmax_cost_nano_usd\b")
_NEW_NAMES = {"cache_point.ttl": "cache_point.ttl_seconds", "max_cost_nano_usd": "max_cost_usd"}


def with_json_names(violations: tuple[Violation, ...]) -> tuple[Violation, ...]:
    """Returns the violations with the JSON names of their fields."""
    return tuple(Violation(json_name(violation.field), violation.description) for violation in violations)


def json_name(field: str) -> str:
    """Returns a field's name in JSON: `tools[0].input_schema` for `options.tools[0].input_schema_json`."""
    return _RENAMED.sub(lambda found: _NEW_NAMES.get(found[0], ""), field)


def with_fields_of_json(error: RelayError) -> RelayError:
    """Returns an error of Server B with the JSON names of its fields, in its text too.

    Most violations of an InvalidRequest are found on this side and have JSON names already. Only a name that begins
    with `options.` is Server B's.
    """
    renamed = {
        one.field: json_name(one.field)
        for one in error.violations
        if not isinstance(error, InvalidRequest) or one.field.startswith("options.")
    }
    if all(field == name for field, name in renamed.items()):
        return error
    copied = copy.copy(error)
    text = error.message
    for field in sorted(renamed, key=len, reverse=True):  # one name may begin another
        text = text.replace(field, renamed[field])
    copied.args = (text,)
    copied.violations = tuple(Violation(renamed.get(one.field, one.field), one.description) for one in error.violations)
    return copied
