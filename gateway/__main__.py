"""python -m gateway [check]: serves HTTP until it is stopped, then drains; or checks the settings."""

from __future__ import annotations

import llm_relay.program.process_setup  # noqa: F401 - before grpc

# isort: split
import argparse
import logging
import sys
from collections.abc import Coroutine
from typing import Any

from gateway.application import create_app
from gateway.serving import create_server, serve_until_signal
from gateway.settings import PROGRAM, GatewaySettings
from llm_relay.addresses import hold_port, is_loopback_host, listen, listen_fault, shown_address
from llm_relay.client.caller_check import needs_token
from llm_relay.http.stalled_readers import drop_stalled_readers
from llm_relay.program.event_loop import freeze_existing_objects, run
from llm_relay.program.metrics.publishing import published
from llm_relay.program.processes.supervised import Supervised, serving, this_process
from llm_relay.program.processes.workers import run_workers
from llm_relay.program.settings.exposure import check_exposure
from llm_relay.program.settings.program_settings import SettingsError
from llm_relay.program.startup import begin, exit_for_bad_settings
from llm_relay.program.stop_signals import starting, stopping_signals

EXIT_CANNOT_LISTEN = 1

logger = logging.getLogger("gateway")


def main() -> None:
    """Runs the gateway until it is stopped."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description="Serve HTTP in front of Server B.")
    parser.add_argument(
        "check",
        nargs="?",
        choices=("check",),
        help="check the settings, print what is right and what is wrong, and exit",
    )
    if parser.parse_args().check:
        from gateway.check import check

        sys.exit(run(check()))
    settings = begin(GatewaySettings, PROGRAM)
    try:
        own = (settings.http_host, settings.http_port, "HTTP_PORT")
        with published(settings.metrics_host, settings.metrics_port, own, allowed_hosts=settings.metrics_hosts):
            sys.exit(run(_serve(settings)))
    except SettingsError as error:
        exit_for_bad_settings(PROGRAM, error)


def _serve(settings: GatewaySettings) -> Coroutine[Any, Any, int]:
    supervised = this_process()
    is_worker = supervised is not None and supervised.shared_port
    if is_worker or settings.workers == 1:
        return serve(settings, supervised)
    return _serve_with_workers(settings, supervised)


async def _serve_with_workers(settings: GatewaySettings, supervised: Supervised | None) -> int:
    try:
        held = hold_port(settings.http_host, settings.http_port)
    except OSError as error:
        return _cannot_listen(settings, error)
    with held:
        port = held.getsockname()[1]
        return await run_workers(PROGRAM, settings, count=settings.workers, port=port, supervised=supervised)


async def serve(settings: GatewaySettings, supervised: Supervised | None = None) -> int:
    """Serves HTTP until SIGINT or SIGTERM, then drains; a second signal ends the drain. Returns the exit code."""
    host, tls = settings.http_host, settings.serves_tls
    shared_port = supervised.shared_port if supervised else 0
    signals = await stopping_signals()
    async with starting(signals):
        # Tokens in Server B's ledger count too. Server B is asked for them only where it matters.
        has_tokens = bool(settings.tokens) or (not is_loopback_host(host) and await needs_token(settings.dial))
    check_exposure(host, "HTTP_HOST", tokens=has_tokens, tls=tls, insecure=settings.relay_insecure)
    try:
        listener = listen(host, shared_port or settings.http_port, shared=bool(shared_port))
    except OSError as error:
        return _cannot_listen(settings, error)
    drop_stalled_readers(listener, settings.stall_seconds)
    with listener:
        app = create_app(settings)
        server = create_server(app, settings)
        port = listener.getsockname()[1]
        address = shown_address(host, port)
        logger.info("Starting the gateway (HTTP) on %s://%s", "https" if tls else "http", address)
        freeze_existing_objects()
        with serving(supervised, signals, port):
            await serve_until_signal(server, listener, signals, app.state.watchers.stop)
    return 0


def _cannot_listen(settings: GatewaySettings, error: OSError) -> int:
    logger.error(listen_fault(settings.http_host, settings.http_port, "HTTP_HOST", "HTTP_PORT", error))
    return EXIT_CANNOT_LISTEN


if __name__ == "__main__":
    main()
