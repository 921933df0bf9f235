"""The fields that a Prompt is refused for."""

from typing import Any

import pytest

from llm_relay.errors import InvalidRequest
from llm_relay.messages import Prompt

SECRET = "sk-live-0123456789"
"""Part of bad values: no error may repeat it."""


def fields_refused(**given: Any) -> list[str]:
    """Returns the names of the fields that a Prompt with these values is refused for."""
    with pytest.raises(InvalidRequest) as refused:
        Prompt(**{"message": "Hi", **given})
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(refused.value.violations)
    return [violation.field for violation in refused.value.violations]
