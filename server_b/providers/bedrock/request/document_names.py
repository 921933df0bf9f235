"""Names of documents as Converse wants them: of few characters, and no two alike in one request."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_CHARS = 200
UNNAMED = "document"

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_ROOM_FOR_NUMBER = 8


class DocumentNames:
    """Gives out the names of one request. The same documents get the same names again, so that caches hold."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def cleaned(self, name: str) -> str:
        """Returns a name near `name` that no other document has."""
        letters = unicodedata.normalize("NFKD", name)
        marks = "".join(letter for letter in letters if not unicodedata.combining(letter))
        cleaned = _NOT_ALLOWED.sub(" ", marks).strip()[: MAX_NAME_CHARS - _ROOM_FOR_NUMBER].strip() or UNNAMED
        numbered, number = cleaned, 1
        while numbered.casefold() in self._given:
            number += 1
            numbered = f"{cleaned} ({number})"
        self._given.add(numbered.casefold())
        return numbered
