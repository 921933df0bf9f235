"""Names that a client made up, in a form that is safe to repeat in an error's text."""

from __future__ import annotations

LONGEST_SHOWN_NAME = 40


def shown_name(name: object) -> str:
    """Returns at most 40 characters of the name, as printable ASCII."""
    return ascii(name)[1 : LONGEST_SHOWN_NAME + 1].rstrip("'") if isinstance(name, str) else "(name)"
