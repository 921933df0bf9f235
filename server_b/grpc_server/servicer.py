"""The gRPC interface of the Relay: decodes, relays, encodes, and nothing else.

Requests arrive as raw bytes: gRPC would report a malformed message as UNKNOWN, with the parser's text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.announced_retry import ClientRetry
from llm_relay.errors import Cancelled, InvalidRequest, RelayError, Unsupported, Violation
from llm_relay.messages import Prompt, request_id_fault
from llm_relay.messages.accounts import RatesLeft
from llm_relay.metadata import IGNORED, RATES, REQUEST_ID, REQUIRED, Metadata, first_value, names_of, value_of
from llm_relay.wire import codec, introspection
from llm_relay.wire.errors import aborting
from llm_relay.wire.rate_metadata import rates_text
from server_b.authentication import Authenticator
from server_b.core.calls.admission import Admission
from server_b.core.calls.call_key import Delivery
from server_b.core.relay import Relay
from server_b.core.unexpected_errors import report
from server_b.grpc_server.credentials import CallMetadata, credentials_of, protocol_of
from server_b.grpc_server.stalled_readers import DEFAULT_STALL_S, write_within

Context = grpc.aio.ServicerContext[Any, Any]


class RelayServicer:
    """Serves relay.v1.RelayService from one Relay."""

    def __init__(
        self,
        relay: Relay,
        authenticator: Authenticator,
        *,
        stall_s: float = DEFAULT_STALL_S,
        rates_left: Callable[[str], RatesLeft | None] | None = None,
    ) -> None:
        """`rates_left` returns what a caller's rates have left; None: no caller has rates.

        `stall_s` is how long a caller may read no data before its call is dropped, in seconds.
        """
        self._relay = relay
        self._authenticator = authenticator
        self._stall_s = stall_s
        self._rates_left = rates_left

    async def process(self, data: bytes, context: Context) -> pb.ProcessResponse:
        async with self._aborting(context, "Process"):
            prompt = codec.prompt_from_wire(codec.parse(pb.ProcessRequest, data))
            admission = self._admit(prompt, context, Delivery.WHOLE)
            ignored = self._ignored(prompt, context)
            async with admission as reader:
                await context.send_initial_metadata(
                    ((REQUEST_ID, reader.request_id), *ignored, *self._rates(reader.call.key.caller))
                )
                return codec.answer_to_wire(await reader.answer())

    async def stream_process(self, data: bytes, context: Context) -> None:
        async with self._aborting(context, "StreamProcess"):
            prompt = codec.prompt_from_wire(codec.parse(pb.StreamProcessRequest, data))
            admission = self._admit(prompt, context, Delivery.STREAM)
            ignored = self._ignored(prompt, context)
            async with admission as reader:
                await context.send_initial_metadata(
                    ((REQUEST_ID, reader.request_id), *ignored, *self._rates(reader.call.key.caller))
                )
                async for event in reader.events():
                    await write_within(self._stall_s, context, codec.event_to_wire(event))

    async def cancel(self, data: bytes, context: Context) -> pb.CancelResponse:
        async with self._aborting(context, "Cancel"):
            request_id = codec.parse(pb.CancelRequest, data).request_id
            if fault := request_id_fault(request_id):
                raise InvalidRequest.of(Violation("request_id", fault))
            caller = self._caller(context.invocation_metadata())
            return pb.CancelResponse(found=self._relay.cancel(request_id, caller=caller))

    async def list_models(self, data: bytes, context: Context) -> pb.ListModelsResponse:
        async with self._aborting(context, "ListModels"):
            codec.parse(pb.ListModelsRequest, data)
            self._caller(context.invocation_metadata())
            await context.send_initial_metadata(())  # from here on, no channel repeats the call
            return introspection.models_to_wire(await self._relay.list_models())

    async def get_status(self, data: bytes, context: Context) -> pb.GetStatusResponse:
        async with self._aborting(context, "GetStatus"):
            codec.parse(pb.GetStatusRequest, data)
            self._caller(context.invocation_metadata())
            return introspection.status_to_wire(self._relay.status())

    def _aborting(self, context: Context, rpc: str) -> aborting:
        def note(error: RelayError) -> None:
            # A call without `spent` was never admitted, so no other line logs it, unless its caller stopped reading.
            if error.spent is None and not isinstance(error, Cancelled):
                metadata = context.invocation_metadata()
                caller = self._authenticator.known_caller(credentials_of(metadata))
                self._relay.tell_refused(rpc, error, protocol=protocol_of(metadata), caller=caller)

        return aborting(context, report, note)

    def _admit(self, prompt: Prompt, context: Context, delivery: Delivery) -> Admission:
        metadata = context.invocation_metadata()
        return self._relay.admit(
            prompt,
            caller=self._caller(metadata),
            delivery=delivery,
            protocol=protocol_of(metadata),
            timeout_s=context.time_remaining(),
            client_retry=ClientRetry.from_metadata(metadata),
        )

    def _ignored(self, prompt: Prompt, context: Context) -> Metadata:
        """Returns metadata that names the options without effect; raises Unsupported if one of them is required."""
        ignored = self._relay.ignored_options(prompt)
        if not ignored:
            return ()
        for name in names_of(first_value(context.invocation_metadata(), REQUIRED)):
            if name in ignored:
                raise Unsupported.of_field(name, f"not supported by {self._relay.provider_name}: leave it out")
        return ((IGNORED, value_of(ignored)),)

    def _rates(self, caller: str) -> Metadata:
        left = None if self._rates_left is None else self._rates_left(caller)
        return () if left is None else ((RATES, rates_text(left)),)

    def _caller(self, metadata: CallMetadata) -> str:
        return self._authenticator.caller(credentials_of(metadata))


def method_handlers(servicer: RelayServicer) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
    """Returns the servicer's methods by their name in the contract."""
    return {
        "Process": _unary(servicer.process),
        "StreamProcess": grpc.unary_stream_rpc_method_handler(
            servicer.stream_process, response_serializer=pb.StreamProcessResponse.SerializeToString
        ),
        "Cancel": _unary(servicer.cancel),
        "ListModels": _unary(servicer.list_models),
        "GetStatus": _unary(servicer.get_status),
    }


def _unary(method: Any) -> grpc.RpcMethodHandler[Any, Any]:
    return grpc.unary_unary_rpc_method_handler(method, response_serializer=_serialize)


def _serialize(response: Any) -> bytes:
    serialized: bytes = response.SerializeToString()
    return serialized
