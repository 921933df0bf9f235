"""Server-sent events as a browser reads them: the data lines of an event are one text."""

from __future__ import annotations


def data_of(stream: str, event: str) -> list[str]:
    """Returns the data of each event of this name."""
    found = []
    for block in stream.split("\n\n"):
        fields = [line.partition(": ")[::2] for line in block.split("\n")]
        if ("event", event) in fields:
            found.append("\n".join(value for name, value in fields if name == "data"))
    return found
