"""Starts Server B, the gateway and Server A, sends a message over each interface, then serves until Ctrl-C."""

from __future__ import annotations

import llm_relay.program.process_setup  # noqa: F401 - before grpc

# isort: split
import argparse
import asyncio
import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path

from scripts.showcase.doors import DOORS, Door, DoorError, Receipt, Relay, health
from scripts.showcase.plan import LAST_PORT, Plan
from scripts.showcase.programs import Program, StartError, running

ROOT = Path(__file__).resolve().parent.parent.parent
MESSAGE = "Say hello in five words."


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/run", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit after the messages, with 1 if any failed")
    parser.add_argument(
        "--sse-port",
        type=port_number,
        help="port of Server A's SSE transport, 0 for any free one (default: MCP_PORT_A + 1)",
    )
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # for those who read it through a pipe
    bypass_proxies()
    try:
        return asyncio.run(showcase(Plan.read(arguments.sse_port), check=arguments.check))
    except (StartError, DoorError) as error:
        print(f"scripts/run: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("\nStopped.")
        return 130


def port_number(text: str) -> int:
    """Reads the number of a port. Raises ArgumentTypeError."""
    if text.isascii() and text.isdecimal() and int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a number from 0 to {LAST_PORT}")


def bypass_proxies() -> None:
    """Excludes loopback from the proxies in the environment: httpx2 would use http_proxy there too."""
    others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = ",".join(filter(None, (others, "127.0.0.1,localhost,::1")))


async def showcase(plan: Plan, *, check: bool) -> int:
    """Runs the showcase and returns the exit code. Stops what it has started, also when a signal cancels it."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with contextlib.AsyncExitStack() as stack:
        programs = await start(plan, stack)
        failed = [name for name, door in DOORS.items() if not await passes(name, door, plan.relay)]
        print(f"\n{len(failed)} of {len(DOORS)} failed: {'; '.join(failed)}." if failed else "\nEverything answered.")
        if check:
            return 1 if failed else 0
        return await serve(plan.relay, programs)


async def start(plan: Plan, stack: contextlib.AsyncExitStack) -> list[Program]:
    """Starts the programs and waits until they are healthy. `stack` stops them, Server B last."""
    print("Starting Server B, the gateway, and Server A twice …", flush=True)
    programs = [await stack.enter_async_context(running(launch)) for launch in plan.launches]
    stack.push_async_callback(stop_together, programs[1:])
    for program in programs:
        await program.until_listening()
    print(f"{await health(plan.relay)}\n")
    return programs


async def stop_together(programs: list[Program]) -> None:
    await asyncio.gather(*(program.stop() for program in programs))


async def passes(name: str, door: Door, relay: Relay) -> bool:
    """Sends the message over one interface, shows the answer as it arrives, and returns whether it succeeded."""
    print(f"{name:20}", end="", flush=True)
    try:
        receipt = await door(relay, MESSAGE, say)
        print(f"\n{'':20}{summary(receipt)}")
    except Exception as error:  # noqa: BLE001  one failure, of whatever kind, must not hide the others
        print(" FAILED:", "".join(traceback.format_exception_only(error)).rstrip())
        return False
    return True


def say(text: str) -> None:
    print(text, end="", flush=True)


def summary(receipt: Receipt) -> str:
    """Returns the usage and cost of an answer for people. Raises KeyError if they are missing."""
    usage = receipt["usage"]
    cost = usage["estimatedCost"]
    money = "at an unknown price" if cost is None else "$" + f"{cost:.9f}".rstrip("0").rstrip(".")
    return f"{receipt['model']}, {usage['promptTokens']} tokens in, {usage['completionTokens']} out, {money}"


async def serve(relay: Relay, programs: list[Program]) -> int:
    """Shows the logs until a signal. Returns 1 if a program ends by itself."""
    print(f"""
Serving until Ctrl-C:
  gRPC               {relay.dial.target}
  HTTP               {relay.http_url}    (all routes: {relay.http_url}/docs)
  MCP over HTTP      {relay.mcp_http_url}
  MCP over SSE       {relay.mcp_sse_url}
  MCP over stdio     {ROOT}/.venv/bin/relay mcp
""")
    for program in programs:
        program.aloud = True
    ends = [asyncio.create_task(program.ended()) for program in programs]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        print("Stopping …")
        return 0
    print("\n".join(end.result() for end in done), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
