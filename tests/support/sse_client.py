"""Server-sent events as a browser reads them: the data lines of an event are one text."""

from __future__ import annotations

from collections.abc import Iterator


def events_of(stream: str) -> Iterator[tuple[str, str]]:
    """Yields the name and the data of each event; an event without a name has an empty one."""
    for block in stream.split("\n\n"):
        fields = [line.partition(": ")[::2] for line in block.split("\n")]
        if data := [value for name, value in fields if name == "data"]:
            yield dict(fields).get("event", ""), "\n".join(data)


def data_of(stream: str, event: str) -> list[str]:
    """Returns the data of each event of this name."""
    return [data for name, data in events_of(stream) if name == event]
