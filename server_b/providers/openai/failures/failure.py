"""Reads a failure: its status, and its document in any of the forms that vendors use.

`{"error": {…}}`, `{"error": "…"}`, `[{"error": {…}}]` (Google), `{"detail": …}` (FastAPI), `{"message": …}` (AWS),
`{"object": "error", …}` (vLLM), `{"type": "error", "error": {…}}` (Anthropic), `{"errors": […]}`, one provider's error
as text within another's. The document is searched as a whole; classification.py finds what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from server_b.providers.http.proxy_errors import is_of_a_proxy
from server_b.providers.http.retry_after import retry_after_s, wait_from_member, wait_from_text
from server_b.providers.openai.event_data import is_sign_of_life
from server_b.providers.openai.failures.wrapped_errors import (
    document_of,
    document_within,
    members_within,
    status_within,
)

MAX_TEXT_CHARS = 16 * 1024
MAX_MEMBERS = 500
MAX_DEPTH = 8
MAX_NUMBER = 10**6
SHOWN_WORD = re.compile(r"[a-z][a-z_]{0,63}")
"""Letters only, so that a word that is shown cannot contain a key."""

_WORD_NAMES = frozenset({"code", "type", "status", "reason", "errorcode", "errortype", "__type", "kind", "error"})
_NUMBER_NAMES = frozenset({"code", "status", "statuscode", "errorcode", "httpstatus", "httpcode", "httpstatuscode"})
_PARAM_NAMES = frozenset({"param", "parameter", "field", "loc"})
_NOT_SAID = frozenset({"input", "prompt", "messages", "flagged_input", "failed_generation", "links", "help"})
"""Members that repeat the request, or contain links."""
_CODE_NAMES = frozenset({"code", "errorcode", "__type"})
"""Members with the most precise of several words."""
_FAILURE_NAMES = ("error", "errors", "detail", "error_code", "error_msg", "error_message", "__type")
_GOOD_NEWS = frozenset({"success", "succeeded", "ok"})
"""Texts that some servers send with code 0 in every chunk."""
_MAX_WORD_CHARS = 80
_MAX_SPACES = 4
"""A longer text is a sentence rather than a word such as `Internal Server Error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure as a provider reports it."""

    status: int | None = None
    """The HTTP status; None: the failure is within a good answer."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    words: tuple[str, ...] = ()
    """Codes, then types and similar words, in lower case and without separators."""
    numbers: tuple[int, ...] = ()
    """Codes that are numbers, also if written as text."""
    params: frozenset[str] = frozenset()
    """Members of the request that are named as the reason."""
    text: str = field(default="", repr=False)
    """All of the text, in lower case; to be searched, never shown."""
    shown_word: str = ""
    wait_s: float | None = None
    """How long to wait before the next try, in seconds."""
    is_document: bool = False
    """Whether it is in JSON, and so from the provider itself rather than a proxy, unless `is_of_a_proxy`."""
    is_of_a_proxy: bool = False
    """Whether it is in JSON, but from a proxy."""
    is_html: bool = False
    is_first: bool = False
    """Whether no part of an answer came before it."""

    wrapped_status: int | None = None
    """The HTTP status of another server's failure, from the text of an exception that a gateway reports."""

    @property
    def stated_status(self) -> int | None:
        """The HTTP status, or the status in the document. A gateway's own 500 or 502 says nothing."""
        if self.status in (500, 502) and self.wrapped_status is not None:
            return self.wrapped_status
        if self.status is not None and self.status >= 400:
            return self.status
        return next((number for number in self.numbers if 400 <= number < 600), self.status)


class Failed(Exception):
    """The provider did not answer, or broke its answer off. It has no message, because the text is the provider's."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


def is_failure(document: Mapping[str, object]) -> bool:
    """Tells whether a document without choices reports a failure."""
    if document.get("object") == "error" or document.get("type") == "error":
        return True
    if any(says_something(document.get(name)) for name in _FAILURE_NAMES):
        return True
    if minimax_failure(document):
        return True
    if any(text and is_sign_of_life(text) for text in map(document.get, ("type", "object", "event"))):
        return False
    counts = document.get("usage")
    if isinstance(counts, dict) and any(counts.values()):  # a document with counts is no failure
        return False
    texts = [text for name in ("message", "msg", "Message", "title") if isinstance(text := document.get(name), str)]
    said = [text for text in texts if text.lower() not in _GOOD_NEWS]
    named = [document[name] for name in ("code", "status", "status_code", "statusCode", "type") if name in document]
    return bool(said and named) and any((*said, *named))


def says_something(error: object) -> bool:
    """Tells whether a member `error` reports an error. Some servers send it with empty members in every chunk."""
    return any(error.values()) if isinstance(error, dict) else bool(error)


def minimax_failure(document: Mapping[str, object]) -> Mapping[str, object] | None:
    """Returns the member that reports MiniMax's failures, which may be beside choices; None if there is no failure."""
    base = document.get("base_resp")
    return {"base_resp": base} if isinstance(base, dict) and base.get("status_code") else None


def failure_of_response(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Reads a response with a status other than success."""
    if (document := document_of(body)) is not None:
        return _read(document, status=status, headers=headers, is_first=True)
    text = body[:MAX_TEXT_CHARS].decode(errors="replace").lower()
    return Failure(
        status=status,
        headers=headers,
        text=text,
        is_html=text.lstrip("\ufeff \t\r\n").startswith("<"),
        wait_s=_first_wait(retry_after_s(headers), wait_from_text(text)),
        is_first=True,
    )


def failure_of_document(document: object, *, is_first: bool, words: tuple[str, ...] = ()) -> Failure:
    """Reads a failure within a good answer; `words` are added to those of the document."""
    return _read(document, status=None, headers={}, is_first=is_first, words=words)


def _read(
    document: object,
    *,
    status: int | None,
    headers: Mapping[str, str],
    is_first: bool,
    words: tuple[str, ...] = (),
) -> Failure:
    search = _Search()
    search.take("error", document, 0)
    text = "\n".join(search.texts)[:MAX_TEXT_CHARS].lower()
    return Failure(
        status=status,
        headers=headers,
        words=tuple(dict.fromkeys([*words, *search.codes, *search.words])),
        numbers=tuple(dict.fromkeys(_numbers_of(document, search.numbers))),
        params=frozenset(search.params),
        text=text,
        shown_word=search.shown.get("code") or search.shown.get("type") or "",
        wait_s=_first_wait(retry_after_s(headers), *search.waits_s, wait_from_text(text)),
        is_document=True,
        is_of_a_proxy=is_of_a_proxy(document),
        is_first=is_first,
        wrapped_status=search.wrapped_status,
    )


def _first_wait(*waits_s: float | None) -> float | None:
    return next((wait_s for wait_s in waits_s if wait_s is not None), None)


def _numbers_of(document: object, numbers: list[int]) -> Iterator[int]:
    """Yields the numbers that mean something. Mistral's own codes are other vendors' codes too; its types are clear."""
    is_of_mistral = isinstance(document, dict) and document.get("object") == "error"
    return (number for number in numbers if not is_of_mistral or 400 <= number < 600)


@dataclass(slots=True)
class _Search:
    """Searches a document, and collects what may be relevant."""

    codes: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)
    wrapped_status: int | None = None
    members: int = 0

    def take(self, name: str, value: object, depth: int) -> None:
        """Takes a member and the members within it."""
        self.members += 1
        if depth > MAX_DEPTH or self.members > MAX_MEMBERS or name in _NOT_SAID:
            return
        if (wait_s := wait_from_member(name, value)) is not None:
            self.waits_s.append(wait_s)
        plain = name.lower().replace("_", "") if name != "__type" else name
        if isinstance(value, dict):
            self._take_members(plain, value, depth + 1)
        elif isinstance(value, list):
            for member in value:
                self.take(name, member, depth + 1)
        elif isinstance(value, str):
            self._take_text(plain, value, depth)
        elif isinstance(value, int | float) and plain in _NUMBER_NAMES:
            self.numbers.append(int(value) if abs(value) < MAX_NUMBER else 0)

    def _take_members(self, name: str, members: Mapping[str, object], depth: int) -> None:
        if name == "headers":
            stated = {key: str(value) for key, value in members.items()}
            if (wait_s := retry_after_s(stated)) is not None:
                self.waits_s.append(wait_s)
            return
        if name == "baseresp":  # MiniMax's, with codes of its own
            self.codes.append(f"minimax{members.get('status_code')}")
            self.texts.append(str(members.get("status_msg")))
            return
        if "role" in members and "content" in members:  # a message of the request, repeated
            return
        for key, member in members.items():
            self.take(key, member, depth)

    def _take_text(self, name: str, value: str, depth: int) -> None:
        if (within := document_within(value)) is not None:
            self.take("error", within, depth + 1)
            return
        self.texts.append(value[:MAX_TEXT_CHARS])
        if name in _PARAM_NAMES:
            self.params.append(value.lower()[:_MAX_WORD_CHARS])
        if name in _NUMBER_NAMES and value.strip().isdecimal():
            self.numbers.append(int(value.strip()[:6]))  # no code is longer
        elif name in _WORD_NAMES and len(value) <= _MAX_WORD_CHARS and value.count(" ") < _MAX_SPACES:
            (self.codes if name in _CODE_NAMES else self.words).extend(_words(value))
            if SHOWN_WORD.fullmatch(value):
                self.shown.setdefault(name, value)
        self._take_wrapped(value)

    def _take_wrapped(self, text: str) -> None:
        if (status := status_within(text)) is not None:
            self.numbers.append(status)
            self.wrapped_status = self.wrapped_status or status
        for name, value in members_within(text):
            if value.isdecimal() and 400 <= int(value) < 600:
                self.numbers.append(int(value))
            else:
                (self.codes if name in _CODE_NAMES else self.words).extend(_words(value))


def _words(value: str) -> Iterator[str]:
    """Yields a word and its parts: `com.amazon#ThrottlingException:x`, `Throttling.RateQuota`."""
    name = value.rpartition("#")[2].partition(":")[0]
    for part in (name, *(name.split(".") if "." in name else ())):
        if plain := plain_word(part):
            yield plain


def plain_word(word: str) -> str:
    """Returns a word in the form that is looked up, the same for `RateLimitExceeded` and `rate_limit_exceeded`."""
    return re.sub(r"[^a-z0-9]+", "", word.lower())
