"""Authenticates requests: with botocore's signature version 4, or a Bedrock API key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from botocore.auth import BearerAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import InvalidEndpointConfigurationError
from botocore.tokens import FrozenAuthToken

from llm_relay.errors import ProviderAuth
from server_b.providers.bedrock.account.credentials import Credentials

SIGNING_NAME = "bedrock"
"""The service name in signatures, for the runtime and the control API."""


class Signer(Protocol):
    """Adds authentication to requests."""

    async def signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Returns the headers, with authentication added. Raises ProviderAuth or ProviderUnavailable."""
        ...


class SigV4Signer:
    """Signs with a key pair: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    async def signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Returns the headers, with date, session token and signature added."""
        credentials = await self._credentials.current()
        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        SigV4Auth(credentials, SIGNING_NAME, self._region).add_auth(request)
        return dict(request.headers.items())


class BearerSigner:
    """Sends a Bedrock API key, over TLS only: https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html."""

    def __init__(self, api_key: str) -> None:
        self._token = FrozenAuthToken(api_key)

    async def signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        """Returns the headers, with the key added."""
        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        try:
            BearerAuth(self._token).add_auth(request)
        except InvalidEndpointConfigurationError as error:
            raise ProviderAuth(
                "AWS_BEARER_TOKEN_BEDROCK: an API key is sent over TLS only; the endpoint must begin with https://"
            ) from error
        return dict(request.headers.items())
