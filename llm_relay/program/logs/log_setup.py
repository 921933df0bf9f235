"""Logs to stderr, as readable lines or JSON.

A record's `facts` (a dict) become key=value pairs or JSON members. A list of facts becomes one line for each.
"""

from __future__ import annotations

import functools
import io
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from llm_relay.program.logs.errors_without_text import class_and_place

STDERR = 2
"""The file descriptor of standard error."""


def configure_logging(log_format: str = "text", level: int = logging.INFO) -> None:
    """Sends this program's log records to stderr, as "text" or "json"; replaces what was set before."""
    if sys.stderr is sys.__stderr__:
        sys.stderr = _unbuffered_stderr()
    stream = _LastingHandler(sys.stderr)
    stream.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    stream.addFilter(_may_be_written)
    logging.basicConfig(level=level, handlers=[stream], force=True)
    # Our lines do not show these, so logging need not look them up: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - as that page says


# Below WARNING these loggers write request lines, headers, prompts or tool arguments of every call.
_TALKATIVE = ("httpx2", "httpcore2", "botocore", "boto3", "urllib3", "mcp", "uvicorn.access")


_GRPC = "grpc._cython.cygrpc"
_CALLER_LEFT = "ExecuteBatchError"
"""How gRPC's line begins if a caller leaves while it is being answered."""


def _may_be_written(record: logging.LogRecord) -> bool:
    if record.name == _GRPC and record.getMessage().startswith(_CALLER_LEFT):
        return False
    # Filtered here, because a library may set its logger's level again when it is imported.
    return record.levelno >= logging.WARNING or not record.name.startswith(_TALKATIVE)


def _unbuffered_stderr() -> TextIO:
    # A buffer would retry a failed write at the end of the program, and the exit code would be 120.
    return io.TextIOWrapper(
        io.FileIO(STDERR, "w", closefd=False),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )


class _LastingHandler(logging.StreamHandler[TextIO]):
    """Drops lines that cannot be written: a full disk must not end the program."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03}Z"


@functools.lru_cache(maxsize=1)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _lines(record: logging.LogRecord) -> list[dict[str, Any]]:
    """Returns the facts of each line of a record."""
    facts: dict[str, Any] | list[dict[str, Any]] = getattr(record, "facts", {})
    return facts if isinstance(facts, list) else [facts]


def _error(record: logging.LogRecord) -> str:
    # Not the traceback: the text of an exception, ours or a library's, may contain a key or a prompt.
    error = record.exc_info[1] if record.exc_info else None
    return class_and_place(error) if error else ""


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = f"{_time(record)} {record.levelname} {record.name} {record.getMessage()}"
        tail = f" Traceback: {error}" if (error := _error(record)) else ""
        return "\n".join([f"{head}{_pairs(facts)}{tail}" for facts in _lines(record)])


def _pairs(facts: dict[str, Any]) -> str:
    return "".join([f" {key}={_plain(value)}" for key, value in facts.items() if value is not None])


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        tail = {"traceback": error} if (error := _error(record)) else {}
        return "\n".join([json.dumps({**head, **facts, **tail}, default=str) for facts in _lines(record)])
