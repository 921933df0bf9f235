"""Keys of the ASGI scope for what a transport tells the tool server about a request, and the SDK does not pass on."""

from __future__ import annotations

CALLER = "relay.caller"
"""The llm_relay.caller_tokens.Caller of this request."""
CANCEL_SCOPES = "relay.cancel_scopes"
"""CancelScopes of the calls that end if the client abandons this request."""
REPEATED_ARGUMENTS = "relay.repeated_arguments"
"""Names of the members that the arguments of a tool call contain twice in one object, a tuple of str."""
RAW_ARGUMENTS = "relay.raw_arguments"
"""The arguments of a tool call, with the text of the JSON values in them; None if the SDK's own are the same."""
TOO_LARGE = "relay.too_large"
"""True for a tool call that was too large and is passed on without its arguments, to be refused."""
