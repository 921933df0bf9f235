"""Calls the relay through LangChain and LlamaIndex; prints the results as JSON.

python client.py BASE_URL
"""

from __future__ import annotations

import functools
import json
import operator
import sys
from collections.abc import Iterable
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

MODEL = "mock-model"


class City(BaseModel):
    """A city."""

    name: str
    people: int


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


def langchain(base_url: str, **more: Any) -> dict[str, Any]:
    """Calls through ChatOpenAI."""
    model = ChatOpenAI(base_url=base_url, api_key="none", model=MODEL, stream_usage=True, max_retries=0, **more)
    whole = model.invoke("Hello")
    streamed = _added(model.stream("Hello"))
    calling = model.bind_tools([tool(weather)])
    asked = HumanMessage("How is the weather?")
    call = calling.invoke([asked])
    (made,) = call.tool_calls
    (streamed_call,) = _added(calling.stream([asked])).tool_calls
    result = ToolMessage(weather(**made["args"]), tool_call_id=made["id"])
    return {
        "whole": whole.text,
        "usage": whole.usage_metadata,
        "streamed": streamed.text,
        "streamed_usage": streamed.usage_metadata,
        "calls": [{"name": one["name"], "args": one["args"]} for one in (made, streamed_call)],
        "told": calling.invoke([asked, call, result]).text,
        "by_schema": model.with_structured_output(City).invoke("Hello").model_dump(),
        "by_tool": model.with_structured_output(City, method="function_calling").invoke("Hello").model_dump(),
    }


def _added(pieces: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, pieces)


def llama_index(base_url: str) -> dict[str, Any]:
    """Calls through OpenAILike."""
    model = OpenAILike(
        api_base=base_url,
        api_key="none",
        model=MODEL,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )
    hello = [ChatMessage(role="user", content="Hello")]
    whole = model.chat(hello)
    *_, last = model.stream_chat(hello)
    answer = model.chat_with_tools([FunctionTool.from_defaults(weather)], user_msg="How is the weather?")
    (call,) = model.get_tool_calls_from_response(answer)
    return {
        "whole": whole.message.content,
        "usage": whole.raw.usage.total_tokens,
        "streamed": last.message.content,
        "completed": model.complete("Hello").text,
        "calls": [{"name": call.tool_name, "args": call.tool_kwargs}],
        "by_tool": model.as_structured_llm(City).complete("Hello").raw.model_dump(),
    }


def main() -> None:
    base_url = sys.argv[1]
    seen = {
        "langchain": langchain(base_url),
        "langchain_responses": langchain(base_url, use_responses_api=True),
        "llama_index": llama_index(base_url),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
