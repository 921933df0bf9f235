"""Names that a client chose, in a form that is safe to show in an error."""

from __future__ import annotations

LONGEST_SHOWN_NAME = 40


def shown_name(name: object) -> str:
    """Returns at most 40 characters of the name, as printable ASCII."""
    return ascii(name)[1 : LONGEST_SHOWN_NAME + 1].rstrip("'") if isinstance(name, str) else "(name)"
