"""What travels as JSON, the same over HTTP and MCP: prompts in, answers and lookups out."""

from llm_relay.documents.answers import (
    AnswerDocument,
    FinishDocument,
    StreamErrorDocument,
    UsageDocument,
    answer_document,
    finish_document,
    stream_error_document,
    timestamp,
    usage_document,
)
from llm_relay.documents.json_body import max_body_bytes, parse_json
from llm_relay.documents.lookups import (
    ConfigDocument,
    HealthDocument,
    ModelsDocument,
    config_document,
    health_document,
    models_document,
    unhealthy_document,
)
from llm_relay.documents.prompt import PromptDocument, TurnDocument, prompt_from_document
from llm_relay.documents.prompt_arguments import prompt_from_arguments, takes_prompt_arguments
from llm_relay.documents.schemas import arguments_schema, body_schema, result_schema

__all__ = [
    "AnswerDocument",
    "ConfigDocument",
    "FinishDocument",
    "HealthDocument",
    "ModelsDocument",
    "PromptDocument",
    "StreamErrorDocument",
    "TurnDocument",
    "UsageDocument",
    "answer_document",
    "arguments_schema",
    "body_schema",
    "config_document",
    "finish_document",
    "health_document",
    "max_body_bytes",
    "models_document",
    "parse_json",
    "prompt_from_arguments",
    "prompt_from_document",
    "result_schema",
    "stream_error_document",
    "takes_prompt_arguments",
    "timestamp",
    "unhealthy_document",
    "usage_document",
]
