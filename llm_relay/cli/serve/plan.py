"""What `relay serve` starts, planned from the programs' own settings."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from llm_relay.addresses import Address, near_host, same_port_fault, shown_address
from llm_relay.cli.serve.program_tokens import ProgramTokens
from llm_relay.program.metrics.publishing import SERVE_PORT
from llm_relay.program.processes.supervisor import Command
from llm_relay.program.settings.program_settings import ProgramSettings, SettingsError
from llm_relay.program.startup import settings_warnings
from llm_relay.targets import target_addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The settings of the three programs, and the commands that start them."""

    server_b: Any
    gateway: Any
    server_a: Any
    """Settings of the programs. Their classes are imported by name: llm_relay must not depend on a program."""
    tokens: ProgramTokens

    @classmethod
    def read(cls) -> Self:
        """Reads the settings of all programs. Raises SettingsError with a line for each bad one."""
        server_b, gateway, server_a = _read_all(
            ("server_b.settings", "ServerBSettings"),
            ("gateway.settings", "GatewaySettings"),
            ("server_a.settings", "ServerASettings"),
        )
        plan = cls(server_b=server_b, gateway=gateway, server_a=server_a, tokens=ProgramTokens.create(server_b))
        if faults := list(plan._faults()):
            raise SettingsError("\n".join(faults))
        return plan

    def _faults(self) -> Iterator[str]:
        """Yields why the programs cannot run together, although each of them could run alone."""
        if self.server_b.tls_cert_file and not self.gateway.server_b_tls:
            yield (
                "SERVER_B_TLS: Server B serves TLS, so the programs that connect to it need SERVER_B_TLS=true,"
                " a SERVER_B_TARGET that its certificate names, and SERVER_B_CA_FILE"
            )
        if fault := same_port_fault(*self.listening_on):
            yield fault

    @property
    def listening_on(self) -> tuple[Address, ...]:
        """Where the programs listen."""
        return (
            (self.server_b.grpc_host, self.server_b.grpc_port, "GRPC_PORT"),
            (self.gateway.http_host, self.gateway.http_port, "HTTP_PORT"),
            (self.server_a.mcp_host, self.server_a.mcp_port_a, "MCP_PORT_A"),
        )

    @property
    def log_format(self) -> str:
        """Format of the log lines: text or json."""
        return str(self.server_b.log_format)

    @property
    def metrics_host(self) -> str:
        """Address that serves the metrics of all programs."""
        return str(self.server_b.metrics_host)

    @property
    def metrics_hosts(self) -> tuple[str, ...]:
        """The hosts of METRICS_ALLOWED_HOSTS."""
        hosts: tuple[str, ...] = self.server_b.metrics_hosts
        return hosts

    @property
    def metrics_port(self) -> int:
        """Port that serves the metrics of all programs."""
        port: int | None = self.server_b.metrics_port
        return SERVE_PORT if port is None else port

    def addresses(self, server_b_port: int, gateway_port: int, server_a_port: int) -> tuple[str, str, str]:
        """Returns the address of each program once it serves on its port, as shown to people."""
        scheme = "https" if self.gateway.serves_tls else "http"
        http = shown_address(near_host(self.gateway.http_host), gateway_port)
        mcp = shown_address(near_host(self.server_a.mcp_host), server_a_port)
        grpc = shown_address(near_host(self.server_b.grpc_host), server_b_port)
        return grpc, f"{scheme}://{http}", f"{scheme}://{mcp}/mcp"

    def warnings(self) -> Iterator[str]:
        """Yields probable mistakes in the settings, each once."""
        yield from dict.fromkeys(
            text for settings in (self.server_b, self.gateway, self.server_a) for text in settings_warnings(settings)
        )
        yield from self._target_warnings()

    def _target_warnings(self) -> Iterator[str]:
        target, port = self.gateway.server_b_target, self.server_b.grpc_port
        ports = [named for _, named in target_addresses(target)]
        if "server_b_target" in self.gateway.model_fields_set and ports and port not in ports:
            yield (
                f"SERVER_B_TARGET: {target} is not where the Server B of `relay serve` listens"
                f" ({f'port {port}' if port else 'a free port'}), so the gateway and Server A call another one:"
                " remove SERVER_B_TARGET, or correct its port"
            )

    def server_b_command(self) -> Command:
        """Returns the command that starts Server B."""
        environment = {**self.server_b.environment_in_force(), **self.tokens.accepted}
        return Command(
            subject="Server B",
            module="server_b",
            arguments=("grpc",),
            environment=environment,
            port_setting="GRPC_PORT",
        )

    def gateway_command(self, server_b_port: int) -> Command:
        """Returns the command that starts the gateway in front of the Server B on that port."""
        environment = self._dialling(self.gateway, server_b_port, self.tokens.gateway)
        return Command(subject="The gateway", module="gateway", environment=environment, port_setting="HTTP_PORT")

    def server_a_command(self, server_b_port: int) -> Command:
        """Returns the command that starts Server A over HTTP in front of the Server B on that port."""
        environment = self._dialling(self.server_a, server_b_port, self.tokens.server_a)
        return Command(
            subject="Server A",
            module="server_a",
            arguments=("http",),
            environment=environment,
            port_setting="MCP_PORT_A",
        )

    def _dialling(self, settings: ProgramSettings, server_b_port: int, token: str) -> dict[str, str]:
        # Leave out what only Server B reads, such as a provider's key or the database's password.
        unused = type(self.server_b).model_fields.keys() - type(settings).model_fields.keys()
        environment = {
            name: value for name, value in settings.environment_in_force().items() if name.lower() not in unused
        }
        if "server_b_target" not in settings.model_fields_set:
            environment["SERVER_B_TARGET"] = shown_address(near_host(self.server_b.grpc_host), server_b_port)
        return {**environment, "RELAY_TOKEN": token}


def _read_all(*names: tuple[str, str]) -> list[Any]:
    read, faults = [], []
    for module, settings_type in names:
        try:
            read.append(getattr(importlib.import_module(module), settings_type).read())
        except SettingsError as error:
            faults += str(error).splitlines()
    if faults:
        raise SettingsError("\n".join(_each_once(faults)))
    return read


def _each_once(lines: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(lines)
