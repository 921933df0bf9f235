"""Delivers alerts to the log and to the operator's webhook."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from llm_relay.errors import LedgerUnavailable
from server_b.ledger.alerts import outbox
from server_b.ledger.alerts.alert import Alert, DeliveryFailed
from server_b.ledger.transactions import Store

LOG = logging.getLogger(__name__)

POLL_S = 1.0
"""How often the outbox is checked, in seconds."""


class Receiver(Protocol):
    """Receives alerts."""

    async def post(self, alert: Alert) -> None:
        """Delivers an alert. Raises DeliveryFailed."""
        ...


class AlertDelivery:
    """Delivers the alerts of a ledger while it runs. If there are several servers, one of them delivers each alert."""

    def __init__(self, store: Store, receiver: Receiver | None, *, poll_s: float = POLL_S) -> None:
        """Starts on the running event loop; end it with `aclose`. Without `receiver`, alerts go to the log only."""
        self._store = store
        self._receiver = receiver
        self._poll_s = poll_s
        self._task = asyncio.get_running_loop().create_task(self._run(), name="ledger-alerts")

    async def aclose(self) -> None:
        """Stops. An alert that was being delivered is retried later, by another server or after the next start."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            with suppress(LedgerUnavailable):  # the writer of calls logs it
                while await self._store.peek(outbox.is_due):
                    for claimed in await self._store.write(outbox.claim):
                        await self._deliver(claimed)
            await asyncio.sleep(self._poll_s)

    async def _deliver(self, claimed: outbox.Claimed) -> None:
        if claimed.tries == 1:
            LOG.warning("%s", claimed.alert.text)
        try:
            if self._receiver is not None:
                await self._receiver.post(claimed.alert)
        except DeliveryFailed as error:
            await self._fail(claimed, str(error))
        else:
            await self._store.write(lambda transaction: outbox.finish(transaction, claimed))

    async def _fail(self, claimed: outbox.Claimed, reason: str) -> None:
        what = f"the alert for {claimed.alert.threshold_percent} % of {claimed.alert.scope}"
        if claimed.is_last:
            LOG.error("ALERT_WEBHOOK_URL: %s was not accepted for a day and is dropped: %s", what, reason)
            await self._store.write(lambda transaction: outbox.finish(transaction, claimed, reason))
            return
        if claimed.tries == 1:
            LOG.warning("ALERT_WEBHOOK_URL: %s was not accepted and will be retried: %s", what, reason)
        await self._store.write(lambda transaction: outbox.postpone(transaction, claimed, reason))
