"""Draws the chart of a run: an SVG of bars for light and dark pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from scripts.benchmark.loads import Measures
from scripts.benchmark.report import machine_line
from scripts.benchmark.results import Results
from scripts.benchmark.targets import TARGETS, Target

_WIDTH = 860
_PANEL_WIDTH = 410
_LABELS_WIDTH = 150
_BARS_WIDTH = 190
_BAR, _STEP, _PANEL_HEAD, _GAP = 16, 24, 46, 26
_OURS, _FLOOR, _TEXT, _FAINT = "#2f81f7", "#8b949e", "#7d8590", "#7d859055"
_SHORT = {
    "grpc": "our gRPC server",
    "grpc-off": "our gRPC, no ledger",
    "grpc-token": "bare grpc.aio, token",
    "grpc-read": "bare grpc.aio, read",
    "grpc-contract": "bare, our contract",
    "gateway": "our gateway",
    "v1": "our /v1",
    "http-token": "bare FastAPI, token",
    "http-read": "bare FastAPI, read",
    "http-contract": "bare, our contract",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One figure of all targets."""

    title: str
    unit: str
    value: Callable[[Measures], float]
    shown: str
    """The format of a value."""
    axis: str = ",.0f"
    """The format of the axis labels."""


_PANELS = (
    Panel(
        title="Tokens a second, 64 streams",
        unit="tokens/s · more is better",
        value=lambda m: m.tokens_per_s,
        shown=",.0f",
    ),
    Panel(title="CPU for a token", unit="µs · less is better", value=lambda m: m.cpu_us_per_token, shown=",.1f"),
    Panel(
        title="Requests a second, 64 at once",
        unit="requests/s · more is better",
        value=lambda m: m.requests_per_s,
        shown=",.0f",
    ),
    Panel(
        title="Added to the first token, p50",
        unit="ms · less is better",
        value=lambda m: m.added_p50_ms,
        shown=".2f",
        axis=",.1f",
    ),
)


def chart(results: Results) -> str:
    """Returns the SVG."""
    height_of_panel = _PANEL_HEAD + len(TARGETS) * _STEP + _GAP
    height = height_of_panel * 2 + 60
    drawn = [
        f'<g transform="translate({number % 2 * (_WIDTH - _PANEL_WIDTH)},{number // 2 * height_of_panel})">'
        f"{_panel(panel, results)}</g>"
        for number, panel in enumerate(_PANELS)
    ]
    rounds = len(results.mcp)
    notes = (
        f"One core for all of a row's processes; medians of interleaved rounds ({rounds}). The bare ones only forward:",
        "a message for each token, or for each read from the provider. The gateway's rows have two processes.",
        machine_line(results.machine),
    )
    footer = [_text(0, height - 40 + 16 * line, note, size=11) for line, note in enumerate(notes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        ' role="img" aria-label="The relay beside bare floors" font-family="system-ui, -apple-system, Segoe UI,'
        f' Helvetica, Arial, DejaVu Sans, sans-serif">\n{chr(10).join([*drawn, *footer])}\n</svg>\n'
    )


def _panel(panel: Panel, results: Results) -> str:
    values = [(target, panel.value(results.median(target.name))) for target in TARGETS]
    end = _round_end(max(value for _, value in values))
    bottom = _PANEL_HEAD + len(TARGETS) * _STEP
    parts = [_text(0, 16, panel.title, size=14, weight=600), _text(0, 33, panel.unit, size=11)]
    for share in (0.0, 0.5, 1.0):
        x = _LABELS_WIDTH + share * _BARS_WIDTH
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_PANEL_HEAD - 4}" y2="{bottom}" stroke="{_FAINT}" stroke-width="1"/>'
        )
        parts.append(_text(x, bottom + 13, format(end * share, panel.axis), size=10, anchor="middle"))
    parts += [_bar(target, value, end, number, panel.shown) for number, (target, value) in enumerate(values)]
    return "\n".join(parts)


def _bar(target: Target, value: float, end: float, number: int, shown: str) -> str:
    y = _PANEL_HEAD + number * _STEP + (_STEP - _BAR) / 2
    width = max(value / end * _BARS_WIDTH, 1)
    middle = y + _BAR / 2 + 4
    is_ours = bool(target.floors)
    weight = 600 if is_ours else 400
    fill = _OURS if is_ours else _FLOOR
    parts = (
        _text(_LABELS_WIDTH - 8, middle, _SHORT[target.name], anchor="end", weight=weight),
        f'<rect x="{_LABELS_WIDTH}" y="{y:.1f}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{fill}"/>',
        _text(_LABELS_WIDTH + width + 6, middle, format(value, shown), weight=weight),
    )
    return "\n".join(parts)


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
        f' fill="{_TEXT}">{escape(text)}</text>'
    )


def _round_end(largest: float) -> float:
    """Rounds up to 1, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    scale = 1.0
    while largest > scale * 10:
        scale *= 10
    while largest <= scale:
        scale /= 10
    return next(step * scale for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * scale >= largest)
