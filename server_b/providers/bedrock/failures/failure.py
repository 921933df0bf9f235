"""Reads failures of Bedrock, or of a proxy before it, from a response or from a stream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server_b.providers.bedrock.json_objects import document_or_nothing
from server_b.providers.http.proxy_errors import is_of_a_proxy
from server_b.providers.http.retry_after import retry_after_s

MAX_MESSAGE_CHARS = 4096
FAILED_AT_WORK = "ModelStreamErrorException"
"""Code of a failure of the model during its answer."""
_MODELS_ERRORS = "The model returned the following errors"
_CODE = re.compile(r"[A-Z][A-Za-z]{2,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure as it was reported. Its texts are not passed on: they may contain account numbers, or anything."""

    status: int | None = None
    """The HTTP status; None: the failure is in a stream that had begun."""
    code: str = ""
    """AWS's code, such as ThrottlingException; empty if there is none."""
    message: str = ""
    is_own: bool = False
    """Whether the service itself reports it, in its own JSON, rather than a proxy."""
    original_status: int | None = None
    """HTTP status of the model's own server, if Bedrock passes it on."""
    retry_after_s: float | None = None


class Refusal(Exception):
    """A response that is not a success."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code or failure.status)
        self.failure = failure


def failure_from_response(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Reads an error response."""
    document = document_or_nothing(body)
    stated = headers.get("x-amzn-errortype") or document.get("__type") or document.get("code") or document.get("Code")
    return Failure(
        status=status,
        code=_code(stated),
        message=_message(document),
        is_own=bool(document) and not is_of_a_proxy(document),
        original_status=_status(document),
        retry_after_s=retry_after_s(headers),
    )


def failure_from_exception(name: object, payload: bytes) -> Failure:
    """Reads an exception from an event of a stream."""
    document = document_or_nothing(payload)
    return Failure(code=_code(name), message=_message(document), is_own=True, original_status=_status(document))


def failure_from_error(code: object, message: object) -> Failure:
    """Reads an error of the event stream itself, from a message's headers."""
    text = message if isinstance(message, str) else ""
    return Failure(code=_code(code), message=text[:MAX_MESSAGE_CHARS], is_own=True)


def failure_from_document(document: Mapping[str, Any]) -> Failure | None:
    """Reads an error in a document that arrived with a status of success. Returns None if it has none."""
    code, message = _code(document.get("__type")), _message(document)
    if not code and _MODELS_ERRORS in message:
        code = "ValidationException"
    return Failure(code=code, message=message, is_own=True) if code else None


def _code(stated: object) -> str:
    """Returns the code from `com.amazon#NAME:http://…`, as in responses, or `nAME`, as in streams."""
    if not isinstance(stated, str):
        return ""
    name = stated.partition(":")[0].rpartition("#")[2].strip()
    name = name[:1].upper() + name[1:]
    return name if _CODE.fullmatch(name) else ""


def _message(document: Mapping[str, Any]) -> str:
    texts = [document.get(name) for name in ("message", "Message", "errorMessage", "originalMessage")]
    return "\n".join(text for text in texts if isinstance(text, str))[:MAX_MESSAGE_CHARS]


def _status(document: Mapping[str, Any]) -> int | None:
    status = document.get("originalStatusCode")
    return status if type(status) is int else None
