"""python -m gateway [check]: settings to application, serve, drain; or tells what is wrong with the settings."""

from __future__ import annotations

import llm_relay.program.quiet_grpc  # noqa: F401 - before grpc

# isort: split
import argparse
import logging
import sys
from collections.abc import Coroutine
from typing import Any

from gateway.application import create_app
from gateway.check import check
from gateway.serving import create_server, serve_until_signal
from gateway.settings import PROGRAM, GatewaySettings
from llm_relay.addresses import hold_port, listen, shown_address
from llm_relay.http.stalled_readers import drop_stalled_readers
from llm_relay.program.event_loop import run, spare_what_is_there, stopping_signals
from llm_relay.program.logs import configure_logging
from llm_relay.program.settings import SettingsError, check_exposure, exit_for_bad_settings, read_or_exit
from llm_relay.program.standard_streams import open_missing_streams
from llm_relay.program.workers import Worker, serving, supervise, this_worker

EXIT_CANNOT_LISTEN = 1

logger = logging.getLogger("gateway")


def main() -> None:
    """Runs the gateway until it is told to stop."""
    open_missing_streams()
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description="HTTP in front of Server B")
    parser.add_argument("check", nargs="?", choices=("check",), help="tell what is right with the settings, and end")
    if parser.parse_args().check:
        sys.exit(run(check()))
    settings = read_or_exit(GatewaySettings, PROGRAM)
    configure_logging(settings.log_format)
    try:
        sys.exit(run(_serve(settings)))
    except SettingsError as error:
        exit_for_bad_settings(PROGRAM, error)


def _serve(settings: GatewaySettings) -> Coroutine[Any, Any, int]:
    worker = this_worker()
    return serve(settings, worker) if worker or settings.workers == 1 else _supervise(settings)


async def _supervise(settings: GatewaySettings) -> int:
    try:
        held = hold_port(settings.http_host, settings.http_port)
    except OSError as error:
        return _cannot_listen(settings, error)
    with held:
        return await supervise(PROGRAM, settings.workers, held.getsockname()[1])


async def serve(settings: GatewaySettings, worker: Worker | None = None) -> int:
    """Serves HTTP until SIGINT or SIGTERM, then drains; a second signal ends the drain. Returns the exit code."""
    host, tls = settings.http_host.strip("[]"), settings.serves_tls
    check_exposure(host, "HTTP_HOST", tokens=bool(settings.tokens), tls=tls, insecure=settings.relay_insecure)
    signals = await stopping_signals()
    try:
        listener = listen(host, worker.port if worker else settings.http_port, shared=worker is not None)
    except OSError as error:
        return _cannot_listen(settings, error)
    drop_stalled_readers(listener, settings.stall_seconds)
    with listener:
        server = create_server(create_app(settings), settings)
        address = shown_address(host, listener.getsockname()[1])
        logger.info("Starting the gateway (HTTP) on %s://%s", "https" if tls else "http", address)
        spare_what_is_there()
        with serving(worker, signals):
            await serve_until_signal(server, listener, signals)
    return 0


def _cannot_listen(settings: GatewaySettings, error: OSError) -> int:
    logger.error(
        "HTTP_PORT: cannot listen on %s:%d (%s): stop the program that does, or set another port or HTTP_HOST",
        settings.http_host.strip("[]"),
        settings.http_port,
        error.strerror,
    )
    return EXIT_CANNOT_LISTEN


if __name__ == "__main__":
    main()
