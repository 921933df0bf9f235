"""Refuses heads of requests that the parser accepts, but whose framing two servers could read differently."""

from __future__ import annotations

import http
from collections.abc import Sequence
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
"""Limit of the request line and the header fields together."""
MAX_FIELDS = 200
"""Limit of header fields. Browsers, SDKs and proxies send fewer, and each field costs more than its bytes."""

_DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that no application sees. The connection is closed after it."""

    status: http.HTTPStatus
    text: str

    def response(self, headers: Headers) -> bytes:
        """Returns the whole response, including these header fields."""
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
    """The request must be refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


NOT_HTTP = Refusal(http.HTTPStatus.BAD_REQUEST, "The request is not valid HTTP/1.1, or asks for a tunnel.")
HEAD_TOO_LARGE = Refusal(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large.")
CHUNKS_TOO_LARGE = Refusal(http.HTTPStatus.BAD_REQUEST, "The request has too many bytes around its chunks.")
_TOO_MANY_FIELDS = Refusal(
    http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The request has more than {MAX_FIELDS} header fields."
)
_OLD_CHUNKS = Refusal(http.HTTPStatus.BAD_REQUEST, "Transfer-Encoding is not allowed in HTTP/1.0.")
_NO_LENGTH = Refusal(
    http.HTTPStatus.BAD_REQUEST, "The body's length is unknown: the last Transfer-Encoding is not chunked."
)
_UNKNOWN_CODING = Refusal(http.HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding must be chunked alone.")
_OTHER_HOST = Refusal(http.HTTPStatus.BAD_REQUEST, "The Host differs from the host in the URL.")


def check_head(version: str, url: bytes, headers: Headers) -> bool:
    """Returns whether the body is chunked. The names of `headers` must be in lower case. Raises RefusedError."""
    if len(headers) > MAX_FIELDS:
        raise RefusedError(_TOO_MANY_FIELDS)
    if not url.startswith(b"/") and b"://" in url:
        _check_authority(url, headers)
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return False
    if version == "1.0":  # RFC 9112, 6.1: the framing is faulty
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
    # RFC 9112, 3.2.2: the URL's host counts. Applications read Host, so the two must be equal.
    scheme, _, rest = url.partition(b"://")
    port = _DEFAULT_PORTS.get(scheme.lower(), b"")
    authority = _without_port(rest.partition(b"/")[0].partition(b"?")[0], port)
    if any(_without_port(value, port) != authority for name, value in headers if name == b"host"):
        raise RefusedError(_OTHER_HOST)


def _without_port(authority: bytes, port: bytes) -> bytes:
    """Returns it in lower case, and without a port that is empty or `port`: RFC 9110, 4.2.3, takes them as equal."""
    authority = authority.lower()
    return authority.removesuffix(b":" + port) if authority.endswith(b":" + port) else authority.removesuffix(b":")
