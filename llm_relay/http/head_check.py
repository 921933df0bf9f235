"""What is wrong with a request's head although the parser takes it: framing that two servers could read differently."""

from __future__ import annotations

import http
from collections.abc import Sequence
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
"""Of the request line and the header fields together."""
MAX_FIELDS = 200
"""More header fields than browsers, SDKs and proxies send; each costs more than its bytes."""

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that no application sees; its connection is closed."""

    status: http.HTTPStatus
    text: str

    def response(self, headers: Headers) -> bytes:
        """Returns the whole response, with these header fields too."""
        body = self.text.encode("ascii")
        fields = [
            *headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        first = b"HTTP/1.1 %d %b" % (self.status, self.status.phrase.encode("ascii"))
        return b"\r\n".join([first, *(b"%b: %b" % field for field in fields), b"", body])


class RefusedError(Exception):
    """The request has to be refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


NOT_HTTP = Refusal(http.HTTPStatus.BAD_REQUEST, "It is not valid HTTP/1.1, or asks for a tunnel.")
HEAD_TOO_LARGE = Refusal(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Its head is too large.")
CHUNKS_TOO_LARGE = Refusal(http.HTTPStatus.BAD_REQUEST, "What it has around its chunks is too large.")
_TOO_MANY_FIELDS = Refusal(
    http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"It has more than {MAX_FIELDS} header fields."
)
_OLD_CHUNKS = Refusal(http.HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding.")
_NO_LENGTH = Refusal(http.HTTPStatus.BAD_REQUEST, "Its length is unknown: its last Transfer-Encoding is not chunked.")
_UNKNOWN_CODING = Refusal(http.HTTPStatus.NOT_IMPLEMENTED, "Its Transfer-Encoding is not supported: chunked alone is.")
_OTHER_HOST = Refusal(http.HTTPStatus.BAD_REQUEST, "Its Host is not the one of its URL.")


def check_head(version: str, url: bytes, headers: Headers) -> bool:
    """Tells whether the body comes in chunks; names of `headers` are in lower case. Raises RefusedError."""
    if len(headers) > MAX_FIELDS:
        raise RefusedError(_TOO_MANY_FIELDS)
    if not url.startswith(b"/") and b"://" in url:
        _check_authority(url, headers)
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return False
    if version == "1.0":  # RFC 9112, 6.1: its framing is faulty
        raise RefusedError(_OLD_CHUNKS)
    named = b",".join(codings).strip().lower()
    if named != b"chunked":
        is_last = named.rpartition(b",")[2].strip() == b"chunked"
        raise RefusedError(_UNKNOWN_CODING if is_last else _NO_LENGTH)
    return True


def check_size(url: bytes, headers: Headers) -> None:
    """Raises RefusedError if a head is too large."""
    if len(url) + sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD_BYTES:
        raise RefusedError(HEAD_TOO_LARGE)


def _check_authority(url: bytes, headers: Headers) -> None:
    # RFC 9112, 3.2.2: the URL's counts. Applications look at Host, so the two have to be the same.
    authority = url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0].lower()
    if any(value.lower() != authority for name, value in headers if name == b"host"):
        raise RefusedError(_OTHER_HOST)
