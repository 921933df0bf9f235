"""Identifies a message that is too large to be read, so that its sender gets an error."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import mcp_types

from llm_relay.errors import TooLarge
from llm_relay.mcp.tool_results import error_result

HEAD_BYTES = 4096
TAIL_BYTES = 1024
"""How much of its beginning and its end is searched: clients write the id into either."""
TOOL_CALL = "tools/call"

_TOKEN = re.compile(rb'\s*("(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+)', re.DOTALL)
_ID_AT_END = re.compile(
    rb',\s*"id"\s*:\s*("(?:[^"\\]|\\.){0,256}"|-?[0-9]{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversized:
    """What is known about a message that is too large."""

    id: str | int | None = None
    """None: not found."""
    method: str = ""
    """Empty: not found."""

    @property
    def is_tool_call(self) -> bool:
        """Whether it is a request that calls a tool."""
        return self.id is not None and self.method == TOOL_CALL

    def answer(self) -> mcp_types.JSONRPCResponse | mcp_types.JSONRPCError:
        """Returns the answer for its sender: a tool error for a tool call, a protocol error for other messages."""
        if self.id is None or not self.is_tool_call:
            return self.error()
        result = too_large_result().model_dump(mode="json", by_alias=True, exclude_none=True)
        return mcp_types.JSONRPCResponse(jsonrpc="2.0", id=self.id, result=result)

    def error(self) -> mcp_types.JSONRPCError:
        """Returns a protocol error."""
        error = TooLarge()
        text, data = f"{error.reason}: {error.message}", {"reason": error.reason}
        return mcp_types.JSONRPCError(
            jsonrpc="2.0",
            id=self.id,
            error=mcp_types.ErrorData(code=mcp_types.INVALID_REQUEST, message=text, data=data),
        )

    def without_arguments(self) -> bytes:
        """Returns the request without its arguments, for a server that refuses it because of TOO_LARGE."""
        params: dict[str, object] = {"name": "", "arguments": {}}
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": params}).encode()


def too_large_result() -> mcp_types.CallToolResult:
    """Returns the result of a tool call that is too large."""
    return error_result(TooLarge())


def oversized(head: bytes, tail: bytes = b"") -> Oversized:
    """Looks for the id and the method in the beginning and the end of a message."""
    found = _members(head)
    if "id" not in found and (at_end := _ID_AT_END.search(tail)):
        found["id"] = json.loads(at_end[1])
    given_id, method = found.get("id"), found.get("method")
    return Oversized(
        id=given_id if isinstance(given_id, str | int) and not isinstance(given_id, bool) else None,
        method=method if isinstance(method, str) else "",
    )


def _members(head: bytes) -> dict[str, object]:
    """Returns the id and the method at the beginning of a JSON object, outside of nested objects."""
    found: dict[str, object] = {}
    depth, name, is_value, at = 0, b"", False, 0
    while match := _TOKEN.match(head, at):
        token, at = match[1], match.end()
        if at == len(head):  # the token may be cut off
            break
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
        elif depth == 1 and token in b":,":
            is_value = token == b":"
        elif depth == 1 and not is_value:
            name = token
        elif depth == 1 and name in (b'"id"', b'"method"'):
            found[name.strip(b'"').decode()] = _scalar(token)
    return found


def _scalar(token: bytes) -> object:
    try:
        return json.loads(token)
    except ValueError:
        return None
