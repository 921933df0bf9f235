"""What models are known to accept, by their ids, if AWS's list does not say.

https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

from __future__ import annotations

import re

from server_b.providers.bedrock.models.families import claude_version
from server_b.providers.bedrock.models.model_ids import foundation_id

TOOLS_SINCE = (3, 0)
"""The first version of Claude that calls tools and accepts images."""
_TEXT_ALONE = re.compile(
    r"amazon\.(?:nova-micro|titan-text|titan-tg1)|meta\.llama3-(?!2-(?:11|90)b)|mistral\.(?:mistral-7b|mixtral|mistral-(?:large|small)-24)"
    r"|deepseek\.|cohere\.command|ai21\."
)
_SEEING = re.compile(r"amazon\.nova-(?:lite|pro|premier)|meta\.llama(?:3-2-(?:11|90)b|4)|mistral\.pixtral")
_WITHOUT_TOOLS = re.compile(
    r"amazon\.titan-t|meta\.llama3-(?:8b|70b)|meta\.llama2|mistral\.(?:mistral-7b|mixtral)|deepseek\.r1"
    r"|cohere\.command-(?:text|light)|ai21\.(?:j2|jamba-instruct)"
)
_WITH_TOOLS = re.compile(
    r"amazon\.nova-(?:micro|lite|pro|premier)|meta\.llama(?:3-[123]-(?!1b|3b)|4)|mistral\.(?:mistral-(?:large|small)|pixtral)"
    r"|cohere\.command-r|ai21\.jamba-1-5"
)


def accepts_images(model: str) -> bool | None:
    """Tells whether a model accepts images; None: not known."""
    return _known(model, _SEEING, _TEXT_ALONE)


def calls_tools(model: str) -> bool | None:
    """Tells whether a model calls tools; None: not known."""
    return _known(model, _WITH_TOOLS, _WITHOUT_TOOLS)


def _known(model: str, able: re.Pattern[str], unable: re.Pattern[str]) -> bool | None:
    named = foundation_id(model)
    version = claude_version(named)
    if version is not None:
        if version < TOOLS_SINCE:
            return False
        # For Claude 3.5 Haiku it depends on the region.
        return None if able is _SEEING and "3-5-haiku" in named else True
    if unable.match(named):
        return False
    return True if able.match(named) else None
