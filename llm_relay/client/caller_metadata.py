"""The metadata that tells Server B who a call is for."""

from __future__ import annotations

from llm_relay.caller_tokens import CALLER_NAME, NAME_RULE, TOKEN, TOKEN_RULE
from llm_relay.client.channel import Dial
from llm_relay.errors import InvalidRequest, Violation
from llm_relay.metadata import AUTHORIZATION, LOCAL, ON_BEHALF_OF, Metadata, call_metadata
from llm_relay.targets import is_loopback_target
from llm_relay.trace_context import current_trace


def caller_metadata(
    dial: Dial, *, on_behalf_of: str = "", token: str = "", protocol: str = "", is_local: bool = False
) -> Metadata:
    """Returns the metadata of a call, with its trace. `token` replaces the dial's own.

    Raises InvalidRequest for a name or a token that cannot be sent.
    """
    if on_behalf_of and not CALLER_NAME.fullmatch(on_behalf_of):
        raise InvalidRequest.of(Violation(ON_BEHALF_OF, NAME_RULE))
    if token:
        _check(token, dial)
    metadata = call_metadata(token or dial.token, on_behalf_of, protocol)
    if is_local:
        metadata = (*metadata, (LOCAL, "true"))
    trace = current_trace()
    return metadata if trace is None else metadata + trace.metadata


def _check(token: str, dial: Dial) -> None:
    if not TOKEN.fullmatch(token):
        raise InvalidRequest.of(Violation(AUTHORIZATION, TOKEN_RULE))
    if not (dial.tls or dial.insecure or is_loopback_target(dial.target)):
        raise InvalidRequest.of(
            Violation(AUTHORIZATION, "the token would be sent unencrypted beyond this machine: set SERVER_B_TLS=true")
        )
