"""Converts messages to protobuf and back. Models and statuses are in introspection.

`x_to_wire` never fails on a valid message. `x_from_wire` maps values that this version does not know to the most
general one (OTHER, UNKNOWN, UNSPECIFIED), so that it works with a newer peer. In a request they are refused instead,
because a server must not answer a request that it does not fully understand.
"""

from llm_relay.wire.codec.answers import answer_from_wire, answer_to_wire, finished_from_wire, finished_to_wire
from llm_relay.wire.codec.events import event_from_wire, event_to_wire
from llm_relay.wire.codec.parsing import parse
from llm_relay.wire.codec.requests import prompt_from_wire, prompt_to_wire
from llm_relay.wire.codec.times import duration_from_wire, duration_to_wire, time_from_wire, time_to_wire

__all__ = [
    "answer_from_wire",
    "answer_to_wire",
    "duration_from_wire",
    "duration_to_wire",
    "event_from_wire",
    "event_to_wire",
    "finished_from_wire",
    "finished_to_wire",
    "parse",
    "prompt_from_wire",
    "prompt_to_wire",
    "time_from_wire",
    "time_to_wire",
]
