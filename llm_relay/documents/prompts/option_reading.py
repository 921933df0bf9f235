"""Reads options from JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.documents.raw_json import json_text, plain_value
from llm_relay.documents.shown_names import shown_name
from llm_relay.errors import Violation
from llm_relay.messages import (
    Options,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from llm_relay.plain_numbers import small_number

OPTIONS = frozenset(
    (
        *("tools", "tool_choice", "response_format", "sampling", "thinking", "tags", "provider_options"),
        *("service_tier", "max_cost_usd", "end_user"),
    )
)
"""The members of a prompt that are options."""
MAX_COST_USD = 1e9

_MODES = {mode.value: mode for mode in ToolChoiceMode} | {f"MODE_{mode.name}": mode for mode in ToolChoiceMode}
_KINDS = {kind.value: kind for kind in ResponseKind} | {f"KIND_{kind.name}": kind for kind in ResponseKind}
"""The names of the protobuf enums are accepted too."""
_DECIMAL = re.compile(r"[0-9]{1,10}(\.[0-9]{1,400})?")
_UNREADABLE_JSON = "{}"
"""Replaces JSON that could not be read, so that the other options are checked too."""


class OptionReader:
    """Reads options, and collects what is wrong with their JSON values. Prompt checks the rest."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def options(self, given: Mapping[str, Any]) -> Options:
        """Reads the options among the members of a prompt."""
        return Options(
            tools=tuple(self._tool(tool, f"tools[{index}]") for index, tool in enumerate(given.get("tools") or ())),
            tool_choice=_tool_choice(given.get("tool_choice")),
            response_format=self._response_format(given.get("response_format")),
            sampling=_sampling(given.get("sampling")),
            thinking=_thinking(given.get("thinking")),
            tags={name: plain_value(value) for name, value in (given.get("tags") or {}).items()},
            provider_options={
                provider: self._json(value, f"provider_options.{shown_name(provider)}")
                for provider, value in (given.get("provider_options") or {}).items()
            },
            service_tier=given.get("service_tier") or "",
            max_cost_nano_usd=self._max_cost(given.get("max_cost_usd")),
            end_user=given.get("end_user") or "",
        )

    def _tool(self, tool: Mapping[str, Any], place: str) -> Tool:
        schema = self._json(tool["input_schema"], f"{place}.input_schema")
        return Tool(
            name=tool["name"],
            description=tool.get("description", ""),
            input_schema_json=schema,
            strict=tool.get("strict"),
        )

    def _response_format(self, wanted: Mapping[str, Any] | None) -> ResponseFormat | None:
        if wanted is None:
            return None
        schema = self._json(wanted["schema"], "response_format.schema") if "schema" in wanted else ""
        return ResponseFormat(
            kind=cast("ResponseKind", _named(_KINDS, wanted["kind"])),
            name=wanted.get("name", ""),
            schema_json=schema,
            strict=wanted.get("strict"),
        )

    def _max_cost(self, usd: object) -> int | None:
        """Returns a decimal of US dollars in nano-dollars, rounded down."""
        if usd is None:
            return None
        text = usd if isinstance(usd, str) else _number_text(usd)
        if text is None or not (_DECIMAL.fullmatch(text) or small_number(text) is not None):
            self._refuse("max_cost_usd", f"must be US dollars from 0 to {MAX_COST_USD:.0f}, as a number or as text")
            return None
        nano_usd = Fraction(text) * NANO_USD_PER_USD
        return nano_usd.numerator // nano_usd.denominator

    def _json(self, value: object, place: str) -> str:
        try:
            return json_text(value)
        except ValueError:
            self._refuse(place, "must be a JSON value")
            return _UNREADABLE_JSON

    def _refuse(self, place: str, text: str) -> None:
        self.violations.append(Violation(place, text))


def _number_text(number: object) -> str | None:
    """Returns a number without an exponent, or None if it is not a number in range."""
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return f"{Decimal(repr(number)):f}" if is_number and abs(number) <= MAX_COST_USD else None  # type: ignore[arg-type]


def _tool_choice(choice: Mapping[str, Any] | None) -> ToolChoice | None:
    if choice is None:
        return None
    mode = _named(_MODES, choice["mode"]) if "mode" in choice else ToolChoiceMode.AUTO
    return ToolChoice(mode=cast("ToolChoiceMode", mode), name=choice.get("name"), parallel=choice.get("parallel"))


def _sampling(sampling: Mapping[str, Any] | None) -> Sampling | None:
    if sampling is None:
        return None
    members = {**sampling, "stop": tuple(sampling.get("stop", ()))}
    return Sampling(**{**members, "seed": whole_number(members.get("seed"))})


def _thinking(thinking: Mapping[str, Any] | None) -> Thinking | None:
    if thinking is None:
        return None
    return Thinking(effort=thinking.get("effort", ""), max_tokens=whole_number(thinking.get("max_tokens")))


def _named(members: Mapping[str, Any], name: object) -> object:
    # Prompt refuses an unknown name.
    return members.get(name) if isinstance(name, str) else None


def whole_number(value: Any) -> Any:
    """Returns 5 for 5.0, which is the same in JSON, and other values unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
