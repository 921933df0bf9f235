"""Browser sessions: a cookie that counts only under /ui, and the header that changes need beside it."""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from gateway.requests.request_header import header
from llm_relay.addresses import is_loopback_host
from llm_relay.caller_tokens import ANONYMOUS, Caller
from llm_relay.errors import PermissionDenied

UI = "/ui"
API_PREFIX = "/ui/api/"
COOKIE = "relay_session"
CSRF_HEADER = b"x-relay-csrf"
SIGN_IN_PATH = "/ui/api/session"
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_PROXIES = frozenset({b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"cf-connecting-ip"})
_FORWARDED = b"x-forwarded-"


def is_page(path: str) -> bool:
    """Returns whether a path belongs to the pages and their files, which are the same for everyone."""
    return (path == UI or path.startswith(f"{UI}/")) and not path.startswith(API_PREFIX)


def is_api(path: str) -> bool:
    """Returns whether a path belongs to the API of the pages."""
    return path.startswith(API_PREFIX)


def session_secret(scope: Scope) -> str:
    """Returns the secret of the browser's session, or an empty string without a session."""
    cookie = SimpleCookie()
    try:
        cookie.load(header(scope, b"cookie") or "")
    except CookieError:
        return ""
    found = cookie.get(COOKIE)
    return found.value if found else ""


def csrf_token(secret: str) -> str:
    """Returns the token that the pages send beside the session's cookie, to prove that they are ours."""
    return hashlib.sha256(f"csrf {secret}".encode()).hexdigest()


def check_csrf(scope: Scope, secret: str) -> None:
    """Raises PermissionDenied for a change that does not come from one of our pages."""
    if scope["method"] in _READING_METHODS:
        return
    if not hmac.compare_digest(header(scope, CSRF_HEADER) or "", csrf_token(secret)):
        raise PermissionDenied("the header X-Relay-Csrf is missing or wrong: reload the page")


def is_local_anonymous(scope: Scope, caller: Caller) -> bool:
    """Returns whether the caller has no token and is on this machine, but not behind a proxy on it."""
    client = scope.get("client")
    if caller.token or caller.name != ANONYMOUS or client is None:
        return False
    return is_loopback_host(client[0]) and not any(_is_of_proxy(name) for name, _ in scope["headers"])


def _is_of_proxy(name: bytes) -> bool:
    return name in _OF_PROXIES or name.startswith(_FORWARDED)
