"""A minimal server in place of Server B, for comparison: it forwards, without validation, pricing, logs or limits.

`python -m scripts.benchmark.grpc_floor PORT PROVIDER_PORT token|read|contract`: grpc.aio and aiohttp, one message for
each token or for each read from the provider. `contract` is like `read`, and follows two rules of the relay's contract
that cost CPU in any server: a caller gets the id of its call before the provider is called, and whole answers are
requested as streams, so that an abandoned call stops costing money.
"""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import orjson

from generated.relay.v1 import relay_pb2
from llm_relay.metadata import REQUEST_ID
from scripts.benchmark.loop import run

Context = grpc.aio.ServicerContext[Any, Any]


class Floor:
    """Process and StreamProcess."""

    def __init__(self, session: aiohttp.ClientSession, provider_port: int, *, each: str) -> None:
        self._session = session
        self._url = f"http://127.0.0.1:{provider_port}/v1/chat/completions"
        self._joins = each != "token"
        self._keeps_contract = each == "contract"

    async def process(self, request: relay_pb2.ProcessRequest, context: Context) -> relay_pb2.ProcessResponse:
        """Returns the whole answer."""
        if self._keeps_contract:
            await context.send_initial_metadata(((REQUEST_ID, str(uuid.uuid4())),))
            text = "".join([text async for text in self._texts(request)])
            return relay_pb2.ProcessResponse(text=text, model=request.model)
        async with self._session.post(self._url, data=_question(request, stream=False)) as response:
            answer = orjson.loads(await response.read())
        return relay_pb2.ProcessResponse(text=answer["choices"][0]["message"]["content"], model=answer["model"])

    async def stream_process(
        self, request: relay_pb2.StreamProcessRequest, context: Context
    ) -> AsyncIterator[relay_pb2.StreamProcessResponse]:
        """Streams the answer as deltas only."""
        if self._keeps_contract:
            await context.send_initial_metadata(((REQUEST_ID, str(uuid.uuid4())),))
        async for text in self._texts(request):
            yield relay_pb2.StreamProcessResponse(delta=relay_pb2.Delta(text=text))

    async def _texts(self, request: relay_pb2.ProcessRequest | relay_pb2.StreamProcessRequest) -> AsyncIterator[str]:
        """Yields the text of each token, or of each read."""
        rest = b""
        async with self._session.post(self._url, data=_question(request, stream=True)) as response:
            async for read in response.content.iter_any():
                *events, rest = (rest + read).split(b"\n\n")
                texts = _texts(events)
                for text in ["".join(texts)] if self._joins else texts:
                    if text:
                        yield text

    def as_service(self) -> grpc.GenericRpcHandler:
        """Returns the handler for a server, as generated code does."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Process": grpc.unary_unary_rpc_method_handler(
                self.process,
                request_deserializer=relay_pb2.ProcessRequest.FromString,
                response_serializer=relay_pb2.ProcessResponse.SerializeToString,
            ),
            "StreamProcess": grpc.unary_stream_rpc_method_handler(
                self.stream_process,
                request_deserializer=relay_pb2.StreamProcessRequest.FromString,
                response_serializer=relay_pb2.StreamProcessResponse.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler("relay.v1.RelayService", methods)


def _question(request: relay_pb2.ProcessRequest | relay_pb2.StreamProcessRequest, *, stream: bool) -> bytes:
    messages = [{"role": "user", "content": request.message}]
    return orjson.dumps({"model": request.model, "stream": stream, "messages": messages})


def _texts(events: list[bytes]) -> list[str]:
    documents = [orjson.loads(event[6:]) for event in events if event != b"data: [DONE]"]
    return [document["choices"][0]["delta"].get("content") or "" for document in documents if document["choices"]]


async def main(port: str, provider_port: str, each: str) -> None:
    """Serves until killed."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        server = grpc.aio.server()
        floor = Floor(session, int(provider_port), each=each)
        server.add_generic_rpc_handlers((floor.as_service(),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        run(main(*sys.argv[1:]))
