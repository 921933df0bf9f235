"""python -m server_b [grpc|stdio|sse|http|check]: serves until stopped and drains, or checks the settings."""

from __future__ import annotations

import llm_relay.program.process_setup  # noqa: F401 - before grpc

# isort: split
import argparse
import contextlib
import logging
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from llm_relay.addresses import Address, hold_port, listen, listen_fault, shown_address
from llm_relay.program.event_loop import freeze_existing_objects, run
from llm_relay.program.metrics.publishing import published
from llm_relay.program.processes.supervised import Supervised, serving, this_process
from llm_relay.program.processes.workers import run_workers
from llm_relay.program.settings.env_file import leave_out_working_folder
from llm_relay.program.settings.exposure import check_exposure
from llm_relay.program.settings.program_settings import SettingsError
from llm_relay.program.startup import begin, exit_for_bad_settings
from llm_relay.program.stop_signals import starting, stopping_signals, unless_signalled
from llm_relay.tls.grpc_server import ServerCertificates
from server_b.composition import create_accounts, create_authenticator, open_core
from server_b.ledger_settings import leave_out_ledger_of_working_folder
from server_b.settings import ServerBSettings

if TYPE_CHECKING:
    from llm_relay.mcp.composition import McpTransport

PROGRAM = "server_b"
EXIT_CANNOT_LISTEN = 1

logger = logging.getLogger("relay")


def main() -> None:
    """Runs Server B until it is told to stop."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description="Server B of the relay")
    parser.add_argument("mode", nargs="?", default="grpc", choices=("grpc", "stdio", "sse", "http", "check"))
    mode = parser.parse_args().mode
    if mode == "check":
        from server_b.check.server_findings import check

        sys.exit(run(check()))
    if mode == "stdio":
        leave_out_working_folder()
        leave_out_ledger_of_working_folder()
    settings = begin(ServerBSettings, PROGRAM)
    try:
        # An editor may start many MCP servers over stdio on one machine, so these have no port for metrics.
        port = None if mode == "stdio" else settings.metrics_port
        own, hosts = _own_address(settings, mode), settings.metrics_hosts
        with published(settings.metrics_host, port, own, allowed_hosts=hosts):
            sys.exit(run(_grpc(settings) if mode == "grpc" else _serve_mcp(settings, mode)))
    except (SettingsError, ValueError) as error:
        exit_for_bad_settings(PROGRAM, error)


def _own_address(settings: ServerBSettings, mode: str) -> Address:
    if mode == "grpc":
        return settings.grpc_host, settings.grpc_port, "GRPC_PORT"
    return settings.mcp_host, settings.mcp_port_b, "MCP_PORT_B"


def _grpc(settings: ServerBSettings) -> Coroutine[Any, Any, int]:
    supervised = this_process()
    is_worker = supervised is not None and supervised.shared_port
    if is_worker or settings.workers == 1:
        return serve_grpc(settings, supervised)
    return _serve_with_workers(settings, supervised)


async def _serve_with_workers(settings: ServerBSettings, supervised: Supervised | None) -> int:
    try:
        held = hold_port(settings.grpc_host, settings.grpc_port)
    except OSError as error:
        return _cannot_listen(settings, error)
    with held:
        port = held.getsockname()[1]
        return await run_workers(PROGRAM, settings, count=settings.workers, port=port, supervised=supervised)


async def serve_grpc(settings: ServerBSettings, supervised: Supervised | None = None) -> int:
    """Serves gRPC until SIGINT or SIGTERM, then drains; a second signal ends the drain. Returns the exit code."""
    from server_b.grpc_server.server import Server

    certificates = _certificates(settings)
    shared_port = supervised.shared_port if supervised else 0
    signals = await stopping_signals()
    async with contextlib.AsyncExitStack() as stack:
        async with starting(signals):
            core = await stack.enter_async_context(open_core(settings))
        authenticator = create_authenticator(settings, core.ledger, host=settings.grpc_host)
        check_exposure(
            settings.grpc_host,
            "GRPC_HOST",
            tokens=authenticator.has_tokens,
            tls=bool(certificates),
            insecure=settings.relay_insecure,
        )
        server = Server(
            core.relay,
            authenticator=authenticator,
            accounts=create_accounts(settings, core),
            certificates=certificates,
            max_message_bytes=settings.max_message_bytes,
            stall_s=settings.stall_seconds,
            shares_port=bool(shared_port),
        )
        try:
            port = await server.start(settings.grpc_host, shared_port or settings.grpc_port)
        except OSError as error:
            return _cannot_listen(settings, _reason(settings) or error)
        logger.info(
            "Starting Server B (gRPC) on %s with provider %s, ledger %s",
            shown_address(settings.grpc_host, port),
            settings.ai_provider,
            settings.ledger_place,
        )
        freeze_existing_objects()
        with serving(supervised, signals, port):
            await signals.get()
            logger.info("Stopping Server B: running calls have %g s to end", settings.drain_seconds)
            await unless_signalled(server.drain(settings.drain_seconds), signals)
    return 0


def _cannot_listen(settings: ServerBSettings, error: OSError) -> int:
    logger.error(listen_fault(settings.grpc_host, settings.grpc_port, "GRPC_HOST", "GRPC_PORT", error))
    return EXIT_CANNOT_LISTEN


def _reason(settings: ServerBSettings) -> OSError | None:
    """Returns why the address cannot be listened on: gRPC's own error does not say."""
    try:
        listen(settings.grpc_host, settings.grpc_port).close()
    except OSError as error:
        return error
    return None


def _certificates(settings: ServerBSettings) -> ServerCertificates | None:
    if not settings.tls_cert_file:
        return None
    return ServerCertificates(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)


async def _serve_mcp(settings: ServerBSettings, mode: McpTransport) -> int:
    from server_b.mcp_server import serve_mcp

    return await serve_mcp(settings, mode)


if __name__ == "__main__":
    main()
