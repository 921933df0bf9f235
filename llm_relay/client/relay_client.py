"""RelayClient: a language model behind Server B, as plain Python.

    async with RelayClient(Dial(target="127.0.0.1:50051")) as client:
        answer = await client.process(Prompt(message="Hi"))
        async for event in client.stream_process(Prompt(message="Hi")):
            ...

Every failure raises a RelayError.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Self, TypeVar

import grpc

from generated.relay.v1 import relay_pb2 as pb
from generated.relay.v1 import relay_pb2_grpc
from llm_relay.client.channel import Dial, open_channel
from llm_relay.errors import Internal, InvalidRequest, RelayError, ServerBUnavailable, Unauthenticated, Violation
from llm_relay.messages import Answer, Event, Finished, Models, Prompt, Status, request_id_fault
from llm_relay.metadata import ON_BEHALF_OF, Metadata, call_metadata
from llm_relay.tokens import CALLER_NAME, NAME_RULE
from llm_relay.wire import codec, introspection
from llm_relay.wire.errors import error_from_call

DEFAULT_TIMEOUT_S = 120.0
LONGEST_TIMEOUT_S = 365 * 86_400.0
"""gRPC takes a deadline beyond its clock's range for one that has passed."""
CONTROL_TIMEOUT_S = 10.0
"""Deadline of the calls that ask no model: cancel, list_models, get_status."""


class RelayClient:
    """Calls Server B over one channel, opened on the running event loop and closed with the context."""

    def __init__(self, dial: Dial | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S, door: str = "") -> None:
        """`timeout_s` is the deadline, in seconds, of calls that name none; `door` is told to Server B's log.

        Raises ValueError if a token would be sent in plaintext beyond loopback, or a certificate cannot be read.
        """
        self._dial = dial or Dial()
        self._timeout_s = timeout_s
        self._door = door
        self._channel = open_channel(self._dial)
        self._stub: relay_pb2_grpc.RelayServiceAsyncStub = relay_pb2_grpc.RelayServiceStub(self._channel)

    @property
    def target(self) -> str:
        """Where Server B is looked for."""
        return self._dial.target

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel; running calls are cancelled."""
        await self._channel.close()

    async def process(self, prompt: Prompt, *, timeout_s: float | None = None, on_behalf_of: str = "") -> Answer:
        """Answers a prompt whole. `timeout_s` (seconds) bounds the provider's call too."""
        prompt = _identified(prompt)
        with self._raising(prompt.request_id):
            response = await self._stub.Process(
                codec.prompt_to_wire(prompt, pb.ProcessRequest),
                timeout=self._timeout(timeout_s),
                metadata=self._metadata(on_behalf_of),
            )
        return codec.answer_from_wire(_readable(response))

    async def stream_process(
        self, prompt: Prompt, *, timeout_s: float | None = None, on_behalf_of: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Yields one Started, Deltas and one Finished, or raises; leaving the loop cancels the provider's call.

        Whoever may leave early should hold the iterator in `contextlib.aclosing`, so that it stops at once.
        """
        prompt = _identified(prompt)
        call = self._stub.StreamProcess(
            codec.prompt_to_wire(prompt, pb.StreamProcessRequest),
            timeout=self._timeout(timeout_s),
            metadata=self._metadata(on_behalf_of),
        )
        finished = False
        try:
            with self._raising(prompt.request_id):
                async for response in call:
                    event = codec.event_from_wire(_readable(response))
                    if event is not None:
                        finished = isinstance(event, Finished)
                        yield event
            if not finished:
                raise ServerBUnavailable(
                    f"the stream from Server B at {self.target} ended before its end", request_id=prompt.request_id
                )
        finally:
            # A response stream that is merely dropped is never cancelled on the server (grpc/grpc#43462).
            call.cancel()

    async def cancel(self, request_id: str, *, on_behalf_of: str = "") -> bool:
        """Stops a running call of the same caller softly; returns whether there was one."""
        if fault := request_id_fault(request_id):
            raise InvalidRequest.of(Violation("request_id", fault))
        with self._raising(request_id):
            response = await self._stub.Cancel(
                pb.CancelRequest(request_id=request_id),
                timeout=CONTROL_TIMEOUT_S,
                metadata=self._metadata(on_behalf_of),
            )
        return _readable(response).found

    async def list_models(self, *, on_behalf_of: str = "") -> Models:
        """Lists the models that can be asked for."""
        with self._raising(""):
            response = await self._stub.ListModels(
                pb.ListModelsRequest(), timeout=CONTROL_TIMEOUT_S, metadata=self._metadata(on_behalf_of)
            )
        return introspection.models_from_wire(_readable(response))

    async def get_status(self, *, on_behalf_of: str = "") -> Status:
        """Tells Server B's health and the configuration in force."""
        with self._raising(""):
            response = await self._stub.GetStatus(
                pb.GetStatusRequest(), timeout=CONTROL_TIMEOUT_S, metadata=self._metadata(on_behalf_of)
            )
        return introspection.status_from_wire(_readable(response))

    def _timeout(self, timeout_s: float | None) -> float:
        return min(self._timeout_s if timeout_s is None else timeout_s, LONGEST_TIMEOUT_S)

    def _metadata(self, on_behalf_of: str) -> Metadata:
        if on_behalf_of and not CALLER_NAME.fullmatch(on_behalf_of):
            raise InvalidRequest.of(Violation(ON_BEHALF_OF, NAME_RULE))
        return call_metadata(self._dial.token, on_behalf_of, self._door)

    def _raising(self, request_id: str) -> _Raising:
        """Turns a failed call into the RelayError that it stands for."""
        return _Raising(self._named, request_id)

    def _named(self, error: RelayError, request_id: str) -> RelayError:
        if isinstance(error, ServerBUnavailable):
            return ServerBUnavailable(
                f"Server B cannot be reached at {self.target}, or was lost amid the call:"
                " start it with `python -m server_b`, or set SERVER_B_TARGET to where it listens;"
                " `python -m server_a check` or `python -m gateway check` tells what is wrong",
                request_id=request_id,
            )
        if isinstance(error, Unauthenticated):
            # Not the credentials of whoever asked this program: its own.
            return Unauthenticated(
                f"Server B at {self.target} refuses this program's token: set RELAY_TOKEN to one of its RELAY_TOKENS",
                request_id=request_id,
            )
        error.request_id = error.request_id or request_id
        return error


class _Raising:
    """A class, for contextlib's generators cost a call more than what they guard."""

    __slots__ = ("_named", "_request_id")

    def __init__(self, named: Callable[[RelayError, str], RelayError], request_id: str) -> None:
        self._named = named
        self._request_id = request_id

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, grpc.aio.AioRpcError):
            raise self._named(error_from_call(error), self._request_id) from error


R = TypeVar("R")


def _readable(response: R | None) -> R:
    # grpc.aio gives None for a message that it cannot parse.
    if response is None:
        raise Internal("the answer of Server B cannot be read")
    return response


def _identified(prompt: Prompt) -> Prompt:
    return prompt if prompt.request_id else dataclasses.replace(prompt, request_id=str(uuid.uuid4()))
