"""Sends Bedrock's requests, signed, with the HTTP client that all providers share."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from llm_relay import VERSION
from llm_relay.errors import RelayError, UnknownModel
from server_b.providers.bedrock.account.account import Account
from server_b.providers.bedrock.failures.failure import Refusal, failure_from_response
from server_b.providers.bedrock.json_objects import document
from server_b.providers.http.client import HttpClient
from server_b.providers.http.response import Response

MAX_DOCUMENT_BYTES = 64 * 2**20
"""Size of the largest whole answer, or list."""
MAX_ERROR_BYTES = 2**20
CONVERSATION = {"Content-Type": "application/json"}
NO_CONTENT: Mapping[str, str] = {}
UNESCAPED = "-._~"
"""Punctuation that is not escaped in paths and queries, by the algorithm of the signature."""


class BedrockClient:
    """Asks Bedrock on behalf of one account. It sets no time limit on answers: the caller does."""

    def __init__(self, account: Account) -> None:
        """Raises ValueError that names the variable of a proxy that cannot be used."""
        self._account = account
        user_agent = {"User-Agent": f"grpc-llm-relay/{VERSION}"}
        self._http = HttpClient(account.runtime_url, account.control_url, headers=user_agent, tls=account.tls)

    async def converse(
        self, model: str, body: bytes, *, streaming: bool, asked_before: list[RelayError] | None = None
    ) -> Response:
        """Asks a model, by id or ARN. Returns the response when its head has arrived; the caller must close it.

        `asked_before` is passed to HttpClient.ask. Raises Refusal or a RelayError.
        """
        operation = "converse-stream" if streaming else "converse"
        url = f"{self._account.runtime_url}/model/{_escaped(model)}/{operation}"
        return await self._ask("POST", url, CONVERSATION, body, asked_before)

    async def get(self, *path: str, **query: str) -> dict[str, Any]:
        """Returns a document of the control API; the parts of `path` are escaped. Raises Refusal or a RelayError."""
        url = "/".join((self._account.control_url, *map(_escaped, path)))
        if query:
            url += "?" + urlencode(query, safe=UNESCAPED, quote_via=quote)
        response = await self._ask("GET", url, NO_CONTENT, b"")
        with contextlib.closing(response):
            return document(await response.read(MAX_DOCUMENT_BYTES))

    async def close(self) -> None:
        """Closes all connections, including those in use."""
        await self._http.close()

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        asked_before: list[RelayError] | None = None,
    ) -> Response:
        signed = await self._account.signer.signed(method, url, headers, body)
        response = await self._http.ask(method, url, signed, body, asked_before)
        if response.status == 200:
            return response
        with contextlib.closing(response):
            said = await response.read(MAX_ERROR_BYTES)
            raise Refusal(failure_from_response(response.status, response.headers, said))


def _escaped(part: str) -> str:
    """Escapes a part of a path as boto3 does, including slashes."""
    if part in (".", ".."):  # these mean another path, escaped or not
        raise UnknownModel
    return quote(part, safe=UNESCAPED)
