"""python -m server_b [grpc|stdio|sse|http|check]: settings to objects, run, drain; or check the settings."""

from __future__ import annotations

import llm_relay.program.quiet_grpc  # noqa: F401 - before grpc

# isort: split
import argparse
import logging
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from llm_relay.addresses import hold_port, shown_address
from llm_relay.program.event_loop import run, spare_what_is_there, stopping_signals, unless_signalled
from llm_relay.program.logs import configure_logging
from llm_relay.program.settings import SettingsError, check_exposure, exit_for_bad_settings, read_or_exit
from llm_relay.program.standard_streams import open_missing_streams
from llm_relay.program.workers import Worker, serving, supervise, this_worker
from llm_relay.tls.server import ServerCertificates
from server_b.composition import open_relay
from server_b.settings import ServerBSettings

if TYPE_CHECKING:
    from llm_relay.mcp.composition import McpTransport

PROGRAM = "server_b"
EXIT_CANNOT_LISTEN = 1

logger = logging.getLogger("relay")


def main() -> None:
    """Runs Server B until it is told to stop."""
    open_missing_streams()
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description="Server B of the relay")
    parser.add_argument("mode", nargs="?", default="grpc", choices=("grpc", "stdio", "sse", "http", "check"))
    mode = parser.parse_args().mode
    if mode == "check":
        from server_b.check import check

        sys.exit(run(check()))
    settings = read_or_exit(ServerBSettings, PROGRAM)
    configure_logging(settings.log_format)
    try:
        sys.exit(run(_grpc(settings) if mode == "grpc" else _serve_mcp(settings, mode)))
    except (SettingsError, ValueError) as error:
        exit_for_bad_settings(PROGRAM, error)


def _grpc(settings: ServerBSettings) -> Coroutine[Any, Any, int]:
    worker = this_worker()
    return serve_grpc(settings, worker) if worker or settings.workers == 1 else _supervise(settings)


async def _supervise(settings: ServerBSettings) -> int:
    try:
        held = hold_port(settings.grpc_host, settings.grpc_port)
    except OSError:
        return _cannot_listen(settings)
    with held:
        return await supervise(PROGRAM, settings.workers, held.getsockname()[1])


async def serve_grpc(settings: ServerBSettings, worker: Worker | None = None) -> int:
    """Serves gRPC until SIGINT or SIGTERM, then drains; a second signal ends the drain. Returns the exit code."""
    from server_b.grpc_server.server import Server

    certificates = _certificates(settings)
    tokens = settings.tokens
    check_exposure(
        settings.grpc_host, "GRPC_HOST", tokens=bool(tokens), tls=bool(certificates), insecure=settings.relay_insecure
    )
    signals = await stopping_signals()
    async with open_relay(settings) as relay:
        server = Server(
            relay,
            tokens=tokens,
            certificates=certificates,
            max_message_bytes=settings.max_message_bytes,
            stall_s=settings.stall_seconds,
            shares_port=worker is not None,
        )
        try:
            port = await server.start(settings.grpc_host, worker.port if worker else settings.grpc_port)
        except OSError:
            return _cannot_listen(settings)
        logger.info(
            "Starting Server B (gRPC) on %s:%d with provider %s", settings.grpc_host, port, settings.ai_provider
        )
        spare_what_is_there()
        with serving(worker, signals):
            await signals.get()
            logger.info("Stopping Server B: running calls have %g s to end", settings.drain_seconds)
            await unless_signalled(server.drain(settings.drain_seconds), signals)
    return 0


def _cannot_listen(settings: ServerBSettings) -> int:
    address = shown_address(settings.grpc_host, settings.grpc_port)
    logger.error("GRPC_PORT: cannot listen on %s: is it in use? Stop the other program or set another port", address)
    return EXIT_CANNOT_LISTEN


def _certificates(settings: ServerBSettings) -> ServerCertificates | None:
    if not settings.tls_cert_file:
        return None
    return ServerCertificates(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)


async def _serve_mcp(settings: ServerBSettings, mode: McpTransport) -> int:
    from server_b.mcp_server import serve_mcp

    return await serve_mcp(settings, mode)


if __name__ == "__main__":
    main()
