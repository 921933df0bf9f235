"""Metrics for Prometheus: counted in each process, added up over all of them, and served by the one that started them.

Each process writes its numbers to files of a folder (prometheus_client's multiprocess mode). The folder is named in
the environment, so that workers, and what `relay serve` starts, find it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator

from llm_relay.addresses import shown_address

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads it when it is imported, so nothing imports that before it is set."""
SERVE_PORT = 9464
"""Where `relay serve` serves metrics unless METRICS_PORT is set."""

logger = logging.getLogger("relay.metrics")


def is_metered() -> bool:
    """Tells whether this process counts for somebody."""
    return FOLDER_VARIABLE in os.environ


@contextlib.contextmanager
def published(host: str, port: int | None) -> Iterator[None]:
    """Serves the metrics of this process, and of all that it starts in the block, at http://host:port/metrics.

    `port` None: nothing is counted and no port is opened; 0: any free port. Where a supervisor publishes already, the
    block is a part of that. A port that cannot be opened is an error in the log, and no more.
    """
    if port is None or is_metered():
        yield
        return
    folder = tempfile.mkdtemp(prefix="relay-metrics-")
    os.environ[FOLDER_VARIABLE] = folder
    try:
        with _served(folder, host, port):
            yield
    finally:
        del os.environ[FOLDER_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _served(folder: str, host: str, port: int) -> Iterator[None]:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        logger.error(  # noqa: TRY400 - the traceback would tell nothing
            "METRICS_PORT: cannot listen on %s (%s): no metrics are served; set another port",
            shown_address(host, port),
            error.strerror,
        )
        yield
        return
    logger.info("Metrics: http://%s/metrics", shown_address(host, server.server_port))
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def forget_process(pid: int) -> None:
    """Takes a process that has ended out of the sums of what is running; what it has counted stays."""
    if is_metered():
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]
