"""An observer that records its calls."""

from server_b.core.calls.record import CallRecord, RefusedRecord, SharedRecord


class Observed:
    """Records every call that has ended, every request that got another one's answer, and every refusal."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []
        self.shared: list[SharedRecord] = []
        self.refused: list[RefusedRecord] = []
        self.closed = False

    def call_ended(self, record: CallRecord) -> None:
        self.calls.append(record)

    def call_shared(self, record: SharedRecord) -> None:
        self.shared.append(record)

    def call_refused(self, record: RefusedRecord) -> None:
        self.refused.append(record)

    def close(self) -> None:
        self.closed = True
