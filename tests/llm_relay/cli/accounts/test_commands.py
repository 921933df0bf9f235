"""The account commands, as their users run them, against a real server."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from llm_relay.messages.accounts import CallEntry, CallState, Dimension
from server_b.composition import open_core
from server_b.settings import ServerBSettings
from tests.support.memory_ledger import MemoryLedger
from tests.support.ports import free_port
from tests.support.relay_command import Ended, relay, started
from tests.support.serving import Serving, serving

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
PATIENCE_S = 60
CALL = CallEntry(
    id="c1",
    request_id="r1",
    caller="gateway/alice",
    protocol="openai",
    provider="openai",
    model="=HYPERLINK()",
    state=CallState.SETTLED,
    outcome="stop",
    input_tokens=1200,
    output_tokens=34,
    accuracy="exact",
    nano_usd=1_234_000,
    reserved_nano_usd=2_000_000,
    charged_nano_usd=1_234_000,
    started_at=AT,
    duration_s=0.5,
    tags={"project": "search"},
)
UNKNOWN = dataclasses.replace(CALL, id="c2", model="local", nano_usd=None, state=CallState.LOST)


@pytest.fixture
def ledger() -> MemoryLedger:
    """A ledger with two calls, one of unknown cost."""
    return MemoryLedger(CALL, UNKNOWN)


@pytest.fixture
async def served(ledger: MemoryLedger) -> AsyncIterator[Serving]:
    """A server without tokens: every caller on this machine is an admin."""
    async with serving(ledger=ledger) as server:
        yield server


@dataclasses.dataclass(frozen=True)
class Command:
    """Runs the command against a server."""

    folder: Path
    target: str

    async def __call__(self, *arguments: str, code: int = 0, token: str = "") -> Ended:
        """Runs `relay` to its end, and checks its exit code."""
        ended = await relay(self.folder, *arguments, SERVER_B_TARGET=self.target, RELAY_TOKEN=token)
        assert ended.code == code, ended
        return ended

    async def json(self, *arguments: str) -> list[dict[str, Any]]:
        """Returns the JSON objects that it prints."""
        ended = await self(*arguments, "--json")
        return [json.loads(line) for line in ended.out.splitlines()]


@pytest.fixture
def command(served: Serving, tmp_path: Path) -> Command:
    """The command, in a folder without settings."""
    return Command(tmp_path, served.target)


async def test_calls_for_people_programs_and_spreadsheets(command: Command) -> None:
    table = (await command("calls")).out.splitlines()
    assert table[0].split()[:3] == ["STARTED", "(UTC)", "CALLER"]
    assert "1,200" in table[2]
    assert "$0.001234" in table[2]
    assert "?" in table[1]  # the newest call, whose cost is not known
    newest, oldest = await command.json("calls")
    assert (newest["id"], newest["nano_usd"], newest["state"]) == ("c2", None, "lost")
    expected: dict[str, Any] = {"request_id": "r1", "caller": "gateway/alice", "provider": "openai", "state": "settled"}
    expected |= {"outcome": "stop", "input_tokens": 1200, "output_tokens": 34, "accuracy": "exact", "price_source": ""}
    expected |= {"nano_usd": 1_234_000, "reserved_nano_usd": 2_000_000, "tags": {"project": "search"}}
    assert oldest | expected == oldest
    assert oldest["started_at"] == "2026-11-26T09:30:00.000Z"
    names, _, cells = csv.reader(io.StringIO((await command("calls", "--csv")).out))
    row = dict(zip(names, cells, strict=True))
    assert row["model"] == "'=HYPERLINK()"  # no formula
    assert row["tags"] == '{"project": "search"}'


async def test_calls_are_filtered_and_limited(command: Command) -> None:
    assert [call["id"] for call in await command.json("calls", "--unknown")] == ["c2"]
    assert [call["id"] for call in await command.json("calls", "--limit", "1")] == ["c2"]
    assert [call["id"] for call in await command.json("calls", "--state", "settled")] == ["c1"]
    assert "argument --limit: '0' is not a whole number from 1" in (await command("calls", "--limit", "0", code=2)).err


async def test_calls_are_followed_as_they_begin_and_end(served: Serving, ledger: MemoryLedger, tmp_path: Path) -> None:
    async with (
        started(
            tmp_path, "calls", "--follow", "--json", "--provider", "openai", SERVER_B_TARGET=served.target
        ) as process,
        asyncio.timeout(PATIENCE_S),
    ):
        await ledger.followed.wait()
        assert process.stdout is not None
        for call in (dataclasses.replace(CALL, state=CallState.OPEN), dataclasses.replace(CALL, provider="mock"), CALL):
            ledger.note(call)
        seen = [json.loads(await process.stdout.readline())["state"] for _ in range(2)]
    assert seen == ["open", "settled"]


async def test_a_price_that_no_call_uses_is_warned_of(command: Command) -> None:
    rates = ("--input", "1", "--output", "1", "--json")
    put = await command("prices", "put", "mokc/*", *rates)
    assert put.err.startswith("relay: warning: mokc/*: this server calls no provider 'mokc'")
    assert put.err.endswith("; it calls mock\n")
    assert json.loads(put.out)["pattern"] == "mokc/*"
    assert "matches no model that mock lists" in (await command("prices", "put", "mock/other", *rates)).err
    assert (await command("prices", "put", "mock/mock-*", *rates)).err == ""


async def test_a_callers_models_that_no_call_matches_are_warned_of(command: Command) -> None:
    put = await command("callers", "put", "alice", "--models", "mock/*,opnai/gpt-5,mock/other")
    assert put.err == (
        "relay: warning: opnai/gpt-5: this server calls no provider 'opnai'; it calls mock; mock/other: matches no"
        " model that mock lists; `relay models` shows the list\n"
    )
    assert (await command("callers", "put", "alice", "--calls-per-minute", "5")).err == ""  # the models are not given
    assert (await command("callers", "put", "alice", "--models", "*")).err == ""


async def test_usage_by_groups(command: Command, ledger: MemoryLedger) -> None:
    (whole,) = await command.json("usage")
    assert (whole["calls"], whole["nano_usd"]) == (2, 1_234_000)
    (group,) = await command.json(
        "usage", "--by", "door, tag:project", "--since", "2026-11-01", "--time-zone", "Asia/Tokyo"
    )
    assert list(group)[:3] == ["protocol", "tag:project", "calls"]
    query = ledger.usage_queries[-1]
    assert query.by == (Dimension.PROTOCOL, Dimension.TAG)
    assert query.since == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert (await command("usage", "--by", "caller")).out.splitlines()[0].startswith("CALLER")
    assert (await command("usage", "--by", "nothing", code=2)).err.startswith("relay: --by: cannot group by")
    await command("usage", "--time-zone", "Mars/Base", code=2)


async def test_callers_are_created_and_changed(command: Command) -> None:
    options = ("--parent", "team", "--models", "openai/*,mock/*", "--calls-per-minute", "60", "--tag", "a=b")
    (caller,) = await command.json("callers", "put", "alice", *options)
    assert caller["rates"] == {"calls_per_minute": 60, "tokens_per_minute": None, "concurrent_calls": None}
    assert (caller["parent"], caller["models"], caller["tags"]) == ("team", ["openai/*", "mock/*"], {"a": "b"})
    (caller,) = await command.json("callers", "put", "alice", "--calls-per-minute", "none", "--admin", "--models", "")
    assert (caller["parent"], caller["models"], caller["is_admin"]) == ("team", [], True)
    assert caller["rates"]["calls_per_minute"] is None
    (caller,) = await command.json("callers", "disable", "alice")
    assert (caller["is_disabled"], caller["is_admin"]) == (True, True)
    await command("callers", "enable", "alice")
    assert "alice" in (await command("callers")).out


async def test_budgets_are_put_raised_listed_and_deleted(command: Command) -> None:
    put = (
        "budgets",
        "put",
        "--caller",
        "alice",
        "--amount",
        "12.50",
        "--period",
        "month",
        "--time-zone",
        "Europe/Oslo",
    )
    (budget,) = await command.json(*put)
    assert (budget["caller"], budget["period"], budget["limit_nano_usd"]) == ("alice", "month", 12_500_000_000)
    await command("budgets", "put", "--tag", "project=x", "--amount", "1", "--period", "total", "--warning-only")
    await command("budgets", "raise", budget["id"], "--amount", "5", "--until", "3d")
    table = (await command("budgets")).out
    assert "$12.50 +$5.00" in table
    assert "tag project=x" in table
    listed = await command.json("budgets", "list", "--caller", "alice")
    assert [(one["id"], one["remaining_nano_usd"]) for one in listed] == [(budget["id"], 17_500_000_000)]
    await command("budgets", "delete", budget["id"])
    assert [one.get("tag") for one in await command.json("budgets")] == ["project=x"]
    await command("budgets", "delete", budget["id"], code=2)
    await command("budgets", "put", "--amount", "1", "--period", "day", code=2)


async def test_the_first_token_is_an_admins_and_then_tokens_are_required(command: Command) -> None:
    refused = await command("tokens", "create", "alice", code=1)
    assert "PERMISSION_DENIED" in refused.err
    assert "--admin" in refused.err
    root = (await command("tokens", "create", "root", "--admin", "--label", "laptop")).out.strip()
    assert root.startswith("rly_")
    assert "UNAUTHENTICATED" in (await command("whoami", code=1)).err
    made = json.loads((await command("tokens", "create", "alice", "--expires", "1d", "--json", token=root)).out)
    assert (made["caller"], made["revoked_at"]) == ("alice", None)
    assert "You are alice, not an admin." in (await command("whoami", token=made["secret"])).out
    successor = (await command("tokens", "rotate", made["id"], "--overlap", "0", token=root)).out.strip()
    await command("whoami", token=made["secret"], code=1)
    assert "expired" in (await command("tokens", token=root)).out
    await command("whoami", token=successor)
    await command("usage", "--caller", "root", token=successor, code=1)


async def test_prices_are_set_tried_and_applied(command: Command) -> None:
    (price,) = await command.json(
        "prices", "put", "openai/my-*", "--input", "2.50", "--output", "10", "--cache-read", "0"
    )
    assert (price["input"], price["output"], price["cache_read"], price["cache_write"]) == (
        2_500_000_000,
        10**10,
        0,
        None,
    )
    assert "$2.50" in (await command("prices")).out
    (found,) = await command.json("prices", "test", "anything")
    assert (found["provider"], found["input"], found["price_source"]) == ("mock", 0, "mock")
    (applied,) = await command.json("prices", "apply-unknown")
    assert applied == {"priced": 0, "nano_usd": 0, "unknown": 1}
    await command("prices", "delete", price["id"])
    assert await command.json("prices") == []


async def test_corrections_and_the_log_of_changes(command: Command) -> None:
    (call,) = await command.json("adjust", "c1", "--amount=-0.001", "--reason", "a credit")
    assert call["nano_usd"] == 234_000
    (entry,) = await command.json("audit", "--limit", "1")
    assert (entry["by"], entry["action"]) == ("anonymous", "call.adjust")
    assert "call.adjust" in (await command("audit")).out


async def test_whoami(command: Command) -> None:
    assert "You are anonymous, an admin." in (await command("whoami")).out
    (identity,) = await command.json("whoami")
    assert (identity["name"], identity["is_admin"], identity["budgets"]) == ("anonymous", True, [])


@pytest.mark.parametrize(
    "arguments",
    [("usage",), ("calls",), ("calls", "--follow"), ("callers",), ("budgets",), ("tokens",), ("prices",), ("whoami",)],
    ids=" ".join,
)
async def test_without_a_server_or_a_ledger_it_says_so(tmp_path: Path, arguments: Sequence[str]) -> None:
    assert (await relay(tmp_path, *arguments, SERVER_B_TARGET="127.0.0.1:1")).code == 3
    async with serving() as server:
        ended = await relay(tmp_path, *arguments, SERVER_B_TARGET=server.target)
    assert (ended.code, ended.out) == (1, "")
    assert "UNSUPPORTED" in ended.err
    assert "LEDGER=off" in ended.err


async def test_a_ledger_is_backed_up_while_in_use_and_only_into_a_new_file(tmp_path: Path) -> None:
    settings = {"LEDGER": f"sqlite:///{tmp_path}/relay.db", "GRPC_PORT": "0"}
    missing = await relay(tmp_path, "ledger", "backup", "copy.db", **settings)
    assert missing.code == 1
    assert "there is no file" in missing.err
    async with open_core(ServerBSettings(_env_file=None, ledger=SecretStr(settings["LEDGER"]))):  # type: ignore[call-arg]
        made = await relay(tmp_path, "ledger", "backup", "copy.db", **settings)
        assert (made.code, (tmp_path / "copy.db").stat().st_mode & 0o777) == (0, 0o600)
        again = await relay(tmp_path, "ledger", "backup", "copy.db", **settings)
    assert again.code == 1
    assert "already exists" in again.err
    assert (await relay(tmp_path, "ledger", "backup", "other.db", LEDGER="off")).code == 1
    assert (await relay(tmp_path, "ledger", "copy", "sqlite:///x.db", **settings)).code == 1
    lost = await relay(tmp_path, "ledger", "copy", f"postgresql://ann:secret@127.0.0.1:{free_port()}/x", **settings)
    assert lost.code == 1
    assert lost.err.startswith("relay: postgresql://ann@127.0.0.1:")
    assert "onnection refused" in lost.err


async def test_shells_complete_subcommands(tmp_path: Path) -> None:
    script = (await relay(tmp_path, "completion", "bash")).out
    budgets = next(line for line in script.splitlines() if line.strip().startswith("budgets)"))
    for word in ("put", "raise", "--amount", "--json"):
        assert word in budgets
