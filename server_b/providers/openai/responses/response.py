"""Collects a response from its events, or from a whole response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_relay.messages import FinishReason
from server_b.providers.openai.event_data import is_sign_of_life
from server_b.providers.openai.failures.errors import malformed
from server_b.providers.openai.failures.failure import Failed, failure_of_document, is_failure, says_something
from server_b.providers.openai.responses.output import ItemClass, Output
from server_b.providers.openai.responses.output_items import Call, Message, ReasoningItem
from server_b.providers.parsing.finish_reasons import finish_reason, finish_word, is_failure_word

_DELTAS: Mapping[str, ItemClass] = {
    "response.output_text.delta": Message,
    "response.refusal.delta": Message,
    "response.function_call_arguments.delta": Call,
    "response.reasoning_summary_text.delta": ReasoningItem,
    "response.reasoning_text.delta": ReasoningItem,
}
_WHOLES: Mapping[str, ItemClass] = {
    "response.output_text.done": Message,
    "response.refusal.done": Message,
    "response.function_call_arguments.done": Call,
    "response.reasoning_summary_text.done": ReasoningItem,
    "response.reasoning_text.done": ReasoningItem,
}
_BEGINNINGS = frozenset({"response.created", "response.in_progress", "response.queued"})
_ENDS = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
_ERRORS = frozenset({"error", "response.error"})


class ResponseSoFar:
    """The response so far. Raises Failed, or ProviderProtocol for a document that is not part of a response."""

    def __init__(self, model: str) -> None:
        """`model` is the requested model, used if the answer names none."""
        self.model = model
        self.output = Output()
        self.opened = False
        self.signs_of_life = 0
        self.finish_reason: FinishReason | None = None
        self.counts: Mapping[str, object] | None = None
        self.service_tier = ""

    def take(self, document: object) -> None:
        """Takes an event, a whole response, an error or a sign of life."""
        if self.finish_reason is not None:
            return
        if not isinstance(document, dict):
            raise malformed("a document of the answer is not an object")
        kind = document.get("type")
        if isinstance(kind, str) and kind in _DELTAS:  # the usual case
            self.opened = True
            self.output.add_delta(_DELTAS[kind], document)
        elif document.get("object") == "response":
            self._take_response(document)
        elif isinstance(kind, str) and kind not in _ERRORS:
            self._take_event(kind, document)
        else:
            self._take_other(document)

    def fail(self, document: object) -> None:
        """Takes a document or a text that reports a failure. Raises Failed."""
        if isinstance(document, dict) and document.get("type") in _ERRORS:
            # The event's own type says nothing about the failure.
            document = {"error": {name: value for name, value in document.items() if name != "type"}}
        raise Failed(failure_of_document(document, is_first=not self.opened))

    def _take_event(self, kind: str, event: Mapping[str, Any]) -> None:
        if kind in _BEGINNINGS:
            self._open(_response(event))
        elif kind in _ENDS:
            self._take_response({"status": kind.removeprefix("response."), **_response(event)})
        elif kind == "response.output_item.added":
            self.opened = True
            self.output.begin_item(event)
        elif kind == "response.output_item.done":
            self.opened = True
            self.output.end_item(event)
        elif kind in _WHOLES:
            self.output.add_whole(_WHOLES[kind], event)
        elif kind == "response.content_part.done":
            self._take_part(event)
        elif not kind.startswith("response.") and is_failure(event):
            self.fail(event)

    def _take_part(self, event: Mapping[str, Any]) -> None:
        """Takes a part of a message as a whole: some servers send its text in no other event."""
        part = event.get("part")
        if isinstance(part, dict) and part.get("type") in ("output_text", "refusal"):
            self.output.add_whole(Message, {**event, **part})

    def _take_other(self, document: Mapping[str, Any]) -> None:
        if document.get("type") in _ERRORS or is_failure(document):
            self.fail(document)
        if document and not is_sign_of_life(document.get("event")):
            raise malformed("a document of the answer is not an event of a response")

    def _take_response(self, response: Mapping[str, Any]) -> None:
        """Takes a response at its end."""
        usage = response.get("usage")
        self.counts = usage if isinstance(usage, dict) else None
        if says_something(response.get("error")) or response.get("status") in ("failed", "cancelled"):
            self.fail({"error": response.get("error") or {"code": response["status"], "type": "server_error"}})
        self._open(response)
        self.output.take_items(response.get("output"))
        if not self.output and isinstance(text := response.get("output_text"), str):
            self.output.take_items([{"type": "message", "content": text}])
        self.finish_reason = self._finish_reason(response)
        self.output.end()

    def _finish_reason(self, response: Mapping[str, Any]) -> FinishReason:
        match response.get("status"):
            case "completed" | "done" | None:
                return FinishReason.TOOL_CALLS if self.output.has(Call) else FinishReason.STOP
            case "incomplete":
                details = response.get("incomplete_details")
                reason = details.get("reason") if isinstance(details, dict) else None
                word = finish_word(reason) if isinstance(reason, str) else ""
                if is_failure_word(word):
                    self.fail({"error": {"code": word, "type": "server_error"}})
                return finish_reason(word)
            case _:
                raise malformed("a response ends without being complete")

    def _open(self, response: Mapping[str, Any]) -> None:
        if not self.opened and isinstance(model := response.get("model"), str) and model:
            self.model = model
        self.opened = True
        tier = response.get("service_tier")
        self.service_tier = tier if isinstance(tier, str) else self.service_tier


def _response(event: Mapping[str, Any]) -> Mapping[str, Any]:
    response = event.get("response")
    if not isinstance(response, dict):
        raise malformed("an event has no response")
    return response
