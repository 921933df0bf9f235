"""What a stand-in sends, and how it fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """How an answer goes wrong.

    "During" means after `Fault.after` words, or after half of the body of a whole answer.
    """

    STATUS = "status"
    """An HTTP error answer, with the fault's status, headers, code and message."""
    CUT_BEFORE = "cut_before"
    """The connection is closed before the answer's first byte."""
    CUT = "cut"
    """The connection is closed during the answer."""
    RESET = "reset"
    """The connection is reset (RST) during the answer."""
    HANG = "hang"
    """The request is read and never answered."""
    HANG_HEADERS = "hang_headers"
    """The answer's headers are sent, then nothing."""
    HANG_DURING = "hang_during"
    """Nothing more is sent during the answer."""
    MALFORMED = "malformed"
    """Bad JSON in one event or in the body; in Bedrock's stream a message whose CRC is wrong. The rest follows."""
    MALFORMED_FRAME = "malformed_frame"
    """In Bedrock's stream a message whose prelude CRC is wrong; elsewhere like MALFORMED."""
    MALFORMED_JSON = "malformed_json"
    """In Bedrock's stream bad JSON in a sound message; elsewhere like MALFORMED."""
    ERROR_EVENT = "error_event"
    """The provider's own error, then a clean end. Whole answers: OpenAI's under status 200, Bedrock's like STATUS."""
    ERROR_AFTER_USAGE = "error_after_usage"
    """In OpenAI's streams of chat completions the usage, then the provider's own error; elsewhere no fault."""
    NO_END = "no_end"
    """A clean end of the HTTP body without the provider's own end mark."""
    DONE_WITHOUT_FINISH = "done_without_finish"
    """OpenAI's [DONE] without a finish_reason; at Bedrock like NO_END."""
    FINISH_WITHOUT_DONE = "finish_without_done"
    """OpenAI's finish_reason without [DONE], as some compatible servers end; at Bedrock no fault. Valid."""
    HANG_AFTER_END = "hang_after_end"
    """In Bedrock's stream nothing after messageStop, so no usage; elsewhere like HANG_DURING after all words."""
    CUT_AFTER_END = "cut_after_end"
    """In Bedrock's stream the connection is closed after messageStop, without usage; elsewhere no fault."""
    SPLIT_UTF8 = "split_utf8"
    """Every multibyte character is split between two writes. Valid: the text must arrive whole."""
    INVALID_UTF8 = "invalid_utf8"
    """A byte that is no UTF-8 within the text."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fault:
    """One way to fail. Each object is counted separately, on each stand-in."""

    kind: FaultKind
    after: int = 0
    """Words sent before the fault, 0 to all of them; the stream's opening event is always sent.

    A fragment of a call's arguments counts as a word.
    """
    times: int | None = None
    """How many requests fail before answers are normal; None: every one."""
    status: int | None = None
    """STATUS: 400 to 599; None: the one that belongs to `code`, or 500."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """STATUS: additional headers, as sent: `{"retry-after": "2"}`, `{"retry-after-ms": "1500"}` or an HTTP date."""
    code: str | None = None
    """STATUS and ERROR_EVENT: OpenAI's error code, Bedrock's exception name; None: the usual one."""
    message: str | None = None
    """STATUS and ERROR_EVENT: the error's text; None: the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, counted as the provider counts them; None is left out of the answer."""

    input_tokens: int = 11
    """OpenAI's prompt_tokens include cached ones, Bedrock's inputTokens do not."""
    output_tokens: int = 4
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    """OpenAI only, included in the output tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool."""

    id: str = "call_1"
    name: str = "get_weather"
    fragments: tuple[str, ...] = ('{"city": ', '"Ōsaka", ', '"id": 9007199254740993}')
    """The deltas of its arguments."""

    @property
    def arguments(self) -> str:
        """The whole arguments."""
        return "".join(self.fragments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One answer: its text, its pace and its fault."""

    words: tuple[str, ...] = ("Hello", ", ", "wörld", "!")
    """The text deltas; a whole answer contains all of them joined."""
    reasoning: str = ""
    """Sent before the text, in two deltas."""
    refusal: str = ""
    """OpenAI only: sent after the text, in two deltas."""
    calls: tuple[Call, ...] = ()
    """Sent after the text."""
    blocks: tuple[Mapping[str, Any], ...] = ()
    """Bedrock only: content blocks before the text, as in a whole answer of Converse."""
    model: str | None = None
    """The model that the answer names; None: the requested one."""
    finish: str | None = None
    """In the provider's own vocabulary; None: its ordinary end ("stop", "end_turn")."""
    usage: Usage | None = Usage()
    """None: the provider reports no usage."""
    first_delay_s: float = 0.0
    """Seconds before the answer's headers."""
    gap_s: float = 0.0
    """Seconds between two writes."""
    per_write: int = 1
    """Events in one write, 1 or more; opening and ending events count too."""
    opening: bool = True
    """Bedrock only: whether a stream begins with messageStart, even if it fails at once."""
    fault: Fault | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a fault that could never be seen."""
        if self.fault is None:
            return
        deltas = len(self.words) + sum(len(call.fragments) for call in self.calls)
        if not 0 <= self.fault.after <= deltas:
            raise ValueError(f"after={self.fault.after} of {deltas} words")
        if self.fault.kind is FaultKind.SPLIT_UTF8 and self.text.isascii():
            raise ValueError("SPLIT_UTF8 needs a multibyte character to split")

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.words)

    @property
    def shown_reasoning(self) -> list[str]:
        """The reasoning, as its deltas."""
        return halves(self.reasoning)

    @property
    def shown_refusal(self) -> list[str]:
        """The refusal, as its deltas."""
        return halves(self.refusal)

    @property
    def spoken(self) -> tuple[str, ...]:
        """The words as they are sent: INVALID_UTF8 adds one, a lone surrogate that `to_json` writes as byte 0xFF."""
        if not self.fails(FaultKind.INVALID_UTF8):
            return self.words
        return (*self.words[: self.after], "\udcff", *self.words[self.after :])

    @property
    def after(self) -> int:
        """How many words are sent before the fault; 0 without one."""
        return self.fault.after if self.fault else 0

    def fails(self, *kinds: FaultKind) -> bool:
        """Whether its fault is one of these kinds."""
        return self.fault is not None and self.fault.kind in kinds


def halves(text: str) -> list[str]:
    """Splits a text into two non-empty halves, or fewer."""
    middle = len(text) // 2
    return [half for half in (text[:middle], text[middle:]) if half]
