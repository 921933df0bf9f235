"""Expiring credentials are renewed in time, by one thread for all calls, and only when needed."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import Credentials as Static
from botocore.credentials import DeferredRefreshableCredentials, RefreshableCredentials
from botocore.exceptions import ClientError, CredentialRetrievalError, EndpointConnectionError

from llm_relay.errors import ProviderAuth, ProviderUnavailable
from server_b.providers.bedrock.account.credentials import Credentials

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


def _metadata(key: str, expiry: datetime) -> dict[str, str]:
    return {"access_key": key, "secret_key": "s", "token": "t", "expiry_time": expiry.isoformat()}


class Role:
    """A role whose keys are numbered and last an hour; `failure` is raised instead of issuing new ones."""

    def __init__(self) -> None:
        self.renewals = 0
        self.threads: set[threading.Thread] = set()
        self.failure: Exception | None = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.has_tried = threading.Event()
        self._now = datetime.now(UTC)
        found = RefreshableCredentials(
            "key-0", "s", "t", self._now + HOUR, self._renew, "test", time_fetcher=lambda: self._now
        )
        self.credentials = Credentials(found)

    def wait_until(self, minutes_left: float) -> None:
        """Advances time until the first keys have this long left."""
        self._now += HOUR - timedelta(minutes=minutes_left)

    def _renew(self) -> dict[str, str]:
        self.threads.add(threading.current_thread())
        assert self.may_go_on.wait(10)
        self.renewals += 1
        self.has_tried.set()
        if self.failure is not None:
            raise self.failure
        return _metadata(f"key-{self.renewals}", self._now + HOUR)

    async def key(self) -> str:
        return str((await self.credentials.current()).access_key)


async def test_a_key_pair_stays_as_it_is() -> None:
    credentials = Credentials(Static("key", "s", "t"))
    assert await credentials.current() is await credentials.current()
    assert (await credentials.current()).token == "t"


async def test_keys_with_time_left_use_no_thread() -> None:
    role = Role()
    role.wait_until(minutes_left=20)
    threads = threading.active_count()
    assert [await role.key() for _ in range(3)] == ["key-0"] * 3
    assert role.renewals == 0
    assert threading.active_count() == threads


async def test_keys_about_to_expire_are_renewed_once_for_all_waiters() -> None:
    role = Role()
    role.wait_until(minutes_left=5)
    role.may_go_on.clear()
    waiting = [asyncio.create_task(role.key()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # a waiter that leaves does not stop the renewal for the others
    role.may_go_on.set()
    keys = await asyncio.gather(*waiting[1:])
    assert set(keys) == {"key-1"}
    assert role.renewals == 1
    assert threading.main_thread() not in role.threads


async def test_keys_that_expire_soon_are_used_until_there_are_new_ones() -> None:
    role = Role()
    role.wait_until(minutes_left=12)
    role.may_go_on.clear()
    assert [await role.key() for _ in range(3)] == ["key-0"] * 3
    role.may_go_on.set()
    role.wait_until(minutes_left=50)  # ten minutes later
    assert await role.key() == "key-1"
    assert role.renewals == 1


async def test_a_failed_renewal_is_not_retried_at_once_while_the_keys_are_good() -> None:
    role = Role()
    role.wait_until(minutes_left=12)
    role.failure = CredentialRetrievalError(provider="test", error_msg="secret")
    assert await role.key() == "key-0"
    assert await asyncio.to_thread(role.has_tried.wait, 10)
    assert [await role.key() for _ in range(3)] == ["key-0"] * 3
    assert role.renewals == 1


FAILURES: list[tuple[Exception, type[Exception]]] = [
    (CredentialRetrievalError(provider="test", error_msg="canary"), ProviderAuth),
    (ClientError({"Error": {"Code": "AccessDenied", "Message": "canary"}}, "AssumeRole"), ProviderAuth),
    (OSError("canary"), ProviderAuth),
    (ValueError("canary"), ProviderAuth),
    (EndpointConnectionError(endpoint_url="https://canary"), ProviderUnavailable),
]


@pytest.mark.parametrize(("failure", "expected"), FAILURES)
async def test_without_new_keys_a_call_fails_and_the_next_one_tries_again(
    failure: Exception, expected: type[Exception]
) -> None:
    role = Role()
    role.wait_until(minutes_left=-1)
    role.failure = failure
    with pytest.raises(expected) as error:
        await role.key()
    assert "canary" not in str(error.value)
    assert type(failure).__name__ in error.value.operator_detail  # type: ignore[attr-defined]
    assert not error.value.may_have_worked  # type: ignore[attr-defined]
    role.failure = None
    assert await role.key() == "key-2"


async def test_missing_credentials_name_the_settings() -> None:
    role = Role()
    role.wait_until(minutes_left=-1)
    role.failure = CredentialRetrievalError(provider="test", error_msg="x")
    with pytest.raises(ProviderAuth, match=r"AWS_PROFILE.*AWS_ACCESS_KEY_ID"):
        await role.key()


async def test_credentials_that_botocore_loads_lazily_are_loaded_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    def assume() -> dict[str, Any]:
        threads.append(threading.current_thread())
        return _metadata("first", datetime.now(UTC) + HOUR)

    credentials = Credentials(DeferredRefreshableCredentials(assume, "assume-role"))
    assert (await credentials.current()).access_key == "first"
    assert (await credentials.current()).access_key == "first"
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
