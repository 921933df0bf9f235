"""Calls to a running Server B without RelayClient, as a third-party client makes them."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from generated.relay.v1 import relay_pb2 as pb

Metadata = tuple[tuple[str, str], ...]
LIMIT_S = 60.0
METHODS: dict[str, type[Message]] = {
    "Process": pb.ProcessRequest,
    "StreamProcess": pb.StreamProcessRequest,
    "Cancel": pb.CancelRequest,
    "ListModels": pb.ListModelsRequest,
    "GetStatus": pb.GetStatusRequest,
}


class Wire:
    """One plaintext channel with raw bytes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    def whole(self, method: str, request: Message | bytes, metadata: Metadata = (), timeout_s: float = LIMIT_S) -> Any:
        """Begins a call with one answer."""
        call: Any = self.channel.unary_unary(f"/relay.v1.RelayService/{method}")
        return call(_bytes(request), timeout=timeout_s, metadata=metadata)

    def stream(
        self,
        request: Message | bytes,
        metadata: Metadata = (),
        timeout_s: float = LIMIT_S,
        method: str = "StreamProcess",
    ) -> Any:
        """Begins a call with a stream of answers."""
        call: Any = self.channel.unary_stream(f"/relay.v1.RelayService/{method}")
        return call(_bytes(request), timeout=timeout_s, metadata=metadata)

    def begin(self, method: str, request: Message | bytes, metadata: Metadata = ()) -> Any:
        """Begins a call of any method."""
        if method == "StreamProcess":
            return self.stream(request, metadata)
        return self.whole(method, request, metadata)


def _bytes(request: Message | bytes) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


@contextlib.asynccontextmanager
async def wire(target: str, **options: str | int) -> AsyncIterator[Wire]:
    """Opens a channel; `options` are gRPC's, with __ for dots and without the "grpc." prefix."""
    named = [(f"grpc.{name.replace('__', '.')}", value) for name, value in options.items()]
    async with grpc.aio.insecure_channel(target, options=named) as channel:
        yield Wire(channel)


async def events(call: Any) -> list[pb.StreamProcessResponse]:
    """Reads a stream to its end."""
    return [pb.StreamProcessResponse.FromString(data) async for data in call]


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, error_details_pb2.ErrorInfo, status_pb2.Status]:
    """Returns the code, text, ErrorInfo and rich status with which a call ends."""
    try:
        await (events(call) if hasattr(call, "read") else call)
    except grpc.aio.AioRpcError as error:
        status = status_pb2.Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin" and isinstance(value, bytes):
                status.MergeFromString(value)
        return error.code(), error.details() or "", _info(status), status
    raise AssertionError("the call was answered")


def _info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
    return info
