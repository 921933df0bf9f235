"""Converts what a call used, and what that costs."""

from __future__ import annotations

from decimal import Decimal

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.amounts import NANO_USD_PER_USD
from llm_relay.messages import Accuracy, Cost, Usage

_ACCURACIES_FROM_WIRE = {
    pb.ACCURACY_EXACT: Accuracy.EXACT,
    pb.ACCURACY_ESTIMATED: Accuracy.ESTIMATED,
    pb.ACCURACY_UNKNOWN: Accuracy.UNKNOWN,
}
_ACCURACIES_TO_WIRE = {accuracy: value for value, accuracy in _ACCURACIES_FROM_WIRE.items()}


def usage_to_wire(usage: Usage) -> pb.Usage:
    return pb.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        accuracy=_ACCURACIES_TO_WIRE[usage.accuracy],
    )


def usage_from_wire(usage: pb.Usage) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens if usage.HasField("input_tokens") else None,
        output_tokens=usage.output_tokens if usage.HasField("output_tokens") else None,
        cache_read_tokens=usage.cache_read_tokens if usage.HasField("cache_read_tokens") else None,
        cache_write_tokens=usage.cache_write_tokens if usage.HasField("cache_write_tokens") else None,
        reasoning_tokens=usage.reasoning_tokens if usage.HasField("reasoning_tokens") else None,
        accuracy=_ACCURACIES_FROM_WIRE.get(usage.accuracy, Accuracy.UNKNOWN),
    )


def cost_to_wire(cost: Cost) -> pb.Cost:
    if cost.usd is None:
        return pb.Cost()
    return pb.Cost(nano_usd=cost.nano_usd, price_source=cost.price_source)


def cost_from_wire(cost: pb.Cost) -> Cost:
    if not cost.HasField("nano_usd"):
        return Cost()
    return Cost(usd=Decimal(cost.nano_usd) / NANO_USD_PER_USD, price_source=cost.price_source)
