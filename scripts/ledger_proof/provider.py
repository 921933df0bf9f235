"""A provider with another usage for each request, random failures, and a record of what it billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.standins.answer import Answer
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Fault, FaultKind, Script, Usage

INPUT_NANO, OUTPUT_NANO = 3_000, 15_000
"""The price of a token, in nano-USD."""
PRICES = "openai/*=3/15"
MOST_TOKENS = 64
FAULTS = (
    Fault(kind=FaultKind.STATUS, status=429),
    Fault(kind=FaultKind.STATUS, status=500),
    Fault(kind=FaultKind.STATUS, status=400),
    Fault(kind=FaultKind.CUT_BEFORE),
    Fault(kind=FaultKind.CUT, after=1),
    Fault(kind=FaultKind.RESET, after=1),
    Fault(kind=FaultKind.MALFORMED, after=1),
    Fault(kind=FaultKind.ERROR_EVENT, after=1),
    Fault(kind=FaultKind.ERROR_AFTER_USAGE),
    Fault(kind=FaultKind.NO_END),
)


@dataclass(slots=True)
class Bill:
    """What one request was billed."""

    received: Received
    script: Script

    @property
    def nano_usd(self) -> int:
        """The cost."""
        usage = self.script.usage or Usage()
        return usage.input_tokens * INPUT_NANO + usage.output_tokens * OUTPUT_NANO

    @property
    def is_whole(self) -> bool:
        """Whether everything was written up to the usage, even if an error followed."""
        fault = self.script.fault
        return self.received.outcome is Outcome.DONE and (fault is None or fault.kind is FaultKind.ERROR_AFTER_USAGE)


class BillingProvider(OpenAIStandIn):
    """Stores a bill for each request, by the key that is the last word of the prompt."""

    def __init__(self, random: Random, *, faulty: float) -> None:
        """`faulty` is the share of answers that fail, 0 to 1."""
        super().__init__()
        self._random = random
        self._faulty = faulty
        self.bills: dict[str, list[Bill]] = defaultdict(list)

    def answer(self, received: Received) -> Answer:
        """Answers with a new script for each request."""
        if received.method == "POST":
            self.script = self._new_script()
            self.bills[_key(received.body)].append(Bill(received, self.script))
        return super().answer(received)

    def _new_script(self) -> Script:
        random = self._random
        return Script(
            words=tuple(f"w{number} " for number in range(random.randint(1, 8))),
            usage=Usage(input_tokens=random.randint(1, 20), output_tokens=random.randint(1, MOST_TOKENS)),
            gap_s=random.choice((0, 0, 0.002, 0.01)),
            fault=random.choice(FAULTS) if random.random() < self._faulty else None,
        )


def _key(body: Mapping[str, object]) -> str:
    messages = body["messages"]
    assert isinstance(messages, list)
    return str(messages[-1]["content"]).rpartition(" ")[2]
