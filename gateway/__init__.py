"""The gateway: an HTTP server that calls Server B over gRPC. Run `uvicorn gateway:app` or `python -m gateway`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    app: FastAPI


def __getattr__(name: str) -> FastAPI:
    """Creates `app` on first use. The settings are read only then, so that importing another module needs none."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["app"] = _create_app_of_environment()
    return made


def _create_app_of_environment() -> FastAPI:
    from gateway.application import create_app
    from gateway.settings import PROGRAM, GatewaySettings
    from llm_relay.program.logs.log_setup import configure_logging
    from llm_relay.program.startup import log_warnings, read_or_exit

    settings = read_or_exit(GatewaySettings, PROGRAM)
    # The HTTP server that runs the app may have set up logging already. Keep its setup.
    if not logging.getLogger().handlers:
        configure_logging(settings.log_format)
    log_warnings(settings)
    return create_app(settings)
