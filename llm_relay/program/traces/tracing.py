"""Traces: sends the spans of this process to an OTLP receiver. OpenTelemetry is imported only if traces are on.

They are on if OpenTelemetry's own variables name an endpoint, in the environment or in the .env file. Only the
interfaces begin spans here; spans of calls are made from their records. No span contains text of prompts or answers.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence

from llm_relay.program.settings.env_file import EnvFile
from llm_relay.program.traces.spans import ENDPOINT_VARIABLES, InterfaceSpan, SpanExport, Value
from llm_relay.trace_context import TraceContext, set_current_trace

PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PREFIX = "OTEL_"
INSTALL = (
    "pip install 'grpc-llm-relay[otel]', or in a clone:"
    " .venv/bin/pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-grpc"
)
logger = logging.getLogger("relay.traces")


_export: SpanExport | None = None


def span_export() -> SpanExport | None:
    """Returns the export of this process's spans, or None if traces are off."""
    return _export


@contextlib.contextmanager
def traced(program: str, file: EnvFile) -> Iterator[None]:
    """Sends the spans of this process within the block, if traces are on. `program` names them.

    OpenTelemetry's variables may be in the .env `file` too.
    If an outer block already sends them, this block is part of it. A fault is only logged as an error: the variables
    are often set for every program of a machine, and a relay without traces is better than none.
    """
    global _export  # noqa: PLW0603 - one for each process, like its log
    if _export is not None or (export := _opened(program, file)) is None:
        yield
        return
    _export = export
    try:
        yield
    finally:
        _export = None
        export.close()


@contextlib.contextmanager
def interface_span(name: str, parent: TraceContext | None, **attributes: Value) -> Iterator[InterfaceSpan]:
    """Makes a span of the request that the block serves. Calls that the block makes belong to it.

    If traces are off, they belong to the trace that the request was sent with.
    """
    span = InterfaceSpan(name=name, attributes=attributes)
    if _export is None:
        set_current_trace(parent)
        yield span
        return
    opened = _export.begin(span, parent)
    set_current_trace(opened.context)
    try:
        yield span
    finally:
        opened.end(span)


class TracesFault(Exception):
    """Traces are on, but cannot be sent. The text names the variable and the fix."""


@contextlib.contextmanager
def trial_export(file: EnvFile) -> Iterator[SpanExport | None]:
    """Yields the export of a program's spans and sends none; None: traces are off. Raises TracesFault."""
    export = _export_of("check", file)
    try:
        yield export
    finally:
        if export is not None:
            export.close()


def _opened(program: str, file: EnvFile) -> SpanExport | None:
    try:
        export = _export_of(program, file)
    except TracesFault as fault:
        logger.error("%s", fault)  # noqa: TRY400 - the traceback adds nothing
        return None
    if export is not None:
        logger.info("Traces: sent to %s", export.endpoint)
    return export


def _export_of(program: str, file: EnvFile) -> SpanExport | None:
    _take_from(file)
    if not _is_on():
        return None
    protocol = _first_of(PROTOCOL_VARIABLES)
    if protocol not in ("", "grpc"):
        raise TracesFault(f"{PROTOCOL_VARIABLES[-1]}={protocol}: traces can only be sent over grpc, so none are sent")
    try:
        from llm_relay.program.traces.otlp import OtlpExport
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise TracesFault(
            f"{_endpoint_name()} is set, but the packages that send traces are not installed, so none are"
            f" sent; run: {INSTALL}"
        ) from error
    try:
        return OtlpExport(program)
    except Exception as error:  # the library reads a dozen variables, and may raise anything
        raise TracesFault(
            f"OTEL_*: a variable has a value that OpenTelemetry does not accept ({error}): no traces are sent"
        ) from error


def _take_from(file: EnvFile) -> None:
    """Copies the file's variables into the environment, because OpenTelemetry's library reads nothing else."""
    for name, value in file.values.items():
        if name.startswith(PREFIX) and not os.environ.get(name):
            os.environ[name] = value


def _is_on() -> bool:
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return bool(_first_of(ENDPOINT_VARIABLES)) and not is_disabled and exporter in ("", "otlp")


def _endpoint_name() -> str:
    return next(name for name in ENDPOINT_VARIABLES if os.environ.get(name))


def _first_of(names: Sequence[str]) -> str:
    return next((value.strip() for name in names if (value := os.environ.get(name))), "")
