"""Logs to stderr: readable lines, or JSON. A record's `facts` (a dict) become key=value pairs or JSON members."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


def configure_logging(log_format: str = "text", level: int = logging.INFO) -> None:
    """Sends this program's log records to stderr, as "text" or "json"; replaces what was set before."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    logging.basicConfig(level=level, handlers=[stream], force=True)
    # They would write request lines, headers or tool arguments of every call.
    for name in ("httpx2", "httpcore2", "httpx", "openai", "botocore", "boto3", "urllib3", "mcp", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts: dict[str, Any] = getattr(record, "facts", {})
    return facts


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        pairs = (f"{key}={_plain(value)}" for key, value in _facts(record).items() if value is not None)
        line = " ".join((_time(record), record.levelname, record.name, record.getMessage(), *pairs))
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        members = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            members["trace"] = self.formatException(record.exc_info)
        return json.dumps(members, default=str)
