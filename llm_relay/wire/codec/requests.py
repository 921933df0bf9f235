"""Converts a Prompt to the request of either method, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.errors import InvalidRequest, RelayError, Unsupported, Violation
from llm_relay.messages import (
    MAX_PARTS,
    MAX_TOOLS,
    MAX_TURNS,
    NO_OPTIONS,
    TOO_MANY_PARTS,
    TOO_MANY_TOOLS,
    TOO_MANY_TURNS,
    Part,
    Prompt,
    Role,
    Turn,
    request_id_fault,
)
from llm_relay.wire.codec.options import options_from_wire, options_to_wire
from llm_relay.wire.codec.parts import part_from_wire, part_to_wire

_ROLES_FROM_WIRE = {pb.ROLE_USER: Role.USER, pb.ROLE_ASSISTANT: Role.ASSISTANT, pb.ROLE_SYSTEM: Role.SYSTEM}
_ROLES_TO_WIRE = {role: value for value, role in _ROLES_FROM_WIRE.items()}

R = TypeVar("R", pb.ProcessRequest, pb.StreamProcessRequest)


def prompt_to_wire(prompt: Prompt, request_type: type[R]) -> R:
    """Returns the request of either method."""
    return request_type(
        message=prompt.message,
        context=prompt.context,
        history=[_turn_to_wire(turn) for turn in prompt.history],
        model=prompt.model,
        temperature=prompt.temperature,
        max_tokens=prompt.max_tokens,
        request_id=prompt.request_id,
        parts=[part_to_wire(part) for part in prompt.parts],
        options=None if prompt.options is NO_OPTIONS else options_to_wire(prompt.options),
    )


def _turn_to_wire(turn: Turn) -> pb.Turn:
    parts = [part_to_wire(part) for part in turn.parts] if turn.parts else None
    return pb.Turn(role=_ROLES_TO_WIRE[turn.role], text=turn.text, parts=parts)


def prompt_from_wire(request: pb.ProcessRequest | pb.StreamProcessRequest) -> Prompt:
    """Raises InvalidRequest for bad fields, Unsupported for a resume, with the request_id if it is valid."""
    try:
        if isinstance(request, pb.StreamProcessRequest):
            _refuse_resume(request)
        _refuse_too_many(request)
        return _prompt(request)
    except RelayError as error:
        if request_id_fault(request.request_id) is None:
            error.request_id = request.request_id
        raise


def _prompt(request: pb.ProcessRequest | pb.StreamProcessRequest) -> Prompt:
    return Prompt(
        message=request.message,
        context=request.context if request.HasField("context") else None,
        history=tuple(_turn_from_wire(turn) for turn in request.history),
        model=request.model if request.HasField("model") else None,
        temperature=request.temperature if request.HasField("temperature") else None,
        max_tokens=request.max_tokens if request.HasField("max_tokens") else None,
        request_id=request.request_id,
        parts=_parts_from_wire(request.parts) if request.parts else (),
        options=options_from_wire(request.options) if request.HasField("options") else NO_OPTIONS,
    )


def _turn_from_wire(turn: pb.Turn) -> Turn:
    return Turn(
        # Prompt refuses an unknown role, and names the turn.
        role=cast("Role", _ROLES_FROM_WIRE.get(turn.role)),
        text=turn.text,
        parts=_parts_from_wire(turn.parts) if turn.parts else (),
    )


def _parts_from_wire(parts: Iterable[pb.Part]) -> tuple[Part, ...]:
    # Prompt refuses a part without a known kind, and names the part.
    return tuple(cast("Part", part_from_wire(part)) for part in parts)


def _refuse_resume(request: pb.StreamProcessRequest) -> None:
    if request.after_sequence:
        raise Unsupported("after_sequence: resuming a stream is not supported yet; leave it 0")
    if request.HasField("resume_window") and (request.resume_window.seconds or request.resume_window.nanos):
        raise Unsupported("resume_window: resuming a stream is not supported yet; leave it out")


def _refuse_too_many(request: pb.ProcessRequest | pb.StreamProcessRequest) -> None:
    """Refuses lists over their limits, because objects for millions of empty items would fill the memory."""
    if len(request.history) > MAX_TURNS:
        raise InvalidRequest.of(Violation("history", TOO_MANY_TURNS))
    if _count(request.parts) + sum(_count(turn.parts) for turn in request.history) > MAX_PARTS:
        raise InvalidRequest.of(Violation("parts", TOO_MANY_PARTS))
    if request.HasField("options") and len(request.options.tools) > MAX_TOOLS:
        raise InvalidRequest.of(Violation("options.tools", TOO_MANY_TOOLS))


def _count(parts: Iterable[pb.Part]) -> int:
    return sum(1 + len(part.tool_result.content) for part in parts)
