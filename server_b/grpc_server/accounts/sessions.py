"""Sessions of the gateway's page."""

from __future__ import annotations

from generated.relay.v1 import accounts_pb2 as pb
from llm_relay.caller_tokens import ANONYMOUS, TOKEN_MARK
from llm_relay.errors import InvalidRequest, PermissionDenied, Violation
from llm_relay.metadata import AUTHORIZATION
from llm_relay.wire import accounts as wire
from server_b.grpc_server.accounts.asker import Asker


async def create_session(request: pb.CreateSessionRequest, asker: Asker) -> pb.CreateSessionResponse:
    """Creates a session for the caller."""
    if asker.account_name == ANONYMOUS:
        raise InvalidRequest.of(Violation(AUTHORIZATION, "no session is needed, because this server has no tokens"))
    if asker.name == asker.account_name and asker.account.is_admin and not asker.is_admin:
        raise PermissionDenied(
            f"{asker.name} is an admin, and its own callers cannot be told apart from it: add it to RELAY_DELEGATES"
        )
    if request.signed_in_with and not TOKEN_MARK.fullmatch(request.signed_in_with):
        raise InvalidRequest.of(Violation("signed_in_with", "must be the mark of a token, or empty"))
    mark = "" if asker.token is not None else asker.session_mark(request.signed_in_with)
    made = await asker.ledger.create_session(asker.name, parent=asker.token, signed_in_with=mark)
    return pb.CreateSessionResponse(token=wire.TOKEN_INFO.to_wire(made.info), secret=made.secret)


async def end_session(_: pb.EndSessionRequest, asker: Asker) -> pb.EndSessionResponse:
    """Ends the session that the call was made with."""
    if asker.token is not None:
        await asker.ledger.end_session(asker.token.id, by=asker.name)
    return pb.EndSessionResponse()
