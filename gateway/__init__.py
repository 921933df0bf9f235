"""The gateway: HTTP in front, Server B over gRPC behind. `uvicorn gateway:app` or `python -m gateway` serves it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    app: FastAPI


def __getattr__(name: str) -> FastAPI:
    """Makes `app` at its first use: the settings are read then, so that importing a sibling module needs none."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["app"] = _create_app_of_environment()
    return made


def _create_app_of_environment() -> FastAPI:
    from gateway.application import create_app
    from gateway.settings import PROGRAM, GatewaySettings
    from llm_relay.program.logs import configure_logging
    from llm_relay.program.startup import log_warnings, read_or_exit

    settings = read_or_exit(GatewaySettings, PROGRAM)
    # A server that runs the app may have set up logging already; its setup stays.
    if not logging.getLogger().handlers:
        configure_logging(settings.log_format)
    log_warnings(settings)
    return create_app(settings)
