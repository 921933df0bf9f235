"""Names that a provider gives in its answer: of its model and of the service tier."""

from __future__ import annotations


def kept_name(text: str, most_chars: int) -> str:
    """Returns a name that is safe to store and to send: short, without characters that UTF-8 or a database cannot hold.

    A provider may write anything. Its names become keys of usage, labels of metrics and fields of logs and responses.
    """
    text = text[:most_chars]
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
