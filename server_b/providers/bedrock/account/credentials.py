"""AWS credentials that are valid now. A role's credentials are renewed in a thread, because botocore blocks."""

from __future__ import annotations

import asyncio
from typing import Any

from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own name
    HTTPClientError,
)

from llm_relay.errors import ProviderAuth, ProviderUnavailable, RelayError

REQUIRED_S = 600.0
"""With less time left than this, a request waits for new credentials. Botocore starts to renew them earlier."""
PAUSE_S = 30.0
"""Pause after a failed renewal while the old credentials are still valid, in seconds."""
_UNREACHABLE = (ConnectionError, HTTPClientError)
_FAILURES = (BotoCoreError, ClientError, OSError, RuntimeError, ValueError, KeyError)
"""What botocore raises if it cannot renew: its own errors, AWS's refusals, errors of a program that it runs."""


class Credentials:
    """The credentials that boto3 found, as a key pair and a token for the next request."""

    def __init__(self, found: Any) -> None:
        """`found` is what a boto3 session's `get_credentials` returns."""
        self._found = found
        self._refreshable = isinstance(found, RefreshableCredentials)
        self._frozen: ReadOnlyCredentials | None = None
        if not (self._refreshable and found.refresh_needed()):
            self._frozen = found.get_frozen_credentials()
        self._renewal: asyncio.Task[ReadOnlyCredentials] | None = None
        self._not_before = 0.0

    async def current(self) -> ReadOnlyCredentials:
        """Returns credentials that are valid for the next request.

        Raises ProviderAuth if AWS gives no new ones, ProviderUnavailable if AWS cannot be reached.
        """
        if not self._refreshable:
            return self._frozen
        if self._frozen is None or self._found.refresh_needed(REQUIRED_S):
            self._frozen = await self._renewed()
        elif self._found.refresh_needed():
            self._renew_meanwhile()
        return self._frozen

    async def _renewed(self) -> ReadOnlyCredentials:
        # All waiting requests share one renewal. A caller who leaves does not stop it.
        renewal = self._running()
        try:
            return await asyncio.shield(renewal)
        except _FAILURES as error:
            raise _relay_error(error) from error

    def _renew_meanwhile(self) -> None:
        if asyncio.get_running_loop().time() >= self._not_before:
            self._running().add_done_callback(self._take)

    def _running(self) -> asyncio.Task[ReadOnlyCredentials]:
        if self._renewal is None or self._renewal.done():
            self._not_before = asyncio.get_running_loop().time() + PAUSE_S
            self._renewal = asyncio.create_task(asyncio.to_thread(self._found.get_frozen_credentials))
        return self._renewal

    def _take(self, renewal: asyncio.Task[ReadOnlyCredentials]) -> None:
        if not renewal.cancelled() and renewal.exception() is None:
            self._frozen = renewal.result()


def _relay_error(error: Exception) -> RelayError:
    detail = f"the AWS credentials could not be renewed: {type(error).__name__}"
    if isinstance(error, _UNREACHABLE):
        return ProviderUnavailable(may_have_worked=False, operator_detail=detail)
    return ProviderAuth(
        "AWS gives this server no credentials: check AWS_PROFILE, the role, or AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY",
        operator_detail=detail,
    )
