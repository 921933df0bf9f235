"""Sends requests to OpenAI, or to a server with the same API."""

from __future__ import annotations

import asyncio
import contextlib

from yarl import URL

from llm_relay import VERSION
from llm_relay.base_urls import base_url_fault
from llm_relay.errors import RelayError
from server_b.providers.http.client import HttpClient
from server_b.providers.http.response import Response
from server_b.providers.openai.failures.failure import Failed, failure_of_response

VENDOR_URL = "https://api.openai.com/v1"
MAX_ERROR_BYTES = 2**20
ERROR_BODY_S = 5.0
"""How long the body of an error may take, in seconds."""
_LISTING = {"Accept": "application/json"}
_ANSWER = {"Accept": "text/event-stream, application/json", "Content-Type": "application/json"}


class OpenAIClient:
    """Sends requests below one base URL. It sets no time limit on answers: the caller does."""

    def __init__(self, api_key: str, base_url: str) -> None:
        """An empty `base_url` means OpenAI's own. Raises ValueError that names the bad variable."""
        key, self.base_url = _checked_key(api_key), _checked_url(base_url)
        self._models = f"{self.base_url}/models"
        self._http = HttpClient(
            self.base_url,
            headers={
                "Authorization": f"Bearer {key}",
                # A compressed stream would wait in the server for more text to compress.
                "Accept-Encoding": "identity",
                "User-Agent": f"grpc-llm-relay/{VERSION}",
            },
        )

    async def ask(self, path: str, body: bytes, asked_before: list[RelayError] | None = None) -> Response:
        """Asks for an answer at a path below the base URL. Returns the response when its head has arrived.

        The caller must close the response. `asked_before` is passed to HttpClient.ask. Raises Failed for a status other
        than success, or what HttpClient raises.
        """
        return await _good(await self._http.ask("POST", f"{self.base_url}{path}", _ANSWER, body, asked_before))

    async def list_models(self) -> Response:
        """Asks for the list of models. Returns and raises as `ask` does."""
        return await _good(await self._http.ask("GET", self._models, _LISTING))

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()


async def _good(response: Response) -> Response:
    if response.status // 100 == 2:
        return response
    with contextlib.closing(response):
        body = b""
        with contextlib.suppress(RelayError, TimeoutError):  # the status says enough
            async with asyncio.timeout(ERROR_BODY_S):
                body = await response.read(MAX_ERROR_BYTES)
    raise Failed(failure_of_response(response.status, response.headers, body))


def _checked_key(api_key: str) -> str:
    key = api_key.strip()
    if not key:
        raise ValueError(
            "OPENAI_API_KEY: is needed for AI_PROVIDER=openai: set it (to any text, if the server of OPENAI_BASE_URL"
            " needs no key), or set AI_PROVIDER=mock"
        )
    if not (key.isascii() and key.isprintable()):
        raise ValueError("OPENAI_API_KEY: contains characters that are not allowed in a key: copy it again")
    return key


def _checked_url(base_url: str) -> str:
    text = base_url.strip() or VENDOR_URL
    if fault := base_url_fault(text):
        raise ValueError(f"OPENAI_BASE_URL: {fault}")
    return str(URL(text)).rstrip("/")
