"""python -m server_a [stdio|sse|http|check]: serves Server A's tools until told to stop, or checks the settings."""

from __future__ import annotations

import llm_relay.program.process_setup  # noqa: F401 - before grpc

# isort: split
import argparse
import sys

from llm_relay.addresses import is_loopback_host
from llm_relay.program.event_loop import run
from llm_relay.program.metrics.publishing import published
from llm_relay.program.settings.env_file import leave_out_working_folder, value_of
from llm_relay.program.settings.program_settings import SettingsError
from llm_relay.program.startup import begin, exit_for_bad_settings
from llm_relay.program.traces.tracing import traced
from server_a.settings import ServerASettings

PROGRAM = "server_a"


def main() -> None:
    """Runs Server A until its client leaves or it is told to stop."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description="Server A of the relay")
    parser.add_argument(
        "transport", nargs="?", choices=("stdio", "sse", "http", "check"), help="default: MCP_TRANSPORT"
    )
    transport = parser.parse_args().transport
    if transport == "check":
        from server_a.check import check

        sys.exit(run(check()))
    if (transport or value_of("MCP_TRANSPORT")) not in ("sse", "http"):
        leave_out_working_folder()
    settings = begin(ServerASettings, PROGRAM)
    try:
        serving = settings.model_copy(update={"mcp_transport": transport or settings.mcp_transport})
        # An editor may start many of these over stdio on one machine, so they have no port for metrics.
        port = None if serving.mcp_transport == "stdio" else settings.metrics_port
        own = (settings.mcp_host, settings.mcp_port_a, "MCP_PORT_A")
        metrics = published(settings.metrics_host, port, own, allowed_hosts=settings.metrics_hosts)
        with metrics, traced(PROGRAM, settings.file):
            sys.exit(run(_serve(serving)))
    except (SettingsError, ValueError) as error:
        exit_for_bad_settings(PROGRAM, error)


async def _serve(settings: ServerASettings) -> int:
    from llm_relay.client.caller_check import CallerCheck
    from llm_relay.mcp.composition import serve_tools
    from llm_relay.program.stop_signals import starting, stopping_signals
    from server_a import tools
    from server_a.mcp_server import create_server

    if settings.server_b_tls:
        await tools.connect()  # unreadable certificates fail at the start, not at the first call
    is_open = settings.relay_insecure or not _is_beyond_loopback(settings)
    signals = await stopping_signals()
    async with starting(signals):
        has_tokens = bool(settings.tokens) or await _needs_token(settings)
    async with CallerCheck(settings.tokens, settings.dial, checks_anonymous=True, anonymous_allowed=is_open) as callers:
        return await serve_tools(
            create_server(),
            settings.mcp_transport,
            settings,
            signals,
            callers=callers,
            has_tokens=has_tokens,
            name="Server A",
            port=settings.mcp_port_a,
            port_setting="MCP_PORT_A",
        )


def _is_beyond_loopback(settings: ServerASettings) -> bool:
    return settings.mcp_transport != "stdio" and not is_loopback_host(settings.mcp_host)


async def _needs_token(settings: ServerASettings) -> bool:
    """Returns whether Server B requires a token; False, without asking, if only this machine can call Server A."""
    if not _is_beyond_loopback(settings):
        return False
    from llm_relay.client.caller_check import needs_token

    return await needs_token(settings.dial)


if __name__ == "__main__":
    main()
