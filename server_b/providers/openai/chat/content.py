"""Reads the content of a message or a delta, in every form that servers use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from server_b.providers.content_pieces import ContentPiece
from server_b.providers.openai.chat.repeated_text import SeenText
from server_b.providers.openai.failures.errors import malformed

_REASONING_NAMES = (
    *("reasoning_content", "reasoning", "reasoning_text", "thinking", "thought"),
    *("reasoning_details", "thinking_blocks"),
)
"""Members with a message's reasoning. Only the first is read, because some servers send it under two names."""
_REASONING_TYPES = ("think", "reason", "thought")
"""Words in the type of a part that is reasoning."""
_CALL_TYPES = ("tool_use", "tool_call", "function_call")
"""Types of a part that is a tool call, for servers that have such parts."""
_MAX_DEPTH = 8


Taken: TypeAlias = tuple[list[str], list[str], list[str], list[ContentPiece]]
"""Texts, reasoning, refusals, and pieces of tool calls."""


@dataclass(slots=True)
class Content:
    """The content so far, in the pieces in which it arrived."""

    texts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: list[ContentPiece] = field(default_factory=list)
    call_parts: list[Mapping[str, object]] = field(default_factory=list)
    """Tool calls among the parts of a message's content, still to be read."""
    _seen: tuple[SeenText, SeenText, SeenText] = field(default_factory=lambda: (SeenText(), SeenText(), SeenText()))
    """Texts, reasoning and refusals that were taken before."""
    _comes_in_messages: bool = False
    """Whether the answer began with a message: then each further message is a continuation."""

    def __bool__(self) -> bool:
        """Whether there is any content."""
        return bool(self.texts or self.reasoning or self.refusals or self.calls)

    def taken(self) -> Taken:
        """Returns the content since the last call, and forgets it."""
        taken = (self.texts, self.reasoning, self.refusals, self.calls)
        texts, reasoning, refusals = self._seen
        if self.texts:
            texts.add(self.texts)
            self.texts = []
        if self.reasoning:
            reasoning.add(self.reasoning)
            self.reasoning = []
        if self.refusals:
            refusals.add(self.refusals)
            self.refusals = []
        if self.calls:
            self.calls = []
        return taken

    def take_message(self, message: Mapping[str, object]) -> None:
        """Takes the content of a message or a delta. Raises ProviderProtocol."""
        text: list[str] = []
        content = message.get("content")
        self._take_content(message.get("text") if content is None else content, text, 0)
        self._take_content(message.get("refusal"), self.refusals, 0)
        if text:
            self.texts.append("".join(text))
        for name in _REASONING_NAMES:
            if shown := message.get(name):
                self._take_reasoning(shown, 0)
                return

    def take_whole_message(self, message: Mapping[str, object], *, is_end: bool) -> None:
        """Takes a message. At the end, takes only what is new, because some servers repeat the whole content there.

        A message before the end is a piece, which may equal an earlier piece.
        """
        so_far = (self.texts, self.reasoning, self.refusals)
        if not (any(so_far) or any(self._seen)):
            self._comes_in_messages = True
        if self._comes_in_messages or not is_end:
            self.take_message(message)
            return
        whole = Content()
        whole.take_message(message)
        for seen, pieces, texts in zip(self._seen, so_far, (whole.texts, whole.reasoning, whole.refusals), strict=True):
            if rest := seen.new_part_of("".join(texts), after="".join(pieces)):
                pieces.append(rest)
        self.call_parts.extend(whole.call_parts)

    def _take_content(self, content: object, text: list[str], depth: int) -> None:
        match content:
            case None | "":
                pass
            case str():
                text.append(content)
            case dict() if depth < _MAX_DEPTH:
                self._take_part(content, text, depth + 1)
            case list() if depth < _MAX_DEPTH:
                for part in content:
                    self._take_content(part, text, depth + 1)
            case _:
                raise malformed("the content of a message is neither text nor a list of parts")

    def _take_part(self, part: Mapping[str, object], text: list[str], depth: int) -> None:
        kind = part.get("type")
        if isinstance(kind, str) and any(word in kind.lower() for word in _REASONING_TYPES):
            self._take_reasoning(part, depth)
            return
        if kind in _CALL_TYPES:
            self.call_parts.append(part)
            return
        if "refusal" in part and "text" not in part:
            self._take_content(part["refusal"], self.refusals, depth)
            return
        for name in ("text", "value", "content", "parts"):
            if name in part:
                self._take_content(part[name], text, depth)
                return

    def _take_reasoning(self, shown: object, depth: int) -> None:
        """Takes the texts within reasoning. Anything else is skipped, because the answer does not depend on it."""
        if isinstance(shown, str):
            self.reasoning.append(shown)
        elif isinstance(shown, list) and depth < _MAX_DEPTH:
            for part in shown:
                self._take_reasoning(part, depth + 1)
        elif isinstance(shown, dict) and depth < _MAX_DEPTH:
            for name in ("thinking", "text", "content", "summary", "reasoning"):
                if name in shown:
                    self._take_reasoning(shown[name], depth + 1)
                    return
