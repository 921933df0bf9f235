"""Makes names of documents that Converse accepts: of allowed characters, and unique in a request."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_CHARS = 200
UNNAMED = "document"

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_ROOM_FOR_NUMBER = 8


class DocumentNames:
    """The document names of one request. The same documents always get the same names, so that caches work."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def cleaned(self, name: str) -> str:
        """Returns a name like `name` that no other document of the request has."""
        letters = unicodedata.normalize("NFKD", name)
        marks = "".join(letter for letter in letters if not unicodedata.combining(letter))
        cleaned = _NOT_ALLOWED.sub(" ", marks).strip()[: MAX_NAME_CHARS - _ROOM_FOR_NUMBER].strip() or UNNAMED
        numbered, number = cleaned, 1
        while numbered.casefold() in self._given:
            number += 1
            numbered = f"{cleaned} ({number})"
        self._given.add(numbered.casefold())
        return numbered
