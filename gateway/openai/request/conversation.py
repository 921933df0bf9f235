"""The conversation of a request in the prompt's terms: system text, earlier turns, and what the user says now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.openai.errors import BadParam
from llm_relay.messages import Part, Role, TextPart, ToolResult, Turn


class ConversationMessage(NamedTuple):
    """One message or item of a request."""

    place: str
    """Its place in the request, such as `messages[2]` or `input[2]`."""
    role: Role
    parts: Sequence[Part]


@dataclass(slots=True)
class Conversation:
    """A request's conversation."""

    context: str | None = None
    history: list[Turn] = field(default_factory=list)
    message: str = ""
    parts: tuple[Part, ...] = ()
    places: list[str] = field(default_factory=list)
    """The place in the request where each turn of the history begins."""
    now_place: str = ""
    """The place where the current message begins."""


def read_conversation(messages: Iterable[ConversationMessage], whole_place: str) -> Conversation:
    """Builds the conversation. Raises BadParam for `whole_place` unless the last message is from a user or a tool."""
    turns = _joined(messages)
    found = Conversation()
    if len(turns) > 1 and turns[0].role is Role.SYSTEM:
        found.context = "".join(part.text for part in turns.pop(0).parts if isinstance(part, TextPart))
    if turns and turns[-1].role is Role.SYSTEM:  # a reminder at the end, or instructions only: sent as the message
        turns[-1] = turns[-1]._replace(role=Role.USER)
    if not turns or turns[-1].role is not Role.USER:
        raise BadParam(whole_place, f"{whole_place}: the last message must be from the user or from a tool")
    now = turns.pop()
    found.now_place = now.place
    turn = _turn(now)
    found.message, found.parts = turn.text, turn.parts
    found.history = [_turn(one) for one in turns]
    found.places = [one.place for one in turns]
    return found


def _joined(messages: Iterable[ConversationMessage]) -> list[ConversationMessage]:
    """Joins the messages of one turn: consecutive ones of the model; tool results and what the user says after them."""
    turns: list[ConversationMessage] = []
    for one in map(_without_blanks, _results_first(messages)):
        if not one.parts and one.role is not Role.USER:  # it says nothing
            continue
        last = turns[-1] if turns else None
        if last and last.role is one.role and (one.role is Role.ASSISTANT or _has_results(last)):
            turns[-1] = last._replace(parts=[*last.parts, *one.parts])
        else:
            turns.append(one)
    return turns


def _results_first(messages: Iterable[ConversationMessage]) -> Iterator[ConversationMessage]:
    """Moves the results of tool calls before what the user said while the tools ran.

    The Responses API accepts messages between a call and its result.
    """
    since: list[ConversationMessage] = []
    for one in messages:
        if one.role is not Role.ASSISTANT:
            since.append(one)
            continue
        yield from _in_order(since)
        yield one
        since = []
    yield from _in_order(since)


def _in_order(messages: Sequence[ConversationMessage]) -> Sequence[ConversationMessage]:
    """Returns what follows a message of the model: instructions before the first result, all results, and the rest."""
    results = [one for one in messages if _has_results(one)]
    if not results:
        return messages
    first = messages.index(results[0])
    before = [one for one in messages[:first] if one.role is Role.SYSTEM]
    said = [one for one in messages[:first] if one.role is not Role.SYSTEM]
    return [*before, *results, *said, *(one for one in messages[first:] if not _has_results(one))]


def _without_blanks(message: ConversationMessage) -> ConversationMessage:
    """Removes parts of blanks only, which some clients send in place of nothing.

    Blanks after other text may separate it from what follows, so they are added to that text.
    """
    if not any(map(_is_blank, message.parts)):
        return message
    kept: list[Part] = []
    for part in message.parts:
        if not _is_blank(part):
            kept.append(part)
        elif kept and isinstance(last := kept[-1], TextPart) and isinstance(part, TextPart):
            kept[-1] = TextPart(text=last.text + part.text)
    stays = not kept if message.role is Role.USER else bool(kept)  # an empty user message is refused later
    return message if stays else message._replace(parts=kept)


def _is_blank(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def _has_results(message: ConversationMessage) -> bool:
    return any(isinstance(part, ToolResult) for part in message.parts)


def _turn(message: ConversationMessage) -> Turn:
    """Returns a turn. A turn of plain text has no parts."""
    parts = tuple(part for part in message.parts if not (isinstance(part, TextPart) and not part.text))
    match parts:
        case ():
            return Turn(role=message.role)
        case (TextPart(text=text),):
            return Turn(role=message.role, text=text)
        case _ if message.role is Role.SYSTEM:
            return Turn(role=message.role, text="".join(part.text for part in parts if isinstance(part, TextPart)))
        case _:
            return Turn(role=message.role, parts=parts)
