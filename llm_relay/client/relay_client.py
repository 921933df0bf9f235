"""RelayClient: a language model behind Server B, in plain Python.

    async with RelayClient(Dial(target="127.0.0.1:50051")) as client:
        answer = await client.process(Prompt(message="Hi"))
        async for event in client.stream_process(Prompt(message="Hi")):
            ...

Every failure raises a RelayError.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import Self

import grpc

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.announced_retry import ClientRetry
from llm_relay.client.call_errors import raising
from llm_relay.client.caller_metadata import caller_metadata
from llm_relay.client.channel import Dial
from llm_relay.client.connection import Connection
from llm_relay.client.methods import Methods
from llm_relay.client.responses import END, Admitted, admitted, end, next_response, only_response
from llm_relay.errors import InvalidRequest, ServerBUnavailable, Violation
from llm_relay.messages import Answer, Event, Finished, Models, Prompt, Status, request_id_fault
from llm_relay.metadata import REQUIRED, Metadata, value_of
from llm_relay.wire import codec, introspection

OnAdmitted = Callable[[Admitted], object]
"""Receives what Server B reports about a call before the provider is called."""
DEFAULT_TIMEOUT_S = 120.0
LONGEST_TIMEOUT_S = 365 * 86_400.0
"""gRPC treats a deadline beyond its clock's range as already passed."""
CONTROL_TIMEOUT_S = 10.0
"""Deadline of the calls that use no model: cancel, list_models, get_status."""


class RelayClient:
    """Calls Server B over one channel, which is opened at the first call and closed with the context.

    A client belongs to the event loop of its first call, and can be created anywhere. Certificate files that are
    renewed on disk are used from the next call on.
    """

    def __init__(self, dial: Dial | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S, protocol: str = "") -> None:
        """`timeout_s` is the deadline, in seconds, of calls that set none. `protocol` appears in Server B's log.

        Raises ValueError if a token would be sent in plaintext beyond this machine, or a certificate cannot be used.
        """
        self._dial = dial or Dial()
        self._timeout_s = timeout_s
        self._protocol = protocol
        self._connection = Connection(self._dial, Methods)

    @property
    def target(self) -> str:
        """The gRPC target of Server B, as it was given."""
        return self._dial.target

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel; running calls are cancelled."""
        await self._connection.close()

    async def process(
        self,
        prompt: Prompt,
        *,
        timeout_s: float | None = None,
        on_behalf_of: str = "",
        token: str = "",
        client_retry: ClientRetry | None = None,
        required: Sequence[str] = (),
        protocol: str = "",
        on_admitted: OnAdmitted | None = None,
    ) -> Answer:
        """Returns the whole answer to a prompt. `timeout_s` (seconds) also bounds the provider's call.

        To call for one of this program's callers, give its name in `on_behalf_of`, which Server B accepts only from
        delegates, or its `token`, which replaces this program's.
        With `client_retry`, a request that its client repeats after a timeout joins the first call.
        `on_admitted` receives the options that have no effect at the provider, and the caller's rates. Raises
        Unsupported if an option in `required` has no effect. `protocol` replaces the client's for this call.
        """
        prompt = _identified(prompt)
        call = self._connection.stub().process(
            codec.prompt_to_wire(prompt, pb.ProcessRequest),
            timeout=self._timeout(timeout_s),
            metadata=self._metadata(on_behalf_of, token, client_retry, required, protocol),
        )
        with self._raising(prompt.request_id, token):
            try:
                response = await only_response(call)
            except grpc.aio.AioRpcError:
                if on_admitted is not None:
                    on_admitted(await admitted(call))
                raise
            if on_admitted is not None:
                on_admitted(await admitted(call))
        return codec.answer_from_wire(response)

    async def stream_process(
        self,
        prompt: Prompt,
        *,
        timeout_s: float | None = None,
        on_behalf_of: str = "",
        token: str = "",
        client_retry: ClientRetry | None = None,
        required: Sequence[str] = (),
        protocol: str = "",
        on_admitted: OnAdmitted | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Yields one Started, Deltas and one Finished, or raises. Leaving the loop cancels the provider's call.

        If you may leave early, use `contextlib.aclosing`, so that the call stops at once.
        The other arguments are as in `process`; `on_admitted` is called before the first event.
        """
        prompt = _identified(prompt)
        call = self._connection.stub().stream_process(
            codec.prompt_to_wire(prompt, pb.StreamProcessRequest),
            timeout=self._timeout(timeout_s),
            metadata=self._metadata(on_behalf_of, token, client_retry, required, protocol),
        )
        finished = False
        try:
            with self._raising(prompt.request_id, token):
                if on_admitted is not None:
                    on_admitted(await admitted(call))
                while (response := await next_response(call)) is not END:
                    event = codec.event_from_wire(response)
                    if event is not None:
                        finished = isinstance(event, Finished)
                        yield event
            if not finished:
                raise ServerBUnavailable(
                    f"the stream from Server B at {self.target} ended before the answer was complete",
                    request_id=prompt.request_id,
                )
        finally:
            await end(call)

    async def cancel(self, request_id: str, *, on_behalf_of: str = "", token: str = "") -> bool:
        """Stops a running call of the same caller. The call still reports its usage. Returns whether there was one."""
        if fault := request_id_fault(request_id):
            raise InvalidRequest.of(Violation("request_id", fault))
        with self._raising(request_id, token):
            response = await only_response(
                self._connection.stub().cancel(
                    pb.CancelRequest(request_id=request_id),
                    timeout=CONTROL_TIMEOUT_S,
                    metadata=self._metadata(on_behalf_of, token),
                )
            )
        return response.found

    async def list_models(self, *, on_behalf_of: str = "", token: str = "") -> Models:
        """Returns the available models."""
        with self._raising("", token):
            response = await only_response(
                self._connection.stub().list_models(
                    pb.ListModelsRequest(), timeout=CONTROL_TIMEOUT_S, metadata=self._metadata(on_behalf_of, token)
                )
            )
        return introspection.models_from_wire(response)

    async def get_status(self, *, on_behalf_of: str = "", token: str = "") -> Status:
        """Returns Server B's health and the configuration in force."""
        with self._raising("", token):
            response = await only_response(
                self._connection.stub().get_status(
                    pb.GetStatusRequest(), timeout=CONTROL_TIMEOUT_S, metadata=self._metadata(on_behalf_of, token)
                )
            )
        return introspection.status_from_wire(response)

    def _timeout(self, timeout_s: float | None) -> float:
        return min(self._timeout_s if timeout_s is None else timeout_s, LONGEST_TIMEOUT_S)

    def _metadata(
        self,
        on_behalf_of: str,
        token: str,
        client_retry: ClientRetry | None = None,
        required: Sequence[str] = (),
        protocol: str = "",
    ) -> Metadata:
        metadata = caller_metadata(
            self._dial, on_behalf_of=on_behalf_of, token=token, protocol=protocol or self._protocol
        )
        if required:
            metadata += ((REQUIRED, value_of(required)),)
        return metadata if client_retry is None else metadata + client_retry.metadata

    def _raising(self, request_id: str, token: str = "") -> raising:
        return raising(self._dial, request_id, of_caller=bool(token))


def _identified(prompt: Prompt) -> Prompt:
    return prompt if prompt.request_id else dataclasses.replace(prompt, request_id=str(uuid.uuid4()))
