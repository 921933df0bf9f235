"""Checks that OPENAI_BASE_URL leads to chat completions or the Responses API, and finds a URL that does."""

from __future__ import annotations

import contextlib
import re

from llm_relay.errors import RelayError
from server_b.providers.openai.client import OpenAIClient
from server_b.providers.openai.failures.failure import Failed, Failure
from server_b.providers.openai.interfaces import CHAT, RESPONSES
from server_b.settings import ServerBSettings

EMPTY_REQUEST = b"{}"
"""A request that names no model, so that no server can answer or bill it."""
_VERSION = re.compile(r"/v\d\w*(/|$)")
_NO_SUCH_PATH = (404, 405)


async def completions_fault(settings: ServerBSettings) -> str:
    """Returns why no request can be answered below OPENAI_BASE_URL, and the fix; empty if no fault is found."""
    base = settings.openai_base_url.rstrip("/")
    interface = RESPONSES if settings.openai_api == "responses" else CHAT
    if not base or await _has_path(base, interface.path, settings):
        return ""
    candidate = f"{base}/v1"
    name = "chat completions" if interface is CHAT else "responses"
    if not _VERSION.search(base) and await _has_path(candidate, interface.path, settings):
        return f"OPENAI_BASE_URL: {base} has no {name}, {candidate} has: set it to {candidate}"
    hint = "" if _VERSION.search(base) else "; most base URLs end in /v1"
    return f"OPENAI_BASE_URL: {base}{interface.path} does not exist: is it a server that speaks OpenAI's API?{hint}"


async def _has_path(base: str, path: str, settings: ServerBSettings) -> bool:
    client = OpenAIClient(settings.openai_api_key.get_secret_value(), base)
    try:
        with contextlib.closing(await client.ask(path, EMPTY_REQUEST)):
            return True
    except Failed as failed:
        return _is_answer(failed.failure)
    except RelayError:
        return False
    finally:
        await client.close()


def _is_answer(failure: Failure) -> bool:
    """Tells whether a refusal is about the request rather than the path."""
    return failure.status not in _NO_SUCH_PATH or (failure.is_document and "model" in failure.text)
