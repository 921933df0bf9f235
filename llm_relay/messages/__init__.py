"""The relay's messages, in plain Python: frozen, slotted, and free of gRPC and protobuf.

A `Prompt` that exists is valid: its constructor raises InvalidRequest naming each bad field, so gRPC, HTTP and MCP
have the same checks. Text with NUL or with lone surrogates, which UTF-8 cannot encode, is refused.
"""

from llm_relay.messages.answer import Answer
from llm_relay.messages.answer_parts import answer_parts
from llm_relay.messages.events import (
    Delta,
    Event,
    Finished,
    FinishReason,
    OutputDelta,
    ReasoningDelta,
    RefusalDelta,
    Started,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from llm_relay.messages.json_text import MAX_JSON_DEPTH, MAX_SCHEMA_BYTES, is_json
from llm_relay.messages.option_rules import MAX_END_USER_CHARS, MAX_TOOLS, PROVIDERS, TOO_MANY_TOOLS
from llm_relay.messages.options import (
    NO_OPTIONS,
    Options,
    ResponseFormat,
    ResponseKind,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from llm_relay.messages.part_rules import MAX_PARTS, TOO_MANY_PARTS
from llm_relay.messages.parts import (
    CachePoint,
    Document,
    Image,
    Part,
    Reasoning,
    Refusal,
    ResultPart,
    TextPart,
    ToolCall,
    ToolResult,
)
from llm_relay.messages.prompt import (
    MAX_MODEL_CHARS,
    MAX_TEMPERATURE,
    MAX_TOKENS_LIMIT,
    MAX_TURNS,
    TOO_MANY_TURNS,
    Prompt,
)
from llm_relay.messages.sent_content import write_sent_content
from llm_relay.messages.server import Model, Models, State, Status
from llm_relay.messages.text import NAME_PATTERN, REQUEST_ID_PATTERN, WORD_PATTERN, request_id_fault, text_fault
from llm_relay.messages.turns import Role, Turn
from llm_relay.messages.usage import Accuracy, Cost, Usage

__all__ = [
    "MAX_END_USER_CHARS",
    "MAX_JSON_DEPTH",
    "MAX_MODEL_CHARS",
    "MAX_PARTS",
    "MAX_SCHEMA_BYTES",
    "MAX_TEMPERATURE",
    "MAX_TOKENS_LIMIT",
    "MAX_TOOLS",
    "MAX_TURNS",
    "NAME_PATTERN",
    "NO_OPTIONS",
    "PROVIDERS",
    "REQUEST_ID_PATTERN",
    "TOO_MANY_PARTS",
    "TOO_MANY_TOOLS",
    "TOO_MANY_TURNS",
    "WORD_PATTERN",
    "Accuracy",
    "Answer",
    "CachePoint",
    "Cost",
    "Delta",
    "Document",
    "Event",
    "FinishReason",
    "Finished",
    "Image",
    "Model",
    "Models",
    "Options",
    "OutputDelta",
    "Part",
    "Prompt",
    "Reasoning",
    "ReasoningDelta",
    "Refusal",
    "RefusalDelta",
    "ResponseFormat",
    "ResponseKind",
    "ResultPart",
    "Role",
    "Sampling",
    "Started",
    "State",
    "Status",
    "TextPart",
    "Thinking",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallStarted",
    "ToolChoice",
    "ToolChoiceMode",
    "ToolResult",
    "Turn",
    "Usage",
    "answer_parts",
    "is_json",
    "request_id_fault",
    "text_fault",
    "write_sent_content",
]
