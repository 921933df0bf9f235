"""Metrics for Prometheus: counted in each process, and served as totals by the process that started the others.

Each process writes its numbers to files of a folder (prometheus_client's multiprocess mode). The folder is named in
the environment, so that workers, and what `relay serve` starts, find it.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator

from llm_relay.addresses import Address, listen_fault, same_port_fault, shown_address
from llm_relay.program.metrics.metrics_folder import in_use, metrics_folder

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client reads it when it is imported, so nothing imports that before it is set."""
SERVE_PORT = 9464
"""The port on which `relay serve` serves metrics unless METRICS_PORT is set."""

logger = logging.getLogger("relay.metrics")


def is_metered() -> bool:
    """Returns whether the metrics of this process are published."""
    return FOLDER_VARIABLE in os.environ


@contextlib.contextmanager
def published(host: str, port: int | None, *beside: Address, allowed_hosts: Iterable[str] = ()) -> Iterator[None]:
    """Serves the metrics of this process, and of those that it starts in the block, at http://host:port/metrics.

    `port` None: nothing is counted and no port is opened; 0: any free port. If a supervisor already publishes metrics,
    it serves those of this process too. A port that cannot be opened, or that is one of `beside`, on which the programs
    listen, is only logged as an error. `allowed_hosts` is METRICS_ALLOWED_HOSTS.
    """
    if is_metered():
        with in_use(os.environ[FOLDER_VARIABLE]):
            yield
        return
    if port is None:
        yield
        return
    fault = same_port_fault(*beside, (host, port, "METRICS_PORT"))
    with metrics_folder() as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            with _reported(fault) if fault else _served(folder, host, port, allowed_hosts):
                yield
        finally:
            del os.environ[FOLDER_VARIABLE]


@contextlib.contextmanager
def _served(folder: str, host: str, port: int, allowed_hosts: Iterable[str]) -> Iterator[None]:
    from prometheus_client import CollectorRegistry, make_wsgi_app
    from prometheus_client.multiprocess import MultiProcessCollector

    from llm_relay.program.metrics.metrics_server import serving_metrics

    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    with contextlib.ExitStack() as stack:
        try:
            app = make_wsgi_app(registry)
            served_port = stack.enter_context(serving_metrics(app, host, port, allowed_hosts=allowed_hosts))
        except OSError as error:
            stack.enter_context(_reported(listen_fault(host, port, "METRICS_HOST", "METRICS_PORT", error)))
        else:
            logger.info("Metrics: http://%s/metrics", shown_address(host, served_port))
        yield


@contextlib.contextmanager
def _reported(fault: str) -> Iterator[None]:
    logger.error("%s. Until then no metrics are served", fault)
    yield


def forget_process(pid: int) -> None:
    """Removes a process that has ended from the sums of running work. What it has counted stays."""
    if is_metered():
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]
