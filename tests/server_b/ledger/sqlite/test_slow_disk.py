"""A disk whose syncs take longer than calls wait for another writer."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server_b.ledger.sqlite.store import LOCK_PATIENCE_S, SqliteStore
from server_b.ledger.transactions import Transaction
from tests.support.money import call_end, new_call, open_books

SYNC_S = LOCK_PATIENCE_S + 0.5
SLOW_SYNCS = f"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static void slow(void) {{ if (access("slow", F_OK) == 0) usleep({SYNC_S * 1_000_000:.0f}); }}
int fsync(int file) {{ slow(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(file); }}
int fdatasync(int file) {{ slow(); return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(file); }}
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
def test_calls_wait_while_the_log_is_restarted_on_a_slow_disk(tmp_path: Path) -> None:
    (tmp_path / "slow.c").write_text(SLOW_SYNCS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "slow.so", "slow.c", "-ldl"], cwd=tmp_path, check=True)
    environment = {**os.environ, "LD_PRELOAD": str(tmp_path / "slow.so"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.server_b.ledger.sqlite.test_slow_disk"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "waited\n"), ended.stderr


async def write_during_a_checkpoint() -> None:
    """Writes calls until the log has been restarted. Raises if one is refused."""
    store = SqliteStore(
        Path("relay.db"), now_us=lambda: time.time_ns() // 1000, sync_interval_s=0.1, large_log_bytes=100_000
    )
    longest_s = 0.0
    async with open_books(store) as books:
        make_slow()
        while longest_s < LOCK_PATIENCE_S:
            began = time.monotonic()
            call = new_call()
            await books.reserve(call)
            longest_s = max(longest_s, time.monotonic() - began)
            await books.settle(call_end(call))
            await asyncio.sleep(0.01)
        make_fast()
    assert await store.read(_count) > 0
    await store.aclose()


def make_slow() -> None:
    """Makes syncs slow from now on."""
    Path("slow").touch()


def make_fast() -> None:
    """Makes syncs as fast as they are."""
    Path("slow").unlink()


async def _count(transaction: Transaction) -> int:
    [[count]] = await transaction.fetch("SELECT COUNT(*) FROM calls")
    return int(count)


if __name__ == "__main__":
    asyncio.run(write_during_a_checkpoint())
    sys.stdout.write("waited\n")
