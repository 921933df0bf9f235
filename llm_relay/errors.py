"""Everything that can go wrong with a call: one class for each reason of the contract.

RelayError
├── InvalidRequest · TooLarge · Unsupported · UnknownModel        the request
├── Unauthenticated · PermissionDenied · RateLimited              the caller
├── ProviderRateLimited · ProviderUnavailable · ProviderAuth
│   ProviderRejected · ProviderProtocol                           the provider
├── BudgetExceeded · PriceUnknown · LedgerUnavailable              money
├── DeadlineExceeded · Cancelled                                  the caller's time or interest ran out
├── Overloaded · Draining · ServerBUnavailable                    the relay
└── Internal                                                      anything else

An error is identified by its `reason`, never by its text. The tables that turn a class into a gRPC or an
HTTP status are in llm_relay.wire.errors and gateway.errors.problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from llm_relay.amounts import full_budget_text
from llm_relay.violations import MAX_VIOLATIONS, PROMPT_TOO_LONG, Violation  # noqa: F401 - see pyproject.toml

if TYPE_CHECKING:
    from datetime import datetime

    from llm_relay.messages import Finished
    from llm_relay.messages.accounts import RatesLeft


class RelayError(Exception):
    """A call failed, for one of the contract's reasons.

    `message` is for people, and contains no part of a prompt, a key or a token. `retry_after_s` is how long
    to wait before trying again, in seconds, if that is known. `spent` is what the call used, if it had begun.
    """

    reason: ClassVar[str] = ""
    default_message: ClassVar[str] = ""
    default_retry_after_s: ClassVar[float | None] = None
    may_have_worked: bool = True
    """False: no provider can have started work on the request, so a retry is not billed twice."""
    repeat_helps: bool = True
    """False: the same server would fail again, for example because its certificate is not trusted."""
    asked_before: tuple[RelayError, ...] = ()
    """For a provider's error, in the server only: the errors of earlier attempts, which did no work."""

    def __init__(
        self,
        message: str = "",
        *,
        request_id: str = "",
        retry_after_s: float | None = None,
        violations: tuple[Violation, ...] = (),
        spent: Finished | None = None,
        may_have_worked: bool | None = None,
        repeat_helps: bool = True,
        operator_detail: str = "",
        cause: str = "",
    ) -> None:
        """`may_have_worked` None: the class's default. `cause` is a word that says more than the class, or empty.

        `operator_detail` says more to the operator of the server, such as "connection refused by HOST:PORT". It goes
        to the log and to `check`, never to callers.
        """
        super().__init__(message or self.default_message)
        self.request_id = request_id
        self.retry_after_s = self.default_retry_after_s if retry_after_s is None else retry_after_s
        self.violations = violations
        self.spent = spent
        self.operator_detail = operator_detail
        self.cause = cause
        self.repeat_helps = repeat_helps
        if may_have_worked is not None:
            self.may_have_worked = may_have_worked

    @property
    def message(self) -> str:
        """The text for people."""
        return str(self.args[0])


class InvalidRequest(RelayError):
    """A field has an invalid value."""

    reason = "INVALID_REQUEST"
    default_message = "the request is not valid"
    may_have_worked = False

    @classmethod
    def of(cls, *violations: Violation) -> InvalidRequest:
        """Returns the error of these violations. Its text names at most MAX_VIOLATIONS fields, each with the fix."""
        named = violations[:MAX_VIOLATIONS]
        text = "; ".join(f"{v.field}: {v.description}" for v in named)
        return cls(f"{text}; and more" if len(named) < len(violations) else text, violations=named)


class TooLarge(RelayError):
    """The request or the answer is over MAX_MESSAGE_BYTES."""

    reason = "TOO_LARGE"
    default_message = "the message is larger than MAX_MESSAGE_BYTES: send less, or raise that setting"


class Unsupported(RelayError):
    """The request needs something that this version does not have."""

    reason = "UNSUPPORTED"
    default_message = "not supported by this version"
    may_have_worked = False

    @classmethod
    def of_field(cls, field: str, fault: str) -> Unsupported:
        """Returns the error of a field that is not supported, such as `options.sampling.seed`."""
        return cls(f"{field}: {fault}", violations=(Violation(field, fault),))


class UnknownModel(RelayError):
    """The provider has no such model."""

    reason = "UNKNOWN_MODEL"
    default_message = (
        "the provider has no such model: ListModels, GET /models and list_available_models name its models"
    )
    may_have_worked = False


class Unauthenticated(RelayError):
    """The caller gave no credentials, or wrong ones. The error does not say which."""

    reason = "UNAUTHENTICATED"
    default_message = "a valid bearer token is required (authorization: Bearer TOKEN)"
    may_have_worked = False

    def __init__(self, message: str = "", *, is_of_caller: bool = False, **common: Any) -> None:
        """`is_of_caller`: the caller that the program called for is refused, not the program itself.

        `common` are the arguments of RelayError.
        """
        super().__init__(message, **common)
        self.is_of_caller = is_of_caller


class PermissionDenied(RelayError):
    """The caller is known and not allowed to do this."""

    reason = "PERMISSION_DENIED"
    default_message = "this caller may not do that"
    may_have_worked = False


class RateLimited(RelayError):
    """The relay's own limit for this caller is reached."""

    reason = "RATE_LIMITED"
    default_message = "this caller's limit is reached"
    may_have_worked = False

    def __init__(self, message: str = "", *, rates_left: RatesLeft | None = None, **common: Any) -> None:
        """`rates_left` is what is left of the caller's rates, if known. `common` are RelayError's arguments."""
        super().__init__(message, **common)
        self.rates_left = rates_left


class ProviderRateLimited(RelayError):
    """The provider's limit is reached."""

    reason = "PROVIDER_RATE_LIMITED"
    default_message = "the provider's rate limit is reached"
    may_have_worked = False


class ProviderUnavailable(RelayError):
    """The provider cannot be reached, fails, or sends nothing."""

    reason = "PROVIDER_UNAVAILABLE"
    default_message = "the provider cannot be reached or failed"


class ProviderAuth(RelayError):
    """The provider refuses the server's key or account."""

    reason = "PROVIDER_AUTH"
    default_message = "the provider refuses this server's key or account"
    may_have_worked = False


class ProviderRejected(RelayError):
    """The provider refuses this request, for example because the prompt is too long for the model."""

    reason = "PROVIDER_REJECTED"
    default_message = "the provider refuses this request"
    may_have_worked = False


class ProviderProtocol(RelayError):
    """The provider's answer is malformed or was cut short."""

    reason = "PROVIDER_PROTOCOL"
    default_message = "the provider's answer is malformed or was cut short"


class BudgetExceeded(RelayError):
    """A budget, or what the request itself may cost, has no room for this call."""

    reason = "BUDGET_EXCEEDED"
    default_message = "the budget has no room for this call"
    may_have_worked = False

    def __init__(
        self,
        message: str = "",
        *,
        scope: str = "",
        limit_nano_usd: int = 0,
        spent_nano_usd: int = 0,
        reserved_nano_usd: int = 0,
        resets_at: datetime | None = None,
        **common: Any,
    ) -> None:
        """`scope` is `caller:NAME` or `tag:KEY=VALUE`, or `call` for the request's own `max_cost_nano_usd`.

        `spent` and `reserved` are of the budget's current window, which ends at `resets_at`; None: it never ends.
        `common` are the arguments of RelayError.
        """
        if scope and not message:
            amounts = {"limit": limit_nano_usd, "spent": spent_nano_usd, "reserved": reserved_nano_usd}
            message = full_budget_text(scope, **amounts, resets_at=resets_at)
        super().__init__(message, **common)
        self.scope = scope
        self.limit_nano_usd = limit_nano_usd
        self.spent_nano_usd = spent_nano_usd
        self.reserved_nano_usd = reserved_nano_usd
        self.resets_at = resets_at


class PriceUnknown(RelayError):
    """The cost is limited, and the model has no known price."""

    reason = "PRICE_UNKNOWN"
    default_message = "the model has no known price, and the cost of this call is limited: set PRICES"
    may_have_worked = False


class LedgerUnavailable(RelayError):
    """The ledger cannot be read or written, so no provider may be called."""

    reason = "LEDGER_UNAVAILABLE"
    default_message = "the ledger cannot be read or written now, so nothing was done; try again in a moment"
    default_retry_after_s = 1.0
    may_have_worked = False


class DeadlineExceeded(RelayError):
    """The deadline of the call has passed."""

    reason = "DEADLINE_EXCEEDED"
    default_message = "the deadline of the call has passed"


class Cancelled(RelayError):
    """The caller itself went away."""

    reason = "CANCELLED"
    default_message = "the caller went away"


OVERLOADED_RETRY_AFTER_S = 1.0


class Overloaded(RelayError):
    """Too many calls are running."""

    reason = "OVERLOADED"
    default_message = "too many calls are running (MAX_CONCURRENT_CALLS); try again later"
    may_have_worked = False


class Draining(RelayError):
    """This server is stopping, and accepts no new calls."""

    reason = "DRAINING"
    default_message = "this server is stopping; try another server, or try again in a moment"


class ServerBUnavailable(RelayError):
    """Server B cannot be reached, or was lost during a call."""

    reason = "SERVER_B_UNAVAILABLE"
    default_message = "Server B cannot be reached"


class Internal(RelayError):
    """Any other failure. The caller learns nothing more."""

    reason = "INTERNAL"
    default_message = "internal error"


ERRORS_BY_REASON: dict[str, type[RelayError]] = {error.reason: error for error in RelayError.__subclasses__()}
