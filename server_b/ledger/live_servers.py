"""The servers of a ledger: each has a row with its process and its last heartbeat."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from server_b.ledger.times import US_PER_S
from server_b.ledger.transactions import Transaction

LEASE_S = 10.0
"""A server is considered dead after this time without a heartbeat."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process on a machine."""

    host: str
    """Includes the PID namespace: two containers can share a host name and each have a process 1."""
    pid: int
    started: int
    """When it started, in a unit of the system; 0: unknown."""

    @classmethod
    def current(cls) -> Process:
        """Returns the current process."""
        return cls(_host(), os.getpid(), _started(os.getpid()))

    @property
    def is_gone(self) -> bool:
        """Returns whether the process certainly no longer exists."""
        if self.host != _host() or not Path("/proc/self/stat").exists():
            return False
        return _started(self.pid) != self.started


async def live_servers(transaction: Transaction) -> int:
    """Returns how many servers use the ledger, except those that certainly no longer exist."""
    rows = await transaction.fetch(
        "SELECT host, pid, process_started FROM servers WHERE heartbeat_at > now_us() - :lease_us",
        {"lease_us": int(LEASE_S * US_PER_S)},
    )
    return sum(not Process(*row).is_gone for row in rows)


def _host() -> str:
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a Path would do the same
    except OSError:
        namespace = 0
    return f"{socket.gethostname()}/{namespace}"


def _started(pid: int) -> int:
    """Returns when a process started, in clock ticks since boot (Linux, proc(5)); 0: there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])
