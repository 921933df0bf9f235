"""RelayService's methods over one channel."""

from __future__ import annotations

from typing import TypeVar

import grpc
from google.protobuf.message import Message

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.client.channel import SERVICE

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


class Methods:
    """The methods of a client. Those with one response are called as streams too: see llm_relay.client.responses."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.process = _method(channel, "Process", pb.ProcessRequest, pb.ProcessResponse)
        self.stream_process = _method(channel, "StreamProcess", pb.StreamProcessRequest, pb.StreamProcessResponse)
        self.cancel = _method(channel, "Cancel", pb.CancelRequest, pb.CancelResponse)
        self.list_models = _method(channel, "ListModels", pb.ListModelsRequest, pb.ListModelsResponse)
        self.get_status = _method(channel, "GetStatus", pb.GetStatusRequest, pb.GetStatusResponse)


def _method(
    channel: grpc.aio.Channel, name: str, request: type[Q], response: type[R]
) -> grpc.aio.UnaryStreamMultiCallable[Q, R]:
    return channel.unary_stream(
        f"/{SERVICE}/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
