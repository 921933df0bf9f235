"""The findings of several programs, without repeats."""

from __future__ import annotations

import llm_relay.program.process_setup  # noqa: F401 - before grpc

# isort: split
import importlib
from collections.abc import AsyncIterator, Iterable
from types import ModuleType

from llm_relay.addresses import is_loopback_host
from llm_relay.check.findings import Finding, ok
from llm_relay.check.report import all_findings
from llm_relay.check.server_b_findings import server_b_findings
from llm_relay.client.channel import Dial
from llm_relay.program.settings.program_settings import ProgramSettings
from llm_relay.program.settings.setting_groups import DialSettings
from llm_relay.targets import target_addresses

MODULES = {"server-b": "server_b.check.server_findings", "gateway": "gateway.check", "mcp": "server_a.check"}
"""The check modules of the programs. Imported by name, because llm_relay must not depend on a program.

Each has SETTINGS (its settings class) and `own_findings` (about the settings, but not about the Server B that the
program connects to). Server B's also has `idle_address`: where it will listen, or None if the port is in use.
"""


async def findings_of(names: Iterable[str]) -> AsyncIterator[Finding]:
    """Yields the findings of programs, by their names in MODULES. Each finding is yielded once."""
    checks = _Checks()
    seen: set[Finding] = set()
    for name in names:
        async for finding in checks.findings(importlib.import_module(MODULES[name])):
            if finding not in seen:
                seen.add(finding)
                yield finding


class _Checks:
    def __init__(self) -> None:
        self._dialled: set[Dial] = set()
        self._idle_server_b: tuple[str, int] | None = None
        """Where Server B will listen on this machine, if it is checked too and is not running yet."""

    def findings(self, program: ModuleType) -> AsyncIterator[Finding]:
        """Yields the findings of a program's check module, and those about the Server B that it connects to."""

        async def found(settings: ProgramSettings) -> AsyncIterator[Finding]:
            async for finding in program.own_findings(settings):
                yield finding
            if isinstance(settings, DialSettings):
                async for finding in self._server_b_findings(settings.dial):
                    yield finding
            else:
                self._idle_server_b = program.idle_address(settings)

        return all_findings(program.SETTINGS, found)

    async def _server_b_findings(self, dial: Dial) -> AsyncIterator[Finding]:
        if dial in self._dialled:
            return
        self._dialled.add(dial)
        if self._is_idle_server_b(dial.target):
            yield ok(f"SERVER_B_TARGET: no Server B runs at {dial.target} yet; `relay serve` starts it too")
            return
        async for finding in server_b_findings(dial):
            yield finding

    def _is_idle_server_b(self, target: str) -> bool:
        if self._idle_server_b is None:
            return False
        own_host, own_port = self._idle_server_b
        return any(
            port == own_port and (host == own_host or (is_loopback_host(host) and is_loopback_host(own_host)))
            for host, port in target_addresses(target)
        )
