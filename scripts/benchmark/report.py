"""The tables that a run prints."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.benchmark.loads import Measures
from scripts.benchmark.results import Results, median
from scripts.benchmark.targets import TARGETS

_RATIO_HEAD = ("ours to the floor", "requests/s", "CPU a request", "p99", "tokens/s", "CPU a token", "first token p50")
_HEAD = (
    "one core for all of a row's processes",
    "requests/s",
    "CPU µs a request",
    "p99 ms",
    "tokens/s",
    "CPU µs a token",
    "first token +p50/p99 ms",
    "cold s",
    "MB",
)
_LEGEND = """\
Medians of interleaved rounds ({rounds}). Requests: 20 tokens, 64 at once; p99: how long one takes.
Tokens: 64 streams of 500, four to a packet. First token: without the provider's own delay, 16 paced streams.
Cold: from the start to the first answer. MB: resident, idle; the larger process."""


def report(results: Results) -> str:
    """Returns the run's tables, ratios first, in Markdown."""
    titles = {target.name: target.title for target in TARGETS}
    ratios = [(f"{titles[one.target]} ÷ {titles[one.floor]}", *_ratio_cells(one.measures)) for one in results.ratios()]
    rows = [(target.title, *_cells(results.median(target.name))) for target in TARGETS]
    blocks = [
        _machine(results.machine),
        table(_RATIO_HEAD, ratios),
        _LEGEND.format(rounds=len(results.mcp)),
        table(_HEAD, rows),
        _calls(results, titles),
        _mcp(results),
        *(f"Note: {warning}" for warning in results.warnings),
    ]
    return "\n\n".join(blocks)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = cells
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        return "| " + " | ".join([first.ljust(widths[0]), *padded]) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if not number else ":") for number, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def machine_line(machine: dict[str, str]) -> str:
    """Returns the machine in one line."""
    versions = f"Python {machine['python']}, grpcio {machine['grpcio']}, uvloop {machine['uvloop']}"
    return f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}, {versions}"


def _machine(machine: dict[str, str]) -> str:
    where = "the relay on one core, load and stand-in provider on another"
    return f"{machine_line(machine)}; {where if machine['cores'] != '1' else 'everything on one core'}."


def _ratio_cells(ratio: Measures) -> tuple[str, ...]:
    parts = (
        ratio.requests_per_s,
        ratio.cpu_us_per_request,
        ratio.latency_p99_ms,
        ratio.tokens_per_s,
        ratio.cpu_us_per_token,
        ratio.added_p50_ms,
    )
    return tuple(f"{part:.2f} ×" for part in parts)


def _cells(one: Measures) -> tuple[str, ...]:
    return (
        f"{one.requests_per_s:,.0f}",
        f"{one.cpu_us_per_request:,.0f}",
        f"{one.latency_p99_ms:,.0f}",
        f"{one.tokens_per_s:,.0f}",
        f"{one.cpu_us_per_token:,.1f}",
        f"{one.added_p50_ms:.2f} / {one.added_p99_ms:.1f}",
        f"{one.cold_start_s:.2f}",
        f"{one.resident_mb:.0f}",
    )


def _calls(results: Results, titles: dict[str, str]) -> str:
    head = ("streamed tool calls, arguments of 500 deltas", "deltas/s", "CPU µs a delta", "to a token of text")
    medians = {name: median(found) for name, found in results.calls.items()}
    rows = [
        (titles[name], f"{one.deltas_per_s:,.0f}", f"{one.cpu_us_per_delta:,.1f}", f"{one.cpu_to_text:.2f} ×")
        for name, one in medians.items()
    ]
    return table(head, rows)


def _mcp(results: Results) -> str:
    one = results.mcp_median()
    rows = [
        ("Server A, without Server B's own time", one.added_ms, one.cpu_us_per_call, f"{one.stdio_start_s:.2f}"),
        ("the SDK's server, calling Server B with bare grpc.aio", one.floor_added_ms, one.floor_cpu_us_per_call, ""),
        ("the SDK's echo, calling no server", one.echo_ms, one.echo_cpu_us_per_call, f"{one.echo_stdio_start_s:.2f}"),
    ]
    cells = [(title, f"{ms:.2f}", f"{cpu:,.0f}", start) for title, ms, cpu, start in rows]
    head = ("MCP over HTTP, one call at a time", "p50 ms", "CPU µs a call", "stdio: s to initialize")
    ratio = (
        f"Server A adds {one.ratio_to_floor:.2f} × what the second row adds, and {one.ratio_to_echo:.2f} × the echo."
    )
    return f"{table(head, cells)}\n\n{ratio}"
