"""What a call has used, at every end: counted by the provider, estimated from the text, or unknown."""

from __future__ import annotations

import math

from llm_relay.errors import ProviderAuth, ProviderRateLimited, ProviderRejected, RelayError, UnknownModel
from llm_relay.messages import Accuracy, Prompt, Usage
from server_b.core.call import Call

CHARS_PER_TOKEN = 4
"""A rule of thumb for English text (https://platform.openai.com/tokenizer); estimates are marked as such."""
TOKENS_PER_TURN = 4
"""What the chat format adds to each turn."""

NOTHING_USED = Usage(input_tokens=0, output_tokens=0, accuracy=Accuracy.EXACT)

# The provider said no before it worked: nothing was spent, and that is known.
_REFUSALS = (ProviderRateLimited, ProviderAuth, ProviderRejected, UnknownModel)


def settled_usage(call: Call, counted: Usage | None, error: RelayError | None = None) -> Usage:
    """Returns the provider's count if there is one, else what can be said from the text that came."""
    if counted is not None:
        return counted
    if call.delta_count:
        return _estimate(call)
    if isinstance(error, _REFUSALS) and all(isinstance(failure.error, _REFUSALS) for failure in call.failures):
        return NOTHING_USED
    return Usage(accuracy=Accuracy.UNKNOWN)


def _estimate(call: Call) -> Usage:
    # A provider sends about one token a delta, sometimes several: the larger guess is the nearer one.
    output_tokens = max(call.delta_count if call.started else 0, math.ceil(call.text_chars / CHARS_PER_TOKEN))
    return Usage(input_tokens=_input_tokens(call.prompt), output_tokens=output_tokens, accuracy=Accuracy.ESTIMATED)


def _input_tokens(prompt: Prompt) -> int:
    texts = [prompt.message, *(turn.text for turn in prompt.history)]
    if prompt.context:
        texts.append(prompt.context)
    return sum(math.ceil(len(text) / CHARS_PER_TOKEN) + TOKENS_PER_TURN for text in texts)
