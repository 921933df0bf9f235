"""Converts a prompt from HTTP's and MCP's form to gRPC's message: an independent reading of the contract's names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict

from generated.relay.v1 import relay_pb2 as pb

OPTIONS = ("tools", "tool_choice", "response_format", "sampling", "thinking", "tags", "provider_options")
OPTIONS_TOO = ("service_tier", "end_user")
_AS_TEXT = {"arguments": "arguments_json", "structured": "structured_json", "input_schema": "input_schema_json"}


def process_request(document: Mapping[str, Any]) -> pb.ProcessRequest:
    """Makes the message; raises ParseError for what a message cannot express."""
    return ParseDict(wire_document(document), pb.ProcessRequest())


def wire_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the message's JSON form."""
    wire: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for name, value in document.items():
        if name in (*OPTIONS, *OPTIONS_TOO):
            options[name] = _option(name, value)
        elif name == "history":
            wire[name] = [{**_renamed(turn), "role": f"ROLE_{turn['role'].upper()}"} for turn in value]
        else:
            wire[name] = _renamed(value)
    return {**wire, "options": options} if options else wire


def wire_field(field: str) -> str:
    """Returns the name that gRPC's errors use for a field that HTTP's errors call `field`."""
    field = re.sub(r"\b(arguments|structured|input_schema)$", r"\1_json", field)
    field = field.replace("response_format.schema", "response_format.schema_json")
    return f"options.{field}" if re.match("|".join((*OPTIONS, *OPTIONS_TOO)), field) else field


def _option(name: str, value: Any) -> Any:
    match name:
        case "provider_options":
            return {provider: json.dumps(members) for provider, members in value.items()}
        case "tool_choice" if "mode" in value:
            return {**value, "mode": f"MODE_{value['mode'].upper()}"}
        case "response_format":
            schema = {"schema_json": json.dumps(value["schema"])} if "schema" in value else {}
            kept = {key: one for key, one in value.items() if key != "schema"}
            return {**kept, **schema, "kind": f"KIND_{value['kind'].upper()}"}
        case _:
            return _renamed(value)


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, one in value.items():
        if name in _AS_TEXT:
            made[_AS_TEXT[name]] = json.dumps(one)
        elif name == "arguments_text":
            made["arguments_json"] = one
        elif name == "ttl_seconds":
            made["ttl"] = f"{one}s"
        else:
            made[name] = _renamed(one)
    return made
