"""AccountService's methods over one channel."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import Message

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.client.channel import ACCOUNT_SERVICE

_METHODS = pb.DESCRIPTOR.services_by_name["AccountService"].methods_by_name


class AccountMethods:
    """The method for each type of request. All are called as streams: see llm_relay.client.responses."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._methods: dict[type[Message], grpc.aio.UnaryStreamMultiCallable[Any, Any]] = {}

    def of(self, request: type[Message], response: type[Message]) -> grpc.aio.UnaryStreamMultiCallable[Any, Any]:
        """Returns the method that takes this request, as XRequest for X."""
        if request not in self._methods:
            name = request.DESCRIPTOR.name.removesuffix("Request")
            self._methods[request] = self._channel.unary_stream(
                f"/{ACCOUNT_SERVICE}/{_METHODS[name].name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
        return self._methods[request]
