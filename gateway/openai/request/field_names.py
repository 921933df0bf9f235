"""Names the fields of a prompt in OpenAI's terms, for errors and headers."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from starlette.responses import Response

from gateway.openai.errors import BadParam, openai_error_response
from gateway.openai.request.conversation import Conversation
from llm_relay.errors import InvalidRequest, RelayError, Violation

_NAMES = {
    "request_id": "Idempotency-Key",
    "options.tags": "metadata",
    "options.end_user": "safety_identifier",
    "options.max_cost_nano_usd": "max_cost_usd",
    "options.tool_choice.mode": "tool_choice",
    "options.tool_choice.parallel": "parallel_tool_calls",
}
"""The prompt's fields that have another name in both interfaces."""


_RESULT_ID = ".tool_result.tool_call_id"
_UNANSWERED = ("a tool_result in the next user turn", "a result for each of its tool calls, directly after it")
"""The prompt's text for an unanswered call, and the text for clients that know no parts and turns."""


class FieldNames:
    """The names of one request's fields."""

    def __init__(
        self,
        conversation: Conversation,
        names: Callable[[], Mapping[str, str]],
        *,
        tools: Sequence[str],
        result_id: str,
        result: str,
    ) -> None:
        """`names` returns the interface's names of fields. Only failures and ignored members need them.

        `tools` are the places of each function's members in the request, with `{}` for the member. `result_id` is the
        member in which a result names its call, and `result` the one with its content.
        """
        self._conversation = conversation
        self._names = names
        self._tools = tools
        self._result_id = result_id
        self._result = result

    def param(self, field: str) -> str:
        """Returns the request's name for a field of the prompt."""
        for known, name in {**_NAMES, **self._names()}.items():
            if field == known or field.startswith(f"{known}."):
                return name
        if (place := self._place(field)) is not None:
            return f"{place}.{member}" if (member := self._result_member(field)) else place
        for prefix in ("options.", "sampling.", "provider_options.openai."):
            field = field.removeprefix(prefix)
        tool = re.match(r"tools\[(\d+)\]\.(\w+)", field)
        if tool and int(tool[1]) < len(self._tools):
            return self._tools[int(tool[1])].format("parameters" if tool[2] == "input_schema_json" else tool[2])
        return field

    def _place(self, field: str) -> str | None:
        """Returns the message or item of a conversation field, or None for any other field."""
        if turn := re.match(r"history\[(\d+)\]", field):
            return self._conversation.places[int(turn[1])]
        if not field.startswith(("message", "parts")):
            return None
        place = self._conversation.now_place
        return f"{place}.content" if place.endswith("]") and not self._result_member(field) else place

    def _result_member(self, field: str) -> str:
        """Returns the member of a tool result, or "" for any other field."""
        if field.endswith(_RESULT_ID):
            return self._result_id
        return self._result if ".tool_result" in field else ""

    def bad_param(self, error: InvalidRequest) -> BadParam:
        """Returns the error of a prompt in the request's terms."""
        if isinstance(error, BadParam):
            return error
        return BadParam(self.param(error.violations[0].field), self._text(error.violations))

    def error_response(self, error: RelayError, request_id: str, *, status: int | None = None) -> Response:
        """Returns the response of a failure in the request's terms. This is an ErrorWriter."""
        if not error.violations or isinstance(error, BadParam):
            return openai_error_response(error, request_id, status=status)
        renamed = copy.copy(error)
        renamed.args = (self._text(error.violations),)
        return openai_error_response(renamed, request_id, status=status, param=self.param(error.violations[0].field))

    def _text(self, violations: Iterable[Violation]) -> str:
        text = "; ".join(f"{self.param(one.field)}: {self._description(one)}" for one in violations)
        return text.replace(*_UNANSWERED)

    def _description(self, violation: Violation) -> str:
        """Returns the violation's text with the request's name for a tool that it mentions."""
        return re.sub(r"tools\[\d+\](?= too)", lambda found: self.param(f"{found[0]}.name"), violation.description)
