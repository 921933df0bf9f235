"""Converts a server's models and status to protobuf and back, as codec does for calls."""

from __future__ import annotations

from dataclasses import fields

from generated.relay.v1 import relay_pb2 as pb
from llm_relay.messages import Model, Models, State, Status
from llm_relay.wire.codec import time_from_wire, time_to_wire

_STATES_FROM_WIRE = {
    pb.STATE_UNSPECIFIED: State.UNSPECIFIED,
    pb.STATE_HEALTHY: State.HEALTHY,
    pb.STATE_DEGRADED: State.DEGRADED,
}
_STATES_TO_WIRE = {state: value for value, state in _STATES_FROM_WIRE.items()}

_OPTIONAL_OF_MODELS = tuple(field.name for field in fields(Model) if field.default is None)
"""Fields of a model that may be unknown; both sides have the same names."""


def models_to_wire(models: Models) -> pb.ListModelsResponse:
    return pb.ListModelsResponse(
        provider=models.provider,
        models=models.models,
        default_model=models.default_model,
        note=models.note,
        details=[_model_to_wire(model) for model in models.details],
    )


def models_from_wire(response: pb.ListModelsResponse) -> Models:
    return Models(
        provider=response.provider,
        models=tuple(response.models),
        default_model=response.default_model,
        note=response.note,
        details=tuple(_model_from_wire(model) for model in response.details),
    )


def _model_to_wire(model: Model) -> pb.Model:
    known = {name: getattr(model, name) for name in _OPTIONAL_OF_MODELS}
    return pb.Model(id=model.id, provider=model.provider, **known)


def _model_from_wire(model: pb.Model) -> Model:
    set_fields = {field.name: value for field, value in model.ListFields()}
    known = {name: set_fields.get(name) for name in _OPTIONAL_OF_MODELS}
    return Model(id=model.id, provider=model.provider, **known)


def status_to_wire(status: Status) -> pb.GetStatusResponse:
    return pb.GetStatusResponse(
        server=status.server,
        version=status.version,
        state=_STATES_TO_WIRE[status.state],
        provider=status.provider,
        provider_configured=status.provider_configured,
        provider_state=_STATES_TO_WIRE[status.provider_state],
        provider_error=status.provider_error,
        calls_processed=status.calls_processed,
        default_model=status.default_model,
        default_temperature=status.default_temperature,
        default_max_tokens=status.default_max_tokens,
        observed_at=time_to_wire(status.observed_at),
    )


def status_from_wire(response: pb.GetStatusResponse) -> Status:
    return Status(
        server=response.server,
        version=response.version,
        state=_STATES_FROM_WIRE.get(response.state, State.UNSPECIFIED),
        provider=response.provider,
        provider_configured=response.provider_configured,
        provider_state=_STATES_FROM_WIRE.get(response.provider_state, State.UNSPECIFIED),
        provider_error=response.provider_error,
        calls_processed=response.calls_processed,
        default_model=response.default_model,
        default_temperature=response.default_temperature,
        default_max_tokens=response.default_max_tokens,
        observed_at=time_from_wire(response.observed_at),
    )
