"""Parses a request to OpenAI's interface into a call to Server B."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from gateway.dependencies import Call, backend_of, caller_of
from gateway.errors.error_writer import use_writer
from gateway.openai.bodies.base import Shape
from gateway.openai.bodies.chat import ChatBody
from gateway.openai.bodies.responses import ResponsesBody
from gateway.openai.chat.prompt import chat_prompt
from gateway.openai.errors import BadParam
from gateway.openai.rate_headers import rate_headers, rates_of
from gateway.openai.request.field_names import FieldNames
from gateway.openai.request.ignored_members import ignored_header
from gateway.openai.request.invalid_members import bad_member
from gateway.openai.request.refused_members import refuse_unsupported
from gateway.openai.request.sdk_retry import client_retry
from gateway.openai.request.translated_body import TranslatedBody
from gateway.openai.responses.prompt import refuse_stateful, responses_prompt
from gateway.requests.deadlines import deadline_of
from gateway.requests.disconnect_watcher import ClientGone
from gateway.requests.learned_timeouts import LearnedTimeouts
from gateway.requests.request_ids import call_id, use_call_id
from gateway.requests.request_parsing import parsed, read_body
from gateway.requests.tag_header import with_header_tags
from gateway.streaming import EventLines, EventStream, Pings
from llm_relay.caller_tokens import ANONYMOUS
from llm_relay.client.responses import Admitted
from llm_relay.documents import parse_json
from llm_relay.messages import NO_OPTIONS, Answer, Event

_ORIGIN = "x-relay-origin"
_IGNORED = "x-relay-ignored"

B = TypeVar("B", bound=Shape)


class OpenAICall(NamedTuple, Generic[B]):
    """A call that has not begun, and what its response needs from the request."""

    call: Call
    body: B
    created: float
    """When the call began, in Unix seconds."""
    ignored: tuple[str, ...]
    """The members that have no effect with any provider."""
    names: FieldNames
    rates: dict[str, str]
    """The x-ratelimit headers, filled when Server B sends what is left of the caller's rates; on a refusal too."""
    timeouts: LearnedTimeouts

    async def process(self) -> tuple[Answer, dict[str, str]]:
        """Returns the whole answer and the headers of its response. Raises RelayError."""
        ignored: list[str] = []

        def on_admitted(admitted: Admitted) -> None:
            self.rates.update(rate_headers(admitted.rates))
            ignored.extend(admitted.ignored)

        answer = await self.call.process(on_admitted if self._needs_admitted else None)
        return answer, self._headers(ignored)

    def stream(self, lines: EventLines, pings: Pings) -> EventStream:
        """Returns the response that streams the answer."""

        def on_admitted(admitted: Admitted) -> None:
            self.rates.update(rate_headers(admitted.rates))
            stream.headers.update(self._headers(admitted.ignored))

        events = self.call.stream_process(on_admitted if self._needs_admitted else None)
        retry = self.call.client_retry
        if retry is not None and retry.read_timeout_s is not None:
            # A ping begins the response, and an SDK does not retry a request whose response has begun.
            pings = replace(pings, first_s=max(pings.first_s, pings.next_s))
        stream = _Stream(events, lines, pings, self.noting_when_left)
        stream.headers.update(self._headers())
        return stream

    @contextlib.contextmanager
    def noting_when_left(self) -> Iterator[None]:
        """Notes when the client leaves during the block, in case it retries the request."""
        try:
            yield
        except ClientGone:
            if self.call.client_retry is not None:
                waited_s = time.time() - self.created
                self.timeouts.note(self.call.caller.name, self.call.client_retry, waited_s=waited_s)
            raise

    @property
    def _needs_admitted(self) -> bool:
        """Whether Server B's initial metadata may contain something for the response's headers."""
        return self.call.prompt.options is not NO_OPTIONS or self.call.caller.name != ANONYMOUS

    def _headers(self, ignored: Iterable[str] = ()) -> dict[str, str]:
        """Returns the headers of a response. `ignored` are the prompt's fields that this provider ignores."""
        names = (*self.ignored, *map(self.names.param, ignored))
        value = ignored_header(names) if names else ""
        return {_ORIGIN: "provider", **({_IGNORED: value} if value else {})}


class _Stream(EventStream):
    """A stream that notes when its client leaves."""

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        lines: EventLines,
        pings: Pings,
        noting_when_left: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> None:
        super().__init__(events, lines, pings)
        self._noting_when_left = noting_when_left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._noting_when_left():
            await super().__call__(scope, receive, send)


async def read_chat_call(request: Request) -> OpenAICall[ChatBody]:
    """Reads a chat completion's body. Raises BadParam, and what read_body raises."""
    return await _read_call(request, _parsed_chat)


async def read_responses_call(request: Request) -> OpenAICall[ResponsesBody]:
    """Reads a response's body. Raises BadParam, and what read_body raises."""
    return await _read_call(request, _parsed_response)


def _parsed_chat(document: Mapping[str, Any], request_id: str) -> tuple[ChatBody, TranslatedBody]:
    refuse_unsupported(document)
    body = _validated(ChatBody, document)
    return body, chat_prompt(body, request_id)


def _parsed_response(document: Mapping[str, Any], request_id: str) -> tuple[ResponsesBody, TranslatedBody]:
    refuse_stateful(document)
    body = _validated(ResponsesBody, document)
    return body, responses_prompt(body, request_id)


async def _read_call(
    request: Request, parse: Callable[[Mapping[str, Any], str], tuple[B, TranslatedBody]]
) -> OpenAICall[B]:
    created = time.time()
    backend = backend_of(request)
    deadline = deadline_of(request, backend.timeout_s)
    request_id = call_id(request)
    raw = await read_body(request, deadline=deadline, limits=backend.limits)
    body, translated = await parsed(raw, lambda: parse(_document(raw), request_id))
    use_call_id(request, request_id)
    call = Call(
        client=backend.client,
        prompt=with_header_tags(translated.prompt, request.scope),
        timeout_s=deadline - asyncio.get_running_loop().time(),
        caller=caller_of(request),
        client_retry=backend.timeouts.known(caller_of(request).name, client_retry(request.scope, raw)),
        required=translated.required,
        protocol="openai",
    )
    use_writer(request.scope, translated.names.error_response)
    return OpenAICall(
        call, body, created, translated.ignored, translated.names, rates_of(request.scope), backend.timeouts
    )


def _document(raw: bytearray) -> Mapping[str, Any]:
    document = parse_json(raw, keeps_raw=False)
    if not isinstance(document, dict):
        raise BadParam("", "the body must be a JSON object")
    return document


def _validated(shape: type[B], document: Mapping[str, Any]) -> B:
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        raise bad_member(error) from None
