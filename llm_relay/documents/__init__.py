"""The JSON documents of HTTP and MCP: prompts in, answers and lookups out."""

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
from llm_relay.documents.deltas import DELTA_DOCUMENTS, ContentDelta, delta_document
from llm_relay.documents.exceeded_budget import BudgetStateDocument, budget_state_document
from llm_relay.documents.json_body import max_body_bytes, parse_json
from llm_relay.documents.lookups import (
    ConfigDocument,
    HealthDocument,
    ModelsDocument,
    config_document,
    health_document,
    healthy_document,
    models_document,
    unhealthy_document,
)
from llm_relay.documents.parts.part_documents import PartDocument
from llm_relay.documents.parts.part_writing import part_document
from llm_relay.documents.prompts.coroutine_arguments import prompt_from_arguments, takes_prompt_arguments
from llm_relay.documents.prompts.prompt import PromptDocument
from llm_relay.documents.prompts.prompt_reading import prompt_from_document
from llm_relay.documents.prompts.turns import TurnDocument
from llm_relay.documents.raw_json import RawJson
from llm_relay.documents.schemas import arguments_schema, body_schema, result_schema

__all__ = [
    "DELTA_DOCUMENTS",
    "AnswerDocument",
    "BudgetStateDocument",
    "ConfigDocument",
    "ContentDelta",
    "FinishDocument",
    "HealthDocument",
    "ModelsDocument",
    "PartDocument",
    "PromptDocument",
    "RawJson",
    "StreamErrorDocument",
    "TurnDocument",
    "UsageDocument",
    "answer_document",
    "arguments_schema",
    "body_schema",
    "budget_state_document",
    "config_document",
    "delta_document",
    "finish_document",
    "health_document",
    "healthy_document",
    "max_body_bytes",
    "models_document",
    "parse_json",
    "part_document",
    "prompt_from_arguments",
    "prompt_from_document",
    "result_schema",
    "stream_error_document",
    "takes_prompt_arguments",
    "timestamp",
    "unhealthy_document",
    "usage_document",
]
