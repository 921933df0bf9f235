"""Finds out from errors what models refuse of a request, so that it is left out and remembered.

Only what the caller did not ask for is left out. If a value that the caller set is refused, the caller must change it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from llm_relay.messages import Prompt
from server_b.providers.base import Defaults
from server_b.providers.openai.failures.failure import Failure

LIMIT_NAMES = ("max_tokens", "max_completion_tokens")
"""Names of the limit of output tokens, in the order in which they are tried."""

OUTPUT_LIMIT = "max_output_tokens"
"""Name of the limit in the Responses API."""

DEFAULT_LIMIT = "the default limit"
CHAT_COMPLETIONS = "chat completions"
INCLUDE = "include"
"""The Responses API's request for encrypted reasoning."""
SUMMARY = "reasoning.summary"
Refused = frozenset[str]
"""What a model refuses: any of `stream`, `stream_options`, `temperature`, the name of a limit, DEFAULT_LIMIT,
CHAT_COMPLETIONS, INCLUDE and SUMMARY.
"""

MAX_REMEMBERED_MODELS = 1000
NOTHING: Refused = frozenset()
_REASONING_MODEL = re.compile(r"(?:^|[/:])(?:o[1-9]|gpt-(?:[5-9]|\d\d))(?![0-9a-z])")

_REFUSING_STATUSES = frozenset({400, 405, 406, 413, 415, 422, 500, 501, None})
"""Statuses of refusals. None: the refusal is within a good answer, and names no status."""
_VAGUE_STATUSES = frozenset({500, None})
"""With these the provider may have worked. Only a failure that names a parameter counts as a refusal."""
_STREAM_OPTIONS = re.compile(r"stream_?options|include_usage")
_STREAM = re.compile(r"\bstream(?:ing)?\b|\bsse\b", re.ASCII)
_NOT_POSSIBLE = re.compile(
    r"not |n't |unsupported|disabled|must be (?:set to )?['\"`]?false|only .{0,40}false|unrecognized|unknown|extra"
)
_TEMPERATURE = re.compile(r"\btemperature\b", re.ASCII)
_LIMIT = re.compile(
    r"\bmax[_ ]?(?:(?:completion|output|new)[_ ]?)?tokens\b|maxoutputtokens|maximum output"
    r"|(?:in|for) the completion",
    re.ASCII,
)
_ROOM = re.compile(r"\brequested (?:\d+ |number of )?output tokens\b|\bin the output\b", re.ASCII)
"""Texts that count the limit together with the prompt. With a limit of the caller's, the prompt may be too long."""
_OTHER_NAME = re.compile(
    r"use ['\"`]?max_\w+|unsupported[ _]parameter|unsupported argument|unrecognized|unknown|unexpected|extra"
    r"|not (?:supported|permitted|allowed)|no longer supported|deprecated"
)
_OTHER_NAME_WORDS = frozenset({"unsupportedparameter", "unknownparameter", "extraforbidden", "unrecognizedparameter"})
_INCLUDE = re.compile(r"\binclude\b|encrypted[ _]content")
_SUMMARY = re.compile(r"reasoning[._]summar(?:y|ies)|reasoning summar(?:y|ies)")
_RESPONSES = r"(?:the )?['\"`]?(?:https?://[^\s'\"`]{1,100}/)?/?(?:v1/)?responses\b"
_CHAT = r"(?:the )?['\"`]?/?(?:v1/)?chat[ /_]?completions?"
_PLACE = r"(?:in|with|through|via|by|on|at|for)"
_ONLY_RESPONSES = re.compile(
    r"not a chat model"
    rf"|(?:supported|available|accessible|works?|used) (?:only )?{_PLACE} {_RESPONSES}"
    rf"|(?:use|try|call|switch to) {_RESPONSES}"
    rf"|not (?:supported|available|compatible|accessible)\b.{{0,80}}? {_PLACE} {_CHAT}"
    rf"|(?:not|n't) (?:support|work with) {_CHAT}"
    r"|chat ?completions? operation does not work"
)
_STATUSES_OF_OTHER_MODELS = frozenset({400, 404, 422, None})
_CONTEXT_TOKENS = re.compile(r"context (?:length|window|size|limit)\D{0,20}(\d+)")


class Change(NamedTuple):
    """What to leave out of a refused request."""

    names: Refused
    lasts: bool = True
    """Whether the model always refuses it, not only with a prompt of this length."""


class Refusals:
    """What each model is known to refuse. Keeps at most MAX_REMEMBERED_MODELS, and forgets the oldest first."""

    def __init__(self) -> None:
        self._by_model: dict[str, Refused] = {}

    def of(self, model: str) -> Refused:
        """Returns what a model is known to refuse; at first, what its name suggests."""
        known = self._by_model.get(model)
        if known is not None:
            return known
        return frozenset({"temperature", "max_tokens"}) if _REASONING_MODEL.search(model) else NOTHING

    def remember(self, model: str, refused: Refused) -> None:
        """Adds what has been found out. Concurrent calls may each find out something else."""
        refused |= self.of(model)
        if refused == self.of(model):
            return
        if len(self._by_model) >= MAX_REMEMBERED_MODELS and model not in self._by_model:
            del self._by_model[next(iter(self._by_model))]
        self._by_model[model] = refused


def change_for(failure: Failure, body: dict[str, object], prompt: Prompt, defaults: Defaults) -> Change | None:
    """Returns what to leave out of a refused request before it is sent again; None: nothing would help."""
    if failure.stated_status not in _REFUSING_STATUSES:
        return None
    if "stream_options" in body and _names(failure, _STREAM_OPTIONS):
        return Change(frozenset({"stream_options"}))
    if body.get("stream") and _refuses_streams(failure):
        return Change(frozenset({"stream"}))
    if "include" in body and _names(failure, _INCLUDE):
        return Change(frozenset({INCLUDE}))
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict) and "summary" in reasoning and _names(failure, _SUMMARY):
        return Change(frozenset({SUMMARY}))
    if "temperature" in body and prompt.temperature is None and _names(failure, _TEMPERATURE):
        return Change(frozenset({"temperature"}))
    return _change_of_limit(failure, body, prompt, defaults)


def change_of_interface(failure: Failure) -> Change | None:
    """Returns the change to the Responses API, if chat completions refuse the request because it belongs there."""
    if failure.stated_status not in _STATUSES_OF_OTHER_MODELS or not _ONLY_RESPONSES.search(failure.text):
        return None
    # Some models refuse only tools together with reasoning, and name that parameter.
    return Change(frozenset({CHAT_COMPLETIONS}), lasts=failure.params <= {"model"})


def refused_field(failure: Failure, prompt: Prompt) -> str | None:
    """Returns the field whose value, set by the caller, is refused; None: there is none."""
    if failure.stated_status not in _REFUSING_STATUSES:
        return None
    if prompt.temperature is not None and _names(failure, _TEMPERATURE):
        return "temperature"
    if prompt.max_tokens is not None and _names(failure, _LIMIT):
        return "max_tokens"
    return None


def _change_of_limit(failure: Failure, body: dict[str, object], prompt: Prompt, defaults: Defaults) -> Change | None:
    sent = next((name for name in (*LIMIT_NAMES, OUTPUT_LIMIT) if name in body), None)
    if sent is None or not (_names(failure, _LIMIT) or (prompt.max_tokens is None and _names(failure, _ROOM))):
        return None
    if _is_unknown(failure) and (sent == LIMIT_NAMES[0] or prompt.max_tokens is None):
        return Change(frozenset({sent}))
    if prompt.max_tokens is not None:
        return None
    return Change(frozenset({DEFAULT_LIMIT}), lasts=_is_too_large_for_any_prompt(failure, defaults))


def _refuses_streams(failure: Failure) -> bool:
    if failure.status == 406:  # Not Acceptable: our `Accept` contains text/event-stream
        return True
    if "stream" in failure.params:
        return True
    if failure.stated_status in _VAGUE_STATUSES:
        return False
    return bool(_STREAM.search(failure.text) and _NOT_POSSIBLE.search(failure.text))


def _is_unknown(failure: Failure) -> bool:
    """Tells whether the model does not know the name of the limit, rather than refuse its value."""
    return not _OTHER_NAME_WORDS.isdisjoint(failure.words) or bool(_OTHER_NAME.search(failure.text))


def _is_too_large_for_any_prompt(failure: Failure, defaults: Defaults) -> bool:
    stated = _CONTEXT_TOKENS.search(failure.text)
    return stated is None or defaults.max_tokens >= int(stated[1])


def _names(failure: Failure, members: re.Pattern[str]) -> bool:
    if any(members.search(param) for param in failure.params):
        return True
    return failure.stated_status not in _VAGUE_STATUSES and bool(members.search(failure.text))
