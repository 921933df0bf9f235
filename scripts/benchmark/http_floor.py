"""A minimal server in place of the gateway, for comparison: FastAPI in front of a RelayService.

`python -m scripts.benchmark.http_floor PORT GRPC_PORT`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import grpc
import orjson
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from generated.relay.v1 import relay_pb2, relay_pb2_grpc
from scripts.benchmark.loop import run

app = FastAPI()


class Question(BaseModel):
    """The body of both routes."""

    message: str
    model: str


@app.post("/process")
async def process(question: Question, request: Request) -> dict[str, str]:
    """Returns the whole answer."""
    asked = relay_pb2.ProcessRequest(message=question.message, model=question.model)
    answer = await request.app.state.stub.Process(asked)
    return {"aiResponse": answer.text, "model": answer.model}


@app.post("/stream")
async def stream(question: Question, request: Request) -> StreamingResponse:
    """Streams one SSE event for each message."""
    asked = relay_pb2.StreamProcessRequest(message=question.message, model=question.model)

    async def lines() -> AsyncIterator[bytes]:
        async for event in request.app.state.stub.StreamProcess(asked):
            yield b"data: %b\n\n" % orjson.dumps({"content": event.delta.text})
        yield b"data: [DONE]\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream")


async def main(port: str, grpc_port: str) -> None:
    """Serves until it is stopped."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        app.state.stub = relay_pb2_grpc.RelayServiceStub(channel)
        config = uvicorn.Config(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    run(main(*sys.argv[1:]))
